"""A person's page over a whole house without its walls: the product's own desk, gate and ledger."""

import asyncio
import re
from collections.abc import Sequence

import httpx
from starlette.applications import Starlette

from rapport.adapters.embedded.doors import Doors
from rapport.app.agreeing import open_agreeing
from rapport.app.correcting import Corrector
from rapport.app.embedded import open_ledger
from rapport.app.portal_desk import PortalDesk
from rapport.app.presence import HousePresence
from rapport.app.proving import Proving
from rapport.app.receipting import DirectReceipts
from rapport.app.rights_desk import RightsDesk
from rapport.app.signing_in import HouseSignin
from rapport.kernel.errors import NotFound
from rapport.kernel.ports import LogEntry
from rapport.terms import Gate, Request
from rapport.terms.own import OwnLooks
from rapport.web.portal import portal_routes
from tests.profile.house import ORG, House, at_once, told

ORIGIN = "http://node.test"
MAIL = {"email": "ada@example.com"}


class Straight:
    """The port `Log`, without its thread."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def append(self, entry: LogEntry) -> int:
        return self._house.log.append([entry])


class Home(House):
    """A house of two companies: `shop`, which knows Ada well, and `corner`, which knows her name."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = open_ledger(self.settings)
        self.ledger.add_org("corner")
        self.book = DirectReceipts(self.ledger)
        traits = {**MAIL, "name": "Ada", "birthday": "1988-03-14"}
        self.send(told(type="identify", userId="ada", messageId="1", traits=traits), source="crm")
        self.send(told(type="track", userId="ada", messageId="2", event="Order Completed"), source="crm")
        # A browser where somebody typed the address of another: a guess, which joins it and shows nobody anything.
        self.send(told(type="identify", anonymousId="b", messageId="3", traits={**MAIL, "nickname": "guesswork"}))
        self.settle()

    @property
    def gate(self) -> Gate:
        return Gate(self.reader, self.people, self.book, quiet_s=0)

    def desk(self) -> PortalDesk:
        agreements = open_agreeing(self.settings, self.ledger).book
        looks = OwnLooks(self.reader, self.people, self.book)
        corrector = Corrector(self.ledger, self.people, self.reader, looks, self.gate, self)
        rights = RightsDesk(self.ledger, self.people, looks, corrector)
        signin = HouseSignin(lambda: open_ledger(self.settings), bytes(32), ORIGIN)
        presence = HousePresence(
            lambda: open_ledger(self.settings), bytes(32), ORIGIN, self.people, self.reader, self.gate, Straight(self)
        )
        return PortalDesk(
            self.ledger,
            self.reader,
            self.people,
            looks,
            agreements,
            rights,
            self.settings,
            signin,
            presence,
            Proving(self.settings),
        )

    def reads(self, purpose: str = "service", customer: str = "user_id:ada") -> bool:
        try:
            at_once(self.gate.view(Request(ORG, customer, purpose, "api token")))
        except NotFound:
            return False
        return True


class Person:
    """A browser without a screen, in which somebody opened their own page."""

    def __init__(self, home: Home, claims: Sequence[str] = (f"{ORG}:user_id:ada",), *, origin: str = ORIGIN) -> None:
        self.home = home
        self.origin = origin
        self.app = Starlette(routes=portal_routes(home.desk(), origin))
        self.cookies: dict[str, str] = {}
        self.csrf = ""
        self.person = home.people.add(claims).handle
        assert self.post("/me/open", code=self.link()).status_code == 303
        self.csrf = re.findall(r'name="csrf" value="([0-9a-f]+)"', self.get("/me").text)[0]

    def link(self) -> str:
        return Doors(self.home.ledger).mint(self.person)

    def send(self, method: str, path: str, headers: dict[str, str] | None = None, **more: object) -> httpx.Response:
        async def sent() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url=self.origin, cookies=self.cookies) as client:
                response = await client.request(method, path, headers=headers, **more)  # type: ignore[arg-type]
                self.cookies = {cookie.name: cookie.value or "" for cookie in client.cookies.jar}
                return response

        return asyncio.run(sent())

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.send("GET", path, headers=headers)

    def post(self, path: str, headers: dict[str, str] | None = None, **fields: str) -> httpx.Response:
        sent = {"Origin": self.origin, **(headers or {})}
        return self.send("POST", path, headers=sent, data={"csrf": self.csrf, **fields})

    def json(self, path: str) -> dict:  # type: ignore[type-arg]
        return dict(self.send("GET", path, headers={"accept": "application/json"}).json())

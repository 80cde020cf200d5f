"""A shop where somebody corrects what it knows of them: what the tests of corrections share."""

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from rapport.adapters.embedded.outbox import OutboxFile
from rapport.adapters.embedded.webhooks import WebhookFile
from rapport.app.correcting import Corrector
from rapport.app.embedded import open_ledger
from rapport.app.receipting import DirectReceipts
from rapport.app.rights_desk import RightsDesk
from rapport.kernel.errors import Busy
from rapport.kernel.ports import LogEntry
from rapport.terms import Declaration, Gate, Promise, Request, Terms
from rapport.terms.clauses import Clause
from rapport.terms.own import OwnLooks
from rapport.terms.rights import Case
from tests.profile.house import ORG, House, at, at_once, told

MAIL = "ada@example.com"
SERVICE = Declaration(purposes={"service": Promise("contract", ("everything", "unclassified"), onward=False)})
NO_CONTACT = Terms(
    "own",
    (
        Clause("in", "allow", purposes=("service",), categories=("everything", "unclassified")),
        Clause("no-phone", "deny", purposes=("any",), categories=("phone",)),
    ),
)


class Shop(House):
    """A shop that knows Ada by its CRM, and the desk where she corrects it. `broken`: how many words get lost."""

    def __init__(self) -> None:
        super().__init__()
        traits = {"email": MAIL, "phone": "+44 20 7946 0001", "points": 12, "vip": False}
        self.send(told(at("10:00"), type="identify", userId="ada", messageId="1", traits=traits), source="crm")
        self.settle()
        self.person = self.people.add([f"{ORG}:user_id:ada", f"{ORG}:email:{MAIL}"]).handle
        self.ledger = open_ledger(self.settings)
        self.book = DirectReceipts(self.ledger)
        self.looks = OwnLooks(self.reader, self.people, self.book)
        self.broken = 0
        self.corrector = Corrector(self.ledger, self.people, self.reader, self.looks, self.gate, self)
        self.desk = RightsDesk(self.ledger, self.people, self.looks, self.corrector)
        self.sent = 1

    @property
    def gate(self) -> Gate:
        return Gate(self.reader, self.people, DirectReceipts(open_ledger(self.settings)), quiet_s=0)

    async def say(self, entry: LogEntry) -> None:
        if self.broken:
            self.broken -= 1
            raise Busy("the worker is away")
        await super().say(entry)

    def crm_says(self, user: str = "ada", source: str = "crm", **traits: Any) -> None:
        self.sent += 1
        event = told(at("12:00"), type="identify", userId=user, messageId=str(self.sent), traits=traits)
        self.send(event, source=source)
        self.settle()

    def correct(self, trait: str, value: Any, person: str = "") -> Case:
        return asyncio.run(self.desk.correct(person or self.person, ORG, trait, value))

    def trait(self, name: str, customer: str = "user_id:ada", purpose: str = "service") -> dict[str, Any]:
        view = at_once(self.gate.view(Request(ORG, customer, purpose, "test")))
        found: dict[str, Any] = view["traits"][name]
        return found

    def listen(self, *sources: str) -> WebhookFile:
        hooks = WebhookFile(self.ledger)
        for source in sources:
            hooks.set(ORG, source, f"https://{source}.example/hook")
        return hooks

    def letters(self) -> dict[str, dict[str, Any]]:
        """Source → what it is to be told, of what waits."""
        outbox = OutboxFile(self.ledger)
        found = {}
        for one in outbox.listed(status="waiting"):
            body = outbox.body(one)
            if body is not None:
                found[one.about] = msgspec.json.decode(body)
        return found

    def own_book(self) -> dict[str, str]:
        person = self.people.person(self.person).id
        return {one.id: one.reason for _, one in self.ledger.receipts_of(person) if not one.org}


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as house:
        yield house

"""The console's pages over demo customers and a real ledger of operators, with browsers that prove passkeys."""

import re
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from rapport.adapters.embedded.audit import AuditLog, Row
from rapport.adapters.embedded.operators import Operators
from rapport.app.console_operators import ConsoleOperators
from rapport.app.console_signin import ConsoleSignin
from rapport.app.embedded import open_keys, open_ledger
from rapport.app.settings import Settings
from rapport.kernel.errors import NotFound
from rapport.web.console import desk as told
from tests.profile.house import IN_MEMORY
from tests.signin.authenticator import Authenticator
from tests.web.console.sample_desk import SampleDesk
from tests.web.console.visitor import ORIGIN, Visitor

ORG = "demo"


class StaffedDesk(SampleDesk):
    """Its sessions, operators, tokens and audit log are the product's own."""

    def __init__(self) -> None:
        super().__init__()
        self._directory = tempfile.TemporaryDirectory(dir=IN_MEMORY)
        self.settings = Settings(data=self._directory.name)
        self.ledger = open_ledger(self.settings)
        self.ledger.add_org(ORG)
        self.ledger.add_org("corner")
        self.staff = ConsoleOperators(self.ledger)  # type: ignore[assignment]  # in place of the sample
        self.signin = self.another_signin()  # type: ignore[assignment]  # likewise
        self.operators = Operators(self.ledger)
        self.audit_log = AuditLog(self.ledger)

    def another_signin(self) -> ConsoleSignin:
        return ConsoleSignin(lambda: open_ledger(self.settings), open_keys(self.settings).secret("signin"), ORIGIN)

    @property
    def directory(self) -> Path:
        return self.settings.directory

    def audited(self, org: str | None = ORG) -> list[Row]:
        return self.audit_log.page(org, limit=1000)[0]

    async def sign_in(self, code: str) -> str | None:
        return self.ledger.redeem_link(code)

    async def sign_out(self, token: str) -> None:
        self.ledger.end_session(token)

    async def session(self, token: str) -> told.Session | None:
        return self.staff.session(token)  # type: ignore[attr-defined]  # as above

    async def set_purpose(self, token: str, purpose: str) -> None:
        session = await self.session(token)
        assert session is not None
        self.ledger.update_session(token, org=session.org, purpose=purpose)

    async def set_org(self, token: str, org: str) -> None:
        session = await self.session(token)
        if session is None or not session.everywhere or not self.ledger.has_org(org):
            raise NotFound("there is no such organization")
        self.ledger.update_session(token, org=org, purpose=session.purpose)

    def age(self, minutes: int = 6) -> None:
        """Let time pass for every session."""
        self.ledger.db.execute("UPDATE session SET verified_at = verified_at - ?", (minutes * 60_000_000,))

    def close(self) -> None:
        self.signin.close()  # type: ignore[attr-defined]  # as above
        self.ledger.close()
        self._directory.cleanup()


class Worker(Visitor):
    """A browser with a device that proves a passkey."""

    def __init__(self, desk: StaffedDesk) -> None:
        super().__init__(desk, code=None)
        self.staffed = desk
        self.device = Authenticator(ORIGIN, "node.test")

    def by_link(self) -> httpx.Response:
        response = self.post("/console/start", code=self.staffed.ledger.mint_link(ORG))
        self.know()
        return response

    def invited(self, role: str, name: str = "Zoe Ash", org: str | None = ORG) -> str:
        """Come in by a new operator's invitation; their handle."""
        operator = self.staffed.operators.add(name, org, role, "command line")
        assert self.enrol(self.staffed.operators.invite(operator.handle, None, "command line")).status_code == 200
        return operator.handle

    def enrol(self, code: str, **wrong: Any) -> httpx.Response:
        options = self.ask("/console/signin/invite/ask", {"code": code})
        if options.status_code != 200:
            return options
        made = self.device.make(options.json(), **wrong)
        return self.know(self.ask("/console/signin/invite/make", {"code": code, "passkey": made}))

    def sign_in(self, **wrong: Any) -> httpx.Response:
        options = self.ask("/console/signin/ask", {})
        assert options.status_code == 200
        return self.know(self.ask("/console/signin/prove", self.device.prove(options.json(), **wrong)))

    def again(self) -> httpx.Response:
        options = self.ask("/console/again/ask", {})
        if options.status_code != 200:
            return options
        return self.know(self.ask("/console/again/prove", self.device.prove(options.json())))

    def make_another(self, device: Authenticator) -> httpx.Response:
        options = self.ask("/console/passkeys/ask", {})
        if options.status_code != 200:
            return options
        return self.know(self.ask("/console/passkeys/make", device.make(options.json())))

    def ask(self, path: str, body: Any) -> httpx.Response:
        return self.send("POST", path, headers={"Origin": self.origin, "Accept": "application/json"}, json=body)

    def know(self, response: httpx.Response | None = None) -> httpx.Response:
        """Learn the secret of this session's forms, from a page that everybody has."""
        found = re.findall(r'name="csrf" value="([0-9a-f]+)"', self.get("/console/passkeys").text)
        self.csrf = found[0] if found else ""
        return response if response is not None else self.get("/console/passkeys")

    @property
    def role(self) -> str | None:
        """Which role the console says one has; None without a session."""
        page = self.get("/console/passkeys")
        if page.status_code != 200:
            return None
        found = re.search(r"signed in as <bdi>.*?</bdi> \((\w+)\)", page.text)
        return found[1] if found else None


def code_in(html: str) -> str:
    """The code of an invitation that a page shows."""
    link = re.search(r"<code id=\"link\">([^<]+)</code>", html)
    assert link
    return parse_qs(urlsplit(link[1]).query)["code"][0]

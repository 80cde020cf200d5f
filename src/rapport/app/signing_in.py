"""The desk for signing in: passkeys against accounts."""

from collections.abc import Callable
from typing import Any

from rapport.adapters.embedded.accounts import Accounts
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.app.ceremonies import Ceremonies, Spent
from rapport.kernel.errors import Unauthorized
from rapport.signin import passkeys
from rapport.signin.challenges import UNPROVED
from rapport.signin.passkeys import Passkey, Proved

SIGN_IN, ENROL = "sign in", "enrol"


class HouseSignin(Ceremonies[Accounts]):
    """The SigninDesk over an embedded node. `open_ledger` opens a connection for its thread."""

    def __init__(self, open_ledger: Callable[[], LedgerFile], secret: bytes, origin: str) -> None:
        super().__init__(lambda: Accounts(open_ledger()), "signin", secret, origin)

    def proved_by(
        self, accounts: Accounts, raw: bytes, use: str, subject: str = "", whose: str = ""
    ) -> tuple[Passkey, Proved, Spent]:
        """The passkey of a person that a browser proves, as `proved` has it. Raises BadInput, Unauthorized."""
        response = passkeys.read(raw)
        spent = self.answered(response, use, subject)
        known = accounts.passkey(passkeys.credential_of(response))
        return *self.proved(response, spent, known, whose), spent

    # -- a passkey that is there

    async def ask(self, client: str) -> dict[str, Any]:
        self.limit.count(f"ask {client}")
        return self.party.asking(self.challenges.make(SIGN_IN))

    async def prove(self, raw: bytes, client: str, browser: str, leaving: str = "") -> str:
        self.limit.count(f"prove {client}")
        return await self.in_thread(lambda accounts: self._prove(accounts, raw, browser, leaving))

    def _prove(self, accounts: Accounts, raw: bytes, browser: str, leaving: str) -> str:
        passkey, proved, spent = self.proved_by(accounts, raw, SIGN_IN)
        return accounts.sign_in(passkey, proved, browser, spent, leaving)[0]

    # -- a first one

    async def invited(self, code: str) -> bool:
        return await self.in_thread(lambda accounts: accounts.invited(code)) is not None

    async def enrolling(self, code: str, client: str) -> dict[str, Any]:
        self.limit.count(f"ask {client}")
        return await self.in_thread(lambda accounts: self._enrolling(accounts, code))

    def _enrolling(self, accounts: Accounts, code: str) -> dict[str, Any]:
        person = _invited(accounts, code)
        known = [one.credential for one in accounts.passkeys(person)]
        return self.party.enrolling(self.challenges.make(ENROL, person), person, known)

    async def enrol(self, code: str, raw: bytes, client: str, browser: str, leaving: str = "") -> str:
        self.limit.count(f"prove {client}")
        return await self.in_thread(lambda accounts: self._enrol(accounts, code, raw, browser, leaving))

    def _enrol(self, accounts: Accounts, code: str, raw: bytes, browser: str, leaving: str) -> str:
        made, spent = self.made(raw, ENROL, _invited(accounts, code))
        return accounts.accept(code, made, name_of(browser), browser, spent, leaving)[0]

    # -- sessions

    async def accepted(self, token: str) -> dict[str, Any] | None:
        found = await self.in_thread(lambda accounts: accounts.accepted(token))
        return None if found is None else self.party.accepted(*found)

    async def live(self, token: str) -> bool:
        return await self.in_thread(lambda accounts: accounts.session(token)) is not None


def name_of(browser: str) -> str:
    """What a passkey is called until its person calls it something: `Chrome on Linux`."""
    makers = (
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    )
    systems = (("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac", "Mac"))
    maker = next((name for sign, name in makers if sign in browser), "A browser")
    system = next((name for sign, name in (*systems, ("Linux", "Linux")) if sign in browser), "")
    return f"{maker} on {system}" if system else maker


def _invited(accounts: Accounts, code: str) -> str:
    person = accounts.invited(code)
    if person is None:
        raise Unauthorized(UNPROVED, code="unproved")
    return person

"""The desk for signing in: passkeys against accounts, in a thread of its own, since every sign-in is synced."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from rapport.adapters.embedded.accounts import Accounts
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.kernel.errors import Unauthorized
from rapport.kernel.times import MINUTE, now
from rapport.signin import passkeys
from rapport.signin.challenges import UNPROVED, Challenges
from rapport.signin.limits import Limit
from rapport.signin.passkeys import Passkey, RelyingParty

SIGN_IN, ENROL = "sign in", "enrol"
TRIES_A_MINUTE = 60
# A key that nobody has: an unknown passkey takes as long to refuse as a known one.
DECOY = bytes.fromhex(
    "a5010203262001215820"
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "225820"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
_Result = TypeVar("_Result")


class HouseSignin:
    """The SigninDesk over an embedded node. `open_ledger` opens a connection for its thread."""

    def __init__(self, open_ledger: Callable[[], LedgerFile], secret: bytes, origin: str) -> None:
        self._open = open_ledger
        self.challenges = Challenges(secret)
        self.party = RelyingParty(origin)
        self._thread = ThreadPoolExecutor(1, "signin")
        self._accounts: Accounts | None = None
        self.limit = Limit(TRIES_A_MINUTE, MINUTE)

    # -- a passkey that is there

    async def ask(self, client: str) -> dict[str, Any]:
        self.limit.count(f"ask {client}")
        return self.party.asking(self.challenges.make(SIGN_IN))

    async def prove(self, raw: bytes, client: str, browser: str, leaving: str = "") -> str:
        self.limit.count(f"prove {client}")
        return await self.in_thread(lambda accounts: self._prove(accounts, raw, browser, leaving))

    def _prove(self, accounts: Accounts, raw: bytes, browser: str, leaving: str) -> str:
        response = passkeys.read(raw)
        challenge = passkeys.challenge_of(response)
        expires = self.challenges.check(challenge, SIGN_IN)
        credential = passkeys.credential_of(response)
        known = accounts.passkey(credential)
        passkey = known or Passkey(0, "", credential, DECOY, 0, "", synced=False, created_at=now())
        proved = self.party.proved(challenge, response, passkey)
        if known is None:
            raise Unauthorized(UNPROVED, code="unproved")
        token, _ = accounts.sign_in(known, proved, browser, (challenge, expires), leaving)
        return token

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
        response = passkeys.read(raw)
        person = _invited(accounts, code)
        challenge = passkeys.challenge_of(response)
        expires = self.challenges.check(challenge, ENROL, person)
        made = self.party.made(challenge, response)
        token, _ = accounts.accept(code, made, name_of(browser), browser, (challenge, expires), leaving)
        return token

    # -- sessions

    async def accepted(self, token: str) -> dict[str, Any] | None:
        found = await self.in_thread(lambda accounts: accounts.accepted(token))
        return None if found is None else self.party.accepted(*found)

    async def live(self, token: str) -> bool:
        return await self.in_thread(lambda accounts: accounts.session(token)) is not None

    async def in_thread(self, work: Callable[[Accounts], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(self._own_accounts()))

    def _own_accounts(self) -> Accounts:
        if self._accounts is None:
            self._accounts = Accounts(self._open())
        return self._accounts

    def close(self) -> None:
        self._thread.shutdown()


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

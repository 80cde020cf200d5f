"""The desk for recovery: what somebody without a session may do towards one, told alike whoever asks."""

from typing import Any

from rapport.adapters.embedded.contacts import Waiting
from rapport.adapters.embedded.recovering import Pending
from rapport.app import letters
from rapport.app.proving import Proofs, Proving
from rapport.app.signing_in import HouseSignin, name_of
from rapport.kernel.errors import Unauthorized
from rapport.kernel.times import now, rfc3339
from rapport.signin import codes
from rapport.signin.challenges import UNPROVED
from rapport.web.signin.recover_desk import Recovery

RECOVER = "recover"


class HouseRecovery:
    """The RecoverDesk, over proofs and the desk for signing in."""

    def __init__(self, proving: Proving, signin: HouseSignin) -> None:
        self._proving = proving
        self._signin = signin

    @property
    def mails(self) -> bool:
        return self._proving.mails

    async def ask(self, address: str, client: str) -> str:
        kind, value = codes.contact("email", address)
        self._proving.may_ask(value, client)
        found: Waiting = await self._proving.within(lambda proofs: proofs.contacts.start_recovery(kind, value))
        if found.code is not None:
            self._proving.send_code(value, found.code)
        return found.handle

    async def begin(self, made: str, code: str, paper: str, client: str) -> str:
        self._proving.tries.count(f"recover {client}")

        def begin(proofs: Proofs) -> tuple[str, Pending, list[str]]:
            return proofs.recovering.begin(made[:100], code, paper)

        secret, pending, addresses = await self._proving.within(begin)
        when = rfc3339(pending.ripe_at)[:16].replace("T", " ")
        self._proving.tell(pending.person, addresses, lambda: letters.recovery_began(when))
        return secret

    async def state(self, secret: str) -> Recovery | None:
        found = await self._proving.within(lambda proofs: proofs.recovering.pending(secret))
        return None if found is None else Recovery(found.ripe_at, found.until, found.ripe_at <= now())

    async def making(self, secret: str, client: str) -> dict[str, Any]:
        self._signin.limit.count(f"ask {client}")
        person = await self._proving.within(lambda proofs: _ripe(proofs, secret))
        return self._signin.party.enrolling(self._signin.challenges.make(RECOVER, person), person, [])

    async def make(self, secret: str, raw: bytes, client: str, browser: str) -> str:
        self._signin.limit.count(f"prove {client}")

        def make(proofs: Proofs) -> tuple[str, str, list[str]]:
            person = _ripe(proofs, secret)
            made, spent = self._signin.made(raw, RECOVER, person)
            token, _, addresses = proofs.recovering.finish(secret, made, name_of(browser), browser, spent)
            return token, person, addresses

        token, person, addresses = await self._proving.within(make)
        self._proving.tell(person, addresses, letters.recovered)
        return token


async def stop_recovery(proving: Proving, person: str) -> None:
    """Stop the recovery of an account, from whatever stands for its person, and tell its addresses. Raises
    NotFound."""
    addresses = await proving.within(lambda proofs: proofs.recovering.cancel(person))
    proving.tell(person, addresses, letters.recovery_stopped)


def _ripe(proofs: Proofs, secret: str) -> str:
    found = proofs.recovering.pending(secret)
    if found is None or found.ripe_at > now():
        raise Unauthorized(UNPROVED, code="unproved")
    return found.person

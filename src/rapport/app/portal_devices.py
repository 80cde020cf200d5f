"""The portal's desk for devices and sign-ins, over accounts and the thread of the desk for signing in."""

from functools import partial
from typing import Any

from rapport.adapters.embedded.accounts import Accounts
from rapport.app.proving import Proofs, Proving
from rapport.app.signing_in import HouseSignin, name_of
from rapport.signin import passkeys
from rapport.web.passkeys import Key
from rapport.web.portal import devices_desk as ask
from rapport.web.portal.told import Session

PASSKEY_MADE = "A passkey was made for your account."
PASSKEY_REVOKED = "A passkey of your account was revoked."
AGAIN, MORE = "again", "one more"


class PortalDevices:
    """The DevicesDesk, over the desk for signing in and its thread. What changes who comes in is noted with the change,
    in the thread of proofs, and told to the person where they can be reached."""

    def __init__(self, signin: HouseSignin, proving: Proving) -> None:
        self._signin = signin
        self._proving = proving

    async def devices(self, session: Session) -> ask.Devices:
        return await self._signin.in_thread(lambda accounts: _devices(accounts, session))

    async def proving(self, session: Session, client: str) -> dict[str, Any]:
        self._signin.limit.count(f"ask {client}")
        challenge = self._signin.challenges.make(AGAIN, session.person)
        known = await self._signin.in_thread(lambda accounts: accounts.passkeys(session.person))
        return self._signin.party.asking(challenge, [one.credential for one in known])

    async def prove(self, session: Session, token: str, raw: bytes, client: str, browser: str) -> str:
        self._signin.limit.count(f"prove {client}")

        def prove(accounts: Accounts) -> str:
            known, proved, spent = self._signin.proved_by(accounts, raw, AGAIN, session.person, session.person)
            if session.id == 0:  # they came by a link, which ends here
                return accounts.sign_in(known, proved, browser, spent, token)[0]
            return accounts.step_up(token, known, proved, browser, spent)[0]

        return await self._signin.in_thread(prove)

    async def making(self, session: Session, client: str) -> dict[str, Any]:
        self._signin.limit.count(f"ask {client}")
        known = await self._signin.in_thread(lambda accounts: accounts.passkeys(session.person))
        challenge = self._signin.challenges.make(MORE, session.person)
        return self._signin.party.enrolling(challenge, session.person, [one.credential for one in known])

    async def make(self, session: Session, raw: bytes, client: str, browser: str) -> None:
        self._signin.limit.count(f"prove {client}")

        def make(proofs: Proofs) -> None:
            made, spent = self._signin.made(raw, MORE, session.person)
            accounts, also = Accounts(proofs.people.ledger), partial(proofs.claims.loud, said=PASSKEY_MADE)
            accounts.add_passkey(session.person, made, name_of(browser), spent, also)

        await self._proving.within(make)

    async def accepted(self, token: str) -> dict[str, Any] | None:
        return await self._signin.accepted(token)

    async def rename(self, session: Session, key: int, name: str) -> None:
        shown = passkeys.checked_name(name)
        await self._signin.in_thread(lambda accounts: accounts.rename(session.person, key, shown))

    async def revoke(self, session: Session, key: int) -> None:
        def revoke(proofs: Proofs) -> None:
            also = partial(proofs.claims.loud, said=PASSKEY_REVOKED)
            Accounts(proofs.people.ledger).revoke(session.person, key, also)

        await self._proving.within(revoke)

    async def end(self, session: Session, token: str, sign: int | None) -> int:
        return await self._signin.in_thread(
            lambda accounts: accounts.end_sessions(session.person, only=sign, keep=token)
        )

    async def end_everything(self, session: Session) -> None:
        await self._signin.in_thread(lambda accounts: accounts.end_everything(session.person))


def _devices(accounts: Accounts, session: Session) -> ask.Devices:
    keys = tuple(
        Key(one.id, one.name, one.synced, one.created_at, one.used_at, one.backed_up)
        for one in accounts.passkeys(session.person)
    )
    signs = tuple(
        ask.Sign(one.id, name_of(browser), one.created_at, one.seen_at, one.id == session.id)
        for one, browser in accounts.sessions(session.person)
    )
    return ask.Devices(keys, signs)

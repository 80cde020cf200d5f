"""The portal's desk for contacts, claims and recovery, over proofs and the desk for signing in."""

from collections.abc import Callable
from typing import Any

from rapport.adapters.embedded.accounts import Accounts
from rapport.app.proving import Proofs, Proving
from rapport.app.signing_in import HouseSignin
from rapport.kernel.errors import Unauthorized
from rapport.kernel.times import DAY, now
from rapport.signin import codes, passkeys
from rapport.signin.challenges import UNPROVED
from rapport.web.portal import proofs_desk as ask
from rapport.web.portal.told import Session

JOIN = "join"


class PortalProofs:
    """The ProofsDesk. `name_of` tells what a company calls itself."""

    def __init__(self, proving: Proving, signin: HouseSignin, name_of: Callable[[str], str]) -> None:
        self._proving = proving
        self._signin = signin
        self._name_of = name_of

    # -- contacts and recovery

    async def contacts(self, session: Session) -> ask.Contacts:
        def read(proofs: Proofs) -> ask.Contacts:
            contacts = _contacts(proofs, session.person)
            news = tuple(ask.News(one.at, one.said) for one in proofs.claims.news(session.person))
            left = proofs.contacts.recovery_codes(session.person)
            days = proofs.contacts.life_of("email") // DAY, proofs.contacts.life_of("phone") // DAY
            return ask.Contacts(contacts, left, news, self._proving.mails, self._proving.texts, *days)

        return await self._proving.within(read)

    async def start(self, session: Session, address: str, client: str) -> str:
        kind, value = codes.contact(codes.kind_of(address), address)
        self._proving.may_ask(value, client, session.person)
        found = await self._proving.within(lambda proofs: proofs.contacts.start(session.person, kind, value))
        if found.code is not None:
            self._proving.send_code(value, found.code)
        return found.handle

    async def verify(self, session: Session, made: str, code: str, client: str) -> None:
        self._proving.tries.count(f"verify {client}")

        def verify(proofs: Proofs) -> None:
            passkey = Accounts(proofs.people.ledger).passkey_of(session.id)
            proofs.contacts.verify(session.person, made, code, session.id, passkey)

        await self._proving.within(verify)

    async def let_go(self, session: Session, contact: str) -> None:
        await self._proving.within(lambda proofs: proofs.contacts.let_go(session.person, contact))

    async def new_codes(self, session: Session) -> list[str]:
        return await self._proving.within(lambda proofs: proofs.contacts.new_recovery_codes(session.person))

    async def stop(self, session: Session) -> None:
        addresses = await self._proving.within(lambda proofs: proofs.recovering.cancel(session.person))
        text = "The recovery of your account was stopped from one of your devices. Nothing of it was changed."
        self._proving.tell(addresses, "The recovery of your account was stopped", text)

    # -- claims

    async def claims(self, session: Session) -> ask.Claims:
        def read(proofs: Proofs) -> tuple[Any, ...]:
            orgs = proofs.people.ledger.orgs()
            held = proofs.claims.claims(session.person)
            return _contacts(proofs, session.person), orgs, held, proofs.claims.joined(session.person)

        contacts, orgs, held, joined = await self._proving.within(read)
        told = tuple(
            ask.Claim(
                one.id,
                one.org,
                self._name_of(one.org),
                one.kind,
                one.value,
                one.how,
                one.verified_at,
                one.until,
                one.suspended,
            )
            for one in held
        )
        companies = tuple(ask.Company(org, self._name_of(org)) for org in orgs)
        return ask.Claims(told, tuple(one for one in contacts if one.counts), companies, joined)

    async def link(self, code: str) -> ask.Link | None:
        found = await self._proving.within(lambda proofs: proofs.claims.linked(code))
        return None if found is None else ask.Link(found.org, self._name_of(found.org), found.kind, found.value)

    async def claim(self, session: Session, org: str, contact: str) -> None:
        await self._proving.within(lambda proofs: proofs.claims.claim_by_contact(session.person, org, contact))

    async def take(self, session: Session, code: str, client: str) -> None:
        self._proving.tries.count(f"claim {client}")
        await self._proving.within(lambda proofs: proofs.claims.claim_by_link(session.person, code))

    async def unclaim(self, session: Session, claim: str) -> None:
        await self._proving.within(lambda proofs: proofs.claims.unclaim(session.person, claim))

    # -- two accounts of one person

    async def joining(self, session: Session, client: str) -> dict[str, Any]:
        self._signin.limit.count(f"ask {client}")
        return self._signin.party.asking(self._signin.challenges.make(JOIN, session.person))

    async def join(self, session: Session, raw: bytes, client: str) -> None:
        self._signin.limit.count(f"prove {client}")

        def join(proofs: Proofs) -> None:
            response = passkeys.read(raw)
            challenge = passkeys.challenge_of(response)
            expires = self._signin.challenges.check(challenge, JOIN, session.person)
            known = Accounts(proofs.people.ledger).passkey(passkeys.credential_of(response))
            if known is None:
                raise Unauthorized(UNPROVED, code="unproved")
            proved = self._signin.party.proved(challenge, response, known)
            proofs.claims.join(session.person, known, proved, (challenge, expires))

        await self._proving.within(join)

    async def part(self, session: Session) -> None:
        await self._proving.within(lambda proofs: proofs.claims.part(session.person))


def _contacts(proofs: Proofs, person: str) -> tuple[ask.Contact, ...]:
    at = now()
    return tuple(
        ask.Contact(one.id, one.kind, one.value, one.verified_at, one.until, one.until > at)
        for one in proofs.contacts.contacts(person)
    )

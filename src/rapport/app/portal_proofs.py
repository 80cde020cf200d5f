"""The portal's desk for contacts, claims and recovery, over proofs and the desk for signing in."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from rapport.adapters.embedded.accounts import Accounts
from rapport.adapters.embedded.sqlite import translating
from rapport.app import letters
from rapport.app.proving import Proofs, Proving
from rapport.app.purchasing import Purchasing
from rapport.app.recovering import stop_recovery
from rapport.app.settings import Settings
from rapport.app.signing_in import HouseSignin
from rapport.kernel.errors import RapportError, Unauthorized
from rapport.kernel.times import DAY, now
from rapport.signin import codes
from rapport.terms.quiet import quiet
from rapport.web.language import ENGLISH, spoken
from rapport.web.portal import proofs_desk as ask
from rapport.web.portal.told import Session

log = logging.getLogger("rapport.proving")

JOIN = "join"
QUIET_S = 0.25
"""A purchase that is not proved is answered at a multiple of this, so that the time tells nothing."""


class PortalProofs:
    """The ProofsDesk. `name_of` tells what a company calls itself."""

    def __init__(self, proving: Proving, signin: HouseSignin, name_of: Callable[[str], str]) -> None:
        self._proving = proving
        self._signin = signin
        self._name_of = name_of
        self._bought: Purchasing | None = None

    def _purchasing(self, proofs: Proofs) -> Purchasing:
        """Within the thread of proofs, with a reader of its own."""
        if self._bought is None:
            self._bought = Purchasing(proofs, self._proving.reader(proofs))
        return self._bought

    async def _shown(self, session: Session, work: Callable[[Proofs], object]) -> None:
        """Something that was shown by a proof stronger than a purchase, with what follows for those."""

        await self._proving.within(work)
        await self._proving.within(lambda proofs: self._purchasing(proofs).outweigh(session.person))

    async def keep(self) -> None:
        """Suspend claims that have lost what they rest on, and remind people of what soon will have."""

        def look(proofs: Proofs) -> None:
            proofs.claims.expire()
            self._purchasing(proofs).check()
            proofs.reminders.remind()

        await self._proving.within(look)

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
        language = spoken()

        def verify(proofs: Proofs) -> None:
            passkey = Accounts(proofs.people.ledger).passkey_of(session.id)
            proofs.contacts.verify(session.person, made, code, session.id, passkey)
            if language != ENGLISH:  # which letters are in anyway
                proofs.tongues.keep(session.person, language, anew=False)

        await self._shown(session, verify)

    async def let_go(self, session: Session, contact: str) -> None:
        def let_go(proofs: Proofs) -> list[str]:
            # Those from before: whoever took one away did not read it, perhaps.
            addresses = proofs.contacts.addresses(proofs.people.person(session.person).id)
            proofs.contacts.let_go(session.person, contact)
            return addresses

        addresses = await self._proving.within(let_go)
        self._proving.tell(session.person, addresses, letters.address_taken_off)

    async def speak(self, session: Session, language: str) -> None:
        await self._proving.within(lambda proofs: proofs.tongues.keep(session.person, language))

    async def new_codes(self, session: Session) -> list[str]:
        return await self._proving.within(lambda proofs: proofs.contacts.new_recovery_codes(session.person))

    async def stop(self, session: Session) -> None:
        await stop_recovery(self._proving, session.person)

    # -- claims

    async def claims(self, session: Session) -> ask.Claims:
        def read(proofs: Proofs) -> tuple[Any, ...]:
            orgs = proofs.people.ledger.orgs()
            held = proofs.claims.claims(session.person)
            rules = proofs.purchases.rules()
            return _contacts(proofs, session.person), orgs, held, proofs.joining.joined(session.person), rules

        contacts, orgs, held, joined, rules = await self._proving.within(read)
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
        sells = tuple(ask.Seller(org, self._name_of(org), bool(rule.code)) for org, rule in rules.items())
        return ask.Claims(told, tuple(one for one in contacts if one.counts), companies, joined, sells)

    async def link(self, code: str) -> ask.Link | None:
        found = await self._proving.within(lambda proofs: proofs.claims.linked(code))
        return None if found is None else ask.Link(found.org, self._name_of(found.org), found.kind, found.value)

    async def claim(self, session: Session, org: str, contact: str) -> None:
        await self._shown(session, lambda proofs: proofs.claims.claim_by_contact(session.person, org, contact))

    async def take(self, session: Session, code: str, client: str) -> None:
        self._proving.tries.count(f"claim {client}")
        await self._shown(session, lambda proofs: proofs.claims.claim_by_link(session.person, code))

    async def buy(self, session: Session, org: str, told: ask.Purchase, client: str) -> None:
        self._proving.tries.count(f"purchase {client}")
        started = time.monotonic()

        def buy(proofs: Proofs) -> None:
            self._purchasing(proofs).prove(session.person, org, told.order, told.total, told.day, told.code)

        try:
            await self._proving.within(buy)
        except Unauthorized:
            await quiet(started, QUIET_S)
            raise

    async def unclaim(self, session: Session, claim: str) -> None:
        await self._proving.within(lambda proofs: proofs.claims.unclaim(session.person, claim))

    # -- two accounts of one person

    async def joining(self, session: Session, client: str) -> dict[str, Any]:
        self._signin.limit.count(f"ask {client}")
        return self._signin.party.asking(self._signin.challenges.make(JOIN, session.person))

    async def join(self, session: Session, raw: bytes, client: str) -> None:
        self._signin.limit.count(f"prove {client}")

        def join(proofs: Proofs) -> None:
            accounts = Accounts(proofs.people.ledger)
            known, proved, spent = self._signin.proved_by(accounts, raw, JOIN, session.person)
            proofs.joining.join(session.person, known, proved, spent)

        await self._shown(session, join)

    async def part(self, session: Session) -> None:
        await self._proving.within(lambda proofs: proofs.joining.part(session.person))


async def keep_claims(desk: PortalProofs, settings: Settings, every_s: float = 60.0) -> None:
    """Suspend claims that have lost what they rest on, and remind people in time, until cancelled."""
    while True:
        try:
            with translating(settings.directory / "ledger.db"):
                await desk.keep()
        except RapportError as error:
            log.warning("claims could not be looked at: %s", error.message)
        await asyncio.sleep(every_s)


def _contacts(proofs: Proofs, person: str) -> tuple[ask.Contact, ...]:
    at = now()
    return tuple(
        ask.Contact(one.id, one.kind, one.value, one.verified_at, one.until, one.until > at)
        for one in proofs.contacts.contacts(person)
    )

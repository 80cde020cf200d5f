"""The portal's desk: every question of the person's pages, answered from the ledger and by the gate's own rules."""

from collections.abc import Sequence
from typing import Any

import msgspec

from rapport.adapters.embedded.accounts import Accounts
from rapport.adapters.embedded.agreements import PAGE, AgreementBook
from rapport.adapters.embedded.benefits import BenefitFile
from rapport.adapters.embedded.doors import Doors
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.people import PeopleFile, Person
from rapport.adapters.embedded.reader import StateReader
from rapport.adapters.embedded.recovering import ripe_at
from rapport.app import words
from rapport.app.bundling import Bundler
from rapport.app.portal_corrections import PortalCorrections
from rapport.app.portal_devices import PortalDevices
from rapport.app.portal_goals import PortalGoals
from rapport.app.portal_home import MOST, PortalHome, lately
from rapport.app.portal_inbox import PortalInbox
from rapport.app.portal_looks import PortalLooks
from rapport.app.portal_proofs import PortalProofs
from rapport.app.portal_reach import PortalReach
from rapport.app.portal_rights import PortalRights
from rapport.app.portal_sharing import PortalSharing
from rapport.app.portal_signing import PortalSigning
from rapport.app.portal_terms import PortalTerms, title
from rapport.app.presence import HousePresence
from rapport.app.proving import Proving
from rapport.app.rights_desk import RightsDesk
from rapport.app.settings import Settings
from rapport.app.signing_in import HouseSignin
from rapport.app.statements import Statements
from rapport.kernel.errors import NotFound
from rapport.kernel.times import now
from rapport.profile.view import Part
from rapport.terms import Ground, choosing
from rapport.terms.choosing import Allowed
from rapport.terms.deciding import links_of
from rapport.terms.own import OwnLooks
from rapport.terms.policy import Judge
from rapport.terms.sentences import unmet_words
from rapport.web.language import SPOKEN
from rapport.web.portal import told as ask
from rapport.web.portal.told import Session
from rapport.web.retelling import retold

_DECISIONS = {
    "began": "%(company)s agreed with you",
    "changed": "%(company)s changed what it agreed with you",
    "ended": "%(company)s lost its agreement",
}


class PortalDesk:
    """The portal's Desk over an embedded node."""

    def __init__(
        self,
        ledger: LedgerFile,
        reader: StateReader,
        people: PeopleFile,
        looks: OwnLooks,
        agreements: AgreementBook,
        rights: RightsDesk,
        settings: Settings,
        signin: HouseSignin,
        presence: HousePresence,
        proving: Proving,
    ) -> None:
        self._name = people.name_of
        self._home = PortalHome(ledger, reader, people, agreements, proving, self._name)
        self.devices = PortalDevices(signin, proving)
        self.proofs = PortalProofs(proving, signin, self._name)
        self.presence = presence
        self.goals = PortalGoals(people, looks, self._name)
        self.inbox = PortalInbox(ledger, people, self._name)
        self.reach = PortalReach(ledger, people, self._name)
        self.terms = PortalTerms(people, self._customers, self._name, self._home.note)
        statements = Statements(ledger, people, reader, agreements, BenefitFile(ledger))
        self.looks = PortalLooks(ledger, people, Bundler(ledger, people, reader), statements, self._name)
        self.rights = PortalRights(settings, rights, people, self.looks.looked, self.terms.effect)
        self.corrections = PortalCorrections(rights.corrector, people, looks)
        self.sharing = PortalSharing(ledger, people, reader, looks, self._customers, self._name)
        self._ledger = ledger
        self._reader = reader
        self._people = people
        self._own = looks
        self._agreements = agreements
        self._doors = Doors(ledger)
        self._accounts = Accounts(ledger)
        self._judge = Judge()
        self.signing = PortalSigning(people, signin, self.terms.after, self.terms.changed, self._name)

    # -- sessions

    async def open(self, code: str) -> str | None:
        return self._doors.redeem(code)

    async def leave(self, token: str) -> None:
        self._doors.end(token)
        self._accounts.end(token)

    async def session(self, token: str) -> Session | None:
        found = self._accounts.session(token)
        if found is not None:
            waiting = ripe_at(self._ledger.db, found.person)
            unseen = self.inbox.unseen(found.person)
            return Session(found.person, found.id, found.verified_at, recovering=waiting, unseen=unseen)
        handle = self._doors.person(token)
        if handle is None:
            return None
        bound = bool(self._accounts.passkeys(handle))
        waiting, unseen = ripe_at(self._ledger.db, handle), self.inbox.unseen(handle)
        return Session(handle, bound=bound, recovering=waiting, unseen=unseen)

    # -- companies

    async def home(self, session: Session) -> ask.Home:
        person = self._people.person(session.person)
        companies = []
        for org in person.orgs:
            parts, grounds = self._customers(person, org)
            told = choosing.allowed(self._judge, self._people, parts, grounds, now())
            may = tuple(_may(purpose, allowed) for purpose, allowed in told.items())
            companies.append(ask.Company(org, self._name(org), org in person.locked_for, person.claims_at(org), may))
        return ask.Home(person.locked, person.terms.preset, title(person.terms), tuple(companies))

    async def overview(self, session: Session) -> ask.Overview:
        person = self._people.person(session.person)
        home = await self.home(session)
        account = await self._home.account(session)
        requests = (await self.rights.rights(session, None)).requests
        devices = await self.devices.devices(session)
        devices = msgspec.structs.replace(devices, bound=await self.presence.bound(session))
        looks = (await self.looks.page(session, None)).rows
        return ask.Overview(
            **msgspec.structs.asdict(home),
            uses=self._home.uses(person),
            gave=self._home.gave(person),
            lately=lately(looks, self._notices(person, MOST), requests, account.news, devices),
            waits=self._home.waits(session, person, account, requests),
        )

    async def companies(self, session: Session) -> ask.Companies:
        person = self._people.person(session.person)
        return ask.Companies(tuple(self._knowing(person, org) for org in person.orgs))

    def _knowing(self, person: Person, org: str) -> ask.Knowing:
        hidden = tuple(
            (choosing.hidden_id(org, one), words.categories([one], SPOKEN))
            for one in choosing.hidden(person.terms, org)
        )
        locked = person.locked or org in person.locked_for
        return ask.Knowing(org, self._name(org), locked, person.claims_at(org), hidden)

    async def known(self, session: Session, org: str) -> ask.Known | None:
        person = self._people.person(session.person)
        if org not in person.orgs:
            return None
        own = await self._own.look(person.id, org)
        return ask.Known(
            org,
            self._name(org),
            own.identifiers,
            own.traits,
            own.events,
            own.records,
            own.shared,
            own.receipt,
            choosing.hidden(person.terms, org),
        )

    async def lock(self, session: Session, org: str | None, *, locked: bool) -> None:
        if org is not None and org not in self._people.person(session.person).orgs:
            raise NotFound("you are no customer there")
        change = self._people.lock if locked else self._people.unlock
        change(session.person, org)
        self._home.note(self._people.person(session.person), _locked_words(org and self._name(org), locked=locked))

    def _customers(self, person: Person, org: str) -> tuple[list[Sequence[Part]], list[Ground]]:
        """A person's customers of a company, each with the ground that decisions about it rest on."""
        claimed = person.claims_at(org)
        parts: dict[str, Sequence[Part]] = {}
        with self._reader.snapshot():
            for kind, value in claimed:
                for found in self._reader.by_identifier(org, kind, value):
                    parts[found.customer] = found.parts
        some = list(parts.values()) or [choosing.nothing_yet(org, [f"{kind}:{value}" for kind, value in claimed])]
        return some, [self._people.ground(org, links_of(one)) for one in some]

    # -- agreements

    async def agreements(self, session: Session) -> ask.Agreements:
        person = self._people.person(session.person)
        listed = tuple(
            ask.Agreement(
                one.handle,
                one.org,
                self._name(one.org),
                one.status,
                one.since,
                one.ended_at,
                words.agreed(one.agreed, SPOKEN),
                one.by_hand,
            )
            for one in self._agreements.of_person(person.id)
        )
        return ask.Agreements(listed, self._notices(person))

    def _notices(self, person: Person, limit: int = PAGE) -> tuple[ask.Told, ...]:
        return tuple(
            ask.Told(
                told.at,
                told.notice.org,
                self._name(told.notice.org),
                SPOKEN.say(_DECISIONS[told.notice.kind], company=self._name(told.notice.org)),
                tuple(map(retold, (*(f"It {said}." for said in told.notice.changed), *told.notice.follows))),
            )
            for told in self._agreements.notices(person.id, limit=limit)
        )

    async def agreement(self, session: Session, handle: str) -> dict[str, Any] | None:
        person = self._people.person(session.person)
        try:
            return self._agreements.show(handle, person=person.id)
        except NotFound:
            return None


# -- words


def _locked_words(name: str | None, *, locked: bool) -> str:
    if name is None:
        return "You locked everyone out." if locked else "You unlocked: your terms decide again."
    return f"You locked {name} out." if locked else f"You let {name} in again, as far as your terms allow."


def _may(purpose: str, allowed: Allowed) -> ask.May:
    return ask.May(
        purpose,
        words.purpose(purpose, SPOKEN),
        words.categories(allowed.categories, SPOKEN),
        words.categories(allowed.elsewhere, SPOKEN),
        retold(allowed.reason),
        unmet_words(allowed.unmet, SPOKEN),
    )

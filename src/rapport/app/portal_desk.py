"""The portal's desk: every question of the person's pages, answered from the ledger and by the gate's own rules."""

from collections.abc import Iterable, Sequence
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
from rapport.app.portal_home import PortalHome, lately
from rapport.app.portal_proofs import PortalProofs
from rapport.app.portal_rights import PortalRights
from rapport.app.portal_sharing import PortalSharing
from rapport.app.portal_signing import PortalSigning
from rapport.app.presence import HousePresence
from rapport.app.proving import Proving
from rapport.app.rights_desk import RightsDesk
from rapport.app.settings import Settings
from rapport.app.signing_in import HouseSignin
from rapport.app.statements import Statements
from rapport.kernel.errors import NotFound
from rapport.kernel.times import now
from rapport.kernel.vocabulary import names_in
from rapport.profile.view import Part
from rapport.terms import Clause, Ground, Receipt, Terms, choosing
from rapport.terms.choosing import Allowed
from rapport.terms.deciding import links_of
from rapport.terms.own import CALLER, OwnLooks
from rapport.terms.policy import Judge
from rapport.terms.presets import LINES, PRESETS, TITLES
from rapport.terms.sentences import clause_sentence, named, unmet_words
from rapport.web.language import SPOKEN
from rapport.web.portal import told as ask
from rapport.web.portal.told import Session, Way
from rapport.web.retelling import retold

_PAGE = 40
_DECISIONS = {
    "began": "%(company)s agreed with you",
    "changed": "%(company)s changed what it agreed with you",
    "ended": "%(company)s lost its agreement",
}
_MAY = ("may use %(what)s %(why)s", "may use %(what)s, of what you did at other companies, %(why)s")
_MAY_NOT = (
    "may no longer use %(what)s %(why)s",
    "may no longer use %(what)s, of what you did at other companies, %(why)s",
)
"""What a company may more, or less: of what it collected, and of what the person did elsewhere."""


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
        self.devices = PortalDevices(signin, proving)
        self.proofs = PortalProofs(proving, signin, self._name)
        self.presence = presence
        self.goals = PortalGoals(ledger, people, looks, self._name)
        self.rights = PortalRights(settings, rights, people, self.looked, self._effect)
        self.corrections = PortalCorrections(rights.corrector, people, looks)
        self.sharing = PortalSharing(ledger, people, reader, looks, self._customers, self._name)
        self._ledger = ledger
        self._reader = reader
        self._people = people
        self._looks = looks
        self._agreements = agreements
        self._bundler = Bundler(ledger, people, reader)
        self._statements = Statements(ledger, people, reader, agreements, BenefitFile(ledger))
        self._doors = Doors(ledger)
        self._accounts = Accounts(ledger)
        self._judge = Judge()
        self._home = PortalHome(ledger, reader, people, agreements, proving, self._name)
        self.signing = PortalSigning(people, signin, self._after, self._name)

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
            return Session(found.person, found.id, found.verified_at, recovering=waiting)
        handle = self._doors.person(token)
        if handle is None:
            return None
        bound = bool(self._accounts.passkeys(handle))
        return Session(handle, bound=bound, recovering=ripe_at(self._ledger.db, handle))

    # -- companies

    async def home(self, session: Session) -> ask.Home:
        person = self._people.person(session.person)
        companies = []
        for org in _orgs(person):
            parts, grounds = self._customers(person, org)
            told = choosing.allowed(self._judge, self._people, parts, grounds, now())
            claims = tuple((kind, value) for company, kind, value in person.claims if company == org)
            may = tuple(_may(purpose, allowed) for purpose, allowed in told.items())
            companies.append(ask.Company(org, self._name(org), org in person.locked_for, claims, may))
        return ask.Home(person.locked, person.terms.preset, _title(person.terms), tuple(companies))

    async def overview(self, session: Session) -> ask.Overview:
        person = self._people.person(session.person)
        home = await self.home(session)
        account = await self._home.account(session)
        requests = (await self.rights.rights(session, None)).requests
        devices = await self.devices.devices(session)
        devices = msgspec.structs.replace(devices, bound=await self.presence.bound(session))
        looks = (await self.looks(session, None)).rows
        return ask.Overview(
            **msgspec.structs.asdict(home),
            uses=self._home.uses(person),
            gave=self._home.gave(person),
            lately=lately(looks, self._notices(person, _PAGE), requests, account.news, devices),
            waits=self._home.waits(session, person, account, requests),
        )

    async def companies(self, session: Session) -> ask.Companies:
        person = self._people.person(session.person)
        return ask.Companies(tuple(self._knowing(person, org) for org in _orgs(person)))

    def _knowing(self, person: Person, org: str) -> ask.Knowing:
        hidden = tuple(
            (choosing.hidden_id(org, one), words.categories([one], SPOKEN))
            for one in choosing.hidden(person.terms, org)
        )
        claims = tuple((kind, value) for company, kind, value in person.claims if company == org)
        return ask.Knowing(org, self._name(org), person.locked or org in person.locked_for, claims, hidden)

    async def known(self, session: Session, org: str) -> ask.Known | None:
        person = self._people.person(session.person)
        if org not in _orgs(person):
            return None
        own = await self._looks.look(person.id, org)
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
        if org is not None and org not in _orgs(self._people.person(session.person)):
            raise NotFound("you are no customer there")
        change = self._people.lock if locked else self._people.unlock
        change(session.person, org)
        self._home.note(self._people.person(session.person), _locked_words(org and self._name(org), locked=locked))

    def _customers(self, person: Person, org: str) -> tuple[list[Sequence[Part]], list[Ground]]:
        """A person's customers of a company, each with the ground that decisions about it rest on."""
        claimed = [(kind, value) for company, kind, value in person.claims if company == org]
        parts: dict[str, Sequence[Part]] = {}
        with self._reader.snapshot():
            for kind, value in claimed:
                for found in self._reader.by_identifier(org, kind, value):
                    parts[found.customer] = found.parts
        some = list(parts.values()) or [choosing.nothing_yet(org, [f"{kind}:{value}" for kind, value in claimed])]
        return some, [self._people.ground(org, links_of(one)) for one in some]

    def _name(self, org: str) -> str:
        return self._people.ground(org, ()).standing.declaration.name or org

    def _sentence(self, clause: Clause) -> str:
        return clause_sentence(named(clause, self._name), SPOKEN)

    # -- terms

    async def terms(self, session: Session) -> ask.MyTerms:
        terms = self._people.person(session.person).terms
        lines = tuple(
            ask.ClauseLine(line.clause.id, self._sentence(line.clause), line.clause.effect, line.on, line.may_return)
            for line in choosing.lines(terms)
        )
        presets = tuple(
            ask.Preset(name, SPOKEN.say(TITLES[name]), SPOKEN.say(LINES[name]), name == terms.preset)
            for name in PRESETS
        )
        return ask.MyTerms(terms.preset, _title(terms), lines, presets, terms.tell_why)

    async def propose(self, session: Session, way: Way, value: str) -> ask.Proposal:
        person = self._people.person(session.person)
        after = _changed(person.terms, way, value)
        _check_customer(person, way, value)
        effects, same = [], []
        for org in _orgs(person):
            effect = self._effect(person, org, after)
            if effect.gains or effect.losses:
                effects.append(effect)
            else:
                same.append(effect.name)
        lines = {line.clause.id: line for line in choosing.lines(person.terms)}
        clause = after.clauses[-1] if way in {"hide", "apart"} else lines[value].clause if way != "preset" else None
        return ask.Proposal(
            way,
            value,
            SPOKEN.say(TITLES[value]) if clause is None else self._sentence(clause),
            tuple(self._sentence(clause) for clause in after.clauses),
            tuple(effects),
            tuple(same),
            person.locked,
            for_good=way == "out" and not lines[value].may_return and not choosing.is_hiding(value),
        )

    def _effect(self, person: Person, org: str, after: Terms) -> ask.Effect:
        """What changes at a company, as if it were not locked out."""
        parts, grounds = self._customers(person, org)

        def with_terms(terms: Terms) -> dict[str, Allowed]:
            held = [choosing.imagined(ground, person.id, terms, locked=False) for ground in grounds]
            return choosing.allowed(self._judge, self._people, parts, held, now())

        before, then = with_terms(person.terms), with_terms(after)
        gains = [said for purpose in then for said in _more(purpose, before[purpose], then[purpose], _MAY)]
        losses = [said for purpose in then for said in _more(purpose, then[purpose], before[purpose], _MAY_NOT)]
        return ask.Effect(org, self._name(org), tuple(gains), tuple(losses))

    async def change(self, session: Session, way: Way, value: str) -> None:
        self._people.set_terms(session.person, self._after(session.person, way, value))
        self._home.note(self._people.person(session.person), _changed_words(way, value))

    def _after(self, handle: str, way: Way, value: str) -> Terms:
        person = self._people.person(handle)
        _check_customer(person, way, value)
        return _changed(person.terms, way, value)

    async def tell_why(self, session: Session, *, tell: bool) -> None:
        terms = self._people.person(session.person).terms
        self._people.set_terms(session.person, msgspec.structs.replace(terms, tell_why=tell))

    # -- looks

    async def looks(self, session: Session, cursor: str | None) -> ask.Looks:
        person = self._people.person(session.person)
        before = int(cursor) if cursor is not None and cursor.isdecimal() and len(cursor) < 19 else 1 << 62
        rows = self._ledger.receipts_of(person.id, before, _PAGE + 1)
        sentences = {clause.id: self._sentence(clause) for clause in person.terms.clauses}
        names: dict[str, str] = {}
        told = tuple(self._look(receipt, sentences, names) for _, receipt in rows[:_PAGE])
        return ask.Looks(told, str(rows[_PAGE - 1][0]) if len(rows) > _PAGE else None)

    def looked(self, handle: str, receipt: str) -> ask.Look:
        """One receipt of a person's. Raises NotFound."""
        person = self._people.person(handle)
        found = self._ledger.receipt_told(person.id, receipt)
        if found is None:
            raise NotFound("you have no such receipt")
        return self._look(found, {clause.id: self._sentence(clause) for clause in person.terms.clauses}, {})

    def _look(self, receipt: Receipt, sentences: dict[str, str], names: dict[str, str]) -> ask.Look:
        own = receipt.caller == CALLER and not receipt.org
        org = receipt.fields[0] if own else receipt.org
        if org not in names:
            names[org] = self._name(org)
        clauses = () if receipt.clauses == ("default",) else receipt.clauses
        return ask.Look(
            id=receipt.id,
            at=receipt.at,
            org=org,
            name=names[org],
            own=own,
            given=receipt.decision == "permitted",
            what=words.categories(receipt.categories, SPOKEN),
            why=words.purpose(receipt.purpose, SPOKEN),
            action=receipt.action,
            fields=receipt.fields,
            reason=retold(receipt.reason),
            clauses=tuple(
                sentences.get(clause, SPOKEN.say("%(clause)s (you have changed it since)", clause=clause))
                for clause in clauses
            ),
            unmet=tuple(map(retold, receipt.unmet)),
            recipients=receipt.recipients,
            retention_days=receipt.retention_days,
            elsewhere=receipt.elsewhere,
        )

    async def receipts(self, session: Session, since: str | None) -> dict[str, Any]:
        return self._bundler.bundle(session.person, since)

    async def statement(self, session: Session, month: str | None) -> dict[str, Any]:
        return self._statements.of(session.person, month)

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
                told.notice.name,
                SPOKEN.say(_DECISIONS[told.notice.kind], company=told.notice.name),
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


def _orgs(person: Person) -> list[str]:
    return list(dict.fromkeys(org for org, _, _ in person.claims))


def _check_customer(person: Person, way: Way, value: str) -> None:
    """Raises NotFound where a change is about a company at which the person claims nothing."""
    about = _hidden(value)[0] if way == "hide" else _apart(value) if way == "apart" else ""
    if way in {"hide", "apart"} and value != "*" and about not in _orgs(person):
        raise NotFound("you are no customer there")


def _title(terms: Terms) -> str:
    if terms.preset not in TITLES:
        return SPOKEN.say("Terms of your own")
    title = SPOKEN.say(TITLES[terms.preset])
    if terms.clauses == PRESETS[terms.preset].clauses:
        return title
    return SPOKEN.say("%(preset)s, with changes of your own", preset=title)


def _changed(terms: Terms, way: Way, value: str) -> Terms:
    if way == "preset":
        return choosing.begun_from(terms, value)
    if way == "hide":
        return choosing.hiding(terms, *_hidden(value))
    if way == "apart":
        return choosing.apart(terms, _apart(value))
    return choosing.without(terms, value) if way == "out" else choosing.with_again(terms, value)


def _locked_words(name: str | None, *, locked: bool) -> str:
    if name is None:
        return "You locked everyone out." if locked else "You unlocked: your terms decide again."
    return f"You locked {name} out." if locked else f"You let {name} in again, as far as your terms allow."


def _changed_words(way: Way, value: str) -> str:
    match way:
        case "preset":
            return f"You began your terms from “{TITLES[value]}”."
        case "hide":
            return f"You hid a kind of data from a company: {words.categories([_hidden(value)[1]])}."
        case "apart":
            return "You stopped what you do at one company from being told to another."
        case "out":
            return "You took a sentence out of your terms."
        case "back":
            return "You put a sentence back into your terms."


def _apart(value: str) -> str:
    """A company, or "" for everyone."""
    return "" if value == "*" else value


def _hidden(value: str) -> tuple[str, str]:
    """`shop:purchases` as a company and a kind of data."""
    org, _, category = value.rpartition(":")
    return org, category


def _may(purpose: str, allowed: Allowed) -> ask.May:
    return ask.May(
        purpose,
        words.purpose(purpose, SPOKEN),
        words.categories(allowed.categories, SPOKEN),
        words.categories(allowed.elsewhere, SPOKEN),
        retold(allowed.reason),
        unmet_words(allowed.unmet, SPOKEN),
    )


def _more(purpose: str, less: Allowed, more: Allowed, texts: tuple[str, str]) -> Iterable[str]:
    """A sentence for what `more` lets a company use beyond `less`."""
    for now_, then, text in zip(less.masks, more.masks, texts, strict=True):
        added = names_in(then & ~now_)
        if added:
            what, why = words.categories(added, SPOKEN), words.purpose(purpose, SPOKEN)
            yield SPOKEN.say(text, what=what, why=why)

"""The portal's desk for rights: what a person asks for on their pages, carried out by the desk of rights."""

import asyncio
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from rapport.act.demands import Demand
from rapport.adapters.embedded.people import PeopleFile, Person
from rapport.app import rights, words
from rapport.app.correcting import Told
from rapport.app.cursors import before_or_newest
from rapport.app.portability import COPIES, open_portability
from rapport.app.rights_desk import EVERYTHING, RightsDesk
from rapport.app.settings import Settings
from rapport.kernel import ids
from rapport.kernel.errors import Busy, Full, NotFound
from rapport.kernel.times import now
from rapport.kernel.vocabulary import PURPOSES
from rapport.terms import Terms
from rapport.terms.objecting import objected
from rapport.terms.rights import LAW, YOU, Asked, Case, took_words
from rapport.web.language import SPOKEN
from rapport.web.portal import rights_desk as ask
from rapport.web.portal.told import Effect, Look, Session
from rapport.web.retelling import retold
from rapport.web.words import date, label

_KEPT_S = 600
_MOST_PROOFS = 100
_SAID = {
    "access": "You took along all that companies know.",
    "erasure": "You had everything erased.",
}
_FOR_YOU = {
    "access": "%(agent)s asked %(company)s for all that it knows of you.",
    "deletion": "%(agent)s asked %(company)s to erase all that is yours there.",
    "sale:opt_out": "%(agent)s asked %(company)s to stop use for advertising.",
    "sale:opt_in": "%(agent)s asked %(company)s to allow use for advertising again.",
    "": "%(agent)s asked %(company)s.",
}
"""What an agent exercises."""
_NO_ADDRESS = (
    "%(recipient)s, which %(company)s gave a file on %(day)s: %(company)s has yet to say where it takes such demands"
)
_Looked = Callable[[str, str], Look]
_Changes = Callable[[Person, str, Terms], Effect]


class PortalRights:
    """Over the node's settings: copies and erasures are made by connections of their own, in a thread."""

    def __init__(
        self, settings: Settings, desk: RightsDesk, people: PeopleFile, looked: _Looked, changes: _Changes
    ) -> None:
        """`looked` shows a person's receipt; `changes` says what terms would change at a company."""
        self._settings = settings
        self._desk = desk
        self._people = people
        self._name = people.name_of
        self._looked = looked
        self._changes = changes
        self._copying: set[str] = set()
        self._proofs: dict[str, tuple[float, bytes]] = {}
        shutil.rmtree(settings.directory / COPIES, ignore_errors=True)  # of a node that was killed

    # -- asking

    async def rights(self, session: Session, cursor: str | None) -> ask.Rights:
        person = self._people.person(session.person)
        cases, following = self._desk.book.of_person(person.id, before_or_newest(cursor))
        orgs = person.orgs
        purposes = (
            (EVERYTHING, SPOKEN.say("for anything at all")),
            *((name, words.purpose(name, SPOKEN)) for name in PURPOSES),
        )
        return ask.Rights(
            tuple(self._told(case) for case in cases),
            None if following is None else str(following),
            tuple((org, self._name(org)) for org in orgs),
            purposes,
        )

    def _told(self, case: Case) -> ask.Request:
        name = self._name(case.asked.org) if case.asked.org else ""
        return ask.Request(
            id=case.id,
            at=case.at,
            right=case.asked.right,
            law=retold(LAW[case.asked.right]),
            what=_sentence(case, name),
            name=name,
            status=case.status,
            deadline=case.deadline,
            took="" if case.took is None else retold(took_words(case.took)),
            words=case.asked.words,
            answer=retold(case.answer),
            by="" if case.asked.by == YOU else retold(case.asked.by),
            receipts=case.receipts,
            told=tuple(_told_words(one) for one in self._desk.corrector.told(case)) if case.told else (),
        )

    async def stopping(self, session: Session, org: str, purpose: str) -> ask.Stop:
        person = self._customer(session, org)
        after = objected(person.terms, org, purpose)
        why = SPOKEN.say("for anything at all") if purpose == EVERYTHING else words.purpose(purpose, SPOKEN)
        return ask.Stop(org, purpose, why, self._changes(person, org, after), after is person.terms)

    async def stop(self, session: Session, org: str, purpose: str) -> None:
        self._customer(session, org)
        await self._desk.object(session.person, org, purpose)

    async def use(self, session: Session, receipt: str) -> Look:
        look = self._looked(session.person, receipt)
        if look.own or not look.given:
            raise NotFound("there is no such use")
        return look

    async def review(self, session: Session, receipt: str, words: str) -> str:
        return (await self._desk.review(session.person, receipt, words)).id

    async def withdraw(self, session: Session, request: str) -> None:
        await self._desk.withdraw(session.person, request)

    def _customer(self, session: Session, org: str) -> Person:
        """Raises NotFound where the person claims nothing at a company."""
        person = self._people.person(session.person)
        if org not in person.orgs:
            raise NotFound("you are no customer there")
        return person

    # -- taking along

    async def copy(self, session: Session, form: ask.Form) -> Path:
        if session.person in self._copying:
            raise Busy("a copy is being made for you already: it comes in a moment", retry_after=5)
        self._copying.add(session.person)
        try:
            return await asyncio.to_thread(self._archived, session.person, form)
        finally:
            self._copying.discard(session.person)

    def _archived(self, person: str, form: str) -> Path:
        place = self._settings.directory / COPIES
        place.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place, prefix=f"{person}-") as directory:
            out, whole = Path(directory) / "my-data", Path(directory) / "my-data.zip"
            asyncio.run(open_portability(self._settings).export(person, out, form))
            try:
                whole.touch(0o600)
                with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
                    for one in sorted(out.iterdir()):
                        archive.write(one, f"my-data/{one.name}")
                return whole.rename(f"{directory}.zip")
            except OSError:
                raise Full("there is no room to write your copy now: ask again later", retry_after=60) from None

    # -- erasing

    async def erasing(self, session: Session) -> ask.Erasing:
        person = self._people.person(session.person)
        companies = []
        for org in person.orgs:
            declared = self._people.ground(org, ()).standing.declaration
            kept = tuple(
                SPOKEN.say(
                    "%(what)s, for %(days)s days (%(law)s)",
                    what=words.categories(promise.categories, SPOKEN),
                    days=promise.retention_days,
                    law=promise.law,
                )
                for promise in declared.purposes.values()
                if promise.basis == "legal_obligation" and promise.retention_days is not None
            )
            companies.append((declared.name or org, person.claims_at(org), kept))
        return ask.Erasing(tuple(companies))

    async def erase(self, session: Session) -> ask.Erased:
        at = now()
        shredded = await asyncio.to_thread(rights.shred_person, self._settings, session.person)
        erased = shredded.erased
        token = ids.secret("erased")
        for old in [old for old, (until, _) in self._proofs.items() if until < time.monotonic()]:
            del self._proofs[old]
        while len(self._proofs) >= _MOST_PROOFS:
            del self._proofs[next(iter(self._proofs))]
        self._proofs[token] = (time.monotonic() + _KEPT_S, msgspec.json.encode(shredded.proof))
        kept = tuple(
            SPOKEN.say(
                "%(company)s: %(what)s of %(events)s events, until %(day)s (%(law)s)",
                company=self._name(one.org),
                what=words.categories(one.categories, SPOKEN),
                events=one.events,
                day=date(one.until),
                law=one.law,
            )
            for one in erased.carved
        )
        count = len(erased.reviews)
        took, demanded = retold(took_words(now() - at)), tuple(map(self._demanded, shredded.demands))
        return ask.Erased(erased.records, erased.events, erased.identifiers, kept, count, took, token, demanded)

    def _demanded(self, one: Demand) -> str:
        places = {"recipient": one.recipient, "company": self._name(one.org), "day": date(one.exported_at)}
        if one.state == "no_address":
            return SPOKEN.say(_NO_ADDRESS, **places)
        return SPOKEN.say(
            "%(recipient)s, which %(company)s gave a file on %(day)s: to be done and confirmed by %(until)s",
            **places,
            until=date(one.deadline),
        )

    def proof(self, token: str) -> bytes | None:
        until, raw = self._proofs.get(token, (0.0, b""))
        return raw if until > time.monotonic() else None


def _told_words(told: Told) -> str:
    if told.status == "done":
        return SPOKEN.say("%(system)s, on %(day)s", system=told.source, day=date(told.at))
    if told.status == "forgotten":
        return SPOKEN.say("a system that is no longer known")
    text = "%(system)s could not be told" if told.status == "failed" else "%(system)s will be told"
    said = SPOKEN.say(text, system=told.source)
    return f"{said}: {retold(told.error)}" if told.error else said


def _exercise(asked: Asked) -> str:
    return str(asked.value.get("exercise", "")) if isinstance(asked.value, dict) else ""


def _sentence(case: Case, name: str) -> str:
    asked = case.asked
    if asked.by != YOU and asked.org:
        agent = retold(asked.by)
        text = _FOR_YOU.get(_exercise(asked)) or _FOR_YOU[""]
        return SPOKEN.say(text, agent=agent[:1].upper() + agent[1:], company=name)
    if asked.right in _SAID:
        return SPOKEN.say(_SAID[asked.right])
    if asked.right == "restriction":
        return SPOKEN.say("You stopped all use by %(company)s.", company=name)
    if asked.right == "objection":
        why = words.purpose(asked.about, SPOKEN)
        return SPOKEN.say("You stopped use by %(company)s %(why)s.", company=name, why=why)
    if asked.right == "review":
        return SPOKEN.say("You asked %(company)s to have somebody look at a decision.", company=name)
    if asked.right == "rectification":
        back = "You took back your correction of “%(what)s” at %(company)s."
        text = back if asked.value is None else "You corrected “%(what)s” at %(company)s."
        return SPOKEN.say(text, what=label(asked.about), company=name)
    if name:
        return SPOKEN.say("You asked %(company)s for your data.", company=name)
    return SPOKEN.say("You asked all companies for your data.")

"""The portal's desk for rights: what a person asks for on their pages, carried out by the desk of rights."""

import asyncio
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from rapport.act.demands import Demand
from rapport.adapters.embedded.people import PeopleFile, Person
from rapport.adapters.embedded.rights import LAST
from rapport.app import rights, words
from rapport.app.correcting import Told
from rapport.app.portability import COPIES, open_portability
from rapport.app.rights_desk import EVERYTHING, RightsDesk
from rapport.app.settings import Settings
from rapport.kernel import ids
from rapport.kernel.errors import Busy, NotFound
from rapport.kernel.times import now, rfc3339
from rapport.kernel.vocabulary import PURPOSES
from rapport.terms import Terms
from rapport.terms.objecting import objected
from rapport.terms.rights import LAW, YOU, Asked, Case, took_words
from rapport.web.portal import rights_desk as ask
from rapport.web.portal.told import Effect, Look, Session

_KEPT_S = 600
_MOST_PROOFS = 100
_SAID = {
    "access": "You took along all that companies know.",
    "erasure": "You had everything erased.",
}
_FOR_YOU = {
    "access": " for all that it knows of you.",
    "deletion": " to erase all that is yours there.",
    "sale:opt_out": " to stop use for advertising.",
    "sale:opt_in": " to allow use for advertising again.",
}
"""What an agent exercises."""
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
        self._looked = looked
        self._changes = changes
        self._copying: set[str] = set()
        self._proofs: dict[str, tuple[float, bytes]] = {}
        shutil.rmtree(settings.directory / COPIES, ignore_errors=True)  # of a node that was killed

    # -- asking

    async def rights(self, session: Session, cursor: str | None) -> ask.Rights:
        person = self._people.person(session.person)
        before = int(cursor) if cursor is not None and cursor.isdecimal() and len(cursor) < 19 else LAST
        cases, following = self._desk.book.of_person(person.id, before)
        orgs = dict.fromkeys(org for org, _, _ in person.claims)
        purposes = ((EVERYTHING, "for anything at all"), *((name, words.purpose(name)) for name in PURPOSES))
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
            law=LAW[case.asked.right],
            what=_sentence(case, name),
            name=name,
            status=case.status,
            deadline=case.deadline,
            took="" if case.took is None else took_words(case.took),
            words=case.asked.words,
            answer=case.answer,
            by="" if case.asked.by == YOU else case.asked.by,
            receipts=case.receipts,
            told=tuple(_told_words(one) for one in self._desk.corrector.told(case)) if case.told else (),
        )

    async def stopping(self, session: Session, org: str, purpose: str) -> ask.Stop:
        person = self._customer(session, org)
        after = objected(person.terms, org, purpose)
        why = "for anything at all" if purpose == EVERYTHING else words.purpose(purpose)
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
        if org not in {company for company, _, _ in person.claims}:
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
            out = Path(directory) / "my-data"
            asyncio.run(open_portability(self._settings).export(person, out, form))
            handle, name = tempfile.mkstemp(".zip", f"{person}-", place)
            with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                for one in sorted(out.iterdir()):
                    archive.write(one, f"my-data/{one.name}")
        return Path(name)

    # -- erasing

    async def erasing(self, session: Session) -> ask.Erasing:
        person = self._people.person(session.person)
        companies = []
        for org in dict.fromkeys(org for org, _, _ in person.claims):
            declared = self._people.ground(org, ()).standing.declaration
            kept = tuple(
                f"{words.categories(promise.categories)}, for {promise.retention_days} days ({promise.law})"
                for promise in declared.purposes.values()
                if promise.basis == "legal_obligation" and promise.retention_days is not None
            )
            claims = tuple((kind, value) for company, kind, value in person.claims if company == org)
            companies.append((declared.name or org, claims, kept))
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
            f"{self._name(one.org)}: {words.categories(one.categories)} of {one.events} events, until "
            f"{rfc3339(one.until)[:10]} ({one.law})"
            for one in erased.carved
        )
        count = len(erased.reviews)
        took, demanded = took_words(now() - at), tuple(map(self._demanded, shredded.demands))
        return ask.Erased(erased.records, erased.events, erased.identifiers, kept, count, took, token, demanded)

    def _demanded(self, one: Demand) -> str:
        who = f"{one.recipient}, which {self._name(one.org)} gave a file on {rfc3339(one.exported_at)[:10]}"
        if one.state == "no_address":
            return f"{who}: {self._name(one.org)} has yet to say where it takes such demands"
        return f"{who}: to be done and confirmed by {rfc3339(one.deadline)[:10]}"

    def proof(self, token: str) -> bytes | None:
        until, raw = self._proofs.get(token, (0.0, b""))
        return raw if until > time.monotonic() else None

    def _name(self, org: str) -> str:
        return self._people.ground(org, ()).standing.declaration.name or org


def _told_words(told: Told) -> str:
    if told.status == "done":
        return f"{told.source}, on {rfc3339(told.at or 0)[:10]}"
    if told.status == "forgotten":
        return "a system that is no longer known"
    why = f": {told.error}" if told.error else ""
    return f"{told.source} could not be told{why}" if told.status == "failed" else f"{told.source} will be told{why}"


def _exercise(asked: Asked) -> str:
    return str(asked.value.get("exercise", "")) if isinstance(asked.value, dict) else ""


def _sentence(case: Case, name: str) -> str:
    asked = case.asked
    if asked.by != YOU and asked.org:
        return f"{asked.by[:1].upper()}{asked.by[1:]} asked {name}{_FOR_YOU.get(_exercise(asked), '.')}"
    if asked.right in _SAID:
        return _SAID[asked.right]
    if asked.right == "restriction":
        return f"You stopped all use by {name}."
    if asked.right == "objection":
        return f"You stopped use by {name} {words.purpose(asked.about)}."
    if asked.right == "review":
        return f"You asked {name} to have somebody look at a decision."
    if asked.right == "rectification":
        verb = "took back your correction of" if asked.value is None else "corrected"
        return f"You {verb} “{asked.about}” at {name}."
    return f"You asked {name or 'all companies'} for your data."

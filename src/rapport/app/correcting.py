"""Correcting what a company knows (GDPR article 16): a person's word goes through the log like every other fact, is
shown above all that systems say, and is told to the systems it concerns.

A correction is on record before it is said, and ended once readers see it. Whatever happens in between, saying it again
says nothing twice: its event follows from the request on record alone.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.outbox import OutboxFile
from rapport.adapters.embedded.people import ACTIVE, PeopleFile, Person
from rapport.adapters.embedded.rights import LAST, RightsBook
from rapport.adapters.embedded.sqlite import translating
from rapport.adapters.embedded.webhooks import WebhookFile
from rapport.app.correction_letters import MESSAGE, letter, telling
from rapport.app.saying import Saying
from rapport.app.settings import Settings
from rapport.app.webhooks import tell_sources
from rapport.collect import Correction, correction_entry
from rapport.collect.correction import Key
from rapport.kernel.errors import BadInput, Conflict, NotFound, RapportError
from rapport.kernel.ports import OWN_WORD, YOU
from rapport.kernel.times import SECOND, now
from rapport.profile import view
from rapport.profile.store import Found, ProfileReader
from rapport.terms import Gate
from rapport.terms.own import OwnLooks
from rapport.terms.own_word import Correctable, concerned, correctable, fitting, is_heard
from rapport.terms.rights import Asked, Case
from rapport.terms.still_open import still_open

log = logging.getLogger("rapport.correcting")

CORRECTED = "your correction"
GRACE = 15 * SECOND
"""How long whoever asked carries a correction out alone; after that the node takes it up."""
_EVERY_S = 5.0


class Told(NamedTuple):
    """What came of telling one system: `status` is that of the delivery (`waiting`, `done`, `failed`), or `forgotten`;
    `at` when it was delivered (µs)."""

    source: str
    status: str
    at: int | None
    error: str


class _Letters(NamedTuple):
    """What systems are to be told: (source, number of the record it tells of, message); and the receipts of that.
    `shut`: they may not be told, since the person's terms or a lock keep the company out."""

    letters: list[tuple[str, int, dict[str, Any]]]
    receipts: list[str]
    shut: bool


class Corrector:
    """Over one ledger connection and one reader of profiles."""

    def __init__(
        self,
        ledger: LedgerFile,
        people: PeopleFile,
        reader: ProfileReader,
        looks: OwnLooks,
        gate: Gate,
        saying: Saying,
        clock: Callable[[], int] = now,
    ) -> None:
        self._ledger = ledger
        self._people = people
        self._reader = reader
        self._looks = looks
        self._gate = gate
        self._saying = saying
        self._now = clock
        self._book = RightsBook(ledger)
        self._outbox = OutboxFile(ledger)
        self._webhooks = WebhookFile(ledger)

    # -- asking

    async def correct(self, handle: str, org: str, trait: str, value: Any, by: str) -> Case:
        """Correct a trait at a company, or with None take back what was said of it; return once readers see it.

        Raises NotFound where the person is no customer there, BadInput for a trait that the company does not have and
        for a value that does not fit it, Conflict where nothing leads to the person's records alone, Busy where it is
        on record and readers do not see it yet.
        """
        person = self._active(handle)
        claims = self._claims(person, org)
        if any(source.name == YOU for source in self._ledger.sources(org)):
            message = f"{org} has a source called {YOU!r}, which cannot be told from what customers say themselves"
            raise Conflict(message, code="reserved_source", field="org")
        for waiting in self._book.corrections(LAST, person.id):
            if (waiting.asked.org, waiting.asked.about) == (org, trait):
                await self._carry_out(waiting)  # one that was cut short: what is said now is said after it
        found = self._found(org, claims, trait)
        if found is None:
            raise BadInput(f"{org} knows nothing of yours called {trait[:60]!r}", code="unknown_trait", field="trait")
        if value is None and not found.said:
            raise BadInput("there is no correction of yours to take back", code="bad_request", field="value")
        if value is not None and not found.keys:
            raise Conflict(_ambiguous(org), code="ambiguous", field="trait")
        said = None if value is None else fitting(value, found)
        at = max(self._now(), found.newest + 1)
        case = self._book.put(person.id, Asked("rectification", org, trait, said, by=by), at)
        return await self._carry_out(case)

    def proposed(self, handle: str, org: str, trait: str) -> tuple[Correctable | None, list[str]]:
        """A trait that could be corrected, and the systems that would be told."""
        claims = self._claims(self._active(handle), org)
        found = self._found(org, claims, trait)
        return found, [] if found is None else self._systems(org, found)

    async def take_up(self, before: int) -> int:
        """Carry out what was asked for before a time (µs) and cut short since; return how much of it ended."""
        ended = 0
        for case in self._book.corrections(before):
            try:
                await self._carry_out(case)
                ended += 1
            except RapportError as error:  # one that cannot be carried out yet keeps no other from it
                log.warning("a correction waits, and is tried again: %s", error.message)
        return ended

    def told(self, case: Case) -> list[Told]:
        """What came of telling the company's systems."""
        return [self._delivered(name) for name in case.told]

    def _delivered(self, name: str) -> Told:
        try:
            one = self._outbox.delivery(name)
        except NotFound:
            return Told("", "forgotten", None, "")
        return Told(one.about, one.status, one.done_at if one.status == "done" else None, one.error)

    def _active(self, handle: str) -> Person:
        person = self._people.person(handle)
        if person.status != ACTIVE:
            raise Conflict("this person is erased", code="erased")
        return person

    @staticmethod
    def _claims(person: Person, org: str) -> list[Key]:
        claims = list(person.claims_at(org))
        if not claims:
            raise NotFound("you are no customer there", field="org")
        return claims

    def _found(self, org: str, claims: Sequence[Key], trait: str) -> Correctable | None:
        with self._reader.snapshot():
            return correctable(self._reader, org, claims, trait)

    def _systems(self, org: str, found: Correctable) -> list[str]:
        listening = self._webhooks.urls(org)
        return [source for source in found.sources if source in listening]

    # -- carrying out

    async def _carry_out(self, case: Case) -> Case:
        org, trait = case.asked.org, case.asked.about
        claims = [(kind, value) for company, kind, value in self._people.claims(case.person) if company == org]
        found = self._found(org, claims, trait)
        keys = () if found is None or case.asked.value is None else found.keys
        if found is None or (case.asked.value is not None and not keys):
            gone = f"{org} knows nothing of yours called {trait[:60]!r} any more"
            return self._ended(case, "refused", gone if found is None else _ambiguous(org))
        if not case.receipts:
            verb = "took back your correction of" if case.asked.value is None else "corrected"
            noted = await self._looks.note(case.person, org, CORRECTED, f"you {verb} “{trait}” at {org}")
            with contextlib.suppress(NotFound):
                self._book.add_receipt(case.id, noted)
        cleared = tuple(key for key in found.said if key not in keys)
        said = Correction(case.id, trait, case.asked.value, found.shown["category"], case.at, keys, cleared)
        await self._say(org, said)
        with self._reader.snapshot():
            heard = not keys or is_heard(self._reader, org, claims, trait, case.id, case.at, keys)
        if not heard:
            # It would stand beside the customer, seen by nobody, and come back one day.
            await self._say(org, Correction(f"{case.id}.back", trait, None, said.category, case.at + 1, (), keys))
            return self._ended(case, "refused", _ambiguous(org))
        letters = await self._letters(case, found, claims)

        def tell() -> list[str]:
            ids: list[str] = []
            for source, record, body in letters.letters:
                ids += tell_sources(self._ledger, org, MESSAGE, body, only=(source,), record=record, lasting=True)
            return ids

        heard = self._may_hear(case, found)
        shut = f"Its systems were not told: your terms, or a lock, keep {org} from serving you."
        return self._ended(case, "done", shut if letters.shut else "", letters.receipts, tell, heard=heard)

    async def _say(self, org: str, correction: Correction) -> None:
        if correction.keys or correction.cleared:
            await self._saying.say(correction_entry(org, correction, now()))

    def _ended(
        self,
        case: Case,
        status: Any,
        answer: str,
        receipts: Sequence[str] = (),
        tell: Callable[[], Sequence[str]] = tuple,
        *,
        heard: bool = False,
    ) -> Case:
        try:
            return self._book.end(case.id, status, answer, receipts, tell, heard=heard)
        except Conflict:
            return self._book.case(case.id)  # somebody else carried it out meanwhile

    def _may_hear(self, case: Case, found: Correctable) -> bool:
        """Whether the company may serve any of these customers: else it does not hear that one of them asks."""
        trait = None if case.asked.value is None else case.asked.about
        requests = [telling(case.asked.org, customer) for customer in found.customers]
        return any(still_open(self._reader, self._people, request, trait) for request in requests)

    async def _letters(self, case: Case, found: Correctable, claims: Sequence[Key]) -> _Letters:
        """What the company's systems are to be told, with receipts in its name: by the gate, like any other use."""
        org, trait, value = case.asked.org, case.asked.about, case.asked.value
        systems = self._systems(org, found)
        out = _Letters([], [], shut=False)
        if not systems:
            return out

        def answer(there: Found) -> dict[str, list[Key]] | None:
            shown = view.traits(there.parts).get(trait)
            if value is not None and (shown is None or shown["value"] != value):
                return None
            named = concerned(there.parts, [claim for claim in claims if claim in found.telling])
            return {source: keys for source, keys in named.items() if source in systems} or None

        for customer in found.customers:
            request = telling(org, customer, systems)
            try:
                there, named, receipt = await self._gate.read(request, answer, lambda _: (trait,))
            except NotFound:
                out = out._replace(shut=True)
                continue
            out.receipts.append(receipt.id)
            record = next((part.number for part in there.parts if part.trust >= OWN_WORD), there.number)
            for source, keys in named.items():
                out.letters.append((source, record, letter(case, there.customer, keys)))
        return out


def _ambiguous(org: str) -> str:
    return (
        f"what you have shown to be yours leads to no customer of {org} alone, so nothing was corrected: "
        "your customer number there would"
    )


async def keep_up(corrector: Corrector, settings: Settings) -> None:
    """Carry out, for as long as the node runs, what was cut short: by a kill, or by a worker that took too long."""
    before = now()  # nobody is at what was asked for before this node began
    while True:
        try:
            with translating(settings.directory / "ledger.db"):
                await corrector.take_up(before)
        except RapportError as error:
            log.warning("corrections that were cut short could not be looked for: %s", error.message)
        await asyncio.sleep(_EVERY_S)
        before = max(before, now() - GRACE)

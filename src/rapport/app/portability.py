"""Access and portability: all that is firmly a person's, from every company they claim, as files they take along.

The data is the person's own, so no gate decides: `terms/own` says what is theirs, and leaves a receipt for each company
in the person's book. Rows wait on the disk, so that memory does not grow with a timeline; all files appear at once, or
none.
"""

import contextlib
import shutil
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from rapport.adapters.embedded.agreements import AgreementBook
from rapport.adapters.embedded.goals import GoalFile, Said
from rapport.adapters.embedded.goals_told import GoalsTold
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.people import ACTIVE, PeopleFile, Person
from rapport.adapters.embedded.reader import StateReader
from rapport.adapters.embedded.rights import RightsBook
from rapport.adapters.embedded.wishes import WishBook
from rapport.adapters.files.sheet import Sheet, drafted
from rapport.app import embedded
from rapport.app.receipting import DirectReceipts
from rapport.app.settings import Settings
from rapport.decide.person import Says
from rapport.kernel.errors import BadInput, Conflict
from rapport.kernel.times import now, rfc3339
from rapport.profile import timeline, view
from rapport.profile.view import Part
from rapport.terms import Receipt, linked
from rapport.terms.own import OwnLooks
from rapport.terms.rights import YOU, Asked
from rapport.terms.sentences import clause_sentence, named

FORMATS = ("json", "csv", "parquet", "jsonld")
TABLES: dict[str, dict[str, str]] = {
    "companies": {
        "organization": "VARCHAR",
        "name": "VARCHAR",
        "locked": "BOOLEAN",
        "records": "BIGINT",
        "shared": "VARCHAR[]",
        "receipt": "VARCHAR",
    },
    "identifiers": {"organization": "VARCHAR", "type": "VARCHAR", "value": "VARCHAR", "sources": "VARCHAR[]"},
    "traits": {
        "organization": "VARCHAR",
        "group": "VARCHAR",
        "trait": "VARCHAR",
        "value": "JSON",
        "shown": "BOOLEAN",
        "category": "VARCHAR",
        "source": "VARCHAR",
        "record": "VARCHAR",
        "observed_at": "VARCHAR",
        "event": "VARCHAR",
    },
    "consent": {
        "organization": "VARCHAR",
        "source": "VARCHAR",
        "record": "VARCHAR",
        "observed_at": "VARCHAR",
        "consent": "JSON",
    },
    "events": {
        "organization": "VARCHAR",
        "record": "VARCHAR",
        "source": "VARCHAR",
        "event": "VARCHAR",
        "type": "VARCHAR",
        "name": "VARCHAR",
        "time": "VARCHAR",
        "received_at": "VARCHAR",
        "properties": "JSON",
        "traits": "JSON",
        "context": "JSON",
    },
    "terms": {"clause": "VARCHAR", "effect": "VARCHAR", "sentence": "VARCHAR", "written": "JSON"},
    "goals": {
        "goal": "VARCHAR",
        "words": "VARCHAR",
        "kind": "VARCHAR",
        "organizations": "VARCHAR[]",
        "amount": "VARCHAR",
        "currency": "VARCHAR",
        "times": "BIGINT",
        "per": "VARCHAR",
        "said_at": "VARCHAR",
        "paused_at": "VARCHAR",
        "finished_at": "VARCHAR",
        "told_to": "VARCHAR[]",
    },
    "wishes": {
        "organization": "VARCHAR",
        "alone": "BOOLEAN",
        "alone_until": "VARCHAR",
        "quiet": "VARCHAR",
        "zone": "VARCHAR",
        "stopped_actions": "VARCHAR[]",
        "stopped_kinds": "VARCHAR[]",
        "leanings": "JSON",
        "minute": "DOUBLE",
        "takes_part": "BOOLEAN",
    },
    "agreements": {
        "agreement": "VARCHAR",
        "organization": "VARCHAR",
        "status": "VARCHAR",
        "since": "VARCHAR",
        "ended_at": "VARCHAR",
        "document": "JSON",
        "hand": "JSON",
    },
    "notices": {
        "at": "VARCHAR",
        "organization": "VARCHAR",
        "kind": "VARCHAR",
        "changed": "VARCHAR[]",
        "follows": "VARCHAR[]",
    },
    "receipts": {
        "receipt": "VARCHAR",
        "organization": "VARCHAR",
        "at": "VARCHAR",
        "purpose": "VARCHAR",
        "action": "VARCHAR",
        "decision": "VARCHAR",
        "reason": "VARCHAR",
        "caller": "VARCHAR",
        "fields": "VARCHAR[]",
        "categories": "VARCHAR[]",
        "clauses": "VARCHAR[]",
        "agreement": "VARCHAR",
        "declaration": "VARCHAR",
        "recipients": "VARCHAR[]",
        "retention_days": "BIGINT",
        "unmet": "VARCHAR[]",
        "elsewhere": "BIGINT",
    },
}
"""Every table of the export, with its columns and their SQL types."""
_PAGE = 500
_LAST = 1 << 62


COPIES = "copies"
"""Under the data directory: archives on their way to their persons, whose handles their names begin with."""


class Taken(NamedTuple):
    """A finished export: its files, the rows of each table, and how long it took."""

    directory: Path
    files: tuple[str, ...]
    rows: dict[str, int]
    seconds: float


class Portability:
    """Exports over one reader of profiles, which must be nobody else's, and one ledger connection."""

    def __init__(
        self, ledger: LedgerFile, people: PeopleFile, agreements: AgreementBook, reader: StateReader, looks: OwnLooks
    ) -> None:
        self._ledger = ledger
        self._people = people
        self._agreements = agreements
        self._reader = reader
        self._looks = looks

    async def export(self, handle: str, out: Path, form: str, by: str = YOU) -> Taken:
        """Make the directory `out`, which must be empty or not there; on record as a request of the person's.

        Raises BadInput for an unknown format or an unusable directory, NotFound for nobody, Conflict for an erased
        person.
        """
        asked_at = now()
        taken, receipts = await self.write(handle, out, form)
        person = self._people.person(handle).id
        RightsBook(self._ledger).put_done(person, Asked("access", "", form, by=by), asked_at, receipts)
        return taken

    async def write(self, handle: str, out: Path, form: str, org: str | None = None) -> tuple[Taken, list[str]]:
        """The same, not on record as a request; with the receipts of the looks. `org`: what this company has alone, so
        without the person's terms, which speak of others, too."""
        if form not in FORMATS:
            raise BadInput(f"{form[:40]!r} is no format: {', '.join(FORMATS)} are", field="format")
        person = self._people.person(handle)
        if person.status != ACTIVE:
            raise Conflict("this person is erased, or about to be", code="erased")
        started = time.monotonic()
        with _directory(out) as draft, contextlib.ExitStack() as stack:
            sheets = {name: stack.enter_context(Sheet(draft, columns)) for name, columns in TABLES.items()}
            orgs = [company for company in person.orgs if org in {None, company}]
            receipts = [await self._take(person, company, sheets) for company in orgs]
            if org is None:
                self._take_own(person, sheets)
            self._take_shared(person, sheets, org)
            files = _write(sheets, draft, form, handle)
            rows = {name: sheet.rows for name, sheet in sheets.items()}
        return Taken(out, files, rows, time.monotonic() - started), receipts

    async def _take(self, person: Person, org: str, sheets: dict[str, Sheet]) -> str:
        said: dict[str, Any] = {}

        def give(parts: list[Part], shared: tuple[str, ...]) -> None:
            said.update(records=len(parts), shared=shared)
            for one in view.identifiers(parts):
                del one["verified"]
                sheets["identifiers"].add({"organization": org, **one})
            for row in _traits(parts):
                sheets["traits"].add({"organization": org, **row})
            for one in view.consent(parts):
                sheets["consent"].add({"organization": org, **one})
            for part in parts:
                for event in timeline.events(part.record.head, partial(self._reader.block_of, part)):
                    sheets["events"].add({"organization": org, **_shown(part, event)})

        receipt = await self._looks.take(person.id, org, give)
        name = self._people.name_of(org)
        locked = person.locked or org in person.locked_for
        sheets["companies"].add({"organization": org, "name": name, "locked": locked, **said, "receipt": receipt})
        return receipt

    def _take_own(self, person: Person, sheets: dict[str, Sheet]) -> None:
        """What the person says: terms, goals and how they want to be reached."""
        for clause in person.terms.clauses:
            written = msgspec.to_builtins(clause)
            sentence = clause_sentence(named(clause, self._people.name_of))
            row = {"clause": clause.id, "effect": clause.effect, "sentence": sentence}
            sheets["terms"].add({**row, "written": written})
        known = GoalsTold(self._people).of(person.handle)
        for said in GoalFile(self._ledger).of(person.handle):
            sheets["goals"].add({**_goal(said), "told_to": known.get(said.handle, ())})
        for org, says in WishBook(self._people).every(person.handle):
            sheets["wishes"].add(_wishes(org, says))

    def _take_shared(self, person: Person, sheets: dict[str, Sheet], org: str | None) -> None:
        """Agreements, notices and receipts; of one company, what is between the two."""
        for one in self._agreements.of_person(person.id):
            if org not in {None, one.org}:
                continue
            ended = None if one.ended_at is None else rfc3339(one.ended_at)
            shown = self._agreements.show(one.handle, person=person.id)
            document, hand = shown["agreement"], shown.get("hand")
            row = {"agreement": one.handle, "organization": one.org, "status": one.status, "since": rfc3339(one.since)}
            sheets["agreements"].add({**row, "ended_at": ended, "document": document, "hand": hand})
        before = _LAST
        while told := self._agreements.notices(person.id, before, _PAGE):
            before = told[-1].number
            for each in told:
                notice = each.notice
                if org not in {None, notice.org}:
                    continue
                row = {"at": rfc3339(each.at), "organization": notice.org, "kind": notice.kind}
                sheets["notices"].add({**row, "changed": notice.changed, "follows": notice.follows})
        before = _LAST
        while kept := self._ledger.receipts_of(person.id, before, _PAGE):
            before = kept[-1][0]
            for _, receipt in kept:
                if org in {None, receipt.org}:
                    sheets["receipts"].add(_receipt(receipt))


def _traits(parts: Sequence[Part]) -> Iterator[dict[str, Any]]:
    """Every value of every trait, those that the view shows and the others; of groups, too."""
    groups = [("", view.traits(parts)), *((group["id"], group["traits"]) for group in view.groups(parts))]
    for group, traits in groups:
        for name, shown in traits.items():
            others = shown.pop("others")
            for place, one in enumerate([shown, *others]):
                yield {"group": group or None, "trait": name, "shown": place == 0, **one}


def _wishes(org: str, says: Says) -> dict[str, Any]:
    """What was said to one organization about being reached; None: to all of them."""
    return {
        "organization": org or None,
        "alone": says.alone,
        "alone_until": None if says.alone_until is None else rfc3339(says.alone_until),
        "quiet": says.quiet or None,
        "zone": says.zone or None,
        "stopped_actions": sorted(says.stopped_actions),
        "stopped_kinds": sorted(says.stopped_kinds),
        "leanings": says.leanings,
        "minute": says.minute,
        "takes_part": not says.declines,
    }


def _goal(said: Said) -> dict[str, Any]:
    goal = said.goal
    measured = goal.kind != "words"
    return {
        "goal": said.handle,
        "words": goal.words,
        "kind": goal.kind,
        "organizations": goal.orgs,
        "amount": goal.amount or None,
        "currency": goal.currency or None,
        "times": goal.times or None,
        "per": goal.per if measured else None,
        "said_at": rfc3339(said.said_at),
        "paused_at": None if said.paused_at is None else rfc3339(said.paused_at),
        "finished_at": None if said.finished_at is None else rfc3339(said.finished_at),
    }


def _shown(part: Part, event: Any) -> dict[str, Any]:
    return {
        "record": part.handle,
        "source": part.record.source,
        "event": event.message_id,
        "type": event.kind,
        "name": event.name,
        "time": None if event.time is None else rfc3339(event.time),
        "received_at": rfc3339(event.received_at),
        "properties": event.properties,
        "traits": event.traits,
        "context": event.context,
    }


def _receipt(receipt: Receipt) -> dict[str, Any]:
    told = {name: getattr(receipt, name) for name in TABLES["receipts"] if hasattr(receipt, name)}
    return {**told, "receipt": receipt.id, "organization": receipt.org, "at": rfc3339(receipt.at)}


def _write(sheets: dict[str, Sheet], directory: Path, form: str, person: str) -> tuple[str, ...]:
    if form == "jsonld":
        _write_linked(sheets, directory / "person.jsonld", person)
        return ("person.jsonld",)
    for name, sheet in sheets.items():
        out = directory / f"{name}.{form}"
        if form == "parquet":
            sheet.write_parquet(out, {"rapport.person": person})
        elif form == "csv":
            sheet.write_csv(out)
        else:
            sheet.write_json(out)
    return tuple(f"{name}.{form}" for name in sheets)


def _write_linked(sheets: dict[str, Sheet], out: Path, person: str) -> None:
    encode = msgspec.json.encode
    with drafted(out) as draft, draft.open("wb") as file:
        file.write(b'{"@context": ' + encode(linked.CONTEXT) + b',\n"@graph": [\n')
        file.write(encode({"@id": linked.subject(person), "@type": "dpv:DataSubject"}))
        for name, sheet in sheets.items():
            for node in linked.nodes(name, sheet.read(), person):
                file.write(b",\n" + encode(node))
        file.write(b"\n]}\n")


@contextlib.contextmanager
def _directory(out: Path) -> Iterator[Path]:
    """A directory for its owner's eyes to write to, which takes the name `out` once it is whole, or vanishes."""
    draft = out.with_name(f".{out.name}.part")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise BadInput(f"{out} is there already, and is no empty directory", field="out")
        draft.mkdir(mode=0o700)
        yield draft
        draft.replace(out)
    except OSError as error:
        raise BadInput(f"{out} cannot be made: {error.strerror}", field="out") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def drop_copies(settings: Settings, handle: str) -> None:
    """Delete what a kill left of copies on their way to a person: it lies there in the clear."""
    for path in (settings.directory / COPIES).glob(f"{handle}-*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def open_portability(settings: Settings) -> Portability:
    ledger, keys = embedded.open_ledger(settings), embedded.open_keys(settings)
    people = embedded.open_people(settings, ledger, keys)
    reader = embedded.open_reader(settings, embedded.Sources(embedded.open_ledger(settings)).by_name)
    agreements = AgreementBook(ledger.db, keys, embedded.open_promises(settings, ledger), people.terms_of)
    looks = OwnLooks(reader, people, DirectReceipts(ledger))
    return Portability(ledger, people, agreements, reader, looks)

"""A company's export: one row for each customer that may be read for a purpose, by the gate, with a receipt for each.

Customers are walked in chunks, by their newest record; which records were seen takes a bit each, and rows wait on the
disk, so that memory does not grow with the organization. Receipts come first, as everywhere: an export that is cut
short leaves receipts of what was read for it, and no file.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.decide_reader import DecideReader
from rapport.adapters.embedded.erasures import ErasureReader
from rapport.adapters.embedded.export_files import ExportFiles
from rapport.adapters.embedded.exports import OUTSIDE, ExportBook
from rapport.adapters.embedded.reader import StateReader
from rapport.adapters.embedded.state_rows import MIGRATIONS
from rapport.adapters.files.sealed import seal_file
from rapport.adapters.files.sheet import Sheet, drafted
from rapport.app import embedded
from rapport.app.cursors import NEWEST
from rapport.app.fields import Fields
from rapport.app.membership import RESERVED, MembersWalk, check
from rapport.app.receipting import DirectReceipts
from rapport.app.settings import Settings
from rapport.kernel import ids
from rapport.kernel.errors import BadInput, Conflict, RapportError
from rapport.kernel.keys import SealKey, fresh_key
from rapport.kernel.times import DAY, now
from rapport.profile import view
from rapport.profile.store import Found
from rapport.terms import Gate, Receipt, Request
from rapport.terms.exports import FORMATS, Entry, Export, Wish, checked, metadata_of
from rapport.terms.gate import Answer
from rapport.terms.ground import People

ACTION = "export"
CUT_SHORT = "it was cut short"
KEPT = 7 * DAY
"""How long the node keeps a file to be fetched, at most."""
COLUMNS = {
    "customer": "VARCHAR",
    "receipt": "VARCHAR",
    "identifiers": "VARCHAR[]",
    "events": "BIGINT",
    "first_event_at": "VARCHAR",
    "last_event_at": "VARCHAR",
}
"""In every export; then `traits.NAME` for each trait that anybody in it has."""
TRAIT = "traits."
_TOGETHER = 50
"""Customers in one transaction of receipts: whoever else wants to write one waits for so many, and no longer."""

FieldsOf = Callable[[dict[str, Any]], tuple[str, ...]]
Progress = Callable[[int, int], None]
"""Called with how many records were walked, and how many customers are in the export."""


class Exported(NamedTuple):
    """A finished export. `metadata` is what the file carries, or for CSV the file beside it."""

    file: Path
    side_file: Path | None
    customers: int
    columns: int
    metadata: dict[str, str]
    export: Export


class Exporter:
    """Exports over one reader of profiles and a gate over it."""

    def __init__(
        self,
        reader: StateReader,
        people: People,
        gate: Gate,
        book: ExportBook,
        files: ExportFiles,
        erased: Callable[[], Sequence[int]],
        definitions: Definitions,
        decided: DecideReader,
    ) -> None:
        """`erased`: the numbers of all records that are erased now."""
        self._definitions = definitions
        self._decided = decided
        self._reader = reader
        self._people = people
        self._gate = gate
        self._book = book
        self._files = files
        self._erased = erased

    async def export(
        self,
        org: str,
        purpose: str,
        out: Path,
        *,
        limit: int | None = None,
        recipients: Sequence[str] = (),
        audience: str = "",
        progress: Progress = lambda *_: None,
    ) -> Exported:
        """Write the customers that may be read for a purpose; an older file is replaced once the new one is whole.

        Raises BadInput for an unknown purpose, a recipient that is not promised, or an unusable file, Conflict where
        the organization changes its promises meanwhile: then the rows would rest on different ones.
        """
        form = out.suffix.removeprefix(".")
        if form not in FORMATS:
            raise BadInput(f"{out.name} says no format: name it .parquet or .csv", field="out")
        wish = Wish(purpose, "csv" if form == "csv" else "parquet", limit, tuple(recipients), audience)
        wish = checked(wish, self._people.ground(org, ()).standing)
        check(self._definitions, org, wish)
        handle = ids.fresh("exp")
        with self._files.at_work(handle):
            self._book.cut_short(self._files.is_alive, CUT_SHORT)
            self._book.sweep(now())
            asked = self._book.ask(org, wish, OUTSIDE, handle)
            return await self.carry_out(asked, out, progress)

    async def carry_out(self, asked: Export, out: Path, progress: Progress = lambda *_: None) -> Exported:
        """Write an export that is on record as running, and say there how it ended. Raises as above, and Conflict where
        it was deleted meanwhile."""
        with self._failing(asked):
            return await self._written(asked, out, progress, self._book.finish)

    async def keep(self, asked: Export, progress: Progress = lambda *_: None) -> None:
        """Make an export that waits for the node: its file is sealed, and kept until the data's time is over, and no
        longer than a week. Raises as above; nothing is done where it does not wait any more."""
        files = self._files
        with files.at_work(asked.id), contextlib.ExitStack() as at_last:
            if not self._book.start(asked.number):
                return
            plain = files.draft(asked.id, asked.wish.format)
            at_last.callback(plain.unlink, missing_ok=True)
            at_last.enter_context(self._failing(asked))
            checked(asked.wish, self._people.ground(asked.org, ()).standing)  # it may have changed while this waited
            check(self._definitions, asked.org, asked.wish)
            done = await self._written(asked, plain, progress)
            key = fresh_key()
            finish = partial(self._book.finish, key=key)
            until = (done.export.exported_at or 0) + KEPT
            whole = replace(
                done.export, kept_until=min(until, done.export.expires_at or until), size=plain.stat().st_size
            )
            with drafted(files.sealed(asked.id), partial(finish, whole)) as draft:
                seal_file(plain, draft, SealKey(key))

    @contextlib.contextmanager
    def _failing(self, asked: Export) -> Iterator[None]:
        """However it ends, it is on record."""
        try:
            yield
        except BaseException as error:
            self._book.fail(asked.number, error.message if isinstance(error, RapportError) else CUT_SHORT)
            raise

    async def _written(
        self, asked: Export, out: Path, progress: Progress, finish: Callable[[Export], None] | None = None
    ) -> Exported:
        """The file with all rows; `finish` is called once it is whole, before it takes its name."""
        org, wish, limit = asked.org, asked.wish, asked.wish.limit
        request = Request(org, "", wish.purpose, asked.place, ACTION, recipients=wish.recipients)
        started = now()
        declaration = self._people.ground(org, ()).standing.hash
        keep_days: int | None = None
        walk = self._walk(org, wish.audience)
        columns, row_of, fields_of = self._columns(org, wish)
        with Sheet(out.parent, columns, [*wish.fields]) as sheet:
            while not walk.done and (limit is None or sheet.rows < limit):
                walk.most = _TOGETHER if limit is None else min(_TOGETHER, limit - sheet.rows)
                entries = []
                for found, row, receipt in await self._gate.each(request, walk.following, row_of, fields_of):
                    if receipt.declaration != declaration:
                        raise Conflict("what the organization promises changed meanwhile: export again")
                    keep_days = _sooner(keep_days, receipt)
                    sheet.add({"customer": found.customer, "receipt": receipt.id, **row})
                    entries.append(Entry(receipt.records, found.number, receipt.id))
                self._book.add(asked.number, entries, sheet.rows, walk.walked)
                progress(walk.walked, sheet.rows)
            # Whoever is erased later than this look finds the rows, and ends the export; whoever was before did not.
            if self._book.has_any(asked.number, self._erased()):
                raise Conflict("somebody in it was erased meanwhile: export again", code="erased")
            expires = None if keep_days is None else started + keep_days * DAY
            done = replace(
                asked, declaration=declaration, exported_at=started, expires_at=expires, customers=sheet.rows
            )
            ready = partial(finish, done) if finish is not None else _nothing
            side = _write(sheet, out, metadata_of(done), ready, beside=finish is not None)
            return Exported(out, side, sheet.rows, len(sheet.columns()), metadata_of(done), done)

    def _walk(self, org: str, audience: str) -> "_Walk | MembersWalk":
        if not audience:
            return _Walk(self._reader, org)
        return MembersWalk(self._reader, self._decided, org, audience)

    def _columns(self, org: str, wish: Wish) -> tuple[dict[str, str], Answer[dict[str, Any]], FieldsOf]:
        """Which columns there are in any case, what is made of a customer, and what of them is looked at for it."""
        if not wish.fields:
            return COLUMNS, _row, _fields
        fields = Fields(self._reader, self._definitions, org, wish.fields)
        return {name: COLUMNS[name] for name in RESERVED}, fields.of, lambda _: fields.names


class _Walk:
    """Every customer of an organization once, newest first, however they are joined and parted meanwhile."""

    def __init__(self, reader: StateReader, org: str) -> None:
        self._reader = reader
        self._org = org
        self._before = NEWEST
        self._seen = bytearray()
        self.most = _TOGETHER
        self.walked = 0
        self.done = False

    def following(self) -> list[Found]:
        """The next customers, within a reader's snapshot."""
        customers: list[Found] = []
        while len(customers) < self.most and not self.done:
            numbers = self._reader.newest_records(self._org, self._before, self.most)
            self.done = not numbers
            for number in numbers:
                if len(customers) == self.most:
                    break
                self._before = number
                self.walked += 1
                found = None if self._was_seen(number) else self._reader.found(self._org, number)
                if found is not None:
                    seen = [self._was_seen(part.number) for part in found.parts if part.number != number]
                    # Who was joined meanwhile to a customer that is in the export already, is in it already.
                    if not any(seen):
                        customers.append(found)
        return customers

    def _was_seen(self, number: int) -> bool:
        """Whether a record was seen before; from now on it was."""
        place, bit = number >> 3, 1 << (number & 7)
        if place >= len(self._seen):
            self._seen.extend(bytes(place + 1 - len(self._seen)))
        seen = bool(self._seen[place] & bit)
        self._seen[place] |= bit
        return seen


def _row(found: Found) -> dict[str, Any]:
    events = view.events(found.parts)
    traits = {f"{TRAIT}{name}": trait["value"] for name, trait in view.traits(found.parts).items()}
    return {
        "identifiers": [f"{one['type']}:{one['value']}" for one in view.identifiers(found.parts)],
        "events": events["total"],
        "first_event_at": events["first_at"],
        "last_event_at": events["last_at"],
        **traits,
    }


def _fields(row: dict[str, Any]) -> tuple[str, ...]:
    return ("identifiers", "events", *(name.removeprefix(TRAIT) for name in row if name.startswith(TRAIT)))


def _sooner(days: int | None, receipt: Receipt) -> int | None:
    said = receipt.retention_days
    return days if said is None else said if days is None else min(days, said)


def _write(
    sheet: Sheet, out: Path, metadata: dict[str, str], ready: Callable[[], None], *, beside: bool
) -> Path | None:
    """What goes beside a CSV file is told by the node where that keeps it."""
    if out.suffix == ".parquet":
        sheet.write_parquet(out, metadata, ready)
        return None
    return sheet.write_csv(out, metadata if beside else None, ready)


def _nothing() -> None:
    return


def open_exporter(settings: Settings, org: str) -> Exporter:
    """Raises NotFound where there is no such organization."""
    ledger = embedded.open_ledger(settings)
    ledger.expect_org(org)
    reader = embedded.open_reader(settings, embedded.Sources(ledger).by_name)
    people = embedded.open_people(settings)
    secret = embedded.open_keys(settings).secret("asked")
    gate = Gate(reader, people, DirectReceipts(embedded.open_ledger(settings)), secret=secret, quiet_s=0)
    erased = ErasureReader(settings.directory, ledger.keys, MIGRATIONS).every_erased
    definitions = Definitions(ledger)
    return Exporter(
        reader,
        people,
        gate,
        ExportBook(ledger),
        ExportFiles(settings.directory),
        erased,
        definitions,
        DecideReader(settings.directory),
    )

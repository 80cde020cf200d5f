"""The registry of exports in ledger.db: what was exported for whom, and who is in it.

Who is in it takes a narrow row for each record: numbers and a receipt, some 30 bytes. Records are walked from the
newest on, and are kept by their negative numbers: so rows are appended, and pages get full. They are there as long as
somebody may still have the file: an export that fails, or whose time is over, or that nobody fetched before it was
deleted, loses them; and so does whoever was erased, once recipients were told.

An export is `done` in the instant before its file takes its name. A kill between the two leaves an export that is on
record and a file that is not there: a recipient may be told in vain, but none is forgotten.
"""

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from operator import neg
from typing import TYPE_CHECKING

import msgspec

from rapport.adapters.embedded.export_files import ExportFiles
from rapport.adapters.embedded.sqlite import rows_in, transaction, translating
from rapport.kernel import ids
from rapport.kernel.errors import Busy, Conflict, NotFound
from rapport.kernel.keys import SealKey
from rapport.kernel.times import now
from rapport.terms.exports import Entry, Export, Held, Wish

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

__all__ = ["NODE", "OUTSIDE", "Entry", "Export", "ExportBook", "Held", "Wish"]

SCHEMA = """
    CREATE TABLE export (id INTEGER PRIMARY KEY AUTOINCREMENT, handle TEXT NOT NULL UNIQUE, org TEXT NOT NULL,
                         place TEXT NOT NULL, status TEXT NOT NULL, wish BLOB NOT NULL, asked_at INTEGER NOT NULL,
                         declaration TEXT NOT NULL DEFAULT '', exported_at INTEGER, expires_at INTEGER,
                         kept_until INTEGER, customers INTEGER NOT NULL DEFAULT 0, walked INTEGER NOT NULL DEFAULT 0,
                         size INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '',
                         fetched INTEGER NOT NULL DEFAULT 0, held INTEGER NOT NULL DEFAULT 0, key BLOB);
    CREATE INDEX export_of ON export (org, id);
    CREATE INDEX export_unfinished ON export (id) WHERE status IN ('waiting', 'running');
    CREATE TABLE export_row (export INTEGER, record INTEGER, customer INTEGER, receipt BLOB NOT NULL,
                             PRIMARY KEY (export, record, customer)) WITHOUT ROWID
"""

NODE, OUTSIDE = "node", "command line"
ERASED = "somebody in it was erased"
_EXPORTS = """
    SELECT id, handle, org, place, status, wish, asked_at, declaration, exported_at, expires_at, kept_until, customers,
           walked, size, reason, fetched
    FROM export WHERE {} ORDER BY id DESC LIMIT ?
"""
_REACHED = """
    org = ? AND (status = 'running' OR place = ? AND status = 'done')
    AND EXISTS (SELECT 1 FROM export_row r WHERE r.export = export.id AND r.record IN ({}))
"""
_FORGET = "DELETE FROM export_row WHERE record = ? AND export IN (SELECT id FROM export WHERE org = ?)"
_HOLDING = """
    SELECT e.handle, e.wish, r.customer, r.receipt, e.exported_at, e.expires_at
    FROM export e JOIN export_row r ON r.export = e.id
    WHERE e.org = ? AND e.held AND r.record IN ({}) AND (e.expires_at IS NULL OR e.expires_at > ?)
    ORDER BY e.id, r.customer, r.receipt
"""
MOST_WAITING, MOST_KEPT = 5, 50
RETRY_AFTER_S = 30
_TOGETHER = 500
_SLICE = 10_000
_RECEIPT = "rcp"

_NOT_DONE = {
    "waiting": "this export waits for its turn: ask again in a moment",
    "running": "this export is not done yet: ask again in a moment",
}


class ExportBook:
    """The exports of a ledger; over one ledger connection, used by one thread at a time."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self.ledger = ledger
        self._db = ledger.db
        self._files = ExportFiles(ledger.path.parent)

    # -- making one

    def ask(self, org: str, wish: Wish, place: str, handle: str) -> Export:
        """Put an export on record, under a fresh handle: one that waits for the node, or one that is about to begin.
        Raises NotFound for an unknown organization, Busy where too many of its exports are on their way to the node,
        Conflict where the node keeps too many already."""
        if not self.ledger.has_org(org):
            raise NotFound(f"there is no organization {org!r}", field="org")
        with self._writing():
            if place == NODE:
                self._check_room(org)
            row = (handle, org, place, "waiting" if place == NODE else "running", msgspec.json.encode(wish), now())
            query = "INSERT INTO export (handle, org, place, status, wish, asked_at) VALUES (?, ?, ?, ?, ?, ?)"
            self._db.execute(query, row)
        return self.named(handle)

    def _check_room(self, org: str) -> None:
        query = "SELECT count(*) FROM export WHERE org = ? AND place = ? AND status IN ('waiting', 'running')"
        if self._db.execute(query, (org, NODE)).fetchone()[0] >= MOST_WAITING:
            message = f"{MOST_WAITING} exports of yours are on their way: ask again once one is done"
            raise Busy(message, retry_after=RETRY_AFTER_S)
        query = "SELECT count(*) FROM export WHERE org = ? AND place = ? AND status = 'done'"
        if self._db.execute(query, (org, NODE)).fetchone()[0] >= MOST_KEPT:
            message = f"the node keeps {MOST_KEPT} exports of yours: delete those that you have fetched"
            raise Conflict(message, code="too_many_exports")

    def start(self, number: int) -> bool:
        """Begin one that waits; whether it still did."""
        with self._writing():
            query = "UPDATE export SET status = 'running' WHERE id = ? AND status = 'waiting'"
            return self._db.execute(query, (number,)).rowcount == 1

    def add(self, number: int, entries: Iterable[Entry], customers: int, walked: int) -> None:
        """Put who was read on record, and how far it is. Raises Conflict where the export was deleted meanwhile."""
        rows = [
            (number, -record, entry.customer, ids.bytes_of(_RECEIPT, entry.receipt))
            for entry in entries
            for record in entry.records
        ]
        with self._writing():
            query = "UPDATE export SET customers = ?, walked = ? WHERE id = ? AND status = 'running'"
            self._expect(self._db.execute(query, (customers, walked, number)).rowcount)
            self._db.executemany("INSERT OR REPLACE INTO export_row VALUES (?, ?, ?, ?)", rows)

    def finish(self, export: Export, key: bytes | None = None) -> None:
        """Its file is whole, and takes its name next; the node's is sealed under a key. Raises Conflict where it was
        deleted meanwhile."""
        sealed = None if key is None else self.ledger.keys.org(export.org).seal(key, _key_place(export))
        times = (export.exported_at, export.expires_at, export.kept_until)
        with self._writing():
            query = """
                UPDATE export SET status = 'done', held = 1, declaration = ?, exported_at = ?, expires_at = ?,
                                  kept_until = ?, size = ?, key = ?
                WHERE id = ? AND status = 'running'
            """
            row = (export.declaration, *times, export.size, sealed, export.number)
            self._expect(self._db.execute(query, row).rowcount)

    def fail(self, number: int, reason: str) -> None:
        """There is no file. Who was read for it keeps the receipt, and is held by nobody."""
        with self._writing():
            query = "UPDATE export SET status = 'failed', held = 0, reason = ? WHERE id = ? AND status != 'deleted'"
            self._db.execute(query, (reason, number))
        self._drop_rows(number)

    def _expect(self, changed: int) -> None:
        if not changed:
            raise Conflict("the export was deleted meanwhile", code="deleted")

    # -- what becomes of it

    def fetch(self, export: Export) -> SealKey:
        """Somebody is about to have a copy of the node's file: the key that it is sealed under. Raises Conflict where
        there is none yet, or never will be, NotFound where there is none any more."""
        with self._writing():
            query = """
                UPDATE export SET fetched = fetched + 1 WHERE id = ? AND status = 'done' AND kept_until > ?
                RETURNING key
            """
            row = self._db.execute(query, (export.number, now())).fetchone()
        if row is None or row[0] is None:
            found = self._db.execute("SELECT status, reason FROM export WHERE id = ?", (export.number,)).fetchone()
            if found is not None and found[0] in ("waiting", "running", "failed"):
                raise Conflict(_NOT_DONE.get(found[0], f"this export failed: {found[1]}"), code="not_done")
            raise NotFound("this export has no file here any more: its time is over, or it was deleted")
        return SealKey(self.ledger.keys.org(export.org).open(row[0], _key_place(export)))

    def end(self, export: Export, status: str, reason: str = "") -> None:
        """Delete the node's file, or what was to become one: `expired` or `deleted`. Copies that were fetched stay on
        record."""
        with self._writing():
            query = """
                UPDATE export SET status = ?, reason = ?, key = NULL, held = held AND fetched > 0
                WHERE id = ?
            """
            self._db.execute(query, (status, reason, export.number))
        self._files.remove(export.id)
        row = self._db.execute("SELECT held FROM export WHERE id = ?", (export.number,)).fetchone()
        if not row[0]:
            self._drop_rows(export.number)

    def sweep(self, present: int) -> None:
        """Let go of whoever is in exports whose time is over, wherever they lie, and of the node's own files."""
        for one in self._exports("place = ? AND status = 'done' AND kept_until <= ?", (NODE, present)):
            self.end(one, "expired")
        over = [
            number for (number,) in self._db.execute("SELECT id FROM export WHERE held AND expires_at <= ?", (present,))
        ]
        for number in over:
            with self._writing():
                query = "UPDATE export SET held = 0, status = iif(status = 'done', 'expired', status) WHERE id = ?"
                self._db.execute(query, (number,))
            self._drop_rows(number)

    def tidy(self) -> None:
        """Delete files that belong to no export, such as what a kill left behind; say so where one's own is gone."""
        for handle in self._files.tidy(self._kept):
            self.end(self.named(handle), "deleted", "its file is gone")

    def _kept(self) -> set[str]:
        return {one.id for one in self._exports("place = ? AND status = 'done'", (NODE,))}

    def cut_short(self, is_alive: Callable[[str], bool], reason: str) -> list[Export]:
        """Mark those that run in no process any more as failed, and return them."""
        dead = [one for one in self._exports("status = 'running'", ()) if not is_alive(one.id)]
        for one in dead:
            self.fail(one.number, reason)
        return dead

    # -- reading

    def named(self, handle: str, org: str | None = None) -> Export:
        """Raises NotFound, also where it is another organization's."""
        found = next(iter(self._exports("handle = ?", (handle,))), None)
        if found is None or (org is not None and found.org != org):
            raise NotFound("there is no such export")
        return found

    def of_org(self, org: str, before: int = 1 << 62, limit: int = 50) -> list[Export]:
        """An organization's exports, the newest first."""
        return list(self._exports("org = ? AND id < ?", (org, before), limit))

    def waiting(self) -> list[Export]:
        """Those that wait for the node, of whomever, the oldest first."""
        return list(self._exports("status = 'waiting'", ()))[::-1]

    def _exports(self, where: str, parameters: Sequence[object], limit: int = -1) -> Iterator[Export]:
        rows = self._db.execute(_EXPORTS.format(where), (*parameters, limit)).fetchall()
        for number, handle, org, place, status, wish, *rest in rows:
            yield Export(number, handle, org, place, status, msgspec.json.decode(wish, type=Wish), *rest)

    # -- who is in it

    def holding(self, org: str, records: Collection[int]) -> list[Held]:
        """Customers of these records in exports of which somebody may still have a copy."""
        handles = self.ledger.keys.handles(org)
        found: dict[Held, None] = {}
        for some in _some(records):
            query = _HOLDING.format(",".join("?" * len(some)))
            rows = self._db.execute(query, (org, *map(neg, some), now())).fetchall()
            for handle, wish, customer, receipt, exported_at, expires_at in rows:
                recipients = msgspec.json.decode(wish, type=Wish).recipients
                shown = ids.handle(handles, ids.CUSTOMER, customer)
                said = ids.text_of(_RECEIPT, receipt)
                found[Held(handle, recipients, shown, said, exported_at, expires_at)] = None
        return list(found)

    def has_any(self, number: int, records: Collection[int]) -> bool:
        """Whether any of these records was read for an export."""
        query = "SELECT 1 FROM export_row WHERE export = ? AND record IN ({})"
        return next(rows_in(self._db, query, [-record for record in records], number), None) is not None

    def within_reach(self, org: str, records: Collection[int]) -> list[Export]:
        """Exports that these records are in, and whose file the node has, or that are still being made, wherever."""
        found: dict[str, Export] = {}
        for some in _some(records):
            where = _REACHED.format(",".join("?" * len(some)))
            found |= {one.id: one for one in self._exports(where, (org, NODE, *map(neg, some)))}
        return list(found.values())

    def withdraw(self, org: str, records: Collection[int]) -> None:
        """Delete the node's files that erased records are in, and end what is being made with them. Of one that nobody
        fetched, there is no copy then."""
        for one in self.within_reach(org, records):
            self.end(one, "deleted", ERASED)

    def forget(self, org: str, records: Collection[int]) -> None:
        """Let go of records that were erased, in every export."""
        self.withdraw(org, records)
        for some in _some(records):
            with self._writing():
                self._db.executemany(_FORGET, [(-record, org) for record in some])

    def _drop_rows(self, number: int) -> None:
        """In slices, so that whoever waits to write a receipt does not wait long."""
        query = """
            DELETE FROM export_row WHERE export = ?1
            AND record <= (SELECT max(record) FROM (SELECT record FROM export_row WHERE export = ?1 LIMIT ?2))
        """
        gone = 1
        while gone:
            with self._writing():
                gone = self._db.execute(query, (number, _SLICE)).rowcount

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with translating(self.ledger.path), transaction(self._db):
            yield


def _key_place(export: Export) -> bytes:
    return b"export" + export.id.encode()


def _some(records: Collection[int]) -> Iterator[Sequence[int]]:
    every = list(records)
    return (every[start : start + _TOGETHER] for start in range(0, len(every), _TOGETHER))

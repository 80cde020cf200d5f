"""The registry of exports in ledger.db: what was exported for whom, and who is in it.

Who is in it takes a narrow row for each record: numbers and a receipt, some 30 bytes, in the order in which records are
walked. They are there as long as somebody may still have the file: an export that fails, or whose time is over, or that
nobody fetched before it was deleted, loses them; and so does whoever was erased, once recipients were told.

An export is `done` in the instant before its file takes its name. A kill between the two leaves an export that is on
record and a file that is not there: a recipient may be told in vain, but none is forgotten.
"""

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from rapport.adapters.embedded.export_files import ExportFiles
from rapport.adapters.embedded.sqlite import transaction, translating
from rapport.kernel import ids
from rapport.kernel.errors import Busy, Conflict, NotFound
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
_UNFINISHED = "('waiting', 'running')"
_COLUMNS = """id, handle, org, place, status, wish, asked_at, declaration, exported_at, expires_at, kept_until,
              customers, walked, size, reason"""
_HOLDING = """
    SELECT e.handle, e.wish, r.customer, r.receipt, e.exported_at, e.expires_at
    FROM export e JOIN export_row r ON r.export = e.id
    WHERE e.org = ? AND e.held AND r.record IN ({}) AND (e.expires_at IS NULL OR e.expires_at > ?)
    ORDER BY e.id, r.customer, r.receipt
"""
_TOGETHER = 500
_SLICE = 10_000
_RECEIPT = "rcp"


class ExportBook:
    """The exports of a ledger; over one ledger connection, used by one thread at a time."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._ledger = ledger
        self._db = ledger.db
        self._files = ExportFiles(ledger.path.parent)

    # -- making one

    def ask(self, org: str, wish: Wish, place: str, handle: str, *, most: int = 1_000) -> Export:
        """Put an export on record, under a fresh handle: one that waits for the node, or one that is about to begin.
        Raises NotFound for an unknown organization, Busy where so many of its exports are on their way already."""
        if not self._ledger.has_org(org):
            raise NotFound(f"there is no organization {org!r}", field="org")
        with self._writing():
            query = f"SELECT count(*) FROM export WHERE org = ? AND place = ? AND status IN {_UNFINISHED}"  # noqa: S608 - fixed
            if self._db.execute(query, (org, place)).fetchone()[0] >= most:
                raise Busy(f"{most} exports of yours are on their way: ask again once one is done", retry_after=60)
            row = (handle, org, place, "waiting" if place == NODE else "running", msgspec.json.encode(wish), now())
            query = "INSERT INTO export (handle, org, place, status, wish, asked_at) VALUES (?, ?, ?, ?, ?, ?)"
            self._db.execute(query, row)
        return self.named(handle)

    def start(self, number: int) -> bool:
        """Begin one that waits; whether it still did."""
        with self._writing():
            query = "UPDATE export SET status = 'running' WHERE id = ? AND status = 'waiting'"
            return self._db.execute(query, (number,)).rowcount == 1

    def add(self, number: int, entries: Iterable[Entry], customers: int, walked: int) -> None:
        """Put who was read on record, and how far it is. Raises Conflict where the export was deleted meanwhile."""
        rows = [
            (number, record, entry.customer, ids.bytes_of(_RECEIPT, entry.receipt))
            for entry in entries
            for record in entry.records
        ]
        with self._writing():
            query = "UPDATE export SET customers = ?, walked = ? WHERE id = ? AND status = 'running'"
            self._expect(self._db.execute(query, (customers, walked, number)).rowcount)
            self._db.executemany("INSERT OR REPLACE INTO export_row VALUES (?, ?, ?, ?)", rows)

    def finish(
        self, number: int, declaration: str, exported_at: int, expires_at: int | None, kept_until: int | None = None
    ) -> None:
        """Its file is whole, and takes its name next. Raises Conflict where it was deleted meanwhile."""
        with self._writing():
            query = """
                UPDATE export SET status = 'done', held = ?, declaration = ?, exported_at = ?, expires_at = ?,
                                  kept_until = ?
                WHERE id = ? AND status = 'running'
            """
            row = (1, declaration, exported_at, expires_at, kept_until, number)
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

    def sealed_as(self, number: int, key: bytes, size: int) -> None:
        """Remember how the node's file is sealed (the key, sealed itself), and its size in the clear."""
        with self._writing():
            self._db.execute("UPDATE export SET key = ?, size = ? WHERE id = ?", (key, size, number))

    def key_of(self, number: int) -> bytes | None:
        row = self._db.execute("SELECT key FROM export WHERE id = ?", (number,)).fetchone()
        return None if row is None else row[0]

    def fetched(self, number: int) -> None:
        """Somebody is about to have a copy of the node's file. Raises Conflict where it is gone."""
        with self._writing():
            query = "UPDATE export SET fetched = fetched + 1 WHERE id = ? AND status = 'done'"
            self._expect(self._db.execute(query, (number,)).rowcount)

    def end(self, number: int, status: str, reason: str = "") -> None:
        """The node's file is gone, or on its way: `expired` or `deleted`. Copies that were fetched stay on record."""
        with self._writing():
            query = """
                UPDATE export SET status = ?, reason = ?, key = NULL, size = 0, held = held AND (fetched > 0)
                WHERE id = ?
            """
            self._db.execute(query, (status, reason, number))
        self._drop_unheld(number)

    def sweep(self, present: int) -> list[Export]:
        """Let go of whoever is in exports whose time is over, wherever they lie; return those of the node whose files
        are to be deleted."""
        with self._writing():
            query = "UPDATE export SET held = 0 WHERE held AND expires_at <= ? RETURNING id, place"
            over = self._db.execute(query, (present,)).fetchall()
            query = "UPDATE export SET status = 'expired' WHERE place = ? AND status = 'done' AND expires_at <= ?"
            self._db.execute(query, (OUTSIDE, present))
        for number, _ in over:
            self._drop_rows(number)
        return list(self._exports("place = ? AND status = 'done' AND kept_until <= ?", (NODE, present)))

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

    def unfinished(self, org: str) -> int:
        query = f"SELECT count(*) FROM export WHERE org = ? AND status IN {_UNFINISHED}"  # noqa: S608 - fixed
        return int(self._db.execute(query, (org,)).fetchone()[0])

    def _exports(self, where: str, parameters: Sequence[object], limit: int = -1) -> Iterator[Export]:
        query = f"SELECT {_COLUMNS} FROM export WHERE {where} ORDER BY id DESC LIMIT ?"  # noqa: S608 - fixed
        for number, handle, org, place, status, wish, *rest in self._db.execute(query, (*parameters, limit)).fetchall():
            yield Export(number, handle, org, place, status, msgspec.json.decode(wish, type=Wish), *rest)

    # -- who is in it

    def holding(self, org: str, records: Collection[int]) -> list[Held]:
        """Customers of these records in exports of which somebody may still have a copy."""
        handles = self._ledger.keys.blind.derived(f"handles:{org}")
        found: dict[Held, None] = {}
        for some in _some(records):
            query = _HOLDING.format(",".join("?" * len(some)))
            rows = self._db.execute(query, (org, *some, now())).fetchall()
            for handle, wish, customer, receipt, exported_at, expires_at in rows:
                recipients = msgspec.json.decode(wish, type=Wish).recipients
                shown = ids.handle(handles, ids.CUSTOMER, customer)
                said = ids.text_of(_RECEIPT, receipt)
                found[Held(handle, recipients, shown, said, exported_at, expires_at)] = None
        return list(found)

    def on_node(self, org: str, records: Collection[int]) -> list[Export]:
        """Exports whose file the node has, or is about to have, and that these records are in."""
        found: dict[str, Export] = {}
        for some in _some(records):
            where = f"""
                org = ? AND place = ? AND status IN ('running', 'done')
                AND EXISTS (SELECT 1 FROM export_row r WHERE r.export = export.id
                            AND r.record IN ({",".join("?" * len(some))}))
            """  # noqa: S608 - question marks
            found |= {one.id: one for one in self._exports(where, (org, NODE, *some))}
        return list(found.values())

    def forget(self, org: str, records: Collection[int]) -> None:
        """Let go of records that were erased, in every export; a file of the node's that they are in goes too."""
        for one in self.on_node(org, records):
            self.end(one.number, "deleted", ERASED)
            self._files.remove(one.id)
        for some in _some(records):
            query = f"""
                DELETE FROM export_row WHERE record IN ({",".join("?" * len(some))})
                AND export IN (SELECT id FROM export WHERE org = ?)
            """  # noqa: S608 - question marks
            with self._writing():
                self._db.execute(query, (*some, org))

    def _drop_unheld(self, number: int) -> None:
        row = self._db.execute("SELECT held FROM export WHERE id = ?", (number,)).fetchone()
        if row is not None and not row[0]:
            self._drop_rows(number)

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
        with translating(self._ledger.path), transaction(self._db):
            yield


def _some(records: Collection[int]) -> Iterator[Sequence[int]]:
    every = list(records)
    return (every[start : start + _TOGETHER] for start in range(0, len(every), _TOGETHER))

"""The queues of destinations in decide.db: what waits for each, in the order in which it happened to each customer.

A row is put in by the transaction of what caused it, such as that a customer entered an audience, and names only who
and what: what it says is read when it leaves. It is gone once it was taken or may not be told; what was given up stays
as a dead letter until somebody asks for it again, or its time is over.

Of one customer only the oldest row is due; whoever waits longer holds nobody else up.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from rapport.act.activation import Delivery, Health, What
from rapport.act.delivery import KEPT
from rapport.adapters.embedded.sqlite import transaction, translating
from rapport.kernel import ids
from rapport.kernel.errors import BadInput, NotFound
from rapport.kernel.keys import SealKey
from rapport.kernel.times import DAY, now

NAMED = "ALTER TABLE queue ADD COLUMN audience TEXT"
"""Which audience was entered or left: the destination may be given another while it waits."""
SCHEMA = """
    CREATE TABLE queue (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, destination INTEGER NOT NULL,
                        customer INTEGER NOT NULL, what TEXT NOT NULL, at INTEGER NOT NULL, since INTEGER NOT NULL,
                        next_at INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0, dead INTEGER NOT NULL DEFAULT 0,
                        error TEXT NOT NULL DEFAULT '', record INTEGER, body BLOB);
    CREATE INDEX queue_due ON queue (destination, next_at, seq) WHERE NOT dead;
    CREATE INDEX queue_of ON queue (destination, customer, seq) WHERE NOT dead;
    CREATE INDEX queue_deletions ON queue (destination, next_at, seq) WHERE NOT dead AND what = 'deleted';
    CREATE INDEX queue_dead ON queue (destination, seq) WHERE dead;
    CREATE TABLE queue_health (destination INTEGER PRIMARY KEY, sent INTEGER NOT NULL DEFAULT 0,
                               withheld INTEGER NOT NULL DEFAULT 0, sent_at INTEGER, error TEXT NOT NULL DEFAULT '',
                               failed_at INTEGER);
    CREATE TABLE queue_told (digest BLOB PRIMARY KEY, day INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE recheck (seq INTEGER PRIMARY KEY AUTOINCREMENT, org TEXT NOT NULL, customer INTEGER)
"""
TOLD_KEPT = 90 * DAY
"""How long it is known that an event was put in."""
AT_ONCE = 0
"""When a delivery is due that somebody asks for: it does not wait until its destination has rested."""
_DELIVERIES = (
    "SELECT seq, id, destination, customer, what, at, since, next_at, tries, dead, error, audience FROM queue AS q"
)
_OLDEST = """
    NOT EXISTS (SELECT 1 FROM queue AS earlier WHERE earlier.destination = q.destination AND NOT earlier.dead
                AND earlier.customer = q.customer AND earlier.seq < q.seq)
"""
"""Of all that waits of its customer."""
_PUT = """
    INSERT INTO queue (id, destination, customer, what, at, since, next_at, record, body, audience)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


class Told(msgspec.Struct, frozen=True):
    """Which event a delivery is of: its name, its message id, and the number of the record that it is on."""

    name: str
    message_id: str
    record: int


class Row(NamedTuple):
    """Something to put in. `sealed`: of an event, which it is, as `sealed_event` makes it; `audience`: the name of that
    which was entered or left."""

    destination: int
    customer: int
    what: What
    at: int
    record: int | None = None
    sealed: bytes | None = None
    audience: str | None = None


def put(db: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Put rows in, within the caller's transaction over decide.db."""
    at = now()
    db.executemany(
        _PUT,
        [
            (
                ids.fresh("msg"),
                row.destination,
                row.customer,
                row.what,
                row.at,
                at,
                at,
                row.record,
                row.sealed,
                row.audience,
            )
            for row in rows
        ],
    )


def put_events(db: sqlite3.Connection, rows: Iterable[tuple[Row, bytes]]) -> None:
    """The same of events, each with a digest of destination and message: what was put in already is not again, such as
    where an event's record became another, or a feed tells it twice."""
    today = now() // DAY
    for row, digest in rows:
        if db.execute("INSERT OR IGNORE INTO queue_told VALUES (?, ?)", (digest, today)).rowcount:
            put(db, [row])


def recheck(db: sqlite3.Connection, org: str, customers: Iterable[int | None]) -> None:
    """Say, within the caller's transaction, that customers (None: any of the organization's) may not be read any more
    as they were: whoever was handed over is looked at again."""
    db.executemany("INSERT INTO recheck (org, customer) VALUES (?, ?)", [(org, one) for one in customers])


def sealed_event(key: SealKey, told: Told) -> bytes:
    """Which event a row is of, under the key of the record that it is on, so that an erasure takes it along."""
    return key.seal(msgspec.msgpack.encode(told), _place(told.record))


class DestinationQueue:
    """The queues, over one connection to decide.db that is used by one thread at a time."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self._path = path

    def put(self, rows: Sequence[Row]) -> None:
        with translating(self._path), transaction(self._db):
            put(self._db, rows)

    # -- sending

    def waiting(self) -> list[int]:
        """The destinations for which something waits."""
        found = []
        row = self._next(-1)
        while row is not None:
            found.append(row)
            row = self._next(row)
        return found

    def _next(self, after: int) -> int | None:
        query = "SELECT destination FROM queue WHERE NOT dead AND destination > ? ORDER BY destination LIMIT 1"
        row = self._db.execute(query, (after,)).fetchone()
        return None if row is None else row[0]

    def due(self, destination: int, at: int, limit: int, *, deletions_only: bool = False) -> list[Delivery]:
        """What is to be tried next, at most one of each customer."""
        which = f"what = 'deleted' AND {_OLDEST}" if deletions_only else _OLDEST
        query = f"""
            {_DELIVERIES} WHERE destination = ? AND NOT dead AND next_at <= ? AND {which} ORDER BY next_at, seq LIMIT ?
        """
        rows = self._db.execute(query, (destination, at, limit)).fetchall()
        return [_delivery(row) for row in rows]

    def event(self, delivery: Delivery, key_of: Callable[[int], SealKey | None]) -> Told | None:
        """Which event it is of; None where that was erased."""
        row = self._db.execute("SELECT record, body FROM queue WHERE seq = ?", (delivery.seq,)).fetchone()
        key = None if row is None or row[0] is None or row[1] is None else key_of(row[0])
        return None if key is None else msgspec.msgpack.decode(key.open(row[1], _place(row[0])), type=Told)

    def taken(self, done: Sequence[Delivery]) -> None:
        """They arrived: nothing of them is kept."""
        self._gone(
            done,
            """
            UPDATE queue_health SET sent = sent + 1, sent_at = max(coalesce(sent_at, 0), ?1) WHERE destination = ?2
            """,
        )

    def withheld(self, refused: Sequence[Delivery]) -> None:
        """They may not be told, or there is nothing to tell any more."""
        self._gone(refused, "UPDATE queue_health SET withheld = withheld + (?1 > 0) WHERE destination = ?2")

    def _gone(self, some: Sequence[Delivery], counting: str) -> None:
        """They wait no longer; `counting` counts one of them, at a time, of a destination."""
        at = now()
        with translating(self._path), transaction(self._db):
            for one in some:
                if self._db.execute("DELETE FROM queue WHERE seq = ?", (one.seq,)).rowcount:
                    self._know(one.destination)
                    self._db.execute(counting, (at, one.destination))

    def failed(self, delivery: Delivery, error: str, next_at: int | None) -> None:
        """It was not taken: it is tried again then, or given up (None)."""
        with translating(self._path), transaction(self._db):
            query = "UPDATE queue SET tries = tries + 1, error = ?, next_at = ?, dead = ? WHERE seq = ?"
            self._db.execute(query, (error, next_at or now(), next_at is None, delivery.seq))
            self._know(delivery.destination)
            query = "UPDATE queue_health SET error = ?, failed_at = ? WHERE destination = ?"
            self._db.execute(query, (error, now(), delivery.destination))

    def overdue(self, destination: int, before: int, error: str) -> None:
        """Give up all that has waited since before then."""
        with translating(self._path), transaction(self._db):
            query = "UPDATE queue SET dead = 1, error = ?, next_at = ? WHERE destination = ? AND NOT dead AND since < ?"
            self._db.execute(query, (error, now(), destination, before))

    def _know(self, destination: int) -> None:
        self._db.execute("INSERT OR IGNORE INTO queue_health (destination) VALUES (?)", (destination,))

    # -- withdrawal

    def recall(self, destination: int, customer: int, at: int) -> None:
        """A customer is to be deleted there: what waits of them goes, and the deletion waits instead."""
        with translating(self._path), transaction(self._db):
            query = "SELECT 1 FROM queue WHERE destination = ? AND customer = ? AND what = 'deleted'"
            if self._db.execute(query, (destination, customer)).fetchone() is None:
                self._db.execute("DELETE FROM queue WHERE destination = ? AND customer = ?", (destination, customer))
                put(self._db, [Row(destination, customer, "deleted", at)])

    def rechecks(self, limit: int) -> list[tuple[int, str, int | None]]:
        """(place, organization, customer) of those to be looked at again, the oldest first."""
        query = "SELECT seq, org, customer FROM recheck ORDER BY seq LIMIT ?"
        return self._db.execute(query, (limit,)).fetchall()

    def rechecked(self, upto: int) -> None:
        with translating(self._path), transaction(self._db):
            self._db.execute("DELETE FROM recheck WHERE seq <= ?", (upto,))

    def end(self, destination: int) -> None:
        """It was removed: nothing goes there but deletions."""
        with translating(self._path), transaction(self._db):
            self._db.execute("DELETE FROM queue WHERE destination = ? AND what != 'deleted'", (destination,))

    # -- looking

    def health(self, destination: int) -> Health:
        # By one query, so of one moment: what is taken meanwhile is not told as waiting and as sent.
        query = """
            SELECT waiting, oldest, dead, coalesce(sent, 0), coalesce(withheld, 0), sent_at, coalesce(error, ''),
                failed_at
            FROM (SELECT count(*) AS waiting, min(since) AS oldest FROM queue WHERE destination = ?1 AND NOT dead),
                (SELECT count(*) AS dead FROM queue WHERE destination = ?1 AND dead)
                LEFT JOIN queue_health ON destination = ?1
        """
        return Health(*self._db.execute(query, (destination,)).fetchone())

    def failures(self, destination: int, after: str | None = None, limit: int = 50) -> list[Delivery]:
        """Dead letters, the newest first; those after one (by its id), where one is given. Raises BadInput where there
        is none of that id."""
        before = 1 << 62
        if after is not None:
            query = "SELECT seq FROM queue WHERE destination = ? AND id = ?"
            row = self._db.execute(query, (destination, after)).fetchone()
            if row is None:
                raise BadInput("the cursor is not one that this list gave out", code="bad_cursor", field="cursor")
            before = row[0]
        query = f"{_DELIVERIES} WHERE destination = ? AND dead AND seq < ? ORDER BY seq DESC LIMIT ?"
        return [_delivery(row) for row in self._db.execute(query, (destination, before, limit)).fetchall()]

    def replay(self, destination: int, handle: str | None = None) -> int:
        """Try dead letters again (one, or all) as if they had just been put in, and before all else; return how many.
        Raises NotFound where there is no such."""
        with translating(self._path), transaction(self._db):
            query = "UPDATE queue SET dead = 0, since = ?, next_at = ? WHERE destination = ? AND dead"
            values = (now(), AT_ONCE, destination)
            if handle is None:
                return self._db.execute(query, values).rowcount
            if not self._db.execute(f"{query} AND id = ?", (*values, handle)).rowcount:
                raise NotFound("there is no such dead letter", field="id")
        return 1

    def hurry(self, destination: int) -> None:
        """Try at once what waits longest, though the destination rests: where it is taken, the rest follows."""
        with translating(self._path), transaction(self._db):
            query = """
                UPDATE queue SET next_at = ?
                WHERE seq = (SELECT min(seq) FROM queue WHERE destination = ? AND NOT dead)
            """
            self._db.execute(query, (AT_ONCE, destination))

    def sweep(self, at: int) -> None:
        """Forget what was given up long ago."""
        with translating(self._path), transaction(self._db):
            self._db.execute("DELETE FROM queue WHERE dead AND next_at < ?", (at - KEPT,))
            self._db.execute("DELETE FROM queue_told WHERE day < ?", ((at - TOLD_KEPT) // DAY,))

    def close(self) -> None:
        self._db.close()


def _delivery(row: tuple[int, str, int, int, What, int, int, int, int, int, str, str | None]) -> Delivery:
    seq, handle, destination, customer, what, at, since, next_at, tries, dead, error, audience = row
    return Delivery(seq, handle, destination, customer, what, at, since, next_at, tries, bool(dead), error, audience)


def _place(record: int) -> bytes:
    return b"queue" + record.to_bytes(8, "big")

"""The outbox in ledger.db: deliveries, put in by the transaction of what caused them, until they are done or given up.

What a delivery says is sealed: under the key of the record that it tells of, so that an erasure takes it along, or else
under the organization's. It is dropped once it was delivered; the fact stays for a while.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from rapport.act.delivery import KEPT, Answer, Delivery, is_over
from rapport.adapters.embedded.sqlite import transaction, translating
from rapport.kernel import ids
from rapport.kernel.errors import Conflict, NotFound
from rapport.kernel.keys import SealKey
from rapport.kernel.times import now

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

SCHEMA = """
    CREATE TABLE delivery (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, org TEXT NOT NULL,
                           url TEXT NOT NULL, kind TEXT NOT NULL, about TEXT NOT NULL, status TEXT NOT NULL,
                           made_at INTEGER NOT NULL, since INTEGER NOT NULL, next_at INTEGER NOT NULL,
                           tries INTEGER NOT NULL, done_at INTEGER, error TEXT NOT NULL, record INTEGER, body BLOB,
                           lasting INTEGER NOT NULL);
    CREATE INDEX delivery_to ON delivery (org, url, next_at) WHERE status = 'waiting';
    CREATE INDEX delivery_of ON delivery (org, number);
    CREATE INDEX delivery_about ON delivery (about) WHERE status = 'waiting';
    CREATE INDEX delivery_ended ON delivery (done_at) WHERE NOT lasting
"""
_DELIVERIES = "SELECT id, org, url, kind, about, status, made_at, next_at, tries, done_at, error FROM delivery"
_PUT = """
    INSERT INTO delivery (id, org, url, kind, about, made_at, since, next_at, record, body, lasting, status, tries,
                          error)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting', 0, '')
"""
_NEXT_PLACE = """
    SELECT org, url FROM delivery WHERE status = 'waiting' AND (org, url) > (?, ?) ORDER BY org, url LIMIT 1
"""
_GIVEN_UP = "given up: the destination did not take anything for days"

AT_ONCE = 0
"""When a delivery is due that somebody asks for: it does not wait until its destination has rested."""

Place = tuple[str, str]
"""A destination: the organization that sends there, and the address."""


class OutboxFile:
    """The deliveries of a ledger; over one ledger connection, used by one thread at a time."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._ledger = ledger
        self._db = ledger.db
        self._keys = ledger.keys

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """The transaction that is open, or one of its own."""
        if self._db.in_transaction:
            yield
            return
        with translating(self._ledger.path), transaction(self._db):
            yield

    # -- putting in

    def put(
        self,
        org: str,
        url: str,
        kind: str,
        about: str,
        body: bytes,
        *,
        record: int | None = None,
        lasting: bool = False,
    ) -> str:
        """Put a delivery in, within the caller's transaction where there is one; return its stable id. `record`: it
        tells of this record, and goes with it. `lasting`: the fact of it is kept for good.

        Raises NotFound where the record is erased, Full.
        """
        handle = ids.fresh("msg")
        seal = self._seal(org, record)
        if seal is None:
            raise NotFound("there is no such record")
        at = now()
        row = (handle, org, url, kind, about, at, at, at, record, seal.seal(body, _place(handle)), lasting)
        with self.together():
            self._db.execute(_PUT, row)
        return handle

    def _seal(self, org: str, record: int | None) -> SealKey | None:
        return self._keys.org(org) if record is None else self._keys.record(org, record)

    def redirect(self, org: str, kind: str, about: str, url: str) -> None:
        """Send what waits to another address from now on."""
        with self.together():
            query = "UPDATE delivery SET url = ? WHERE org = ? AND kind = ? AND about = ? AND status = 'waiting'"
            self._db.execute(query, (url, org, kind, about))

    def cancel(self, org: str, kind: str, about: str, why: str) -> None:
        """Send no longer what waits, and forget what it says."""
        with self.together():
            self._db.execute(
                "UPDATE delivery SET status = 'failed', error = ?, done_at = ?, body = NULL "
                "WHERE org = ? AND kind = ? AND about = ? AND status = 'waiting'",
                (why, now(), org, kind, about),
            )

    # -- sending

    def places(self) -> Iterator[Place]:
        """The destinations for which something waits."""
        found = self._db.execute(_NEXT_PLACE, ("", "")).fetchone()
        while found is not None:
            yield found
            found = self._db.execute(_NEXT_PLACE, found).fetchone()

    def due(self, place: Place, at: int) -> Delivery | None:
        """What is to be tried next at a destination."""
        query = f"{_DELIVERIES} WHERE status = 'waiting' AND org = ? AND url = ? AND next_at <= ?"
        query += " ORDER BY next_at, number LIMIT 1"
        row = self._db.execute(query, (*place, at)).fetchone()
        return None if row is None else Delivery(*row)

    def body(self, delivery: Delivery) -> bytes | None:
        """What it says; None where that was erased or dropped."""
        query = "SELECT record, body FROM delivery WHERE id = ?"
        row = self._db.execute(query, (delivery.id,)).fetchone()
        seal = None if row is None or row[1] is None else self._seal(delivery.org, row[0])
        return None if seal is None else seal.open(row[1], _place(delivery.id))

    def done(self, delivery: Delivery, also: Callable[[], None] = lambda: None) -> None:
        """It was taken: what it says is dropped. `also` is done in the same transaction."""
        with self.together():
            query = "UPDATE delivery SET status = 'done', tries = tries + 1, done_at = ?, error = '', body = NULL"
            self._db.execute(f"{query} WHERE id = ? AND status <> 'done'", (now(), delivery.id))
            also()

    def tried(self, delivery: Delivery, answer: Answer, next_at: int) -> None:
        """It was not taken: it is tried again, or given up, with all to this destination whose time is over, too."""
        at = now()
        with self.together():
            row = self._db.execute("SELECT since FROM delivery WHERE id = ?", (delivery.id,)).fetchone()
            over = answer.final or (row is not None and is_over(row[0], at))
            query = "UPDATE delivery SET tries = tries + 1, error = ?, next_at = ? WHERE id = ? AND status = 'waiting'"
            self._db.execute(query, (answer.why_not, next_at, delivery.id))
            if over:
                self._end(delivery.id, answer.why_not)
                others = "SELECT id, since FROM delivery WHERE status = 'waiting' AND org = ? AND url = ?"
                for other, since in self._db.execute(others, (delivery.org, delivery.url)).fetchall():
                    if is_over(since, at):
                        self._end(other, _GIVEN_UP)

    def drop(self, delivery: Delivery, why: str) -> None:
        """There is nothing to send any more: what it says is forgotten."""
        with self.together():
            self._end(delivery.id, why)
            self._db.execute("UPDATE delivery SET body = NULL WHERE id = ?", (delivery.id,))

    def fail(self, delivery: Delivery, why: str) -> None:
        """Send it no longer, unless somebody asks for it."""
        with self.together():
            self._end(delivery.id, why)

    def _end(self, handle: str, why: str) -> None:
        query = "UPDATE delivery SET status = 'failed', error = ?, done_at = ? WHERE id = ? AND status = 'waiting'"
        self._db.execute(query, (why, now(), handle))

    # -- looking

    def listed(self, org: str | None = None, status: str | None = None, limit: int = 200) -> list[Delivery]:
        """The newest deliveries, without what they say."""
        query = f"{_DELIVERIES} WHERE (? IS NULL OR org = ?) AND (? IS NULL OR status = ?) ORDER BY number DESC LIMIT ?"
        return [Delivery(*row) for row in self._db.execute(query, (org, org, status, status, limit))]

    def delivery(self, handle: str) -> Delivery:
        """Raises NotFound."""
        row = self._db.execute(f"{_DELIVERIES} WHERE id = ?", (handle,)).fetchone()
        if row is None:
            raise NotFound(f"there is no delivery {handle[:60]!r}")
        return Delivery(*row)

    def retry(self, handle: str) -> Delivery:
        """Try a delivery again from now on, as if it had just been put in, and first of all to its destination. Raises
        NotFound, and Conflict where it was delivered or what it says is no longer there."""
        with self.together():
            found = self.delivery(handle)
            if found.status == "done":
                raise Conflict("this was delivered already", code="delivered")
            if self.body(found) is None:
                raise Conflict("what this delivery said is no longer there", code="erased")
            query = "UPDATE delivery SET status = 'waiting', since = ?, next_at = ?, done_at = NULL WHERE id = ?"
            self._db.execute(query, (now(), AT_ONCE, handle))
        return self.delivery(handle)

    def sweep(self, at: int) -> None:
        """Forget what ended long ago; of what lasts, what it says."""
        with self.together():
            self._db.execute("DELETE FROM delivery WHERE NOT lasting AND done_at < ?", (at - KEPT,))

    def counted(self) -> dict[str, int]:
        """How many deliveries there are, by status."""
        rows: list[Any] = self._db.execute("SELECT status, count(*) FROM delivery GROUP BY status").fetchall()
        return dict(rows)


def _place(handle: str) -> bytes:
    return b"delivery" + handle.encode()

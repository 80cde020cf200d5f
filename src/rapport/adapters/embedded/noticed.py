"""What was noticed and is to start a decision, in ledger.db: a row for each customer, cause and purpose, until a
decision was made of it, or none may be.

    NoticedBook(ledger)                     one instance per thread, as the ledger
      .put(rows, at, upto)                  notice, each event once; and up to which move that is
      .due(at, limit, timed)                → records of which something waits, some of each organization
      .of(org, records, at)                 → what waits of one customer, opened
      .wait(some) .take(org, taken, chosen, at)     by a decision, in the transaction that its caller holds
      .drop(seqs) .drop_of(record) .put_off(seqs, until) .put_off_of(record, at, until)     without one
      .rounds() .put_rounds(…) .went_on(…)  how far everybody was gone through, for what a time starts
      .counts(org, since_day)               how often each action was started
    that_wait(ledger) triggers_of(ledger)   organization → its actions, and what they wait for

What waits is sealed under the key of the record that it was noticed of, and goes with it. Of a customer one row waits
for each cause and purpose: what happens again before a decision was made is decided together.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from rapport.adapters.embedded.actions import TRIGGERS, ActionBook
from rapport.adapters.embedded.sqlite import rows_in, transaction, translating
from rapport.decide.actions import Action
from rapport.decide.triggers import Start, Triggers
from rapport.kernel.errors import Corrupt
from rapport.kernel.keys import digest16
from rapport.kernel.times import DAY

if TYPE_CHECKING:
    import sqlite3

    from rapport.adapters.embedded.ledger import LedgerFile

SCHEMA = """
    CREATE TABLE noticed (seq INTEGER PRIMARY KEY AUTOINCREMENT, org TEXT NOT NULL, record INTEGER NOT NULL,
                          at INTEGER NOT NULL, next_at INTEGER NOT NULL, timed INTEGER NOT NULL,
                          what BLOB NOT NULL UNIQUE, body BLOB NOT NULL);
    CREATE INDEX noticed_due ON noticed (org, timed, next_at, seq);
    CREATE INDEX noticed_of ON noticed (record);
    CREATE TABLE noticed_event (key BLOB PRIMARY KEY, day INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX noticed_event_on ON noticed_event (day);
    CREATE TABLE noticed_upto (id INTEGER PRIMARY KEY CHECK (id = 1), move INTEGER NOT NULL);
    CREATE TABLE round (org TEXT, action TEXT, trigger BLOB, begins INTEGER, day TEXT NOT NULL, before INTEGER NOT NULL,
                        since INTEGER NOT NULL, PRIMARY KEY (org, action, trigger)) WITHOUT ROWID;
    CREATE TABLE started (org TEXT, action TEXT, day INTEGER, decided INTEGER NOT NULL, chosen INTEGER NOT NULL,
                          PRIMARY KEY (org, action, day)) WITHOUT ROWID
"""
_KNOWN_DAYS: Final = 3
"""So long it is known that an event was noticed: longer than one that is told again still starts anything."""
_MOST: Final = 200
"""Rows of one customer that one decision is made of."""
_PLACE: Final = b"noticed"
_encode = msgspec.msgpack.Encoder().encode


class Row(NamedTuple):
    """Something to notice. `source` and `message`: of an event, by which it is noticed once; `due`: when it may start a
    decision (µs; None: at once); `timed`: a time starts it, so that it has no haste."""

    org: str
    record: int
    purpose: str
    actions: tuple[str, ...]
    start: Start
    source: str = ""
    message: str = ""
    due: int | None = None
    timed: bool = False


class Noticed(NamedTuple):
    """Something that waits. `at`: since when it does (µs)."""

    seq: int
    record: int
    at: int
    purpose: str
    actions: tuple[str, ...]
    start: Start
    message: str


class RoundRow(NamedTuple):
    """How far a round has come: down to record `before`; 0: it has not begun. `begins` None: no more. `since`: from
    when on (µs) its trigger was there: times before that start nothing."""

    org: str
    action: str
    trigger: bytes
    begins: int | None
    day: str
    before: int
    since: int


class _Body(msgspec.Struct, frozen=True, array_like=True):
    purpose: str
    actions: tuple[str, ...]
    start: Start
    message: str = ""


_decode = msgspec.msgpack.Decoder(_Body).decode


class NoticedBook:
    """Over one ledger connection."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._ledger = ledger
        self._db = ledger.db
        self._secret = ledger.keys.secret("noticed")

    # -- noticing

    def put(self, rows: Sequence[Row], at: int, upto: int | None = None) -> int:
        """Notice; → how many rows wait now that did not. An event that was noticed before is not again. `upto`: the
        last move in decide.db that these rows are of."""
        with translating(self._ledger.path), transaction(self._db):
            fresh = self._put(rows, at)
            if upto is not None:
                self._db.execute("INSERT OR REPLACE INTO noticed_upto VALUES (1, ?)", (upto,))
            return fresh

    def _put(self, rows: Sequence[Row], at: int) -> int:
        known: dict[bytes, bool] = {}
        fresh = 0
        for row in rows:
            if row.message:
                key = self._digest("event", row.org, row.source, row.message)
                if key not in known:  # one event may wait for decisions of several purposes
                    query = "INSERT OR IGNORE INTO noticed_event VALUES (?, ?)"
                    known[key] = self._db.execute(query, (key, at // DAY)).rowcount == 0
                if known[key]:
                    continue
            seal = self._ledger.receipt_log.sealing_key(row.org, row.record)
            if seal is None:
                continue  # erased since
            what = self._digest(row.org, row.record, row.purpose, row.start.how, row.start.name, row.actions)
            body = seal.seal(_encode(_Body(row.purpose, row.actions, row.start, row.message)), _PLACE)
            query = """
                INSERT OR IGNORE INTO noticed (org, record, at, next_at, timed, what, body) VALUES (?, ?, ?, ?, ?, ?, ?)
            """
            due = at if row.due is None else row.due
            values = (row.org, row.record, due, due, row.timed, what, body)
            fresh += self._db.execute(query, values).rowcount
        return fresh

    def upto(self) -> int | None:
        """The last move that was looked at; None: none was."""
        row = self._db.execute("SELECT move FROM noticed_upto").fetchone()
        return None if row is None else int(row[0])

    def forget_moves(self) -> None:
        """Nobody waits for any: who does later begins with those to come."""
        with translating(self._ledger.path), transaction(self._db):
            self._db.execute("DELETE FROM noticed_upto")

    def _digest(self, *what: object) -> bytes:
        return digest16(self._secret, _encode(what))

    # -- what waits

    def due(self, at: int, limit: int, *, timed: bool) -> list[tuple[str, int]]:
        """(organization, record) of what waits, of each organization the longest first: about so many, and of each one
        at least, so that none has to wait until another has nothing more."""
        orgs = self._waiting()
        query = """
            SELECT org, record FROM noticed WHERE org = ? AND timed = ? AND next_at <= ? ORDER BY next_at, seq LIMIT ?
        """
        share = max(1, limit // max(1, len(orgs)))
        return [row for org in orgs for row in self._db.execute(query, (org, timed, at, share)).fetchall()]

    def next_due(self) -> int | None:
        """When the next may start a decision."""
        query = "SELECT min(next_at) FROM noticed WHERE org = ? AND timed = ?"
        found = [self._db.execute(query, (org, timed)).fetchone()[0] for org in self._waiting() for timed in (0, 1)]
        return min((int(one) for one in found if one is not None), default=None)

    def _waiting(self) -> list[str]:
        """Organizations of whose customers anything waits."""
        query = "SELECT org FROM noticed WHERE org > ? ORDER BY org LIMIT 1"
        found: list[str] = []
        row = self._db.execute(query, ("",)).fetchone()
        while row is not None:
            found.append(row[0])
            row = self._db.execute(query, row).fetchone()
        return found

    def of(self, org: str, records: Collection[int], at: int) -> list[Noticed]:
        """What waits of one customer, the oldest first. What was noticed of somebody who was erased is let go."""
        found: list[Noticed] = []
        gone: list[int] = []
        query = "SELECT seq, record, at, body FROM noticed WHERE next_at <= ? AND record IN ({})"
        for seq, record, since, body in rows_in(self._db, query, sorted(records), at):
            seal = self._ledger.receipt_log.sealing_key(org, record)
            try:
                said = None if seal is None else _decode(seal.open(body, _PLACE))
            except (Corrupt, msgspec.MsgspecError):
                said = None  # one that cannot be read, or is of a newer version's, must not stop those behind it
            if said is None:
                gone.append(seq)
            else:
                found.append(Noticed(seq, record, since, said.purpose, said.actions, said.start, said.message))
        self.drop(gone)
        return sorted(found)[:_MOST]

    def wait(self, some: Collection[Noticed]) -> bool:
        """Whether all of them still do."""
        there = [self._db.execute("SELECT 1 FROM noticed WHERE seq = ?", (one.seq,)).fetchone() for one in some]
        return None not in there

    def take(self, org: str, taken: Collection[Noticed], chosen: str, at: int) -> None:
        """They are decided: to be called in the transaction of the decision."""
        self._db.executemany("DELETE FROM noticed WHERE seq = ?", [(one.seq,) for one in taken])
        query = """
            INSERT INTO started VALUES (?, ?, ?, 1, ?)
            ON CONFLICT DO UPDATE SET decided = decided + 1, chosen = chosen + excluded.chosen
        """
        actions = sorted({action for one in taken for action in one.actions})
        self._db.executemany(query, [(org, action, at // DAY, action == chosen) for action in actions])

    def drop(self, seqs: Collection[int]) -> None:
        if seqs:
            with translating(self._ledger.path), transaction(self._db):
                self._db.executemany("DELETE FROM noticed WHERE seq = ?", [(seq,) for seq in seqs])

    def drop_of(self, record: int) -> None:
        """All that was noticed of a record that is not there any more."""
        with translating(self._ledger.path), transaction(self._db):
            self._db.execute("DELETE FROM noticed WHERE record = ?", (record,))

    def put_off(self, seqs: Collection[int], until: int) -> None:
        with translating(self._ledger.path), transaction(self._db):
            self._db.executemany("UPDATE noticed SET next_at = ? WHERE seq = ?", [(until, seq) for seq in seqs])

    def put_off_of(self, record: int, at: int, until: int) -> None:
        """All that was noticed of a record and may start a decision now."""
        with translating(self._ledger.path), transaction(self._db):
            query = "UPDATE noticed SET next_at = ? WHERE record = ? AND next_at <= ?"
            self._db.execute(query, (until, record, at))

    def sweep(self, at: int, limit: int) -> bool:
        """Forget some of which events were noticed: those that are too old to be noticed again; whether there may be
        more."""
        query = "DELETE FROM noticed_event WHERE key IN (SELECT key FROM noticed_event WHERE day < ? LIMIT ?)"
        with translating(self._ledger.path), transaction(self._db):
            return self._db.execute(query, (at // DAY - _KNOWN_DAYS, limit)).rowcount == limit

    # -- rounds

    def rounds(self) -> list[RoundRow]:
        query = (
            "SELECT org, action, trigger, begins, day, before, since FROM round ORDER BY begins, org, action, trigger"
        )
        return [RoundRow(*row) for row in self._db.execute(query).fetchall()]

    def put_rounds(self, rounds: Iterable[RoundRow], gone: Iterable[RoundRow] = ()) -> None:
        with translating(self._ledger.path), transaction(self._db):
            for one in gone:
                query = "DELETE FROM round WHERE org = ? AND action = ? AND trigger = ?"
                self._db.execute(query, one[:3])
            self._db.executemany("INSERT OR REPLACE INTO round VALUES (?, ?, ?, ?, ?, ?, ?)", list(rounds))

    def went_on(self, one: RoundRow, rows: Sequence[Row], at: int) -> None:
        """A slice of a round is done: what it noticed, and how far it has come, or neither."""
        with translating(self._ledger.path), transaction(self._db):
            self._put(rows, at)
            self._db.execute("INSERT OR REPLACE INTO round VALUES (?, ?, ?, ?, ?, ?, ?)", one)

    # -- what came of it

    def counts(self, org: str, since: int) -> dict[str, tuple[int, int]]:
        """How many decisions each action started since an instant (whole days), and how often it was chosen then."""
        query = "SELECT action, sum(decided), sum(chosen) FROM started WHERE org = ? AND day >= ? GROUP BY action"
        rows = self._db.execute(query, (org, since // DAY)).fetchall()
        return {action: (decided, chosen) for action, decided, chosen in rows}


def that_wait(ledger: "LedgerFile") -> dict[str, list[Action]]:
    """Organization → its actions, of those of which any waits for anything."""
    query = "SELECT DISTINCT org FROM in_use WHERE kind = ?"
    book = ActionBook(ledger)
    return {org: book.actions(org) for (org,) in ledger.db.execute(query, (TRIGGERS,)).fetchall()}


def triggers_of(ledger: "LedgerFile") -> dict[str, Triggers]:
    """Organization → what its actions wait for, likewise."""
    return {org: Triggers(actions) for org, actions in that_wait(ledger).items()}


def end_waiting(db: "sqlite3.Connection") -> None:
    """In a restored ledger, within a transaction: nothing that waited starts anything, since nobody knows whether it
    did; what happens from now on does."""
    for table in ("noticed", "noticed_upto", "round"):
        db.execute(f"DELETE FROM {table}")  # noqa: S608 (our own names)

"""decide.db, the evaluator's side: what is to be asked, and what came of it, in one synced transaction at a time.

    DecideFile(data)                one instance, one thread: the evaluator's
      .sync(org, wanted)            make decide.db know the definitions in force, and fill what is new
      .members(org, customers)      what is kept of some customers
      .due(now, limit)              timers that have come
      .filling() .refill(...)       audiences that everybody is being asked about
      .write(batch, along)          members, moves, counts, cursors, and what rides `along` in the same transaction

Reading is `decide_reader`'s, for every other process.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from rapport.adapters.embedded.decide_rows import MIGRATIONS
from rapport.adapters.embedded.sqlite import connect, put_rows, rows_in, transaction, translating
from rapport.decide import Cause, Member, Moved
from rapport.kernel.times import DAY
from rapport.profile.touching import Interest

NEWEST = 1 << 62
"""Where a fill begins: above every record's number."""
_DROPPED_AT_ONCE = 20_000
_DROPS = (
    "DELETE FROM member WHERE audience = ?1 AND customer IN (SELECT customer FROM member WHERE audience = ?1 LIMIT ?2)",
    "DELETE FROM history WHERE audience = ?1 AND seq IN (SELECT seq FROM history WHERE audience = ?1 LIMIT ?2)",
    "DELETE FROM daily WHERE audience = ?1 AND day IN (SELECT day FROM daily WHERE audience = ?1 LIMIT ?2)",
)
_FORGETS = ("DELETE FROM member WHERE customer = ?", "DELETE FROM history WHERE customer = ?")
_DAILY = """
    INSERT INTO daily SELECT ?, ?, inside, ?, ? FROM audience WHERE id = ?
    ON CONFLICT DO UPDATE SET inside = excluded.inside, entered = entered + excluded.entered,
                              left = left + excluded.left
"""


class Wanted(NamedTuple):
    """A definition in force: its version, and what it and all behind it are made of, in short."""

    version: int
    basis: str


class Fill(NamedTuple):
    """Audiences of one organization that everybody is being asked about, from record `before` down; `until`: stop
    there, where others wait to go on together."""

    org: str
    names: tuple[str, ...]
    cause: Cause
    before: int
    until: int


class Move(NamedTuple):
    """One move as it was written: `seq` is its place in history."""

    seq: int
    org: str
    audience: str
    customer: int
    moved: Moved


class Batch(msgspec.Struct):
    """What came of asking, by (organization, audience, customer). `members`: what to keep (None: nothing); `erased`:
    customers of whom nothing is to be kept but that they left."""

    at: int
    members: dict[tuple[str, str, int], Member | None] = msgspec.field(default_factory=dict)
    moves: list[tuple[str, str, int, Moved]] = msgspec.field(default_factory=list)
    erased: set[int] = msgspec.field(default_factory=set)
    cursors: dict[str, int] = msgspec.field(default_factory=dict)
    filled: list[tuple[Fill, int]] = msgspec.field(default_factory=list)
    """Fills with the record that they have come down to; 0: to the end."""


Along = Callable[[sqlite3.Connection, Sequence[Move]], None]


class DecideFile:
    def __init__(self, data: Path) -> None:
        self.path = data / "decide.db"
        self.db = connect(self.path, MIGRATIONS, durable=True, cache_mb=64)
        self.db.execute("PRAGMA secure_delete = ON")
        self._ids: dict[tuple[str, str], int] = {}
        self._names: dict[int, tuple[str, str]] = {}
        self._reload()

    def _reload(self) -> None:
        rows = self.db.execute("SELECT id, org, name FROM audience").fetchall()
        self._ids = {(org, name): number for number, org, name in rows}
        self._names = {number: (org, name) for number, org, name in rows}

    def meta(self, name: str) -> int:
        row = self.db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

    # -- definitions

    def orgs(self) -> set[str]:
        return {org for org, _ in self._ids if org}

    def sync(self, org: str, wanted: Mapping[str, Wanted]) -> None:
        """Know just these audiences of an organization; of those that are new, or rest on something else than before,
        everybody is to be asked."""
        rows = self.db.execute("SELECT id, name, version, basis FROM audience WHERE org = ?", (org,)).fetchall()
        known = {name: (number, version, basis) for number, name, version, basis in rows}
        gone = [number for name, (number, _, _) in known.items() if name not in wanted]
        other = {name: one for name, one in wanted.items() if known.get(name, (0, 0, ""))[1:] != tuple(one)}
        if not gone and not other:
            return
        with translating(self.path), transaction(self.db):
            for number in gone:
                self.db.execute("DELETE FROM fill WHERE audience = ?", (number,))
                self.db.execute("UPDATE audience SET org = '', name = 'gone ' || id WHERE id = ?", (number,))
            for name, one in other.items():
                self.db.execute(
                    "INSERT INTO audience (org, name, version, basis, inside) VALUES (?, ?, ?, ?, 0) "
                    "ON CONFLICT DO UPDATE SET version = excluded.version, basis = excluded.basis",
                    (org, name, *one),
                )
                query = (
                    "INSERT OR REPLACE INTO fill SELECT id, 'definition', ? FROM audience WHERE org = ? AND name = ?"
                )
                self.db.execute(query, (NEWEST, org, name))
        self._reload()

    def put_interests(self, interests: Mapping[str, Interest], version: int) -> None:
        """Say what all definitions up to a change of them ask of customers."""
        rows = [(org, msgspec.msgpack.encode(interest)) for org, interest in interests.items()]
        with translating(self.path), transaction(self.db):
            self.db.execute("DELETE FROM interest")
            self.db.executemany("INSERT INTO interest VALUES (?, ?)", rows)
            self.db.execute("INSERT OR REPLACE INTO meta VALUES ('interest', ?)", (version,))

    def drop_some(self) -> bool:
        """Delete some of what is kept of audiences that were deleted; return whether there is more. Who was in one is
        kept until a destination that was told of them was told that they left."""
        gone = [number for number, (org, _) in self._names.items() if not org]
        if gone:
            told = {number for (number,) in self.db.execute("SELECT audience FROM told_upto").fetchall()}
            gone = [number for number in gone if number not in told]
        if not gone:
            return False
        number = gone[0]
        with translating(self.path), transaction(self.db):
            left = _DROPPED_AT_ONCE
            for query in _DROPS:
                left -= self.db.execute(query, (number, left)).rowcount
                if left <= 0:
                    return True
            self.db.execute("DELETE FROM audience WHERE id = ?", (number,))
        self._reload()
        return len(gone) > 1

    # -- what is to be asked

    def members(self, customers: Sequence[int]) -> dict[int, dict[tuple[str, str], Member]]:
        """Customer → (organization, audience) → what is kept. Those of whom nothing is are left out."""
        found: dict[int, dict[tuple[str, str], Member]] = {}
        query = "SELECT customer, audience, since, version, due, error FROM member WHERE customer IN ({})"
        for customer, audience, *rest in rows_in(self.db, query, customers):
            where = self._names.get(audience)
            if where is not None and where[0]:
                found.setdefault(customer, {})[where] = Member(*rest)
        return found

    def between(self, low: int, high: int) -> dict[int, dict[tuple[str, str], Member]]:
        """The same of all customers from a number up to another, that one left out."""
        query = "SELECT DISTINCT customer FROM member WHERE customer >= ? AND customer < ?"
        return self.members([customer for (customer,) in self.db.execute(query, (low, high)).fetchall()])

    def due(self, now: int, limit: int) -> list[tuple[str, str, int]]:
        """(organization, audience, customer) of timers that have come, the earliest first."""
        query = "SELECT audience, customer FROM member WHERE due <= ? ORDER BY due LIMIT ?"
        return [
            (*self._names[audience], customer)
            for audience, customer in self.db.execute(query, (now, limit)).fetchall()
            if self._names[audience][0]
        ]

    def next_due(self) -> int | None:
        due: int | None = self.db.execute("SELECT min(due) FROM member WHERE due IS NOT NULL").fetchone()[0]
        return due

    def filling(self, orgs: Collection[str]) -> Fill | None:
        """What to go on with, of some organizations: the furthest behind, so that it comes to where the others are and
        goes on with them."""
        query = "SELECT audience, cause, before FROM fill ORDER BY before DESC"
        rows = [row for row in self.db.execute(query).fetchall() if self._names[row[0]][0] in orgs]
        if not rows:
            return None
        first, cause, before = rows[0]
        org = self._names[first][0]
        own = [row for row in rows if self._names[row[0]][0] == org and row[1] == cause]
        names = tuple(self._names[number][1] for number, _, there in own if there == before)
        until = max((there for _, _, there in own if there < before), default=0)
        return Fill(org, names, cause, before, until)

    def refill(self, org: str, cause: Cause = "event") -> None:
        """Ask everybody anew, about all audiences of an organization; what is being filled begins again."""
        with translating(self.path), transaction(self.db):
            query = (
                "INSERT INTO fill SELECT id, ?, ? FROM audience WHERE org = ? "
                "ON CONFLICT DO UPDATE SET before = excluded.before"
            )
            self.db.execute(query, (cause, NEWEST, org))

    # -- what came of it

    def write(self, batch: Batch, along: Along = lambda _db, _moves: None) -> list[Move]:
        """All of it or nothing. What is said of audiences that were deleted meanwhile is left out."""
        with translating(self.path), transaction(self.db):
            kept: list[tuple[int, int, int | None, int, int | None, str]] = []
            gone: list[tuple[int, int]] = []
            for (org, name, customer), member in batch.members.items():
                number = self._ids.get((org, name))
                if number is None:
                    continue
                if member is None:
                    gone.append((number, customer))
                else:
                    kept.append((number, customer, member.since, member.version, member.due, member.error))
            kept.sort(key=lambda row: row[:2])
            self.db.executemany("DELETE FROM member WHERE audience = ? AND customer = ?", sorted(gone))
            put_rows(
                self.db,
                "member",
                kept,
                "ON CONFLICT DO UPDATE SET since = excluded.since, version = excluded.version, due = excluded.due, "
                "error = excluded.error",
            )
            moves = self._put_moves(batch.moves)
            along(self.db, moves)
            self._forget(batch.erased)
            for fill, before in batch.filled:
                self._advance(fill, before)
            self.db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(batch.cursors.items()))
        return moves

    def last_move(self) -> int:
        """The number of the last that was written, kept or not."""
        last = self.db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'history'").fetchone()
        return 0 if last is None else int(last[0])

    def moves(self, after: int, limit: int) -> list[Move]:
        """Moves that came after one, as they were written; of an audience that was deleted since, no names."""
        query = (
            "SELECT seq, audience, customer, kind, at, cause, version FROM history WHERE seq > ? ORDER BY seq LIMIT ?"
        )
        rows = self.db.execute(query, (after, limit)).fetchall()
        return [Move(seq, *self._names.get(one, ("", "")), who, Moved(*moved)) for seq, one, who, *moved in rows]

    def _put_moves(self, moves: Iterable[tuple[str, str, int, Moved]]) -> list[Move]:
        written: list[Move] = []
        rows: list[tuple[object, ...]] = []
        counts: dict[tuple[int, int], list[int]] = {}
        seq = self.last_move()
        for org, name, customer, moved in moves:
            number = self._ids.get((org, name))
            if number is None:
                continue
            seq += 1
            rows.append((seq, number, customer, moved.kind, moved.at, moved.cause, moved.version))
            written.append(Move(seq, org, name, customer, moved))
            counts.setdefault((number, moved.at // DAY), [0, 0])[moved.kind == "left"] += 1
        put_rows(self.db, "history (seq, audience, customer, kind, at, cause, version)", rows)
        for (number, day), (entered, left) in counts.items():
            self.db.execute("UPDATE audience SET inside = inside + ? WHERE id = ?", (entered - left, number))
            self.db.execute(_DAILY, (number, day, entered, left, number))
        return written

    def _forget(self, erased: Iterable[int]) -> None:
        for query in _FORGETS:
            self.db.executemany(query, [(customer,) for customer in erased])

    def _advance(self, fill: Fill, before: int) -> None:
        for name in fill.names:
            number = self._ids.get((fill.org, name))
            # A fill that began again meanwhile goes its own way.
            where = (number, fill.before)
            if before:
                self.db.execute("UPDATE fill SET before = ? WHERE audience = ? AND before = ?", (before, *where))
            else:
                self.db.execute("DELETE FROM fill WHERE audience = ? AND before = ?", where)

    def close(self) -> None:
        self.db.close()


def begin_anew(data: Path, gone: Iterable[int]) -> None:
    """In a directory that was restored: everybody is to be asked anew, and of records that are gone nothing is told of
    the past. (Who of them is in leaves, as they would of a running node.)"""
    path = data / "decide.db"
    if not path.exists():
        return
    with translating(path), closing(connect(path, MIGRATIONS, durable=True)) as db, transaction(db):
        db.execute("DELETE FROM meta WHERE name GLOB 'round *'")
        db.executemany("DELETE FROM history WHERE customer = ?", [(number,) for number in gone])

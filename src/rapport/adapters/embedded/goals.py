"""Persons' goals in ledger.db: sealed under the person's key, so that they go with it."""

import contextlib
import sqlite3
from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from rapport.adapters.embedded.sqlite import transaction
from rapport.kernel import ids
from rapport.kernel.errors import Conflict, NotFound
from rapport.kernel.times import now
from rapport.terms.goals import Goal

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

SCHEMA = """
    CREATE TABLE goal (id INTEGER PRIMARY KEY AUTOINCREMENT, handle TEXT NOT NULL UNIQUE, person INTEGER NOT NULL,
                       said_at INTEGER NOT NULL, paused_at INTEGER, finished_at INTEGER, sealed BLOB NOT NULL);
    CREATE INDEX goal_of ON goal (person)
"""

MOST = 100
"""Goals of one person, finished ones among them."""
_PLACE = b"goal "


class Said(NamedTuple):
    """A goal with what became of it; times in µs."""

    handle: str
    said_at: int
    paused_at: int | None
    finished_at: int | None
    goal: Goal


class GoalFile:
    """Goals over one ledger connection; one instance per thread. `person` is a person's handle everywhere."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._db = ledger.db
        self._keys = ledger.keys

    def of(self, person: str) -> list[Said]:
        """The newest first."""
        row = self._db.execute("SELECT id FROM person WHERE handle = ?", (person,)).fetchone()
        return [] if row is None else self.numbered(row[0])

    def numbered(self, person: int, goals: Collection[int] | None = None) -> list[Said]:
        """A person's, by their number, the newest first; those of these numbers."""
        key = self._keys.person(person)
        if key is None:
            return []
        rows = self._db.execute(
            "SELECT id, handle, said_at, paused_at, finished_at, sealed FROM goal WHERE person = ? ORDER BY id DESC",
            (person,),
        ).fetchall()
        opened = msgspec.msgpack.Decoder(Goal).decode
        return [
            Said(handle, said_at, paused_at, finished_at, opened(key.open(sealed, _PLACE + handle.encode())))
            for number, handle, said_at, paused_at, finished_at, sealed in rows
            if goals is None or number in goals
        ]

    def say(self, person: str, goal: Goal) -> Said:
        """Keep a goal. Raises Conflict where there are MOST, or the person is erased."""
        handle, at = ids.fresh("goal"), now()
        with transaction(self._db):
            number = self._number(person)
            key = self._keys.person(number)
            if key is None:
                raise Conflict("this person is erased", code="erased")
            (count,) = self._db.execute("SELECT count(*) FROM goal WHERE person = ?", (number,)).fetchone()
            if count >= MOST:
                raise Conflict(f"{MOST} goals are all there may be: forget one first", code="too_many_goals")
            sealed = key.seal(msgspec.msgpack.encode(goal), _PLACE + handle.encode())
            query = "INSERT INTO goal (handle, person, said_at, sealed) VALUES (?, ?, ?, ?)"
            self._db.execute(query, (handle, number, at, sealed))
        return Said(handle, at, None, None, goal)

    def pause(self, person: str, handle: str, *, paused: bool) -> None:
        """Put it aside, or take it up again. Raises NotFound."""
        query = (
            "UPDATE goal SET paused_at = CASE WHEN ? THEN coalesce(paused_at, ?) END WHERE handle = ? AND person = ?"
        )
        self._change(query, (paused, now(), handle), person)

    def finish(self, person: str, handle: str, *, finished: bool) -> None:
        """Raises NotFound."""
        query = """
            UPDATE goal SET finished_at = CASE WHEN ? THEN coalesce(finished_at, ?) END WHERE handle = ? AND person = ?
        """
        self._change(query, (finished, now(), handle), person)

    def drop(self, person: str, handle: str) -> None:
        """Forget it, and who knew it. Raises NotFound."""
        with self._turn():
            number = self._number(person)
            own = "FROM goal WHERE handle = ? AND person = ?"
            self._db.execute(f"DELETE FROM goal_told WHERE goal IN (SELECT id {own})", (handle, number))  # noqa: S608 (our own words)
            if not self._db.execute(f"DELETE {own}", (handle, number)).rowcount:
                raise _absent()

    def _turn(self) -> contextlib.AbstractContextManager[object]:
        """The caller's transaction, else one of its own."""
        return contextlib.nullcontext() if self._db.in_transaction else transaction(self._db)

    def _change(self, query: str, values: tuple[object, ...], person: str) -> None:
        with self._turn():
            if not self._db.execute(query, (*values, self._number(person))).rowcount:
                raise _absent()

    def _number(self, person: str) -> int:
        query = "SELECT id FROM person WHERE handle = ? AND status = 'active'"
        row = self._db.execute(query, (person,)).fetchone()
        if row is None:
            raise _absent()
        return int(row[0])


def _absent() -> NotFound:
    return NotFound("you have no such goal")


def forget(db: sqlite3.Connection, person: int) -> None:
    """Let go of a person's goals, within the transaction that lets go of their key."""
    db.execute("DELETE FROM goal WHERE person = ?", (person,))

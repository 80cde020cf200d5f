"""Telling a destination who is in its audience already: from the lowest number up, between what happens.

A destination's *place* is the number up to which it has been told. Whoever moves at or below it is told by that move;
whoever is in above it is told once the place comes to them, and by nothing else. So each who is in is told once,
however many came and went meanwhile, and whatever was killed: places move in the transaction that fills the queue.

Where a destination is given another audience, its place goes the way back first, and it is told that who is in the one
before left that: else whoever has it would keep them forever. Then it begins with the other.
"""

import sqlite3
from collections.abc import Collection
from typing import NamedTuple

from rapport.adapters.embedded.destination_queue import Row, put
from rapport.kernel.times import now

SCHEMA = "CREATE TABLE told_upto (destination INTEGER PRIMARY KEY, audience INTEGER NOT NULL, customer INTEGER)"
NAMED = "ALTER TABLE told_upto ADD COLUMN name TEXT"
"""The audience's, as it was told: an audience that was deleted meanwhile has none any more."""
AT_ONCE = 500
MOST_WAITING = 5_000
"""So much waits for a destination before it is told of more: who is in may be millions."""


class Earlier(NamedTuple):
    """An audience that a destination was told of, and is not given any more: its number and name, whether it is still
    there, and up to whom is still to be told."""

    audience: int
    name: str
    stands: bool
    upto: int | None


class Places:
    """The places of destinations, as of one transaction over decide.db."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._known: dict[int, tuple[int, int | None]] = {}

    def is_told(self, destination: int, org: str, audience: str, customer: int) -> bool:
        """Whether a move of a customer is for a destination to be told."""
        _, upto = self.place(destination, org, audience)
        return upto is None or customer <= upto

    def place(self, destination: int, org: str, audience: str) -> tuple[int, int | None]:
        """The audience's number (0: it was never asked about), and up to whom its members were told; None: all."""
        known = self._known.get(destination)
        if known is None:
            number = self._number(org, audience)
            query = "SELECT customer FROM told_upto WHERE destination = ? AND audience = ?"
            row = self._db.execute(query, (destination, number)).fetchone()
            known = self._known[destination] = (number, 0 if row is None else row[0])
        return known

    def _number(self, org: str, audience: str) -> int:
        row = self._db.execute("SELECT id FROM audience WHERE org = ? AND name = ?", (org, audience)).fetchone()
        return 0 if row is None else int(row[0])

    def tell_some(self, destination: int, org: str, audience: str) -> int | None:
        """Put the next members into a destination's queue, within the caller's transaction; how many, None where all
        there are have been told."""
        number, upto = self.place(destination, org, audience)
        if upto is None:
            return None
        query = (
            "SELECT customer, since FROM member WHERE audience = ? AND customer > ? AND since IS NOT NULL "
            "ORDER BY customer LIMIT ?"
        )
        members = self._db.execute(query, (number, upto, AT_ONCE)).fetchall()
        put(self._db, [Row(destination, who, "entered", since, audience=audience) for who, since in members])
        there = None if len(members) < AT_ONCE else members[-1][0]
        self._db.execute(
            "INSERT OR REPLACE INTO told_upto (destination, audience, customer, name) VALUES (?, ?, ?, ?)",
            (destination, number, there, audience),
        )
        self._known[destination] = (number, there)
        return len(members)

    def can_go_on(self, destination: int, org: str, audience: str) -> bool:
        """Whether the audience was ever asked about, and not much waits for the destination already."""
        return self.has_room(destination) and bool(self.place(destination, org, audience)[0])

    def has_room(self, destination: int) -> bool:
        query = "SELECT count(*) FROM (SELECT 1 FROM queue WHERE destination = ? AND NOT dead LIMIT ?)"
        (count,) = self._db.execute(query, (destination, MOST_WAITING)).fetchone()
        return bool(count < MOST_WAITING)

    # -- of the audience before

    def earlier(self, destination: int, org: str, audience: str | None) -> Earlier | None:
        """What a destination was told of before it was given `audience` (None: events alone); None: nothing else."""
        query = (
            "SELECT t.audience, coalesce(t.name, a.name, ''), coalesce(a.org, '') != '', t.customer FROM told_upto t "
            "LEFT JOIN audience a ON a.id = t.audience WHERE t.destination = ?"
        )
        row = self._db.execute(query, (destination,)).fetchone()
        if row is None or (audience is not None and row[0] == self._number(org, audience)):
            return None
        return Earlier(row[0], row[1], bool(row[2]), row[3])

    def leave_some(self, destination: int, one: Earlier) -> Earlier | None:
        """Say of some who are in the audience before that they left it, from the highest number down, within the
        caller's transaction; what is still to be told, None: nothing."""
        query = (
            "SELECT customer FROM member WHERE audience = ? AND customer <= ? AND since IS NOT NULL "
            "ORDER BY customer DESC LIMIT ?"
        )
        upto = (1 << 62) if one.upto is None else one.upto
        members = [number for (number,) in self._db.execute(query, (one.audience, upto, AT_ONCE)).fetchall()]
        put(self._db, [Row(destination, customer, "left", now(), audience=one.name) for customer in members])
        if len(members) < AT_ONCE:
            self._db.execute("DELETE FROM told_upto WHERE destination = ?", (destination,))
            self._known.pop(destination, None)
            return None
        rest = one._replace(upto=members[-1] - 1)
        self._db.execute("UPDATE told_upto SET customer = ? WHERE destination = ?", (rest.upto, destination))
        return rest


def gone_places(db: sqlite3.Connection, but: Collection[int]) -> list[int]:
    """Destinations that have a place, all but these."""
    rows = db.execute("SELECT destination FROM told_upto").fetchall()
    return [number for (number,) in rows if number not in but]


def forget_places(db: sqlite3.Connection, gone: Collection[int]) -> None:
    db.executemany("DELETE FROM told_upto WHERE destination = ?", [(number,) for number in gone])

"""Telling a destination who is in its audience already: from the lowest number up, between what happens.

A destination's *place* is the number up to which it has been told. Whoever moves at or below it is told by that move;
whoever is in above it is told once the place comes to them, and by nothing else. So each who is in is told once,
however many came and went meanwhile, and whatever was killed: places move in the transaction that fills the queue.
"""

import sqlite3
from collections.abc import Iterable

from rapport.adapters.embedded.destination_queue import Row, put

SCHEMA = "CREATE TABLE told_upto (destination INTEGER PRIMARY KEY, audience INTEGER NOT NULL, customer INTEGER)"
AT_ONCE = 500
MOST_WAITING = 5_000
"""So much waits for a destination before it is told of more: who is in may be millions."""


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
            row = self._db.execute("SELECT id FROM audience WHERE org = ? AND name = ?", (org, audience)).fetchone()
            number = 0 if row is None else row[0]
            query = "SELECT customer FROM told_upto WHERE destination = ? AND audience = ?"
            row = self._db.execute(query, (destination, number)).fetchone()
            known = self._known[destination] = (number, 0 if row is None else row[0])
        return known

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
        put(self._db, [Row(destination, customer, "entered", since) for customer, since in members])
        there = None if len(members) < AT_ONCE else members[-1][0]
        self._db.execute("INSERT OR REPLACE INTO told_upto VALUES (?, ?, ?)", (destination, number, there))
        self._known[destination] = (number, there)
        return len(members)

    def can_go_on(self, destination: int, org: str, audience: str) -> bool:
        """Whether the audience was ever asked about, and not much waits for the destination already."""
        query = "SELECT count(*) FROM (SELECT 1 FROM queue WHERE destination = ? AND NOT dead LIMIT ?)"
        (count,) = self._db.execute(query, (destination, MOST_WAITING)).fetchone()
        return bool(count < MOST_WAITING and self.place(destination, org, audience)[0])


def forget_places(db: sqlite3.Connection, but: Iterable[int]) -> None:
    """Let go of the places of all destinations but these."""
    gone = {number for (number,) in db.execute("SELECT destination FROM told_upto").fetchall()} - set(but)
    db.executemany("DELETE FROM told_upto WHERE destination = ?", [(number,) for number in gone])

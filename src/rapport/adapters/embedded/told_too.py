"""Who else is told, in ledger.db: of several persons who claim one customer, those beside the first (see `judging`).

A receipt, and a decision, names one person: mostly there is no other. Whoever else holds the customer for certain as it
is kept is written down here, in the same transaction; who comes later is told of what comes later, and who gave their
claim back, of nothing more. Each has their own mark of what they have seen in the inbox.
"""

import sqlite3
from collections.abc import Iterable
from typing import Final

SCHEMA = """
    CREATE TABLE told_too (person INTEGER, receipt INTEGER, PRIMARY KEY (person, receipt)) WITHOUT ROWID;
    CREATE TABLE decided_too (person INTEGER, decision INTEGER, seen_at INTEGER, PRIMARY KEY (person, decision))
        WITHOUT ROWID;
    CREATE INDEX decided_too_unseen ON decided_too (person, decision) WHERE seen_at IS NULL
"""
RECEIPTS: Final = "SELECT receipt FROM told_too WHERE person = ?1"
DECISIONS: Final = "SELECT decision FROM decided_too WHERE person = ?1"
_NOT_TO_BE_SEEN: Final = 0


def note_receipts(db: sqlite3.Connection, rows: Iterable[tuple[int, int]]) -> None:
    """(person, sequence number of a receipt) each; in the transaction that keeps these."""
    db.executemany("INSERT OR IGNORE INTO told_too VALUES (?, ?)", rows)


def note_decision(db: sqlite3.Connection, persons: Iterable[int], decision: int, *, in_inbox: bool) -> None:
    """Likewise of a decision, by its sequence number."""
    seen = None if in_inbox else _NOT_TO_BE_SEEN
    db.executemany("INSERT OR IGNORE INTO decided_too VALUES (?, ?, ?)", [(one, decision, seen) for one in persons])


def places_of(db: sqlite3.Connection, person: int, tree: int) -> set[int]:
    """Places in a tree of the receipts that tell a person too."""
    query = "SELECT place FROM told_too JOIN receipt ON seq = receipt WHERE told_too.person = ? AND tree = ?"
    return {place for (place,) in db.execute(query, (person, tree)).fetchall()}

"""How often organizations used something, and how often they got nothing, by day and purpose.

It is counted in the transaction that commits the receipts, so that a month of millions is a few rows.

Nothing given is one number, for refused and absent alike (design, rule 8), and of those looks alone in which one
customer was asked for. In a list, whoever is refused leaves a receipt and whoever is not there leaves none: to count
them would tell how many a list hides.
"""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from rapport.adapters.embedded import told_too
from rapport.kernel.times import DAY
from rapport.terms import Pending

SCHEMA = """
    CREATE TABLE used (org TEXT NOT NULL, day INTEGER NOT NULL, purpose TEXT NOT NULL, given INTEGER NOT NULL,
                       count INTEGER NOT NULL, PRIMARY KEY (org, day, purpose, given)) WITHOUT ROWID;
    INSERT INTO used SELECT org, at / 86400000000, purpose, 1, count(*) FROM receipt
        WHERE decision = 'permitted' AND org <> '' AND purpose IS NOT NULL GROUP BY 1, 2, 3;
    CREATE INDEX receipt_at ON receipt (person, at) WHERE person IS NOT NULL
"""
"""Of older receipts only uses are counted: what else they say is sealed. (A day is `times.DAY`.)"""

_NOTE = "INSERT INTO used VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count"
_RECEIPTS = "SELECT org, decision, seq FROM receipt WHERE at >= ?2 AND org <> ''"
_BY_ORG = "SELECT org, decision = 'permitted', count(*) FROM"
_COUNTED = "SELECT day, purpose, given, count FROM used WHERE org = ? AND day >= ? AND day < ?"


class Tally(NamedTuple):
    """One day's count of one purpose; `given`: something was."""

    day: int
    purpose: str
    given: bool
    times: int


def note(db: sqlite3.Connection, kept: Sequence[Pending]) -> None:
    """Count receipts; in the transaction that commits them."""
    counts: Counter[tuple[str, int, str, bool]] = Counter()
    for pending in kept:
        receipt = pending.receipt
        given = receipt.decision == "permitted"
        if receipt.org and (given or not pending.listed):
            counts[receipt.org, receipt.at // DAY, receipt.purpose, given] += 1
    db.executemany(_NOTE, [(*place, count) for place, count in counts.items()])


def counted(db: sqlite3.Connection, org: str, since: int, until: int) -> list[Tally]:
    """Of the days from `since` up to before `until` (days since the epoch)."""
    rows = db.execute(_COUNTED, (org, since, until)).fetchall()
    return [Tally(day, purpose, bool(given), times) for day, purpose, given, times in rows]


def of_person(db: sqlite3.Connection, person: int, since: int, most: int) -> list[tuple[str, bool, int]]:
    """How often each organization got something of a person, or nothing, since a time (µs): (organization, given,
    times), of the newest receipts at most. What the person looked at themselves is nobody's."""
    told = f"{_RECEIPTS} AND person = ?1 UNION ALL {_RECEIPTS} AND seq IN ({told_too.RECEIPTS})"
    query = f"{_BY_ORG} ({told} ORDER BY seq DESC LIMIT ?3) GROUP BY 1, 2"
    return [(org, bool(given), times) for org, given, times in db.execute(query, (person, since, most)).fetchall()]

"""Decisions whose time has passed, in ledger.db: what they rested on and said, and what came of them, is emptied.

What is left tells that an action was chosen, when, and by which way it went: so no notice is given twice, no event
settles twice, and counts stay what they were. It is of a record's number, and of nobody's name.

A lesson of a decision that is empty teaches nothing any more, as that of somebody who was erased (see `outcomes`): what
was learnt is kept before. And what had been learnt up to the last such lesson is kept for good, until the next takes
its place: from there all is learnt again that was learnt since, to recompute decisions from.

    OutlivedBook(ledger)                          one instance per thread, as the ledger
      .due(org, before, most)      → the sequence numbers of those that are to be emptied next
      .last_lesson(org, due)       → the last lesson of these, 0: there is none
      .first(org) .put_first(org, mind)    what was learnt up to it; in the transaction that its caller holds
      .empty(org, due)             likewise
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from rapport.adapters.embedded.outcomes import Mind

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

SCHEMA: Final = """
    CREATE TABLE outlived (org TEXT PRIMARY KEY, decision INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE mind_first (org TEXT PRIMARY KEY, lesson INTEGER NOT NULL, customer BLOB NOT NULL,
                             company BLOB NOT NULL, since INTEGER NOT NULL) WITHOUT ROWID
"""
_IN_ORDER: Final = "SELECT seq, at FROM decision WHERE org = ? AND seq > ? ORDER BY seq LIMIT ?"
# Nobody looks for what waits unseen in an inbox for so long, and it is there no more.
_EMPTY: Final = (
    "DELETE FROM withheld WHERE receipt = (SELECT receipt FROM decision WHERE seq = ?)",
    "UPDATE outcome SET body = x'' WHERE decision = ?",
    "UPDATE lesson SET body = x'' WHERE decision = ?",
    """
    UPDATE decision SET body = x'', closes = NULL,
        seen_at = CASE WHEN channel = 'inbox' AND delivery = 'delivered' THEN coalesce(seen_at, at) ELSE seen_at END
    WHERE seq = ?
    """,
)
_SEEN: Final = "UPDATE decided_too SET seen_at = 0 WHERE seen_at IS NULL AND decision IN ({})"


class OutlivedBook:
    """Over one ledger connection."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._db = ledger.db

    def due(self, org: str, before: int, most: int) -> list[int]:
        """Those of an organization that were made before an instant (µs), in their order, and are not empty yet."""
        row = self._db.execute("SELECT decision FROM outlived WHERE org = ?", (org,)).fetchone()
        rows = self._db.execute(_IN_ORDER, (org, 0 if row is None else row[0], most))
        return [seq for seq, _ in takewhile(lambda row: row[1] < before, rows)]

    def last_lesson(self, org: str, due: Sequence[int]) -> int:
        query = "SELECT max(seq) FROM lesson WHERE org = ? AND decision BETWEEN ? AND ?"
        return int(self._db.execute(query, (org, due[0], due[-1])).fetchone()[0] or 0)

    def first(self, org: str) -> int:
        """The lesson up to which it is kept for good what was learnt, 0: none is."""
        row = self._db.execute("SELECT lesson FROM mind_first WHERE org = ?", (org,)).fetchone()
        return 0 if row is None else int(row[0])

    def put_first(self, org: str, mind: Mind) -> None:
        self._db.execute("INSERT OR REPLACE INTO mind_first VALUES (?, ?, ?, ?, ?)", (org, *mind))

    def empty(self, org: str, due: Sequence[int]) -> None:
        rows = [(seq,) for seq in due]
        for query in _EMPTY:
            self._db.executemany(query, rows)
        self._db.execute(_SEEN.format(", ".join("?" * len(due))), due)
        self._db.execute("INSERT OR REPLACE INTO outlived VALUES (?, ?)", (org, due[-1]))

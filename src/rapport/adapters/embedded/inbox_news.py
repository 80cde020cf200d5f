"""What came into persons' inboxes that they have not seen, in ledger.db, beside the decisions (see `decisions`).

It is asked for every page of theirs, and again and again for all who have their inbox open. So an index holds all that
is asked, nothing that was said is read for it, and it is counted up to MOST.

    InboxNews(ledger)                             one instance per thread, as the ledger
      .unseen(handle)              → how much
      .of(handle)                  → Unseen: how much, and which came last
"""

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

# With the columns of its own condition: else each row is read for them, with what was said, which lies before the last.
COVERED = """
    DROP INDEX decision_unseen;
    CREATE INDEX decision_unseen ON decision (person, channel, delivery, seen_at)
        WHERE channel = 'inbox' AND delivery = 'delivered' AND seen_at IS NULL;
    CREATE INDEX decision_in_inbox ON decision (person, seq) WHERE channel = 'inbox' AND delivery = 'delivered'
"""
MOST: Final = 1_000
_UNSEEN: Final = """
    SELECT count(*), coalesce(max(seq), 0) FROM (
        SELECT seq FROM decision
        WHERE person = (SELECT id FROM person WHERE handle = ?1)
            AND channel = 'inbox' AND delivery = 'delivered' AND seen_at IS NULL
        UNION ALL
        SELECT decision FROM decided_too INDEXED BY decided_too_unseen
        WHERE person = (SELECT id FROM person WHERE handle = ?1) AND seen_at IS NULL
        ORDER BY seq DESC LIMIT ?2
    )
"""


class Unseen(NamedTuple):
    """`many`: at most MOST; `last`: the sequence number of the newest decision among them (0: none), `newest` its id
    ("")."""

    many: int
    last: int
    newest: str


class InboxNews:
    """Over one ledger connection. `handle`: a person's."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._db = ledger.db

    def unseen(self, handle: str) -> int:
        count: int = self._db.execute(_UNSEEN, (handle, MOST)).fetchone()[0]
        return count

    def of(self, handle: str) -> Unseen:
        count, last = self._db.execute(_UNSEEN, (handle, MOST)).fetchone()
        row = self._db.execute("SELECT id FROM decision WHERE seq = ?", (last,)).fetchone() if last else None
        return Unseen(count, last, row[0] if row else "")

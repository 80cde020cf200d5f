"""Decisions as the person reads whom they are about: those that name them, and those that they are told of, too (see
`told_too`).

    OwnDecisions(ledger)                          one instance per thread, as the ledger
      .told(person, id) .by_receipt(person, receipts) .got(person)
      .inbox(person, before, limit) .see(person, since, upto)
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rapport.adapters.embedded import told_too
from rapport.adapters.embedded.decisions import ROW, UNREACHED, DecisionBook, Kept
from rapport.adapters.embedded.sqlite import transaction
from rapport.decide.kinds import SILENCE
from rapport.kernel.errors import NotFound
from rapport.kernel.times import now

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

# With a person's own mark of what they have seen, where they are told too.
_TOO: Final = """
    SELECT seq, id, org, record, at, delivery, receipt, body, too.seen_at
    FROM decided_too too JOIN decision ON seq = too.decision
"""
_THEIRS: Final = f"(person = ?1 OR seq IN ({told_too.DECISIONS}))"
_TOLD: Final = f"{ROW} WHERE {_THEIRS}"
_ACTIONS: Final = "SELECT DISTINCT org, action FROM decision"


class OwnDecisions:
    """Over one ledger connection. `person`: a person's number."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._db = ledger.db
        self._decisions = DecisionBook(ledger)

    def told(self, person: int, name: str) -> Kept:
        """One that is about this person. Raises NotFound."""
        row = self._db.execute(f"{_TOLD} AND id = ?2", (person, name)).fetchone()
        if row is None:
            raise NotFound("there is no such decision", field="decision")
        return self._decisions.opened([row])[0]

    def by_receipt(self, person: int, receipts: Sequence[str]) -> dict[str, Kept]:
        """Those about a person that were made with some looks, by their receipts."""
        if not receipts:
            return {}
        query = f"{_TOLD} AND receipt IN ({', '.join('?' * len(receipts))})"
        found = self._decisions.opened(self._db.execute(query, (person, *receipts)).fetchall())
        return {one.receipt: one for one in found}

    def got(self, person: int) -> dict[str, set[str]]:
        """By organization the actions that came to a person, as far as is known."""
        query = f"{_ACTIONS} WHERE {_THEIRS} AND delivery NOT IN (?, ?) AND action != ?"
        found: dict[str, set[str]] = {}
        for org, action in self._db.execute(query, (person, *UNREACHED, SILENCE)).fetchall():
            found.setdefault(org, set()).add(action)
        return found

    def inbox(self, person: int, before: int, limit: int) -> list[Kept]:
        """What was delivered to a person's inbox, the newest first, but for what was erased; what cannot be read is
        among it."""
        query = f"""
            {ROW} WHERE person = ?1 AND channel = 'inbox' AND delivery = 'delivered' AND seq < ?2
            UNION ALL
            {_TOO} WHERE too.person = ?1 AND channel = 'inbox' AND delivery = 'delivered' AND seq < ?2
            ORDER BY seq DESC LIMIT ?3
        """
        found: list[Kept] = []
        while len(found) < limit:
            rows = self._db.execute(query, (person, before, limit)).fetchall()
            found += [one for one in self._decisions.opened(rows) if one.content is not None or one.unreadable]
            if len(rows) < limit:
                break
            before = rows[-1][0]
        return found[:limit]

    def see(self, person: int, since: int, upto: int) -> None:
        """Note that a person has seen their inbox, from one decision to another (their sequence numbers)."""
        query = """
            UPDATE decision SET seen_at = ?
            WHERE person = ? AND channel = 'inbox' AND delivery = 'delivered' AND seq BETWEEN ? AND ?
                AND seen_at IS NULL
        """
        too = """
            UPDATE decided_too SET seen_at = ? WHERE person = ? AND decision BETWEEN ? AND ? AND seen_at IS NULL
        """
        with transaction(self._db):
            for one in (query, too):
                self._db.execute(one, (now(), person, since, upto))

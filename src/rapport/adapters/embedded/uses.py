"""What an organization used, from its receipts in the ledger: refused and absent are one number here, always."""

from rapport.adapters.embedded.ledger import LedgerFile
from rapport.kernel.times import DAY, now
from rapport.terms import Receipt

DAYS = 30
MOST_COUNTED = 200_000
"""Of the latest receipts; an organization may leave millions a day."""

_COUNTED = """
    SELECT purpose, decision = 'permitted', count(*)
    FROM (SELECT purpose, decision FROM receipt WHERE org = ? AND at >= ? ORDER BY seq DESC LIMIT ?)
    GROUP BY 1, 2
"""


class UseBook:
    """An organization's uses over one ledger connection."""

    def __init__(self, ledger: LedgerFile) -> None:
        self._db = ledger.db
        self._ledger = ledger

    def counted(self, org: str) -> tuple[dict[str, int], int]:
        """Uses by purpose in the last `DAYS` days, and how often nothing was given, for whatever reason."""
        given: dict[str, int] = {}
        nothing = 0
        for purpose, permitted, count in self._db.execute(_COUNTED, (org, now() - DAYS * DAY, MOST_COUNTED)):
            if permitted:
                given[purpose] = count
            else:
                nothing += count
        return given, nothing

    def given(self, org: str, before: int, limit: int) -> list[tuple[int, Receipt]]:
        """Receipts of what was given, the newest first, each with its sequence number."""
        return self._ledger.given(org, before, limit)

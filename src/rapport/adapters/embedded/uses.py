"""What an organization used, from its receipts in the ledger: refused and absent are one number here, always."""

from collections import Counter
from collections.abc import Iterable

from rapport.adapters.embedded import tallies
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.tallies import Tally
from rapport.kernel.times import DAY, now
from rapport.terms import Receipt

DAYS = 30


class UseBook:
    """An organization's uses over one ledger connection."""

    def __init__(self, ledger: LedgerFile) -> None:
        self._db = ledger.db
        self._ledger = ledger

    def counted(self, org: str) -> tuple[dict[str, int], int]:
        """Uses by purpose in the last `DAYS` days, today among them, and how often nothing was given, for whatever
        reason, where one customer was asked for."""
        today = now() // DAY
        return summed(self.tallies(org, today - DAYS + 1, today + 1))

    def tallies(self, org: str, since: int, until: int) -> list[Tally]:
        """Counts of the days from `since` up to before `until` (days since the epoch)."""
        return tallies.counted(self._db, org, since, until)

    def given(self, org: str, before: int, limit: int) -> list[tuple[int, Receipt]]:
        """Receipts of what was given, the newest first, each with its sequence number."""
        return self._ledger.given(org, before, limit)


def summed(counts: Iterable[Tally]) -> tuple[dict[str, int], int]:
    """Uses by purpose, and how often nothing was given."""
    given: Counter[str] = Counter()
    nothing = 0
    for one in counts:
        if one.given:
            given[one.purpose] += one.times
        else:
            nothing += one.times
    return dict(given), nothing

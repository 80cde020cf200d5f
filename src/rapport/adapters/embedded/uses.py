"""What an organization used, from its receipts in the ledger: refused and absent are one number here, always."""

import msgspec

from rapport.adapters.embedded.keyring import Keyring
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
_GIVEN = """
    SELECT seq, body FROM receipt WHERE org = ? AND decision = 'permitted' AND seq < ? ORDER BY seq DESC LIMIT ?
"""


class UseBook:
    """An organization's uses over one ledger connection."""

    def __init__(self, ledger: LedgerFile, keys: Keyring) -> None:
        self._db = ledger.db
        self._keys = keys

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
        key = self._keys.org(org)
        rows = self._db.execute(_GIVEN, (org, before, limit)).fetchall()
        return [(seq, msgspec.msgpack.decode(key.open(body, b"receipt"), type=Receipt)) for seq, body in rows]

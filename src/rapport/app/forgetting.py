"""Destroying the keys of records, so that what was learnt of them stays as it was learnt.

A model is a fold over lessons, and a lesson of somebody who was erased teaches nothing. Whoever folded before the key
was destroyed and whoever does after would know different things. So it goes in an order that survives a kill at any
instant:

1. One transaction of ledger.db: what was learnt up to the last lesson is kept, for each organization that learnt of
   these records; and nothing more of them is kept or learnt from then on.
2. Their keys are destroyed.
3. They need not be held back any longer.

Whoever comes to a lesson that teaches nothing any more goes on from what was kept (`minds`). What was kept tells of
nobody: it is sums over hashed features of all customers.
"""

from collections.abc import Collection

from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.outcomes import OutcomeBook
from rapport.adapters.embedded.sqlite import transaction, translating
from rapport.app.minds import Minds


class Forgetting:
    """Over the ledger connection and the keys of one thread."""

    def __init__(self, ledger: LedgerFile, keys: Keyring) -> None:
        self._ledger = ledger
        self._keys = keys
        self._book = OutcomeBook(ledger)

    def destroy(self, records: Collection[int]) -> None:
        """Destroy the keys of records. Raises Busy where another would not let go of a file; it is to be called again
        then."""
        with translating(self._ledger.path):
            minds = Minds(self._book)
            for org in self._book.taught(records):
                minds.all_of(org)  # most of it before anybody has to wait
            with transaction(self._ledger.db):
                for org in self._book.taught(records):
                    minds.keep_along(org)
                self._book.hold_back(records)
        self._keys.destroy_records(records)
        with translating(self._ledger.path):
            self._book.release(records)

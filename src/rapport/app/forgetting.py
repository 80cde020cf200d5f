"""Destroying the keys of records, so that what was learnt of them stays as it was learnt.

A model is a fold over lessons, and a lesson of somebody who was erased teaches nothing. Whoever folded before the key
was destroyed and whoever does after would know different things. So it goes in an order that survives a kill at any
instant:

1. One transaction of ledger.db: what was learnt up to the last lesson is kept, of the organization that learnt of
   these records; and nothing more of them is kept or learnt from then on.
2. Their keys are destroyed.
3. They need not be held back any longer.

Whoever comes to a lesson that teaches nothing any more goes on from what was kept (`minds`). What was kept tells of
nobody: it is sums over hashed features of all customers.

Those of whom nothing is to be learnt wait for nobody's models, and no organization's wait for another's. Where what was
learnt cannot be kept, whatever the trouble is, it is told in the log, and the keys are destroyed all the same: being
gone is promised, to learn the same is not.
"""

import logging
from collections.abc import Collection
from typing import Final

from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.outcomes import OutcomeBook
from rapport.adapters.embedded.sqlite import transaction, translating
from rapport.app.minds import Minds
from rapport.kernel.errors import Busy

log: Final = logging.getLogger(__name__)


class Forgetting:
    """Over the ledger connection and the keys of one thread."""

    def __init__(self, ledger: LedgerFile, keys: Keyring) -> None:
        self._ledger = ledger
        self._keys = keys
        self._book = OutcomeBook(ledger)

    def destroy(self, records: Collection[int]) -> None:
        """Destroy the keys of records. Raises Busy where another would not let go of a file; it is to be called again
        then."""
        with translating(self._ledger.path), transaction(self._ledger.db):
            taught = self._book.taught(records)
            others = set(records).difference(*taught.values())
            self._book.hold_back(others)
        self._destroy(others)
        for org, some in taught.items():
            self._keep(org, some)
            self._destroy(some)

    def _keep(self, org: str, records: Collection[int]) -> None:
        """Keep what an organization learnt, if that can be, and hold records back."""
        minds = Minds(self._book)
        try:
            with translating(self._ledger.path):
                minds.all_of(org)  # most of it before anybody has to wait
                with transaction(self._ledger.db):
                    minds.keep_along(org)
                    self._book.hold_back(records)
        except Busy:
            raise
        except Exception as error:  # as of a supervisor: what nobody thought of keeps nobody from being erased
            log.exception("what %s learnt of customers who are erased is not kept: %s", org, type(error).__name__)
            with translating(self._ledger.path), transaction(self._ledger.db):
                self._book.hold_back(records)

    def _destroy(self, records: Collection[int]) -> None:
        """Destroy the keys of records that are held back, and let go of them."""
        self._keys.destroy_records(records)
        with translating(self._ledger.path):
            self._book.release(records)

"""The thread that closes decisions of which nothing came, now and then keeps what was learnt, and empties decisions
whose time has passed."""

import contextlib
import logging
from typing import ClassVar, Final

from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.outcomes import OutcomeBook
from rapport.app.embedded import open_ledger
from rapport.app.ledger_thread import LedgerThread
from rapport.app.minds import Minds
from rapport.app.outliving import before, outlive
from rapport.app.settings import Settings
from rapport.kernel.errors import Busy
from rapport.kernel.times import now

CHECK_S: Final = 30.0
TOGETHER: Final = 100
"""Decisions closed in one transaction: whoever writes a receipt meanwhile waits for so many."""
KEEP_AFTER: Final = 1_000
"""Lessons after which what was learnt is kept, so that no start has to learn many more."""


class Lapser(LedgerThread):
    name: ClassVar[str] = "lapsing"
    log: ClassVar[logging.Logger] = logging.getLogger(__name__)
    trouble: ClassVar[str] = "decisions of which nothing came could not be closed"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, CHECK_S)
        self.begin()

    def watch(self) -> None:
        with contextlib.closing(open_ledger(self.settings)) as ledger:
            book = OutcomeBook(ledger)
            minds = Minds(book)
            while not self.stopped:
                if book.lapse(now(), TOGETHER) == TOGETHER:
                    self.pause(0.01)
                    continue
                for org in ledger.orgs():
                    self._keep(ledger, minds, org)
                self.pause()

    def _keep(self, ledger: LedgerFile, minds: Minds, org: str) -> None:
        """What nobody thought of at one organization keeps nothing from being kept of another's."""
        try:
            keep_what_was_learnt(OutcomeBook(ledger), minds, org, KEEP_AFTER)
            outlive(ledger, minds, org, before(now(), self.settings.decision_days), self._breathe)
        except Busy:
            raise
        except Exception as error:  # what nobody thought of: the next organization has its turn all the same
            self.log.exception("what one organization learnt could not be kept: %s", type(error).__name__)

    def _breathe(self) -> bool:
        self.pause(0.01)
        return not self.stopped


def keep_what_was_learnt(book: OutcomeBook, minds: Minds, org: str, after: int = 1) -> None:
    """Keep it, where there are so many lessons more than were kept."""
    if book.last(org) >= book.kept_up_to(org) + after:
        minds.all_of(org)
        minds.keep(org)

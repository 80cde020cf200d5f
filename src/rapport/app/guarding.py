"""Guard-rails on a node: a thread, beside the evaluator, that looks at what decisions gave, every few minutes and only
where something new became known; it switches off what is shown to harm a side, and tells the book of estimates once a
day what each action gave.

A look reads the newest decisions whose windows have passed, a page at a time, and rests in between; it holds no lock
while it reads. The longer a look takes, the longer the next one waits. What it finds is kept in one transaction with
the catalogue's new version: from the next decision on the action is `switched_off`.
"""

import contextlib
import logging
import time
from collections.abc import Callable
from typing import ClassVar, Final

from rapport.adapters.embedded.decisions import DecisionBook
from rapport.adapters.embedded.guard_rails import RailBook
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.manners import MannerBook
from rapport.adapters.embedded.outcomes import OutcomeBook
from rapport.app.embedded import open_ledger
from rapport.app.ledger_thread import LedgerThread
from rapport.app.settings import Settings
from rapport.kernel.errors import Busy
from rapport.kernel.times import DAY, now

CHECK_S: Final = 300.0
RESTS: Final = 10
"""So many times as long as a look took, the next one at that organization waits, at least."""
BETWEEN: Final = 3
"""So many times as long as a page took, the next one waits: whoever has events to evaluate goes first."""


class Guard(LedgerThread):
    name: ClassVar[str] = "guard-rails"
    log: ClassVar[logging.Logger] = logging.getLogger(__name__)
    trouble: ClassVar[str] = "what decisions gave could not be looked at"

    def __init__(self, settings: Settings, *, check_s: float = CHECK_S, clock: Callable[[], int] = now) -> None:
        super().__init__(settings, check_s)
        self._clock = clock
        self._rests_until: dict[str, float] = {}
        self.begin()

    def watch(self) -> None:
        with contextlib.closing(open_ledger(self.settings)) as ledger:
            while not self.stopped:
                for org in ledger.orgs():
                    self._try(ledger, org)
                self.pause()

    def _try(self, ledger: LedgerFile, org: str) -> None:
        """Look. What nobody thought of at one organization keeps no other from being looked at."""
        try:
            self._look(ledger, org)
        except Busy:
            raise
        except Exception as error:  # what nobody thought of: the next organization is looked at all the same
            self.log.exception("%s at one organization: %s", self.trouble, type(error).__name__)

    def _look(self, ledger: LedgerFile, org: str) -> None:
        at = self._clock()
        resting = time.monotonic() < self._rests_until.get(org, 0.0)
        if self.stopped or resting or not has_news(ledger, org, at):
            return
        from rapport.app.judging import look  # noqa: PLC0415 (it takes SciPy, and most nodes never look)

        began = time.monotonic()
        look(ledger, org, at, self._breathe)
        self._rests_until[org] = time.monotonic() + RESTS * (time.monotonic() - began)

    def _breathe(self, worked_s: float) -> bool:
        """Rest, and say whether to go on."""
        time.sleep(min(1.0, BETWEEN * worked_s))
        return not self.stopped


def has_news(ledger: LedgerFile, org: str, at: int) -> bool:
    """Whether anything is known, and something of it since the last look."""
    before, known = RailBook(ledger).looked(org), known_by(ledger, org, at)
    return known > 0 and (known, OutcomeBook(ledger).last(org)) != (before.known, before.lesson)


def known_by(ledger: LedgerFile, org: str, at: int) -> int:
    """The number of the last decision whose window has passed."""
    book = DecisionBook(ledger)
    return book.last_before(org, at - MannerBook(ledger).manner(org).days * DAY)

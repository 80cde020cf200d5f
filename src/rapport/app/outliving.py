"""Emptying decisions whose time has passed (see `adapters.embedded.outlived`), a slice at a time, once a day.

What their lessons taught is kept first, in one transaction: by who learns on from now, and by who learns again to
recompute. Then they are emptied, in their order. Whatever is killed when, the rest is emptied by the next.
"""

from collections.abc import Callable
from typing import Final

from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.outlived import OutlivedBook
from rapport.adapters.embedded.sqlite import transaction
from rapport.app.minds import Minds
from rapport.kernel.times import DAY

MOST: Final = 5_000
"""Decisions for which what was learnt is kept once."""
TOGETHER: Final = 100
"""Emptied in one transaction: whoever writes a receipt meanwhile waits for so many."""


def before(now: int, days: int) -> int:
    """The instant (µs) before which decisions are emptied: the same for a whole day."""
    return now // DAY * DAY - days * DAY


def outlive(ledger: LedgerFile, minds: Minds, org: str, until: int, breathe: Callable[[], bool] = lambda: True) -> int:
    """Empty an organization's decisions that were made before an instant; return how many. `minds`: over the same
    ledger; `breathe`: asked after each transaction whether to go on."""
    book, emptied = OutlivedBook(ledger), 0
    while due := book.due(org, until, MOST):
        lesson = book.last_lesson(org, due)
        if lesson:
            # (A decision may have taught later than those that were made after it.)
            first = minds.packed(org, lesson) if lesson > book.first(org) else None
            minds.all_of(org)
            with transaction(ledger.db):
                minds.keep_along(org)
                if first is not None:
                    book.put_first(org, first)
        for start in range(0, len(due), TOGETHER):
            some = due[start : start + TOGETHER]
            with transaction(ledger.db):
                book.empty(org, some)
            emptied += len(some)
            if not breathe():
                return emptied
    return emptied

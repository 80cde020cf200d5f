"""Uses that go on, such as a live page or an audience: one receipt per customer, use and day, and one per change.

What was noted is kept in memory, so that a node that was started anew notes a day's uses once more: a receipt too many
rather than one too few.
"""

from rapport.kernel.times import DAY
from rapport.terms.ground import Pending

_MOST = 200_000


class StandingUse:
    """What was noted of one use. Every answer of it is decided anew; only the receipts are fewer."""

    def __init__(self) -> None:
        self._noted: dict[tuple[str, str, str, bytes], tuple[object, ...]] = {}

    def is_news(self, pending: Pending) -> bool:
        """Whether this customer's receipt differs from that of the day, or is the first."""
        return self._noted.get(_place(pending)) != _said(pending)

    def note(self, pending: Pending) -> None:
        """Remember a receipt that is durable."""
        if len(self._noted) >= _MOST:
            self._noted.clear()
        self._noted[_place(pending)] = _said(pending)


def _place(pending: Pending) -> tuple[str, str, str, bytes]:
    receipt = pending.receipt
    return receipt.org, receipt.purpose, receipt.action, receipt.asked


def _said(pending: Pending) -> tuple[object, ...]:
    receipt = pending.receipt
    resting = tuple((holder.id, holder.version) for holder in pending.ground.holders)
    return receipt.at // DAY, receipt.decision, receipt.declaration, receipt.records, receipt.categories, resting

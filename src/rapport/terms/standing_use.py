"""Uses that go on, such as a live page or an audience: one receipt per customer, use and day, and one per change.

What was noted is kept in memory, so that a node that was started anew notes a day's uses once more: a receipt too many
rather than one too few.
"""

from collections.abc import Sequence

import msgspec

from rapport.kernel.times import DAY
from rapport.terms.ground import Pending
from rapport.terms.receipts import Receipt

_MOST = 200_000


class StandingUse:
    """What was noted of one use. Every answer of it is decided anew; only the receipts are fewer."""

    def __init__(self) -> None:
        self._noted: dict[tuple[str, str, str, bytes], tuple[tuple[object, ...], str]] = {}

    def is_news(self, pending: Pending) -> bool:
        """Whether this customer's receipt differs from that of the day, or is the first."""
        known = self._noted.get(_place(pending))
        return known is None or known[0] != _said(pending)

    def noted(self, every: Sequence[Pending], news: Sequence[Pending]) -> dict[str, Receipt]:
        """Of those that are no news, by the id of a receipt that nobody keeps: the receipt that is on record."""
        fresh = {pending.receipt.id for pending in news}
        kept = ((pending.receipt, self._noted.get(_place(pending))) for pending in every)
        return {
            receipt.id: msgspec.structs.replace(receipt, id=known[1])
            for receipt, known in kept
            if known is not None and receipt.id not in fresh
        }

    def note(self, pending: Pending) -> None:
        """Remember a receipt that is durable."""
        if len(self._noted) >= _MOST:
            self._noted.clear()
        self._noted[_place(pending)] = (_said(pending), pending.receipt.id)


def _place(pending: Pending) -> tuple[str, str, str, bytes]:
    receipt = pending.receipt
    return receipt.org, receipt.purpose, receipt.action, receipt.asked


def _said(pending: Pending) -> tuple[object, ...]:
    receipt = pending.receipt
    resting = tuple((holder.id, holder.version) for holder in pending.ground.holders)
    return receipt.at // DAY, receipt.decision, receipt.declaration, receipt.records, receipt.categories, resting

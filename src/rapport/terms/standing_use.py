"""Uses that go on, such as a live page or an audience: one receipt per customer, use and day, and one per change.

What was noted is kept in memory, so that a node that was started anew notes a day's uses once more: a receipt too many
rather than one too few.
"""

from array import array
from collections.abc import Sequence

import msgspec

from rapport.kernel.times import DAY, now
from rapport.kernel.vocabulary import names_in
from rapport.terms.declaration import DEFAULT, Standing
from rapport.terms.ground import Ground, Pending
from rapport.terms.judging import Judged
from rapport.terms.receipts import Receipt

_MOST = 200_000


class StandingUse:
    """What was noted of one use. Every answer of it is decided anew; only the receipts are fewer."""

    def __init__(self) -> None:
        self._noted: dict[tuple[str, str, str, bytes], tuple[tuple[object, ...], str]] = {}

    def is_noted(self, purpose: str, judged: Judged, *, given: bool) -> bool:
        """Whether it is known without a receipt that one would be no news, and nobody is to be handed it."""
        del purpose, judged, given
        return False

    def is_news(self, pending: Pending) -> bool:
        """Whether this customer's receipt differs from that of the day, or is the first."""
        known = self._noted.get(_place(pending))
        return known is None or known[0] != said(pending)

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
        self._noted[_place(pending)] = (said(pending), pending.receipt.id)


def _place(pending: Pending) -> tuple[str, str, str, bytes]:
    receipt = pending.receipt
    return receipt.org, receipt.purpose, receipt.action, receipt.asked


def said(pending: Pending) -> tuple[object, ...]:
    """What a receipt says that, said otherwise, is news."""
    receipt = pending.receipt
    return _said(receipt.at, receipt.decision, receipt.records, receipt.categories, pending.ground)


def _said(
    at: int, decision: str, records: tuple[int, ...], categories: tuple[str, ...], ground: Ground
) -> tuple[object, ...]:
    resting = tuple([(holder.id, holder.version) for holder in ground.holders])
    return at // DAY, decision, ground.standing.hash, records, categories, resting


_PAGE = 4096
NO_NEWS = Pending(Receipt("", "", 0, "", "", "", "", ""), Ground(0, "", Standing("", DEFAULT, 0, "", 0)))
"""Stands for a receipt that was not made, since it would be no news."""


class UseOfEverybody(StandingUse):
    """The same of an organization's customers, all of them: eight bytes of each and purpose, by the number of their
    record. It is for whoever hands on no receipt: which one is on record is not remembered. One action, one
    organization; what is said is told apart by a hash of 64 bits, another one in every process."""

    def __init__(self) -> None:
        super().__init__()
        self._pages: dict[tuple[str, int], array[int]] = {}

    def is_noted(self, purpose: str, judged: Judged, *, given: bool) -> bool:
        kept = self._kept(purpose, judged.found.number)
        if not kept:
            return False
        parts = (judged.open or judged.found).parts
        is_open = given and judged.open is not None
        decision, categories = ("permitted", names_in(judged.told)) if is_open else ("refused", ())
        records = tuple([part.number for part in parts])
        return kept == hash(_said(now(), decision, records, categories, judged.ground))

    def is_news(self, pending: Pending) -> bool:
        if pending is NO_NEWS:
            return False
        kept = self._kept(pending.receipt.purpose, pending.customer)
        return not kept or kept != hash(said(pending))

    def _kept(self, purpose: str, customer: int) -> int:
        """The hash of what was said last; 0: nothing was."""
        page = self._pages.get((purpose, customer // _PAGE))
        return 0 if page is None else page[customer % _PAGE]

    def noted(self, every: Sequence[Pending], news: Sequence[Pending]) -> dict[str, Receipt]:
        del every, news
        return {}

    def note(self, pending: Pending) -> None:
        place = (pending.receipt.purpose, pending.customer // _PAGE)
        page = self._pages.get(place)
        if page is None:
            page = self._pages[place] = array("q", bytes(8 * _PAGE))
        page[pending.customer % _PAGE] = hash(said(pending))

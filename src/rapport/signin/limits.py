"""Limits on how often something may be tried: so many in a span of time for each key, such as an address.

Kept in memory: a node that was started anew lets a few more through, which no code of ours is short enough to mind.
"""

from collections import OrderedDict
from collections.abc import Callable

from rapport.kernel.errors import TooMany
from rapport.kernel.times import SECOND, now

_MOST_KEYS = 100_000


class Limit:
    """At most `most` tries of one key in `span` µs, refilled evenly."""

    def __init__(self, most: int, span: int, clock: Callable[[], int] = now) -> None:
        self._most = most
        self._refill = span / most
        self._now = clock
        self._empty_until: OrderedDict[str, float] = OrderedDict()

    def count(self, key: str) -> None:
        """Count a try. Raises TooMany, with when to come back, where there were too many."""
        at = self._now()
        until = max(self._empty_until.get(key, 0.0), at) + self._refill
        wait = until - at - self._most * self._refill
        if wait > 0:
            seconds = int(wait / SECOND) + 1
            raise TooMany("That was tried too often. Try it again in a moment.", retry_after=seconds)
        self._empty_until[key] = until
        self._empty_until.move_to_end(key)
        while len(self._empty_until) > _MOST_KEYS:
            self._empty_until.popitem(last=False)

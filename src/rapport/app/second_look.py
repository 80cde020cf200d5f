"""The second look at those who were handed over to destinations: whoever may not be read any more is deleted there."""

import time

from rapport.app.handing import Desk
from rapport.kernel.times import MINUTE, now

RECHECKED = 50
"""How many of those who were handed over are looked at again between two rounds of sending."""
RESTS = 3
"""So many times as long as such a look took, the next one waits: who was handed over may be millions."""
RECHECK_EVERY = 10 * MINUTE
"""How often all of them are, whatever happened: consent may come to its end by time alone."""


class SecondLook:
    """The second look at those who were handed over: at once at those who are named, at all once anything changed on
    which decisions rest, and now and then."""

    def __init__(self) -> None:
        self._epoch = -1
        self._dirty = True
        self._began = 0
        self._left: list[int] = []
        self._after = 0
        self._rests_until = 0.0

    def go_on(self, desk: Desk) -> bool:
        """Look at a few; whether there are more."""
        self._named(desk)
        epoch = desk.book.epoch()
        if epoch != self._epoch or now() - self._began > RECHECK_EVERY:
            self._epoch, self._dirty = epoch, True
        if not self._left and self._dirty:
            self._dirty, self._began, self._after = False, now(), 0
            self._left = desk.book.owing()
        if not self._left or time.monotonic() < self._rests_until:
            return False
        began = time.monotonic()
        found = desk.book.numbered(self._left[0])
        customers = () if found is None else desk.book.handed_after(self._left[0], self._after, RECHECKED)
        if found is not None and customers:
            desk.recheck(found[0], customers)
            self._after = customers[-1]
        else:
            self._left.pop(0)
            self._after = 0
        self._rests_until = time.monotonic() + RESTS * (time.monotonic() - began)
        return bool(self._left) or self._dirty

    def _named(self, desk: Desk) -> None:
        rows = desk.queue.rechecks(RECHECKED)
        for _, org, customer in rows:
            if customer is None:
                self._dirty = True
                continue
            for number in desk.book.holding(org, customer):
                found = desk.book.numbered(number)
                if found is not None:
                    desk.recheck(found[0], [customer])
        if rows:
            desk.queue.rechecked(rows[-1][0])

"""Visits that happen now: people of the history drop in, one after the other and several at once, until stopped."""

import heapq
from itertools import count

from rapport.cli.demo.history import Call, calls
from rapport.cli.demo.people import ALICE, Household, Shopper, household, lots
from rapport.cli.demo.visits import Memory, kinds_for
from rapport.kernel.times import SECOND

ALICES_SHARE = 0.04
"""How often it is Alice's household, so that somebody who follows her sees her come by."""

OPENING = 30 * SECOND
RUSH = 3
"""When the shop opens, visits begin so many times as often for half a minute, so that it is lively before those that
take minutes have got under way."""

GAP = 60 * SECOND
"""After a pause longer than this (a closed laptop), what would have happened meanwhile did not happen."""


class Street:
    """Who comes by, and when. `rate` is events a second, on average; times are in µs.

    The visits are drawn from (seed, run), so a run can be repeated by naming both.
    """

    def __init__(self, seed: int, households: int, rate: float, run: str) -> None:
        self._seed = seed
        self._households = households
        self._rate = rate
        self._run = run
        self._dice = lots(seed, "live", run)
        self._memories: dict[str, Memory] = {}
        self._numbers = count()
        self._waiting: list[tuple[int, int, Call]] = []
        self._opened = self._next_visit = 0
        self._visits = 0
        self._calls = 0

    def due(self, until: int) -> list[Call]:
        """The calls that leave up to `until`, visits that begin until then included."""
        if not self._next_visit:
            self._opened = self._next_visit = until
        elif until - self._next_visit > GAP:
            self._next_visit = until
        while self._next_visit <= until:
            self._begin(self._next_visit)
            mean = self._calls / self._visits / self._rate
            if self._next_visit - self._opened < OPENING:
                mean /= RUSH
            self._next_visit += max(1, round(self._dice.expovariate(1 / mean) * SECOND))
        leaving = []
        while self._waiting and self._waiting[0][0] <= until:
            leaving.append(heapq.heappop(self._waiting)[2])
        return leaving

    def _begin(self, at: int) -> None:
        house, who = self._somebody()
        often = kinds_for(who)
        kind = self._dice.choices(list(often), list(often.values()))[0]
        # Whoever lives here has opened an account and been entered long ago.
        memory = self._memories.setdefault(who.number, Memory(signed_up=True, app_signed_in=True, in_crm=True))
        self._visits += 1
        began = at // 1000 * 1000  # clients tell milliseconds
        for call in calls(
            self._seed, self._run, began, kind(self._dice, house, who, memory), self._numbers, self._dice
        ):
            self._calls += 1
            heapq.heappush(self._waiting, (call.leaves, self._calls, call))

    def _somebody(self) -> tuple[Household, Shopper]:
        number = ALICE if self._dice.random() < ALICES_SHARE else self._dice.randrange(self._households)
        house = household(self._seed, number)
        return house, self._dice.choice(house.people)

"""Some weeks in the town, with one way to choose: what it gives both sides, and what it is told of that."""

import heapq
import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from bench.town.world import ACTS, ANNOYANCE, APART, DAILY, DULLS, HALF, LEAVING, Act, Town, Visit
from rapport.decide.contact import Contact
from rapport.kernel.times import DAY
from rapport.learn.intervals import Floats

SILENT = -1
THIRDS = 3
_INTERRUPTS = {"push": 1.0, "web": 0.3}
_WINDOW = 7
"""Days within which what somebody gives anyway counts as an outcome of a decision."""


class Asked(NamedTuple):
    """What a way to choose may know: the occasion, which actions are `open` (by the catalogue's caps), and the
    `contacts` that reached this customer before."""

    town: Town
    visit: Visit
    number: int
    open: tuple[int, ...]
    contacts: tuple[Contact, ...]


class Way(Protocol):
    """A way to choose."""

    def choose(self, asked: Asked) -> int:
        """An action's place, or SILENT."""

    def learn(self, asked: Asked, done: int, customer: float, company: float, at: int) -> None:
        """What came of a choice, days later."""


class Came(NamedTuple):
    """What came of it, against a town that is silent, in £. `given` (n, thirds of the time, 2): to each customer, and
    by them to the company; `contacts`: how many; `left`: who left; `done`: how often each action."""

    given: Floats
    contacts: int
    left: "np.ndarray[tuple[int], np.dtype[np.bool_]]"
    done: "np.ndarray[tuple[int], np.dtype[np.intp]]"

    @property
    def sides(self) -> Floats:
        """(2), a customer on average."""
        return np.asarray(self.given.sum(axis=1).mean(axis=0))


def live(town: Town, way: Way, *, told: float = 1.0, without: frozenset[str] = frozenset()) -> Came:
    """Let a way choose. `told`: which share of what weariness costs customers shows in the outcomes that are
    reported; `without`: actions that are not in the catalogue."""
    known = [place for place, act in enumerate(ACTS) if act.id not in without]
    given = np.zeros((town.customers, THIRDS, 2))
    left = np.zeros(town.customers, bool)
    done = np.zeros(len(ACTS), np.intp)
    contacts: list[list[Contact]] = [[] for _ in range(town.customers)]
    last: list[dict[int, int]] = [{} for _ in range(town.customers)]
    waiting: list[tuple[int, int, Asked, int, float, float]] = []
    for number, visit in enumerate(town.visits):
        while waiting and waiting[0][0] <= visit.at:
            at, _, before, did, customer, company = heapq.heappop(waiting)
            way.learn(before, did, customer, company, at)
        who = visit.customer
        if left[who]:
            continue
        free = tuple(place for place in known if visit.day - last[who].get(place, -APART) >= APART)
        recent = [one for one in contacts[who] if one.at > visit.at - 30 * DAY]
        asked = Asked(town, visit, number, free, tuple(recent))
        did = way.choose(asked)
        luck = town.luck[number]
        anyway = [daily * _WINDOW for daily in DAILY]
        delay = 1 + int(6 * luck[4])
        if did == SILENT:
            outcome = (anyway[0] + luck[1], anyway[1] + luck[2])
        else:
            weary = weariness(recent, visit)
            meant = worth(town, visit, did, weary)
            happened = _happened(town, visit, did, weary, float(luck[0]), told)
            given[who, visit.day * THIRDS // town.days] += meant
            done[did] += 1
            last[who][did] = visit.day
            recent.append(Contact(visit.at, visit.channel, ACTS[did].id, ACTS[did].kind))
            contacts[who] = recent
            if luck[3] < town.harm * LEAVING * min(10.0, max(0.0, -meant[0])):
                left[who] = True
                for day in range(visit.day + 1, town.days):
                    given[who, day * THIRDS // town.days] -= DAILY
                anyway = [0.0, 0.0]
            outcome = (anyway[0] + happened[0] + luck[1], anyway[1] + happened[1] + luck[2])
        heapq.heappush(waiting, (visit.at + delay * DAY, number, asked, did, *outcome))
    return Came(given, int(done.sum()), left, done)


def weariness(contacts: Sequence[Contact], visit: Visit) -> float:
    """How much contacts before weary on an occasion: one of the same day by message 1, half of that after HALF."""
    return math.fsum(
        _INTERRUPTS[one.channel] * 2 ** (-((visit.at - one.at + DAY // 2) // DAY) / HALF) for one in contacts
    )


def worth(town: Town, visit: Visit, did: int, weary: float) -> tuple[float, float]:
    """What an action gives both sides on average, in this state."""
    act, odds, surplus, lost = _parts(town, visit, did, weary)
    return odds * surplus - lost, odds * act.margin - act.cost


def _parts(town: Town, visit: Visit, did: int, weary: float) -> tuple[Act, float, float, float]:
    """The action, the chance that it is taken up, what the customer then has, and what it costs them in any case."""
    act, who = ACTS[did], visit.customer
    pain = _pain(town, visit, weary)
    odds = float(town.odds[who, did, visit.moment]) * math.exp(-DULLS * pain)
    surplus = act.surplus * (0.5 + float(town.suits[who, did])) if act.surplus > 0 else act.surplus
    return act, odds, surplus, act.minutes * float(town.rate[who]) + pain * ANNOYANCE


def _pain(town: Town, visit: Visit, weary: float) -> float:
    return town.harm * float(town.sensitivity[visit.customer]) * weary


def _happened(town: Town, visit: Visit, did: int, weary: float, luck: float, told: float) -> tuple[float, float]:
    """What happened to happen, and is reported."""
    act, odds, surplus, lost = _parts(town, visit, did, weary)
    took = float(luck < odds)
    untold = (1 - told) * _pain(town, visit, weary) * ANNOYANCE
    return took * surplus - lost + untold, took * act.margin - act.cost

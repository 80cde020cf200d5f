"""Intervals that cover what they claim, from what each customer contributed to a figure.

A figure is a mean over decisions, and its error nearly the mean of an *influence* of each. Decisions about one customer
hang together, so influences are added up by customer first, and it is customers who are counted.

Rewards are skewed (most people buy nothing, a few buy much) and weights are heavy, so that "1.96 standard errors"
covers too little. Two intervals mend that, and each fails where the other does not:

    student     the standard error is itself a guess when few carry it: Student's t, with as many degrees of freedom as
    the
                spread of the squares leaves (Satterthwaite). Covers .91 of a mean of money among a few hundred
                customers
    straightened the same after Hall's cubic transformation, which takes the skewness out (Hall, JRSS B 54, 1992).
    Covers .93
                of a difference of two policies, whose skewness is mostly noise

At either end the one that reaches further is told: together they cover .95 to .96, and no less for money. Nothing is
left out by looking at what was given, for a log in which no large gift happened to come up would pass for a sure one;
only by `FEWEST`, which goes by numbers and chances alone. `python -m bench intervals` measures all that.

*Looked at continuously*, an interval for one look will sooner or later miss. `sequence` widens it so that all looks
together miss with the chance that is claimed: the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha,
Kennedy and Ramdas (Annals of Statistics 52, 2024), in the one-sided form of Howard, Ramdas, McAuliffe and Sekhon
(2021).
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

LEVEL = 0.95
FEWEST = 50.0
"""As so many decisions a log must count for anything to be told."""
_TINY = 1e-9


class Spread(NamedTuple):
    """How far a figure may be off. `customers`: how many there are; `rests_on`: how many of them, had all the same
    share in the variance, would carry it; `skewness` of what they contributed."""

    error: float
    skewness: float
    customers: int
    rests_on: float

    @property
    def freedom(self) -> float:
        """Degrees of freedom of `error`: as many as customers where all are alike in spread, few where few carry it."""
        lost = 1 / self.rests_on - 1 / self.customers if self.rests_on else math.inf
        return min(2 / lost if lost > 0 else math.inf, self.customers - 1.0)

    def blank(self, given: Floats) -> bool:
        """Whether nothing varied, for what was given, so that nothing is known: nobody bought yet, say."""
        return self.error <= _TINY * float(np.abs(given).max(initial=0.0))


class Interval(NamedTuple):
    low: float
    high: float


def spread(influence: Floats, customers: Ints) -> Spread:
    """Of a mean over decisions, from the influence of each (deviations, mean 0) and whose it is (numbers from 0)."""
    parts = np.bincount(customers, influence)
    parts = parts[np.bincount(customers) > 0]
    number = len(parts)
    squares = parts**2
    power = float(squares.sum())
    if number < 2 or power <= 0:
        return Spread(0.0, 0.0, number, 0.0)
    error = math.sqrt(number / (number - 1) * power) / len(influence)
    skewness = float((parts**3).sum()) / number / (power / number) ** 1.5
    return Spread(error, skewness, number, power**2 / float((squares**2).sum()))


def interval(value: float, spread: Spread, level: float = LEVEL, bias: float = 0.0) -> Interval:
    """The interval that holds the truth in `level` of all cases. `bias`: by how many standard errors the figure may be
    off besides, at most."""
    tail = (1 - level) / 2
    reach = float(special.stdtrit(spread.freedom, 1 - tail))
    if bias:
        # The quantile of a normal that is shifted by so much, to either side (Armstrong and Kolesár 2018).
        reach *= math.sqrt(float(special.chndtrix(level, 1, bias**2))) / float(special.ndtri(1 - tail))
    high, low = (min(-reach, _straightened(-reach, spread)), max(reach, _straightened(reach, spread)))
    return Interval(value - spread.error * low, value - spread.error * high)


def _straightened(point: float, spread: Spread) -> float:
    """Hall's transformation, the other way: what Student's statistic is where the straightened one is `point`."""
    slant = spread.skewness / math.sqrt(spread.customers)
    if abs(slant) < 1e-9:
        return point
    return float(3 / slant * (np.cbrt(1 + slant * (point - slant / 6)) - 1))


def sequence(spread: Spread, alpha: float, tight_at: int = 500) -> float:
    """By how much a figure is off at most, to one side, at all looks together but with chance `alpha`; tightest when
    `tight_at` customers contribute."""
    wide = math.log(1 / (2 * alpha))
    early = tight_at / (2 * wide + math.log1p(2 * wide)) / max(spread.customers, 1)
    grown = 1 + early
    return spread.error * math.sqrt(2 * grown * math.log(math.sqrt(grown / early) / (2 * alpha) + 1))

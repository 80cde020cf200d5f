"""What another way to choose would have given, estimated from decisions that were drawn with known chances.

Four estimators of the mean over decisions, each also as the gain against how it was chosen:

    ips     what was given, weighted by how much likelier the other way would have done it (Horvitz and Thompson 1952)
    snips   the same, divided by the mean weight (Swaminathan and Joachims 2015): narrower where everybody got something
    dr      a model's prediction, corrected by the weighted errors of the model (Dudík, Langford and Li 2011)
    switch  dr without the errors whose weights are too heavy (Wang, Agarwal and Dudík 2017). Leaving them out brings a
    bias,
            so no more is left out than could move the figure by a fifth of its standard error, and the interval is
            widened for that much

Each moment is judged with the history that it had: what follows from another choice for the moments after it is not in
the figure. What cannot be told is not told: a choice that the log never made (`not_logged`), or too few customers or
too heavy weights (`too_few`).
"""

import math
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from rapport.learn.intervals import FEWEST, LEVEL, Floats, Spread, interval, spread
from rapport.learn.reward_model import predicted
from rapport.learn.table import Table, Target
from rapport.terms.benefits import Side

Method = Literal["ips", "snips", "dr", "switch"]
METHODS: tuple[Method, ...] = ("ips", "snips", "dr", "switch")
Trouble = Literal["", "too_few", "not_logged"]
_LEANING = 0.2
"""Standard errors by which what `switch` leaves out may move it. Such a lean costs half a point of coverage, had it
been kept quiet."""


class Estimated(msgspec.Struct, frozen=True):
    """A mean per decision, with its interval. With `trouble`, nothing is told and the three are None.

    `effective`: as how many decisions drawn the other way the log counts, at most; `largest`: the heaviest weight;
    `rests_on`: how many equal customers would carry the figure; `error`: its standard error.
    """

    side: Side
    method: Method
    value: float | None
    low: float | None
    high: float | None
    decisions: int
    customers: int
    effective: float
    largest: float
    rests_on: float
    error: float
    trouble: Trouble = ""
    said: str = ""


class _Figure(NamedTuple):
    value: float
    influence: Floats
    bias: float = 0.0


class Weights(NamedTuple):
    """Of each decision, how much likelier the other way would have done what was done; `effective` and `largest`."""

    each: Floats
    effective: float
    largest: float


def weights(over: Table, target: Target) -> Weights:
    each = target.chance[over.taken] / over.propensity[over.taken]
    squares = float((each**2).sum())
    effective = float(each.sum()) ** 2 / squares if squares else 0.0
    # The weights that did not come up count, too: their chances are known.
    possible = over.propensity > 0
    expected = float((target.chance[possible] ** 2 / over.propensity[possible]).sum())
    due = over.number * over.number / expected if expected else 0.0
    return Weights(each, min(effective, due), float(each.max(initial=0.0)))


def estimate(
    over: Table,
    target: Target,
    side: Side,
    method: Method = "dr",
    *,
    against: Target | None = None,
    level: float = LEVEL,
) -> Estimated:
    """The mean of a side's benefit per decision under `target`, or its gain `against` another."""
    found = weights(over, target)
    for way in (target, against):
        if way is not None and way.beyond:
            return _untold(over, side, method, found, "not_logged", beyond_said(way))
    if not over.number:
        return _untold(over, side, method, found, "too_few", "no decision's outcome is known yet")
    figure = _FIGURES[method](over, target, against, over.given[side])
    off = spread(figure.influence, over.customer)
    if against is not None and not figure.influence.any() and np.array_equal(target.chance, against.chance):
        return _told(over, side, method, found, 0.0, 0.0, 0.0, off)
    if found.effective < FEWEST:
        said = f"too few: the log counts as {found.effective:.0f} decisions made so, and {FEWEST:.0f} are needed"
        return _untold(over, side, method, found, "too_few", said, off.rests_on)
    if off.blank(over.given[side]):
        return _untold(over, side, method, found, "too_few", "too few: nothing was given yet that tells two ways apart")
    low, high = interval(figure.value, off, level, figure.bias)
    return _told(over, side, method, found, figure.value, low, high, off)


def estimates(over: Table, target: Target, side: Side, *, against: Target | None = None) -> dict[Method, Estimated]:
    """By all four."""
    return {method: estimate(over, target, side, method, against=against) for method in METHODS}


def beyond_said(target: Target) -> str:
    """Why it cannot be told from this log."""
    first = max(target.beyond, key=lambda action: (target.beyond[action], action))
    share = sum(target.beyond.values())
    return f"cannot be told: in {share:.1%} of the choices it does what was never tried there, such as {first}"


def _told(
    over: Table, side: Side, method: Method, of: Weights, value: float, low: float, high: float, off: Spread
) -> Estimated:
    numbers = (over.number, _customers(over), of.effective, of.largest, off.rests_on, off.error)
    return Estimated(side, method, value, low, high, *numbers, "", f"{value:+.4g} [{low:+.4g}, {high:+.4g}] a decision")


def _untold(
    over: Table, side: Side, method: Method, of: Weights, trouble: Trouble, said: str, rests_on: float = 0.0
) -> Estimated:
    numbers = (over.number, _customers(over), of.effective, of.largest, rests_on, 0.0)
    return Estimated(side, method, None, None, None, *numbers, trouble, said)


def _customers(over: Table) -> int:
    return len(np.unique(over.customer))


# -- the figures. A gain is the difference of two figures over the same decisions, so their influences are subtracted.


def _ips(over: Table, target: Target, against: Target | None, given: Floats) -> _Figure:
    return _mean(_tilt(over, target, against) * given)


def _snips(over: Table, target: Target, against: Target | None, given: Floats) -> _Figure:
    figure = _normalised(weights(over, target).each, given)
    if against is None:
        return figure
    other = _normalised(weights(over, against).each, given)
    return _Figure(figure.value - other.value, figure.influence - other.influence)


def _dr(over: Table, target: Target, against: Target | None, given: Floats) -> _Figure:
    model = predicted(over, given)
    return _mean(_direct(over, target, against, model) + _tilt(over, target, against) * (given - model[over.taken]))


def _switch(over: Table, target: Target, against: Target | None, given: Floats) -> _Figure:
    model = predicted(over, given)
    direct = _direct(over, target, against, model)
    errors = given - model[over.taken]
    moved = np.abs(target.chance if against is None else target.chance - against.chance)
    heaviest = _switched_at(over, moved, direct, float(np.sqrt((errors**2).mean())))
    tilt = _tilt(over, target, against)
    figure = _mean(direct + np.where(np.abs(tilt) <= heaviest.at, tilt, 0.0) * errors)
    return figure._replace(bias=heaviest.bias)


def _tilt(over: Table, target: Target, against: Target | None) -> Floats:
    """By how much each decision counts: its weight, or the difference of two weights."""
    moved = target.chance if against is None else target.chance - against.chance
    return np.asarray(moved[over.taken] / over.propensity[over.taken], float)


def _direct(over: Table, target: Target, against: Target | None, model: Floats) -> Floats:
    return over.per_decision((target.chance if against is None else target.chance - against.chance) * model)


def _mean(each: Floats) -> _Figure:
    value = float(each.mean())
    return _Figure(value, each - value)


def _normalised(each: Floats, given: Floats) -> _Figure:
    weight = float(each.mean())
    value = float((each * given).mean()) / weight if weight else 0.0
    return _Figure(value, each * (given - value) / weight if weight else np.zeros(len(each)))


class _Heaviest(NamedTuple):
    at: float
    bias: float


def _switched_at(over: Table, moved: Floats, direct: Floats, error: float) -> _Heaviest:
    """The lowest weight above which everything may be left to the model, and by how many standard errors that may move
    the figure, were the model off by one whole standard error of its predictions there.

    It goes by the chances of the candidates and never by what was given to whom, so that choosing it brings no bias.
    """
    possible = (over.propensity > 0) & (moved > 0)
    heavy = moved[possible] / over.propensity[possible]
    order = np.argsort(-heavy, kind="stable")
    heavy, share = heavy[order], moved[possible][order] / over.number
    left_out = np.concatenate([[0.0], np.cumsum(share)])[: len(heavy)]
    kept = np.cumsum((heavy * share)[::-1])[::-1]
    variance = (float(direct.var()) + error**2 * kept) / over.number
    # Place i: the i heaviest are left out. Equal weights go together.
    fresh = np.concatenate([[True], heavy[1:] < heavy[:-1]])[: len(heavy)]
    leaning = np.divide(left_out * error, np.sqrt(variance), out=np.zeros(len(heavy)), where=variance > 0)
    allowed = np.flatnonzero(fresh & (leaning <= _LEANING))
    if not len(allowed) or allowed[-1] == 0:
        return _Heaviest(math.inf, 0.0)
    return _Heaviest(float(heavy[allowed[-1]]) * (1 + 1e-12), float(leaning[allowed[-1]]))


_FIGURES: Mapping[Method, Callable[[Table, Target, Target | None, Floats], _Figure]] = {
    "ips": _ips,
    "snips": _snips,
    "dr": _dr,
    "switch": _switch,
}

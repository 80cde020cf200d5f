"""What an action gave to those who got it, against silence; and whether those were found whom it helps.

Only decisions are compared in which both could have happened, and each with the chance that it had: who is left alone
is weighted to be like those who got it. Where the lot alone decided, this is the difference of the two groups' means.

The *Qini curve* asks of scores (what was expected of whom) what would have been gained, had only the best-scored share
been treated; its *coefficient* is the area between it and treating as many at random (Radcliffe 2007). Here both are
means of one figure for each decision, so that their intervals come as all others do; the ranks are estimated from the
same decisions, and that is in the interval, too (Yadlowsky et al., Evaluating Treatment Prioritization Rules, JASA
2025).
"""

from collections.abc import Collection
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from rapport.decide.kinds import SILENCE
from rapport.learn.intervals import FEWEST, LEVEL, Floats, Ints, Spread, interval, spread
from rapport.learn.logged import SIDES
from rapport.learn.table import Table
from rapport.terms.benefits import Side

POINTS = 100


class Arms(NamedTuple):
    """Decisions that went one of two ways by lot. `odds`: with which chance each was treated, of the two; `given`
    afterwards; `customer`: whose, as a number."""

    treated: NDArray[np.bool_]
    odds: Floats
    given: Floats
    customer: Ints


class Effect(msgspec.Struct, frozen=True):
    """What treatment gave on average, with its interval; None where there are too few. `treated` and `left_alone`: how
    many decisions are compared; `rests_on` how many equal customers carry the figure, `error` its
    standard error."""

    of: str
    side: Side
    value: float | None
    low: float | None
    high: float | None
    treated: int
    left_alone: int
    customers: int
    rests_on: float
    error: float
    said: str


class Point(NamedTuple):
    """Of a Qini curve: had this share been treated, so much would have been gained per head of all."""

    share: float
    gain: float


class Qini(msgspec.Struct, frozen=True):
    """`coefficient`: the area over treating at random, with its interval; None where there are too few."""

    side: Side
    curve: tuple[Point, ...]
    coefficient: float | None
    low: float | None
    high: float | None
    rests_on: float
    error: float
    said: str


class Difference(NamedTuple):
    """Of two arms' means, and the influence of each decision on it."""

    value: float
    influence: Floats

    def spread(self, arms: Arms) -> Spread:
        return spread(self.influence, arms.customer)


# -- from a log


def arms(over: Table, of: Collection[str], side: Side) -> tuple[Arms, Ints]:
    """The decisions that did one of these actions, or nothing where one of these could have been; and which they
    are."""
    named = np.isin(np.array(over.actions, object), list(of))
    silence = over.actions.index(SILENCE)
    of_these = over.per_decision(np.where(named[over.what], over.propensity, 0.0))
    of_silence = over.per_decision(np.where(over.what == silence, over.propensity, 0.0))
    done = over.done
    there = np.flatnonzero((named[done] | (done == silence)) & (of_these > 0) & (of_silence > 0))
    odds = of_these[there] / (of_these[there] + of_silence[there])
    return Arms(named[done[there]], odds, over.given[side][there], over.customer[there]), there


def by_action(over: Table) -> list[Effect]:
    """What each action gave to those who got it, to both sides, against silence."""
    return [_of_these(over, [action], action, side) for action in over.actions if action != SILENCE for side in SIDES]


def by_kind(over: Table) -> list[Effect]:
    """The same by kind."""
    kinds = sorted(set(over.kinds) - {SILENCE})
    return [
        _of_these(
            over, [action for action, its in zip(over.actions, over.kinds, strict=True) if its == kind], kind, side
        )
        for kind in kinds
        for side in SIDES
    ]


def of_all(over: Table) -> list[Effect]:
    """What everything that was done gave, to both sides, against silence."""
    return [_of_these(over, [one for one in over.actions if one != SILENCE], "all", side) for side in SIDES]


def _of_these(over: Table, actions: Collection[str], name: str, side: Side) -> Effect:
    return effect(arms(over, actions, side)[0], name, side)


# -- from two arms


def difference(of: Arms) -> Difference | None:
    """Mean of the treated, less the mean of those left alone weighted to be like them; None where one arm is empty."""
    even = np.where(of.treated, 1.0, of.odds / (1 - of.odds))
    return _between(of, np.where(of.treated, even, 0.0), np.where(of.treated, 0.0, even))


def effect(of: Arms, name: str, side: Side, level: float = LEVEL) -> Effect:
    """What treatment gave to those who got it."""
    return _told(of, difference(of), name, side, level)


def qini(of: Arms, scores: Floats, side: Side, level: float = LEVEL) -> Qini:
    """How much better than at random the scores find whom treatment helps."""
    each = _each(of)
    if each is None:
        return Qini(side, (), None, None, None, 0.0, 0.0, "too few: nobody was treated, or nobody left alone")
    above, number = _rank(scores), len(scores)
    by_rank = each * (0.5 - above)
    value = float(by_rank.mean())
    # A decision moves the ranks of those below it, too (Hájek's projection of a U-statistic).
    order = np.argsort(-scores, kind="stable")
    sums = np.concatenate([[0.0], np.cumsum(each[order])]) / number
    below = sums[-1] - sums[np.rint(above * number).astype(int)]
    influence = by_rank - value - (below - float((each * above).mean()))
    off = spread(influence - influence.mean(), of.customer)
    few = too_few(of) or _blank(off, of)
    if few:
        return Qini(side, (), None, None, None, off.rests_on, off.error, few)
    low, high = interval(value, off, level)
    said = f"{value:+.4g} [{low:+.4g}, {high:+.4g}]"
    return Qini(side, _curve(each, scores), value, low, high, off.rests_on, off.error, said)


def _even(of: Arms) -> Difference | None:
    """The difference over all of these decisions alike."""
    return _between(of, np.where(of.treated, 1 / of.odds, 0.0), np.where(of.treated, 0.0, 1 / (1 - of.odds)))


def _between(of: Arms, treated: Floats, left_alone: Floats) -> Difference | None:
    """Weighted means, subtracted."""
    if not treated.any() or not left_alone.any():
        return None
    means = [float((weight * of.given).sum() / weight.sum()) for weight in (treated, left_alone)]
    shares = [weight / weight.mean() for weight in (treated, left_alone)]
    influence = shares[0] * (of.given - means[0]) - shares[1] * (of.given - means[1])
    return Difference(means[0] - means[1], influence)


def _each(of: Arms) -> Floats | None:
    """A figure for each decision whose mean is the effect over all: augmented by the two means, so it varies less, and
    weighted by the odds alone, so that no estimate of a weight is in it."""
    found = _even(of)
    if found is None:
        return None
    treated, left_alone = np.where(of.treated, 1 / of.odds, 0.0), np.where(of.treated, 0.0, 1 / (1 - of.odds))
    means = [float((weight * of.given).sum() / weight.sum()) for weight in (treated, left_alone)]
    return np.asarray(found.value + treated * (of.given - means[0]) - left_alone * (of.given - means[1]), float)


def _rank(scores: Floats) -> Floats:
    """The share of scores above each; equal ones share the middle."""
    order = np.sort(-scores)
    first, last = np.searchsorted(order, -scores, "left"), np.searchsorted(order, -scores, "right")
    return np.asarray((first + last) / (2 * len(scores)), float)


def _above(scores: Floats) -> Floats:
    """The share of scores that are higher."""
    return np.searchsorted(np.sort(-scores), -scores, "left") / len(scores)


def _curve(each: Floats, scores: Floats) -> tuple[Point, ...]:
    """At every hundredth; within equal scores a straight line."""
    values, places, counts = np.unique(-scores, return_inverse=True, return_counts=True)
    sums = np.bincount(places.ravel(), each, minlength=len(values))
    shares = np.concatenate([[0.0], np.cumsum(counts) / len(scores)])
    gains = np.concatenate([[0.0], np.cumsum(sums) / len(scores)])
    return tuple(Point(float(share), float(np.interp(share, shares, gains))) for share in np.linspace(0, 1, POINTS + 1))


def _told(of: Arms, found: Difference | None, name: str, side: Side, level: float = LEVEL) -> Effect:
    treated = int(of.treated.sum())
    counts = (treated, len(of.treated) - treated, len(np.unique(of.customer)))
    if found is None:
        return Effect(
            name, side, None, None, None, *counts, 0.0, 0.0, "too few: nobody was treated, or nobody left alone"
        )
    off = found.spread(of)
    few = too_few(of) or _blank(off, of)
    if few:
        return Effect(name, side, None, None, None, *counts, off.rests_on, off.error, few)
    low, high = interval(found.value, off, level)
    said = f"{found.value:+.4g} [{low:+.4g}, {high:+.4g}]"
    return Effect(name, side, found.value, low, high, *counts, off.rests_on, off.error, said)


def too_few(of: Arms) -> str:
    """Why these decisions are too few for an interval; "" where they are not."""
    needed = FEWEST / 2
    left_alone = of.odds[~of.treated] / (1 - of.odds[~of.treated])
    counts = {"got it": float(of.treated.sum()), "were left alone": _effective(left_alone)}
    for arm, count in counts.items():
        if count < needed:
            return f"too few: {count:.0f} {arm}, and {needed:.0f} are needed"
    return ""


def _blank(off: Spread, of: Arms) -> str:
    return "too few: nothing was given yet that tells the two apart" if off.blank(of.given) else ""


def _effective(weights: Floats) -> float:
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0

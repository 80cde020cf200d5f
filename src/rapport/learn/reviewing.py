"""A log of decisions, looked back on as a whole: over time, by action, against silence; whom it helped; what harms.

Over time, spans are as short as the log can bear: days, weeks or months, the shortest of which most have enough for an
interval. A span with too little keeps its place, and says so.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rapport.decide.kinds import SILENCE
from rapport.kernel.times import DAY
from rapport.learn import guard_rails, uplift, what_if
from rapport.learn.intervals import FEWEST, Floats, Ints, interval, spread
from rapport.learn.logged import SIDES, Logged
from rapport.learn.reviewed import (
    Answered,
    Compared,
    Curve,
    Figure,
    Gained,
    Judged,
    Lot,
    OfAction,
    Review,
    Span,
    Step,
)
from rapport.learn.table import Table, table
from rapport.learn.uplift import Arms
from rapport.learn.verdicts import Verdict
from rapport.terms.benefits import Side

STEPS: Final[Mapping[Step, int]] = {"day": DAY, "week": 7 * DAY, "month": 28 * DAY}
MOST_SPANS: Final = 16
"""The newest so many are told of."""
_ENOUGH: Final = 0.6
"""Of the spans of a step, this share has to have an interval; else they are made longer."""
_MONDAY: Final = 4 * DAY
"""The first one after the epoch: weeks begin with it."""


def review(log: Sequence[Logged], now: int, lot: Lot, waiting: int = 0, due: int = 0) -> Review:
    """All that a log shows by `now` (µs), and that beside it `waiting` more have time left, the first until `due`.
    Raises BadInput or Conflict for a log that cannot be used."""
    over = table(log, now)
    found = {one.decision: one for one in log}
    times = np.array([found[decision].at for decision in over.decisions], np.int64)
    some = [action for action in over.actions if action != SILENCE]
    both = {side: uplift.arms(over, some, side) for side in SIDES}
    customer, company = both["customer"], both["company"]
    step, spans = _over_time(over, times, both)
    return Review(
        now,
        len(found),
        over.number,
        len(found) - over.number + waiting,
        int((over.done == over.actions.index(SILENCE)).sum()),
        len(np.unique(over.customer)),
        int(times.min(initial=now)),
        int(times.max(initial=0)),
        step,
        compared(customer[0], "customer"),
        compared(company[0], "company"),
        spans,
        _by_action(over),
        tuple(_curve(over, found, *both[side], side) for side in both),
        tuple(map(_judged, guard_rails.judged(log, now))),
        lot,
        min([*([due] if due else ()), *(one.until for one in found.values() if one.until > now)], default=0),
    )


def answered(answer: what_if.Answer, now: int) -> Answered:
    """An answer as it is handed on."""
    customer, company = map(_gained, answer.gains)
    customers = answer.gains[0].estimated.customers
    return Answered(
        now, answer.what, answer.decisions, customers, answer.changed, answer.beyond, customer, company, answer.said
    )


def compared(of: Arms, side: Side) -> Compared:
    """Those to whom something was done, with those who were left alone and are weighted to be like them."""
    effect = uplift.effect(of, "all", side)
    added = Figure(effect.value, effect.low, effect.high, effect.said)
    left = ~of.treated
    reached = mean(np.ones(int(of.treated.sum())), of.given[of.treated], of.customer[of.treated])
    alone = mean(of.odds[left] / (1 - of.odds[left]), of.given[left], of.customer[left])
    return Compared(side, added, reached, alone, effect.treated, effect.left_alone, effect.customers)


def mean(weights: Floats, given: Floats, customers: Ints) -> Figure:
    """A weighted mean with its interval; with too few, or where nothing varied, without."""
    count = _effective(weights)
    if count < FEWEST / 2:
        return Figure(said=f"too few: {count:.0f}, and {FEWEST / 2:.0f} are needed")
    value = float((weights * given).sum() / weights.sum())
    off = spread(weights / weights.mean() * (given - value), customers)
    if off.blank(given):
        return Figure(said="too few: nothing was given yet that varies")
    return Figure(value, *interval(value, off))


def _effective(weights: Floats) -> float:
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


# -- over time


def _over_time(
    over: Table, times: NDArray[np.int64], both: Mapping[Side, tuple[Arms, Ints]]
) -> tuple[Step, tuple[Span, ...]]:
    step, spans = next(iter(STEPS)), tuple[Span, ...]()
    if not len(times):
        return step, spans
    long = int(times.max() - times.min())
    for step, length in STEPS.items():
        if step != "month" and long // length >= MOST_SPANS:
            continue
        spans = _spans(over, times, both, length)
        known = sum(span.customer.added.value is not None for span in spans)
        if known >= _ENOUGH * len(spans):
            return step, spans
    return step, spans


def _spans(
    over: Table, times: NDArray[np.int64], both: Mapping[Side, tuple[Arms, Ints]], length: int
) -> tuple[Span, ...]:
    number = (times - _MONDAY) // length
    silent = over.done == over.actions.index(SILENCE)
    found = []
    for span in range(max(int(number.min()), int(number.max()) + 1 - MOST_SPANS), int(number.max()) + 1):
        here = number == span
        sides = [compared(_part(of, here[rows]), side) for side, (of, rows) in both.items()]
        since = _MONDAY + span * length
        found.append(Span(since, since + length, int(here.sum()), int((here & silent).sum()), *sides))
    return tuple(found)


def _part(of: Arms, chosen: NDArray[np.bool_]) -> Arms:
    return Arms(of.treated[chosen], of.odds[chosen], of.given[chosen], of.customer[chosen])


# -- by action


def _by_action(over: Table) -> tuple[OfAction, ...]:
    done = over.done
    counts = {action: int((done == place).sum()) for place, action in enumerate(over.actions)}
    order = sorted(counts, key=lambda action: (action != SILENCE, -counts[action], action))
    return tuple(_of_action(over, action, counts[action]) for action in order)


def _of_action(over: Table, action: str, decisions: int) -> OfAction:
    place = over.actions.index(action)
    these = over.done == place
    gave = [mean(np.ones(decisions), over.given[side][these], over.customer[these]) for side in over.given]
    sides: list[Compared | None] = [None, None]
    if action != SILENCE:
        sides = [compared(uplift.arms(over, [action], side)[0], side) for side in over.given]
    return OfAction(action, over.kinds[place], decisions, gave[0], gave[1], sides[0], sides[1])


# -- whom it helps, and what harms


def _curve(over: Table, found: Mapping[str, Logged], of: Arms, rows: Ints, side: Side) -> Curve:
    """Scores are what was expected of the best that could be done for each."""
    place = 0 if side == "customer" else 1
    scores = np.array([found[over.decisions[row]].features[place] for row in rows], float)
    if len(scores) and not np.ptp(scores):
        return Curve(side, (), Figure(said="the same was expected of everybody, so there is no order to judge"))
    qini = uplift.qini(of, scores, side)
    above = Figure(qini.coefficient, qini.low, qini.high, qini.said)
    return Curve(side, tuple((point.share, point.gain) for point in qini.curve), above)


def _judged(one: Verdict) -> Judged:
    return Judged(one.action, one.side, one.harmful, one.effect, one.low, one.high, one.got, one.left_alone)


def _gained(gain: what_if.Gain) -> Gained:
    of = gain.estimated
    return Gained(gain.side, gain.verdict, Figure(of.value, of.low, of.high, gain.said), of.effective)

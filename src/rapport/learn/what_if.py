"""What if: had the weight between the two sides been another, a cap another, or an action not there?

Answered from logged decisions, with an interval, as the gain of each side per decision against how it was chosen. The
answer is often "no proven gain", and sometimes "cannot be told": a log says nothing of what was never tried.

A changed way to choose may, here and there, want what the log never did. Up to `MOST_BEYOND` of its choices are then
left as they were, and the answer says how many; beyond that nothing is told. Each moment keeps the history that it had:
what follows from fewer messages for the moments after them is not in the figure.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec
import numpy as np

from rapport.decide.kinds import SILENCE
from rapport.kernel.errors import BadInput
from rapport.kernel.times import DAY, HOUR
from rapport.learn.logged import SIDES, Logged, known
from rapport.learn.off_policy import Estimated, Method, estimate
from rapport.learn.table import Table, Target, as_it_was, table, target
from rapport.terms.benefits import Side

Verdict = Literal["gain", "loss", "no_proven_gain", "too_few", "not_logged", "nothing_changes"]
MOST_BEYOND = 0.1
"""Of its choices a changed way may have made where the log never did, for anything to be told."""
_NOTHING = 1e-12
Chooser = Callable[[Logged], Mapping[str, float]]
"""Arbitration, done again with something changed: the chances of a decision's candidates, 1 together."""


class Without(msgspec.Struct, frozen=True, tag="without"):
    """An action had not been there."""

    action: str


class Capped(msgspec.Struct, frozen=True, tag="capped"):
    """No customer had got more than `most` within so much time (µs), of one action or (`action` "") of all together."""

    most: int
    within: int
    action: str = ""


class Rechosen(msgspec.Struct, frozen=True, tag="rechosen"):
    """Arbitration had been done so instead, such as with another weight. `said`: what is other, such as "weight
    0.7"."""

    said: str
    choose: Chooser


Change = Without | Capped | Rechosen


class Gain(msgspec.Struct, frozen=True):
    """Of one side, and what to make of it."""

    side: Side
    verdict: Verdict
    estimated: Estimated
    said: str


class Answer(msgspec.Struct, frozen=True):
    """`changed`: the share of choices that would have been others; `beyond`: the share that the log cannot tell of,
    and that was left as it was."""

    what: str
    decisions: int
    changed: float
    beyond: float
    gains: tuple[Gain, ...]
    said: str


def what_if(log: Sequence[Logged], now: int, change: Change, method: Method = "dr") -> Answer:
    """What a change would have given each side, per decision, against how it was. `now` in µs. Raises BadInput for a
    change that makes no sense or a log that cannot be used."""
    decisions = known(log, now)
    over = table(decisions, now)
    was = as_it_was(over)
    wished = target(over, said(change), changed_chances(decisions, change))
    beyond = sum(wished.beyond.values())
    tried = _where_tried(over, wished, was)
    moved = _moved(over, tried, was)
    told = wished if beyond > MOST_BEYOND else tried
    gains = tuple(compared(over, told, was, side, method) for side in SIDES)
    note = f"; in {beyond:.1%} of the choices it wanted what was never tried there, and they were left as they were"
    if isinstance(change, Capped) and moved < _NOTHING:
        note = "; nobody got more in this log, and of what a cap kept back a log knows nothing"
    elif not 0 < beyond <= MOST_BEYOND:
        note = ""
    sentence = f"{wished.said}: " + "; ".join(gain.said for gain in gains) + note
    return Answer(wished.said, over.number, moved, beyond, gains, sentence)


def said(change: Change) -> str:
    """A change in words."""
    if isinstance(change, Without):
        return f"without {change.action}"
    if isinstance(change, Capped):
        of = f" of {change.action}" if change.action else ""
        spell = f"{change.within // DAY} days" if change.within >= 2 * DAY else f"{change.within // HOUR} hours"
        return f"at most {change.most}{of} in {spell}"
    return change.said


def changed_chances(decisions: Sequence[Logged], change: Change) -> dict[str, Mapping[str, float]]:
    """By decision, the chances as they had been with the change; decisions that it leaves alone are missing."""
    if isinstance(change, Without):
        if change.action == SILENCE:
            raise BadInput("silence is always possible", code="bad_change", field="action")
        return {one.decision: _less(one, {change.action}) for one in decisions if change.action in one.chances}
    if isinstance(change, Capped):
        return _capped(decisions, change)
    return {one.decision: change.choose(one) for one in decisions}


def _capped(decisions: Sequence[Logged], change: Capped) -> dict[str, Mapping[str, float]]:
    if change.most < 0 or change.within <= 0:
        raise BadInput("a cap is a number of at least 0 within some time", code="bad_change", field="most")
    found: dict[str, Mapping[str, float]] = {}
    before: dict[str, deque[int]] = defaultdict(deque)
    for one in sorted(decisions, key=lambda one: (one.at, one.decision)):
        times = before[one.customer]
        while times and times[0] <= one.at - change.within:
            times.popleft()
        under = {change.action} if change.action else {each.action for each in one.candidates} - {SILENCE}
        if len(times) >= change.most and under & one.chances.keys():
            found[one.decision] = _less(one, under)
        if one.delivered and one.action in under and one.action != SILENCE:
            times.append(one.at)
    return found


def _less(one: Logged, actions: set[str]) -> dict[str, float]:
    """Without these, the others as often as they were to each other; silence where nothing is left."""
    left = {action: chance for action, chance in one.chances.items() if action not in actions}
    total = sum(left.values())
    return {action: chance / total for action, chance in left.items()} if total > 0 else {SILENCE: 1.0}


def _where_tried(over: Table, wished: Target, was: Target) -> Target:
    """The change, but what it would do where the log never did is done as it was."""
    missing = 1 - over.per_decision(wished.chance)
    missing[missing < 1e-9] = 0
    return Target(wished.said, wished.chance + missing[over.row] * was.chance, {})


def compared(over: Table, told: Target, was: Target, side: Side, method: Method = "dr") -> Gain:
    """What one way to choose gave a side more than another, per decision, and what to make of it."""
    found = estimate(over, told, side, method, against=was)
    whose = "customers" if side == "customer" else "the company"
    if found.trouble:
        return Gain(side, found.trouble, found, f"for {whose} {found.said}")
    if found.value is None or found.low is None or found.high is None or _moved(over, told, was) < _NOTHING:
        return Gain(side, "nothing_changes", found, f"for {whose} nothing changes: it would have chosen as it did")
    verdict: Verdict = "gain" if found.low > 0 else "loss" if found.high < 0 else "no_proven_gain"
    words = {"gain": "a gain", "loss": "a loss", "no_proven_gain": "no proven gain"}[verdict]
    return Gain(side, verdict, found, f"for {whose} {words}, {found.said}")


def _moved(over: Table, told: Target, was: Target) -> float:
    """The share of choices that would have been others."""
    return float(over.per_decision(np.abs(told.chance - was.chance)).sum()) / 2 / max(over.number, 1)

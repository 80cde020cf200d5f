"""Guard-rails: an action that is shown to harm one of the two sides is switched off.

They are looked at after every outcome, and an interval for one look would sooner or later strike out anything. So harm
counts as shown only where a confidence sequence lies below 0: over all looks together, an action that does no harm is
switched off with chance `ALPHA` at most, all actions and both sides of an organization together (`among`). The
evidence is that of `uplift`: who got the action against those left alone by the lot, each weighted by known chances.

A rule, not a memory: it says what the log shows now. Whoever switches an action off by it keeps it off until a person
has looked; evidence from before that look may be left out (`since`).
"""

from collections.abc import Sequence

import msgspec

from rapport.decide.kinds import SILENCE
from rapport.learn.intervals import sequence
from rapport.learn.logged import SIDES, Logged
from rapport.learn.table import table
from rapport.learn.uplift import arms, difference, too_few
from rapport.terms.benefits import Side

ALPHA = 0.05
FEWEST_OF_EACH = 50
"""Decisions that got it, and that were left alone, before anything is judged."""
_SIDES_SAID = {"customer": "customers", "company": "the company"}


class Verdict(msgspec.Struct, frozen=True):
    """What the log shows of an action for one side, against silence, at all looks so far together. `harmful`: it is to
    be switched off. `effect` to those who got it is at most `high` and at least `low` (None where there is too
    little)."""

    action: str
    side: Side
    harmful: bool
    effect: float | None
    low: float | None
    high: float | None
    got: int
    left_alone: int
    alpha: float
    said: str


def judged(log: Sequence[Logged], now: int, *, alpha: float = ALPHA, since: int = 0) -> list[Verdict]:
    """Every action of the log, for both sides: those that harm first. `now` and `since` in µs: decisions from before
    `since` are left out. Raises BadInput or Conflict for a log that cannot be used."""
    over = table([one for one in log if one.at >= since], now)
    actions = [action for action in over.actions if action != SILENCE]
    each = alpha / max(1, len(actions) * len(SIDES))
    found = []
    for action in actions:
        for side in SIDES:
            compared = arms(over, [action], side)[0]
            got = int(compared.treated.sum())
            numbers = (got, len(compared.treated) - got)
            apart = difference(compared)
            off = None if apart is None else apart.spread(compared)
            if (
                apart is None
                or off is None
                or off.blank(compared.given)
                or min(numbers) < FEWEST_OF_EACH
                or too_few(compared)
            ):
                said = f"{action}: too little is known to judge it for {_SIDES_SAID[side]}"
                found.append(Verdict(action, side, False, None, None, None, *numbers, each, said))
                continue
            reach = sequence(off, each)
            low, high = apart.value - reach, apart.value + reach
            said = _said(action, side, apart.value, high, numbers)
            found.append(Verdict(action, side, high < 0, apart.value, low, high, *numbers, each, said))
    return sorted(found, key=lambda one: not one.harmful)


def _said(action: str, side: Side, effect: float, high: float, numbers: tuple[int, int]) -> str:
    got, left_alone = numbers
    to = _SIDES_SAID[side]
    if high < 0:
        return (
            f"{action} harms {to}: {effect:+.3g} a decision against silence, and {high:+.3g} at best "
            f"({got:,} got it, {left_alone:,} were left alone)"
        )
    return f"{action}: no harm to {to} is shown ({got:,} got it, {left_alone:,} were left alone)"

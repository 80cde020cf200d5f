"""Guard-rails: an action that is shown to harm one of the two sides is switched off.

They are looked at after every outcome, and an interval for one look would sooner or later strike out anything. So harm
counts as shown only where a confidence sequence lies below 0: over all looks together, an action that does no harm is
switched off with chance `ALPHA` at most, all actions and both sides of an organization together (`among`). The
evidence is that of `uplift`: who got the action against those left alone by the lot, each weighted by known chances.

A rule, not a memory: it says what the log shows now. Whoever switches an action off by it keeps it off until a person
has looked; evidence from before that look may be left out (`since`).

Who keeps no more than the newest decisions cannot judge by all there ever were. So looks are parted into *epochs*: each
begins at some decision, whatever was given since, and may err with a part of ALPHA (`share_of`); all parts together
are no more than it.
"""

from collections.abc import Collection, Sequence

from rapport.decide.kinds import SILENCE
from rapport.learn.evidence import Evidence
from rapport.learn.intervals import sequence
from rapport.learn.logged import SIDES, Logged
from rapport.learn.table import table
from rapport.learn.uplift import Arms, arms, difference, too_few
from rapport.learn.verdicts import SIDES_SAID, Verdict
from rapport.terms.benefits import Side

ALPHA = 0.05
FEWEST_OF_EACH = 50
"""Decisions that got it, and that were left alone, before anything is judged."""


def judged(log: Sequence[Logged], now: int, *, alpha: float = ALPHA, since: int = 0) -> list[Verdict]:
    """Every action of the log, for both sides: those that harm first. `now` and `since` in µs: decisions from before
    `since` are left out. Raises BadInput or Conflict for a log that cannot be used."""
    over = table([one for one in log if one.at >= since], now)
    actions = [action for action in over.actions if action != SILENCE]
    each = alpha / max(1, len(actions) * len(SIDES))
    found = [verdict(action, side, arms(over, [action], side)[0], each) for action in actions for side in SIDES]
    return sorted(found, key=lambda one: not one.harmful)


def judged_by(evidence: Evidence, actions: Collection[str], epoch: int, *, alpha: float = ALPHA) -> list[Verdict]:
    """The same of `actions`, for who gathered evidence since an epoch (from 0 on) began."""
    each = share_of(alpha, epoch) / max(1, len(actions) * len(SIDES))
    found = [verdict(action, side, evidence.arms(action, side), each) for action in sorted(actions) for side in SIDES]
    return sorted(found, key=lambda one: not one.harmful)


def share_of(alpha: float, epoch: int) -> float:
    """Of the chance to err, what an epoch may spend: a half, a sixth, a twelfth … of it."""
    return alpha / ((epoch + 1) * (epoch + 2))


def verdict(action: str, side: Side, compared: Arms, alpha: float) -> Verdict:
    """Of one action for one side. `alpha`: the chance with which this may err, over all looks."""
    got = int(compared.treated.sum())
    numbers = (got, len(compared.treated) - got)
    apart = difference(compared) if min(numbers) >= FEWEST_OF_EACH else None
    off = None if apart is None else apart.spread(compared)
    if apart is None or off is None or off.blank(compared.given) or too_few(compared):
        said = f"{action}: too little is known to judge it for {SIDES_SAID[side]}"
        return Verdict(action, side, False, None, None, None, *numbers, alpha, said)
    reach = sequence(off, alpha)
    low, high = apart.value - reach, apart.value + reach
    said = _said(action, side, apart.value, high, numbers)
    return Verdict(action, side, high < 0, apart.value, low, high, *numbers, alpha, said)


def _said(action: str, side: Side, effect: float, high: float, numbers: tuple[int, int]) -> str:
    got, left_alone = numbers
    to = SIDES_SAID[side]
    if high < 0:
        return (
            f"{action} harms {to}: {effect:+.3g} a decision against silence, and {high:+.3g} at best "
            f"({got:,} got it, {left_alone:,} were left alone)"
        )
    return f"{action}: no harm to {to} is shown ({got:,} got it, {left_alone:,} were left alone)"

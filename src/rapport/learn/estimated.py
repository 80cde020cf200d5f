"""Estimates for the two ledgers: what each action gave to those who got it, as people read it on a statement.

Only what has an interval is told, and only of twenty customers or more: of one person nobody knows what an action gave.
"""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal

from rapport.kernel.errors import BadInput
from rapport.learn.uplift import Effect
from rapport.terms.aggregates import FLOOR
from rapport.terms.benefits import PLACES, Estimate
from rapport.terms.estimates import Guess, group_of

METHOD = "off_policy"
_LAST = Decimal(1).scaleb(-PLACES)


def estimates_of(effects: Iterable[Effect], unit: str, date: dt.date) -> list[Estimate]:
    """As they go into the book of estimates. `unit`: the organization's currency. An effect without an interval, of
    too few customers, or beyond what an amount can be, is left out. Raises BadInput where `unit` is none."""
    found = []
    for effect in effects:
        if effect.value is None or effect.low is None or effect.high is None or effect.customers < FLOOR:
            continue
        low, value, high = sorted(_decimal(number) for number in (effect.low, effect.value, effect.high))
        guess = Guess(effect.side, group_of(effect.of), value, low, high, unit, effect.customers, METHOD, date)
        try:
            found.append(guess.checked(date))
        except BadInput as error:
            if error.field not in {"low", "high", "effect"}:
                raise
    return found


def _decimal(number: float) -> Decimal:
    return Decimal(repr(number)).quantize(_LAST)

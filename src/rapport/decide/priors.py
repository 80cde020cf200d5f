"""How far an action may well miss what it declares, before any outcome was seen: of each side, a *scale* in its unit.

The scale is that of what the catalogue declares. A company whose messages give pounds and one whose contracts give
thousands learn alike; with one scale for all, one would draw nothing but noise for weeks, and the other would not
believe what it sees.

It is the root of the mean square of what is declared, and no amount counts for more than FAR times the typical one (the
median of those that are not nothing). So a slip of the pen, or somebody who writes a billion beside an action, does not
decide how all others are tried. Where nothing is declared of a side, nothing is known of its scale, and it is USUAL.
No scale is less than LEAST_MINUTES of a customer's time are worth: actions of which little is said may give much, and a
model that takes it that nothing moves would need thousands of outcomes to believe that something does.
"""

import math
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Final

import msgspec

from rapport.decide.actions import Action, declared
from rapport.decide.kinds import KINDS, Units, Worth
from rapport.decide.posterior import Prior
from rapport.terms.benefits import Side

USUAL: Final = 10.0
FAR: Final = 5.0
LEAST_MINUTES: Final = 5.0
BOUND: Final = 1_000.0
"""So many scales up or down, no single outcome is learnt as more."""


class Scales(msgspec.Struct, frozen=True, array_like=True):
    """Of both sides, in their units."""

    customer: float = USUAL
    company: float = USUAL


def prior(side: Side, scale: float) -> Prior:
    """What is believed of a side before any outcome, at a scale."""
    return Prior(side, scale, -BOUND * scale, BOUND * scale)


def scales_of(worths: Sequence[Worth], units: Units) -> Scales:
    """Those of what some actions declare; whatever their order."""
    least = LEAST_MINUTES * units.minute
    sides = ([worth.customer for worth in worths], [worth.company for worth in worths])
    return Scales(*(_scale(amounts, least) for amounts in sides))


def weighed(actions: Iterable[Action], units: Units) -> list[Worth]:
    """What actions declare that are weighed against others: of a kind that is known, and that is not mandatory."""
    known = (action for action in actions if action.kind in KINDS and not action.mandatory)
    return [declared(action, units) for action in known]


def _scale(amounts: Iterable[float], least: float) -> float:
    sizes = [abs(amount) for amount in amounts]
    said = [size for size in sizes if size > 0]
    if not said:
        return USUAL
    most = FAR * median(said)
    square = math.fsum(min(size, most) ** 2 for size in sizes) / len(sizes)
    return max(math.sqrt(square), least)

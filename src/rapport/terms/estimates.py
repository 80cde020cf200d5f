"""Estimates: what uses gave to people of a group, against people who were left alone; told with how sure that is.

What one person got by it cannot be known, so an estimate always speaks of a group of at least 20, and never enters a
sum. Nothing here estimates: decisions, holdouts and analyses put their results into an `EstimateBook`, as does whoever
has them from elsewhere.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from rapport.kernel.errors import BadInput
from rapport.kernel.times import SECOND, now
from rapport.terms.aggregates import FLOOR
from rapport.terms.benefits import MINUTES, Estimate, Side, amount_text, is_currency

METHODS: Mapping[str, str] = {
    "holdout": "against people picked by lot who were left alone",
    "switchback": "against times picked by lot in which nobody was treated so",
    "off_policy": "from earlier decisions, weighted by their known odds",
    "matched": "against people alike who happened to be left alone",
}
"""How an estimate may have been made, the surest first, and how pages say it."""
MOST_PEOPLE = 10**10
MOST_GROUP = 100
MOST_AT_ONCE = 1_000


class Guess(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An estimate as somebody reports it: `effect` per person with its 95 % interval."""

    side: Side
    group: str
    effect: Decimal
    low: Decimal
    high: Decimal
    unit: str
    n: int
    method: str
    date: dt.date

    def checked(self, today: dt.date) -> Estimate:
        """As it is kept. Raises BadInput, naming the field that is wrong."""
        if not 0 < len(self.group) <= MOST_GROUP or not self.group.isprintable() or self.group != self.group.strip():
            raise _bad("group", f"group says of whom, in 1 to {MOST_GROUP} letters, such as: people who got offers")
        if self.unit != MINUTES and not is_currency(self.unit):
            raise _bad("unit", "a unit is a currency (ISO 4217), such as GBP, or minutes")
        low, effect, high = (_amount(self, field) for field in ("low", "effect", "high"))
        if not self.low <= self.effect <= self.high:
            raise _bad("effect", f"the effect {effect} does not lie in its interval, {low} to {high}")
        if not FLOOR <= self.n <= MOST_PEOPLE:
            raise _bad("n", f"an estimate is over {FLOOR} people at least: over fewer it would tell of somebody")
        if self.method not in METHODS:
            raise _bad("method", f"a method is one of: {', '.join(METHODS)}")
        if not dt.date(2000, 1, 1) <= self.date <= today + dt.timedelta(days=1):
            raise _bad("date", "date is the day on which it was estimated, and not in the future")
        return Estimate(self.side, self.group, effect, low, high, self.unit, self.n, self.method, self.date.isoformat())


class GuessFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    estimate: tuple[Guess, ...] = ()


class EstimateBook(Protocol):
    """Where estimates are put, by whoever makes them."""

    def estimate(self, org: str, estimates: Sequence[Estimate]) -> None:
        """Keep them all, or none. Raises NotFound where there is no such organization."""

    def estimates(self, org: str) -> list[Estimate]:
        """Those that count: the newest of each side, group and unit."""


_OF_ACTION = ("people who got ", ", each time")


def group_of(action: str) -> str:
    """The group of those who got an action: what is estimated of it is of one time."""
    before, after = _OF_ACTION
    return f"{before}{action}{after}"[:MOST_GROUP].rstrip()


def of_theirs(estimates: Iterable[Estimate], actions: Iterable[str]) -> list[Estimate]:
    """What concerns somebody who got these actions: of other actions nobody like them tells anything."""
    theirs = {group_of(action) for action in actions}
    before, after = _OF_ACTION
    return [
        one
        for one in estimates
        if one.group in theirs or not (one.group.startswith(before) and one.group.endswith(after))
    ]


def today() -> dt.date:
    """In UTC."""
    return dt.datetime.fromtimestamp(now() // SECOND, dt.UTC).date()


def newest(estimates: Iterable[Estimate]) -> list[Estimate]:
    """Of each side, group and unit the one of the latest date; of several on one date the last that was put."""
    found: dict[tuple[str, str, str], Estimate] = {}
    for one in estimates:
        place = (one.side, one.group, one.unit)
        if place not in found or found[place].date <= one.date:
            found[place] = one
    return [found[place] for place in sorted(found)]


def parse_estimates(content: bytes, today: dt.date) -> tuple[Estimate, ...]:
    """Estimates from TOML, `[[estimate]]` each. Raises BadInput."""
    try:
        guesses = msgspec.toml.decode(content, type=GuessFile).estimate
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise BadInput(f"the estimates cannot be read: {error}", code="bad_estimate") from None
    if not 0 < len(guesses) <= MOST_AT_ONCE:
        raise BadInput(f"a file holds 1 to {MOST_AT_ONCE:,} tables [[estimate]]", code="bad_estimate", field="estimate")
    return tuple(one.checked(today) for one in guesses)


def _amount(guess: Guess, field: str) -> str:
    try:
        return amount_text(getattr(guess, field))
    except BadInput as error:
        raise _bad(field, error.message) from None


def _bad(field: str, message: str) -> BadInput:
    return BadInput(message, code="bad_estimate", field=field)

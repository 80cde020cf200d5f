"""Months as pages name and walk them."""

from collections.abc import Mapping
from typing import NamedTuple

from rapport.kernel.errors import BadInput
from rapport.kernel.times import now, rfc3339
from rapport.web.language import SPOKEN

_TO_OCTOBER = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October")
_MONTHS = (*_TO_OCTOBER, "November", "December")
FIRST = "1000-01"
_LENGTH = 7


class Step(NamedTuple):
    """Where another month is, and what it is called."""

    href: str
    name: str


def asked(query: Mapping[str, str]) -> str | None:
    """The month that is asked for; whether it is one is told where it is read. Raises BadInput."""
    month = query.get("month")
    if month is not None and len(month) != _LENGTH:
        raise BadInput("a month is written as 2026-11", code="bad_month", field="month")
    return month


def present() -> str:
    return rfc3339(now())[:_LENGTH]


def name(month: str) -> str:
    """`November 2026`."""
    return SPOKEN.say("%(month)s %(year)s", month=SPOKEN.say(_MONTHS[int(month[5:]) - 1]), year=month[:4])


def beside(month: str, step: int) -> str:
    number = int(month[:4]) * 12 + int(month[5:]) - 1 + step
    return f"{number // 12:04}-{number % 12 + 1:02}"


def steps(month: str | None, path: str) -> dict[str, Step | None]:
    """The way from a month (None: from all time) to the one `before`, the one `after` unless that is yet to come, and
    to `this` month unless that is one of these."""
    this = present()
    shown = month or this

    def step(to: str) -> Step:
        return Step(f"{path}?month={to}", name(to))

    after = beside(shown, 1) if month and month < this else None
    return {
        "before": step(beside(shown, -1)) if shown > FIRST else None,
        "after": step(after) if after else None,
        "this": None if this in (month, after) else step(this),
    }

"""Leaves: the parts of an expression that look at a customer. Each gives one plain value, worked out before the rest is
evaluated, and knows when the passing of time alone may change it.

Every leaf is a value itself: two audiences that count the same events in the same window share the leaf, and whoever
evaluates both passes one `memo` and counts once.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from rapport.kernel.expressions.facts import UNTIMED, Facts, Series
from rapport.kernel.expressions.windows import Window
from rapport.kernel.times import DAY, micros

LONGEST_TEXT = 10_000
LONGEST_LIST = 1_000
_EMPTY = Series(())


class Absent:
    """There is none, or it is withheld: the two are told apart by nobody."""

    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = Absent()


class Fault(NamedTuple):
    """Why there is no value for this customer, in words."""

    reason: str


class Leaf(msgspec.Struct, frozen=True):
    """`value` gives a plain value (times in µs), ABSENT or a Fault. `edge`: the earliest instant after `now` at which
    the value may be another with no event; None: never."""

    def value(self, facts: Facts, now: int) -> Any:
        raise NotImplementedError

    def edge(self, facts: Facts, now: int) -> int | None:
        del facts, now
        return None


class Known(Leaf, frozen=True, tag=True):
    """A trait, or a part of one. `root` is "traits", "computed" or "identifiers"."""

    root: str
    steps: tuple[str | int, ...]

    def found(self, facts: Facts) -> Any:
        value: Any = getattr(facts, self.root)
        for step in self.steps:
            if isinstance(value, Mapping):
                value = value.get(step)
            elif isinstance(value, list | tuple) and isinstance(step, int):
                value = value[step] if 0 <= step < len(value) else None
            else:
                return None
        return value

    def value(self, facts: Facts, now: int) -> Any:
        del now
        value = self.found(facts)
        return ABSENT if value is None else plain(value)


class Has(Leaf, frozen=True, tag=True):
    """Whether something is known at all."""

    what: Known

    def value(self, facts: Facts, now: int) -> Any:
        del now
        return self.what.found(facts) is not None


class Truth(Leaf, frozen=True, tag=True):
    """What another leaf found, where it is true or false."""

    what: Leaf

    def value(self, facts: Facts, now: int) -> Any:
        value = self.what.value(facts, now)
        if value is ABSENT or type(value) is bool or type(value) is Fault:
            return value
        return Fault("something is neither true nor false that should be")

    def edge(self, facts: Facts, now: int) -> int | None:
        return self.what.edge(facts, now)


class Events(Leaf, frozen=True):
    """What looks at the events of one name, in a window or at all that were so far."""

    event: str
    window: Window | None = None

    def span(self, facts: Facts, now: int) -> tuple[Series, int, int]:
        """The series, and the indexes between which its events count."""
        series = facts.events.get(self.event)
        if series is None:
            return _EMPTY, 0, 0
        times, window = series.times, self.window
        # Most events are of the past: then their number is known without a search.
        end = len(times) if times and times[-1] <= now else bisect_right(times, now)
        if window is None:
            return series, 0, end
        return series, bisect_left(times, window.start(now), 0, end), end

    def edge(self, facts: Facts, now: int) -> int | None:
        series, start, end = self.span(facts, now)
        # An event that says it is of the future counts once its time has come.
        comes = series.times[end] if end < len(series.times) else None
        if self.window is None or start >= end:
            return comes
        leaves = self.window.leaves(series.times[start], now)
        return leaves if comes is None or leaves < comes else comes


class Count(Events, frozen=True, tag=True):
    def value(self, facts: Facts, now: int) -> Any:
        _, start, end = self.span(facts, now)
        return end - start


class Within(Events, frozen=True, tag=True):
    def value(self, facts: Facts, now: int) -> Any:
        _, start, end = self.span(facts, now)
        return end > start


class Total(Events, frozen=True, tag=True):
    """`sum`, `avg`, `min` or `max` of a property, where it is there."""

    how: str = "sum"
    property: str = ""

    def value(self, facts: Facts, now: int) -> Any:
        series, start, end = self.span(facts, now)
        values = [value for value in series.values.get(self.property, ())[start:end] if value is not None]
        if not values:
            return 0 if self.how == "sum" else ABSENT
        for value in values:
            if type(value) is not int and type(value) is not float:
                return Fault(f"{self.property} is not always a number in {self.event}")
        if self.how in ("min", "max"):
            return min(values) if self.how == "min" else max(values)
        total = exact_sum(values)
        return numeric(total / len(values) if self.how == "avg" else total)


class Moment(Events, frozen=True, tag=True):
    """When an event was the `first` or the `last` time; or what a property said then, where one is named."""

    how: str = "last"
    property: str = ""

    def value(self, facts: Facts, now: int) -> Any:
        series, start, end = self.span(facts, now)
        start = max(start, bisect_right(series.times, UNTIMED))
        if start >= end:
            return ABSENT
        at = start if self.how == "first" else end - 1
        if not self.property:
            return series.times[at]
        values = series.values.get(self.property, ())
        value = values[at] if at < len(values) else None
        return ABSENT if value is None else plain(value)


class Stamp(Leaf, frozen=True, tag=True):
    """A trait's text, or seconds since the epoch, as a time."""

    what: Known

    def value(self, facts: Facts, now: int) -> Any:
        value = self.what.value(facts, now)
        if value is ABSENT or isinstance(value, Fault):
            return value
        try:
            return time_of(value)
        except ValueError:
            return Fault(f"{'.'.join(map(str, self.what.steps))} is no time such as 2026-11-21T20:02:55Z")


class At(Leaf, frozen=True, tag=True):
    """A time that the expression itself says."""

    time: int

    def value(self, facts: Facts, now: int) -> Any:
        del facts, now
        return self.time


Time = Moment | Stamp | At


class Elapsed(Leaf, frozen=True, tag=True):
    """Whether the time since `when` (or until it, where `ahead`) compares so with a fixed duration, in µs."""

    when: Time
    op: str
    length: int
    ahead: bool = False

    def value(self, facts: Facts, now: int) -> Any:
        time = self.when.value(facts, now)
        if time is ABSENT or isinstance(time, Fault):
            return time
        passed = time - now if self.ahead else now - time
        match self.op:
            case "<":
                return passed < self.length
            case "<=":
                return passed <= self.length
            case ">":
                return passed > self.length
            case _:
                return passed >= self.length

    def edge(self, facts: Facts, now: int) -> int | None:
        edges = [edge for edge in (self.when.edge(facts, now), self._crossing(facts, now)) if edge is not None]
        return min(edges, default=None)

    def _crossing(self, facts: Facts, now: int) -> int | None:
        time = self.when.value(facts, now)
        if time is ABSENT or isinstance(time, Fault):
            return None
        # The first instant at which the comparison is another than before it.
        if self.ahead:
            at: int = time - self.length + (self.op in ("<", ">="))
        else:
            at = time + self.length + (self.op in (">", "<="))
        return at if at > now else None


class DaysSince(Leaf, frozen=True, tag=True):
    """Whole days of 24 hours since a time; negative before it."""

    when: Time

    def value(self, facts: Facts, now: int) -> Any:
        time = self.when.value(facts, now)
        return time if time is ABSENT or isinstance(time, Fault) else (now - time) // DAY

    def edge(self, facts: Facts, now: int) -> int | None:
        edge = self.when.edge(facts, now)
        time = self.when.value(facts, now)
        if time is ABSENT or isinstance(time, Fault):
            return edge
        midnight: int = time + ((now - time) // DAY + 1) * DAY
        return midnight if edge is None else min(edge, midnight)


def plain(value: Any) -> Any:
    """A value as the evaluator takes it, or a Fault."""
    kind = type(value)
    if kind is str:
        return value if len(value) <= LONGEST_TEXT else Fault(f"a text is longer than {LONGEST_TEXT:,} characters")
    if kind is bool or kind is int or kind is float:
        return value
    if isinstance(value, list | tuple):
        return _list(value)
    return Fault("an object has no value of its own: name one of its parts")


def _list(value: Sequence[Any]) -> Any:
    if len(value) > LONGEST_LIST:
        return Fault(f"a list is longer than {LONGEST_LIST:,}")
    return [item for item in value if type(item) in (str, int, float, bool)]


def exact_sum(values: Sequence[int | float]) -> int | float:
    """The sum, rounded once: the same in whatever order the values come."""
    if all(type(value) is int for value in values):
        return sum(values)
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):
        return math.inf


def numeric(value: int | float) -> Any:
    """A number as the evaluator takes it, or a Fault."""
    if type(value) is int:
        return value if -(1 << 63) <= value < 1 << 63 else float(value)
    return value if math.isfinite(value) else Fault("a number is too large")


def time_of(value: Any) -> int:
    """A time in µs of RFC 3339 text, a date, or seconds since the epoch. Raises ValueError."""
    if isinstance(value, str):
        try:
            return micros(datetime.fromisoformat(value))
        except OverflowError:
            raise ValueError(value) from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e11:
        raise ValueError(value)
    return int(value * 1_000_000)


def event_of(leaf: Leaf) -> tuple[str, str] | None:
    """The event and property that a leaf looks at; ("", "") of any name: ANY_EVENT."""
    if isinstance(leaf, Elapsed | DaysSince):
        return event_of(leaf.when)
    if isinstance(leaf, Truth):
        return event_of(leaf.what)
    if isinstance(leaf, Total | Moment):
        return leaf.event, leaf.property
    return (leaf.event, "") if isinstance(leaf, Events) else None


def known_of(leaf: Leaf) -> Known | None:
    """What a leaf looks at that is no event."""
    if isinstance(leaf, Elapsed | DaysSince):
        return known_of(leaf.when)
    if isinstance(leaf, Truth):
        return known_of(leaf.what)
    if isinstance(leaf, Has | Stamp):
        return leaf.what
    return leaf if isinstance(leaf, Known) else None

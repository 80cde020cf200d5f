"""Windows of time that end now: how far back they reach, and when an event leaves them with no other event.

A window of `days(30)` is 30 × 24 hours to the microsecond, whatever the clocks on the wall did: an event of time t is
in it while t <= now < t + 30 days. Windows of the calendar (`today`, `this_month`) begin at the first instant of the
local day: where clocks jump over midnight that is the end of the jump, and where midnight comes twice it is the first.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from rapport.kernel.errors import BadInput
from rapport.kernel.times import DAY, HOUR, MINUTE, micros

UNITS = {"minutes": MINUTE, "hours": HOUR, "days": DAY, "weeks": 7 * DAY}
CALENDAR = ("today", "this_month")
LONGEST = 36_600 * DAY
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OUTERMOST = 250_000_000_000 * 1_000_000
"""Calendars are asked about instants this near the epoch (about the year 9892) only."""


class Rolling(msgspec.Struct, frozen=True):
    """The last `length` µs."""

    length: int

    def start(self, now: int) -> int:
        """The earliest instant in the window."""
        return now - self.length + 1

    def leaves(self, time: int, now: int) -> int:
        """When an event of `time`, which is in the window of `now`, will have left it."""
        del now
        return time + self.length


class Calendar(msgspec.Struct, frozen=True):
    """The present local day or month."""

    unit: str
    zone: str

    def start(self, now: int) -> int:
        return _bounds(self.unit, self.zone, now)[0]

    def leaves(self, time: int, now: int) -> int:
        del time
        return _bounds(self.unit, self.zone, now)[1]


Window = Rolling | Calendar


def zone_named(name: str) -> str:
    """The name of a time zone. Raises BadInput."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(f"{name[:60]!r} is no time zone, such as Europe/Berlin") from None
    return name


def _bounds(unit: str, zone: str, now: int) -> tuple[int, int]:
    """The first instants of the present local day (or month) and of the next."""
    # Bounds are asked for many customers in one moment: they are worked out once an hour, in which most hold.
    now = max(min(now, _OUTERMOST), -_OUTERMOST // 5)
    early, late = _bounds_near(unit, zone, now // HOUR)
    for start, end in (early, late):
        if start <= now < end:
            return start, end
    return _bounds_at(unit, zone, now)


@lru_cache(256)
def _bounds_near(unit: str, zone: str, hour: int) -> tuple[tuple[int, int], tuple[int, int]]:
    return _bounds_at(unit, zone, hour * HOUR), _bounds_at(unit, zone, (hour + 1) * HOUR - 1)


def _bounds_at(unit: str, zone: str, now: int) -> tuple[int, int]:
    local = (_EPOCH + timedelta(microseconds=now)).astimezone(ZoneInfo(zone))
    day = datetime(local.year, local.month, local.day if unit == "today" else 1)  # noqa: DTZ001 (a date on a wall)
    step = _next_day if unit == "today" else _next_month
    # Where a local day comes late (a whole day was skipped) or its midnight twice, the neighbours hold the instant.
    start, end = first_instant(day, zone), first_instant(step(day), zone)
    while end <= now:
        day = step(day)
        start, end = end, first_instant(step(day), zone)
    return start, end


def _next_day(day: datetime) -> datetime:
    return day + timedelta(days=1)


def _next_month(day: datetime) -> datetime:
    return day.replace(year=day.year + day.month // 12, month=day.month % 12 + 1)


def first_instant(day: datetime, zone: str) -> int:
    """The first instant (µs) of a local date, given as its midnight without a zone."""
    tz = ZoneInfo(zone)
    first = micros(day.replace(tzinfo=tz, fold=0))
    if _on(first, tz) == day:
        return first  # of a midnight that comes twice, this is the first
    # Midnight was jumped over. Read with the offset before the jump it names an instant behind the jump, and with the
    # offset after it one before: the jump is between them.
    low, high = sorted((first, micros(day.replace(tzinfo=tz, fold=1))))
    return _least(low, high, lambda at: _on(at, tz) >= day)


def _on(at: int, tz: ZoneInfo) -> datetime:
    """What a clock on the wall says."""
    return (_EPOCH + timedelta(microseconds=at)).astimezone(tz).replace(tzinfo=None)


def _least(low: int, high: int, holds: Callable[[int], bool]) -> int:
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low

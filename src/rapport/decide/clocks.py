"""Clocks: what a clock on the wall says at an instant, where somebody is.

An instant has one local time wherever it is asked for: of two midnights each has its own, and a time that the clocks
jumped over is never read. So what is asked of hours begins with the instant, never with the wall.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from rapport.kernel.errors import BadInput
from rapport.kernel.expressions.windows import zone_named

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = -62_000_000_000_000_000, 250_000_000_000_000_000
"""Calendars are asked about instants from about the year 6 to 9892 only (µs)."""


@lru_cache(1024)
def first_known(*zones: str) -> str:
    """The first of these that is a time zone: the person's, then the organization's; UTC where none is."""
    for zone in zones:
        try:
            return zone_named(zone)
        except BadInput:
            continue
    return "UTC"


def wall(at: int, zone: str) -> datetime:
    """The local time of an instant (µs) in a known zone, without its offset."""
    within = max(_FIRST, min(at, _LAST))
    return (_EPOCH + timedelta(microseconds=within)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)

"""Time as an int: microseconds since the epoch, UTC. RFC 3339 only at the edges."""

import functools
import time
from datetime import UTC, datetime, timedelta

from rapport.kernel.errors import BadInput

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def now() -> int:
    """The present, in microseconds since the epoch."""
    return time.time_ns() // 1000


def micros(moment: datetime) -> int:
    """Microseconds since the epoch of a datetime; without a zone it is taken as UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND


def rfc3339(at: int) -> str:
    """`2026-11-21T20:02:55Z`, with six decimals only where they are not zero."""
    seconds, rest = divmod(at, SECOND)
    return f"{_second(seconds)}.{rest:06d}Z" if rest else f"{_second(seconds)}Z"


@functools.lru_cache(64)
def _second(seconds: int) -> str:
    # What is written at once was mostly at one second. (strftime is slower, and writes years before 1000 short.)
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]


def parse_rfc3339(text: str) -> int:
    """The inverse of `rfc3339`; raises BadInput where the text is no time."""
    try:
        return micros(datetime.fromisoformat(text))
    except ValueError:
        raise BadInput(f"{text[:40]!r} is not an RFC 3339 time such as 2026-11-21T20:02:55Z", code="bad_time") from None

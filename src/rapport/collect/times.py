"""When an event happened: reading what clients call a time, and correcting clocks that are off."""

import re
from datetime import datetime
from typing import Any

from rapport.collect.errors import Code, Refused
from rapport.kernel.times import DAY, SECOND, micros

CLOCK_TOLERANCE = 60 * SECOND
"""A client's clock is corrected only where `sentAt` and reception are further apart. Below it the difference is the
network's, and correcting would give each repeat of an event another time."""

HORIZON = DAY
"""An event that claims to happen later than this after its reception has an unknown time."""

EARLIEST = micros(datetime(1, 1, 1))  # noqa: DTZ001 - no zone means UTC here, and a zone could not be subtracted
LATEST = micros(datetime.max)  # noqa: DTZ901 - as above

Sent = str | int | float | None
"""What clients put where a time belongs: RFC 3339 text, or a number since the epoch in s, ms, µs or ns."""

# JavaScript writes years outside 0–9999 as a sign and six digits.
_FAR_YEAR = re.compile(r"[+-]\d{6}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,20}(\.\d{1,9})?", re.ASCII)
_FAR = LATEST + 1


def read(value: Sent) -> int | None:
    """Microseconds since the epoch; None where nothing was sent; out of [EARLIEST, LATEST] where the year is absurd.

    Without a zone it is UTC. Raises Refused(bad_timestamp) where the text is no time.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            return micros(datetime.fromisoformat(value))
        except ValueError:
            return _unusual(value.strip())
    return _number(value)


def glance(value: Any) -> int | None:
    """As `read`, for a time that nothing hangs on: what is no time is None."""
    try:
        return read(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else None
    except Refused:
        return None


def check(value: Sent) -> None:
    """Raise what `read` would raise, and no more: the fast half, for answering before storing."""
    if value.__class__ is str and value:
        try:
            datetime.fromisoformat(value)
        except ValueError:
            read(value)


def happened_at(own: int | None, sent_at: int | None, received_at: int) -> tuple[int | None, bool]:
    """The event's time, or None where it is unknown; and whether it is anything but the event's own.

    `own` is what the event says, `sent_at` what the client's clock said when it sent the body, all in microseconds.
    An event without a time of its own happened when it was received.
    """
    if own is None:
        return received_at, True
    time, corrected = own, False
    if sent_at is not None and EARLIEST <= sent_at <= LATEST and abs(received_at - sent_at) > CLOCK_TOLERANCE:
        time, corrected = own + received_at - sent_at, True
    if time > received_at + HORIZON or not (EARLIEST <= time <= LATEST and EARLIEST <= own <= LATEST):
        return None, corrected
    return time, corrected


def _unusual(text: str) -> int | None:
    if not text:
        return None
    if text.endswith("z"):
        text = text[:-1] + "Z"
    try:
        return micros(datetime.fromisoformat(text))
    except ValueError:
        pass
    if _NUMBER.fullmatch(text):
        return _number(float(text) if "." in text else int(text))
    if _FAR_YEAR.fullmatch(text):
        return -_FAR if text[0] == "-" else _FAR
    raise Refused(Code.BAD_TIMESTAMP, "timestamp is not a time; send RFC 3339, such as 2026-11-21T20:02:55.123Z")


def _number(value: float) -> int:
    """Seconds, milliseconds, microseconds or nanoseconds, told apart by size (seconds reach to the year 5138)."""
    size = abs(value)
    if size < 1e11:
        return round(value * SECOND)
    if size < 1e14:
        return round(value * 1000)
    if size < 1e17:
        return round(value)
    return round(value / 1000) if size < 1e20 else (_FAR if value > 0 else -_FAR)

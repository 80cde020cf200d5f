"""Whose were the anonymous events of a device? By `user_id` alone, and before any joining (design §4.8).

A *device* is (organization, `anonymous_id` or `device_id`, value), across the organization's sources. A *mark* on it is
an identified event that carried the device's identifier: (time, message id, user), with time in microseconds, or None
where it is unknown. A mark of unknown time says that the user was there, not when.

Marks are kept sorted, and without those of unknown time where `attribute` is asked: see `timed`.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from typing import Final

Mark = tuple[int | None, str, str]
Timed = tuple[int, str, str]

WINDOW: Final = 30 * 60 * 1_000_000
"""How far from a mark an event of a shared device may be to be that user's: 30 minutes, inclusive, in microseconds."""

EARLIEST: Final = -(1 << 62)
LATEST: Final = 1 << 62

ALWAYS: Final = (EARLIEST, LATEST)
"""All of a device's events, those of unknown time included."""


def timed(marks: Iterable[Mark]) -> list[Timed]:
    """The marks of known time, in order of (time, message id, user)."""
    return sorted((mark[0], mark[1], mark[2]) for mark in marks if mark[0] is not None)


def attribute(marks: Sequence[Timed], time: int | None, message_id: str) -> str | None:
    """Whose an anonymous event of a *shared* device is, or None where it is nobody's.

    The last user seen up to 30 minutes before, else the next one within 30 minutes after. `marks` must be sorted; those
    further away than WINDOW may be left out. An event of unknown time is nobody's. At the same time, the message id
    decides what was before.
    """
    if time is None:
        return None
    # The NUL makes the least text above the message id: a mark of this very message counts as before.
    after = bisect_left(marks, (time, message_id + "\0", ""))
    if after and time - marks[after - 1][0] <= WINDOW:
        return marks[after - 1][2]
    if after < len(marks) and marks[after][0] - time <= WINDOW:
        return marks[after][2]
    return None


def whose(users: Collection[str], marks: Sequence[Timed], time: int | None, message_id: str) -> str | None:
    """Whose an anonymous event is, given all users ever seen on the device.

    The only user's, whenever it was; on a shared device as `attribute` says; where nobody was ever seen, nobody's.
    """
    if len(users) <= 1:
        return next(iter(users), None)
    return attribute(marks, time, message_id)


def affected(marks: Sequence[Timed], mark: Mark) -> tuple[int, int] | None:
    """The stretch of time (µs, inclusive) whose events a mark can change on a device shared with and without it.

    `marks` are the others, sorted. Earlier events can change only if no other mark is near enough before them; later
    ones only up to the next mark. None: the mark changes nothing.
    """
    time = mark[0]
    if time is None:
        return None
    place = bisect_left(marks, (time, mark[1], mark[2]))
    first, last = time - WINDOW, time + WINDOW
    if place:
        # Until half an hour after it, the mark before has the first say, but for what comes between the two.
        first = max(first, min(marks[place - 1][0] + WINDOW, time))
    if place < len(marks):
        last = min(last, marks[place][0])
    return first, last


def stretch(
    before: Collection[str], after: Collection[str], marks: Sequence[Timed], mark: Mark
) -> tuple[int, int] | None:
    """The stretch whose events can change as a mark comes or goes, given the users seen before and after that.

    `marks` are the other marks, sorted. ALWAYS where the device becomes, or is no longer, one user's or shared.
    """
    if len(before) > 1 and len(after) > 1:
        return affected(marks, mark)
    return None if set(before) == set(after) else ALWAYS

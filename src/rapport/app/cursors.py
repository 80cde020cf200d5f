"""Where lists go on that are walked from the newest row back: a cursor is the number of the last row that was shown."""

from rapport.kernel.errors import BadInput

NEWEST = 1 << 62
"""In place of a number where a list begins."""
_LONGEST = 18
"""Digits that a row's number has at most: all of them fit 63 bits."""


def number_of(text: str) -> int | None:
    """The number of a row as an address names it; None for what is none."""
    return int(text) if text.isdecimal() and len(text) <= _LONGEST else None


def before(cursor: str | None) -> int:
    """The row before which a list goes on. Raises BadInput for a cursor that no list gave out."""
    if cursor is None:
        return NEWEST
    number = number_of(cursor)
    if number is None:
        raise BadInput("the cursor is not one that this list gave out", code="bad_cursor", field="cursor")
    return number


def before_or_newest(cursor: str | None) -> int:
    """The same on a page that begins anew at what is no cursor."""
    number = None if cursor is None else number_of(cursor)
    return NEWEST if number is None else number

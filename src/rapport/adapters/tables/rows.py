"""Rows of any database, as the lines of files are: texts, numbers, times as text, lists and objects."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from rapport.adapters.files.delimited import MAX_FIELD
from rapport.collect.importing import Read
from rapport.collect.refusals import Reason, Unreadable
from rapport.collect.toml import nearest
from rapport.kernel.errors import BadInput

EXACT_DIGITS = 15
"""A decimal of so many digits survives being a double; a longer one stays text."""

Convert = Callable[[Any], Any]

_decode = msgspec.json.Decoder().decode


class Table(Protocol):
    """An open table: one moment of it, until it is closed."""

    name: str
    names: Sequence[str]
    """All columns that an event could hold."""

    def rows(self, columns: tuple[str, ...]) -> "Rows":
        """Its rows, with the values of these columns. Raises BadInput for one that is not there."""

    def reached(self) -> str | float | None:
        """The highest value of the column that grows; None for none."""

    def close(self) -> None:
        """Let go of the database."""


class Rows:
    """A table's rows as `Files` asks for them: a place is the number of a row, counted from 1."""

    def __init__(
        self, name: str, estimate: int, converts: Sequence[Convert], fetch: Callable[[], Iterable[Any]]
    ) -> None:
        self.path = Path(name)
        self._estimate = max(estimate, 1)
        self._converts = converts
        self._fetch = fetch
        self._done = 0

    def read(self) -> Iterator[Read]:
        converts = self._converts
        self._done = 0
        for number, row in enumerate(self._fetch(), 1):
            self._done = number
            try:
                yield number, tuple([convert(cell) for convert, cell in zip(converts, row, strict=True)])
            except Unreadable as error:
                yield number, error

    def progress(self) -> float:
        return min(self._done / self._estimate, 1.0)


def plain(cell: Any) -> Any:
    return cell


def text(cell: Any) -> Any:
    if cell.__class__ is str and len(cell) > MAX_FIELD:
        raise Unreadable(Reason.TOO_LARGE, f"a field has more than {MAX_FIELD:,} characters")
    return cell


def double(cell: Any) -> Any:
    """NaN is how some systems write that there is nothing; what has no end is text, as it is among decimals."""
    if cell.__class__ is not float or math.isfinite(cell):
        return cell
    return None if math.isnan(cell) else "Infinity" if cell > 0 else "-Infinity"


def decimal(cell: str | None) -> float | str | int | None:
    """A decimal, which comes as text."""
    if cell is None or cell == "NaN":
        return None
    digits = sum(map(str.isdigit, cell))
    if digits > EXACT_DIGITS or cell.lstrip("-").isalpha():
        return cell
    return int(cell) if cell.lstrip("-").isdigit() else float(cell)


def nested(cell: str | None) -> Any:
    """A list or an object, which comes as JSON."""
    if cell is None:
        return None
    try:
        return _decode(text(cell))
    except (msgspec.DecodeError, RecursionError):
        raise Unreadable(Reason.BAD_JSON, "a list or an object in it cannot be read") from None


def known(table: str, column: str, there: Sequence[str]) -> str:
    """The column. Raises BadInput where the table has none of that name."""
    if column in there:
        return column
    shown = ", ".join(name if len(name) <= 60 else f"{name[:60]}…" for name in there[:100]) or "none"
    message = f"{table} has no column {shortened(column)}{nearest(column, there)}. Its columns: {shown}"
    raise BadInput(message, code="missing_column", field=column)


def shortened(name: str) -> str:
    """A name that was asked for, in quotes, as it may be repeated."""
    return repr(name if len(name) <= 100 else f"{name[:100]}…")


def unusable(table: str, message: str) -> BadInput:
    return BadInput(f"{table} {message}", code="unusable_table", field="table")

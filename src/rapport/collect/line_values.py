"""Reading values of one line by a mapping's fields: small functions, compiled once and run for every line of millions.

Each takes a line's values (a tuple, in the order of the mapping's columns) and answers one of them as the event shall
have it, or None where the line says nothing. Each raises Unreadable, naming the column, where it cannot be read.
"""

import decimal
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from rapport.collect import arithmetic
from rapport.collect.arithmetic import Arithmetic, Number, Values
from rapport.collect.cells import Cells, Reader
from rapport.collect.mapping import Condition, Field
from rapport.collect.refusals import Reason, Unreadable
from rapport.kernel.identifiers import MAX_LENGTH, normalise, usable

OfLine = Callable[[Values], Any]

_UNCHANGED: dict[str, type | None] = {"integer": int, "boolean": bool}
"""The class of cells that a type leaves as they are."""
_REMEMBERED_CELLS = 16_384
_REMEMBERED_LENGTH = 100
_MAX_INT_BITS = 256


class LineValues:
    """The functions of one mapping over lines with these columns."""

    def __init__(self, columns: Sequence[str], cells: Cells) -> None:
        self._index = {column: place for place, column in enumerate(columns)}
        self._cells = cells

    def field(self, field: Field) -> OfLine:
        """A constant, a column's cell by its type, or arithmetic over the line."""
        if field.value is not None:
            constant = field.value
            return lambda _: constant
        if field.compute:
            # Of a line rather than of a cell, but rounded alike.
            return _rounded(self.exact(field.compute), field.decimals)
        index, read = self._index[field.column], _named(field.column, self._cells.reader(field.type))
        if field.type in {"", "text"}:
            return _as_written(index, read, self._cells.nulls)
        if field.type in {"number", "integer"}:
            read = _rounded(read, field.decimals)
        return _remembering(index, read, _UNCHANGED.get(field.type))

    def text(self, field: Field) -> OfLine:
        """As text: of `type = "integer"`, a whole number's digits."""
        read, text = self.field(msgspec.structs.replace(field, type=field.type or "text")), self._cells.text
        return lambda values: text(read(values))

    def identifier(self, kind: str, field: Field) -> OfLine:
        """An identifier in its one spelling; `kind` is empty for a message id, which has none."""
        read, text = self._cells.reader(field.type or "text"), self._cells.text

        def value_of(cell: Any) -> str | None:
            value = text(read(cell))
            if value is not None and len(value) > MAX_LENGTH:
                message = f"the {kind or 'message id'} has {len(value):,} characters; the limit is {MAX_LENGTH:,}"
                raise Unreadable(Reason.TOO_LONG, message)
            return normalise(kind, value) if kind else usable(value)

        return _remembering(self._index[field.column], _named(field.column, value_of))

    def moment(self, field: Field) -> OfLine:
        """Microseconds since the epoch. Cells remembers times itself."""
        moment = self._cells.moment
        if field.value is not None:
            constant = moment(field.value)
            return lambda _: constant
        index, read = self._index[field.column], _named(field.column, moment)
        return lambda values: read(values[index])

    def exact(self, expression: Arithmetic) -> Callable[[Values], Number]:
        """An expression's exact result; raises ArithmeticError where the caller's decimal context traps it."""
        operands = {column: self._operand(column) for column in expression.columns}
        return arithmetic.compiled(expression, operands)

    def condition(self, condition: Condition) -> Callable[[Values], bool]:
        cells = self._cells
        tests: list[Callable[[Any], bool]] = []
        if condition.one_of is not None:
            options = frozenset(condition.one_of)
            tests.append(lambda cell: cells.text(cell) in options)
        if condition.starts_with:
            tests.append(lambda cell: (cells.text(cell) or "").startswith(condition.starts_with))
        if condition.present is not None:
            tests.append(lambda cell: (cells.plain(cell) is not None) is condition.present)
        if condition.above is not None:
            above = Decimal(repr(condition.above))
            tests.append(lambda cell: (found := cells.number(cell)) is not None and found > above)
        if condition.below is not None:
            below = Decimal(repr(condition.below))
            tests.append(lambda cell: (found := cells.number(cell)) is not None and found < below)
        holds = _named(condition.column, lambda cell: all(test(cell) for test in tests))
        return _remembering(self._index[condition.column], holds)

    def _operand(self, column: str) -> Callable[[Values], Number]:
        def present(cell: Any) -> Number:
            value: Number | None = self._cells.number(cell)
            if value is None:
                raise Unreadable(Reason.BAD_NUMBER, "the number is missing")
            return value

        return _remembering(self._index[column], _named(column, present), int)


def presented(value: Number, decimals: int | None) -> Number:
    """The number as JSON shall have it: rounded half up where that is asked for, and no minus zero."""
    if decimals is not None:
        with decimal.localcontext(prec=400) as context:
            context.clear_traps()
            value = Decimal(value).quantize(Decimal(1).scaleb(-decimals), decimal.ROUND_HALF_UP)
    if isinstance(value, int) and value.bit_length() > _MAX_INT_BITS:
        raise too_long()
    return value or 0


def too_long() -> Unreadable:
    return Unreadable(Reason.BAD_NUMBER, "the exact result is too long a number")


def _as_written(index: int, read: Reader, nulls: frozenset[str]) -> OfLine:
    """A cell that is nearly always text, and then stays as it is."""

    def value_of(values: Values) -> Any:
        cell = values[index]
        if cell.__class__ is str:
            return None if cell in nulls else cell
        return read(cell)

    return value_of


def _remembering(index: int, read: Reader, unchanged: type | None = None) -> OfLine:
    """Read one cell of a line; one of the class `unchanged` is what it is.

    What was read before is remembered, since columns repeat their values; and `typed`, since 1, 1.0 and True are equal
    but not read alike. Long cells are not, or a few columns of prose would fill the memory.
    """
    remembered = lru_cache(_REMEMBERED_CELLS, typed=True)(read)

    def value_of(values: Values) -> Any:
        cell = values[index]
        if cell.__class__ is unchanged:
            return cell
        if cell.__class__ is str and len(cell) > _REMEMBERED_LENGTH:
            return read(cell)
        try:
            return remembered(cell)
        except TypeError:  # a list or an object, which cannot be looked up
            return read(cell)

    return value_of


def _named(column: str, read: Reader) -> Reader:
    """The same reader, whose refusals name the column."""

    def named(cell: Any) -> Any:
        try:
            return read(cell)
        except Unreadable as error:
            raise Unreadable(error.reason, f"{column}: {error.message}") from None

    return named


def _rounded(read: Callable[[Any], Number | None], decimals: int | None) -> Reader:
    def rounded(cell: Any) -> Number | None:
        try:
            value = read(cell)
        except ArithmeticError:
            raise too_long() from None
        return None if value is None else presented(value, decimals)

    return rounded

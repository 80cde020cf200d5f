"""Sums and products of columns, as a mapping writes them: `Quantity * UnitPrice`, `('Net price' + VAT) * 2`.

Python's own grammar reads the text, and everything but names, numbers, `+ - *` and parentheses is refused, so nothing
is ever executed. A name with spaces or other marks stands in quotes. There is no division: it is the one operation
whose result may need to be rounded, and money that is rounded unseen is wrong by a penny somewhere.
"""

import ast
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from rapport.kernel.errors import BadInput

Number = int | Decimal
Values = tuple[Any, ...]
"""The values of one line, in the order of the columns that were asked for."""

_MAX_LENGTH = 500
_TAKEN = "columns, numbers, + - * and parentheses"


class Arithmetic(msgspec.Struct, frozen=True):
    """An expression that was read, and the columns it names, in their order of appearance."""

    text: str
    columns: tuple[str, ...]


def parse(text: str, field: str) -> Arithmetic:
    """Read an expression. Raises BadInput, naming `field`, where it is anything but sums and products of columns."""
    columns: dict[str, None] = {}
    for node in ast.walk(_tree(text, field)):
        if isinstance(node, ast.Name):
            columns[node.id] = None
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            columns[node.value] = None
        elif isinstance(node, ast.expr) and not _allowed(node):
            message = f"{field}: {ast.unparse(node)!r} cannot stand in {text!r}; it takes {_TAKEN}"
            raise BadInput(message, field=field)
    if not columns:
        raise BadInput(f"{field}: {text!r} names no column", field=field)
    return Arithmetic(text, tuple(columns))


def compiled(expression: Arithmetic, operand: Mapping[str, Callable[[Values], Number]]) -> Callable[[Values], Number]:
    """A function from a line's values to the exact result; `operand` reads the number of each column."""
    return _compile(_tree(expression.text, ""), operand)


def _tree(text: str, field: str) -> ast.expr:
    if len(text) > _MAX_LENGTH:
        raise BadInput(f"{field}: an expression may have {_MAX_LENGTH} characters, not {len(text):,}", field=field)
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        message = f"{field}: {text!r} cannot be read; it takes {_TAKEN}; a name with spaces stands in 'quotes'"
        raise BadInput(message, field=field) from None


def _allowed(node: ast.expr) -> bool:
    match node:
        case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult()) | ast.UnaryOp(op=ast.USub() | ast.UAdd()):
            return True
        case ast.Constant(value=int() | float() as number):
            return not isinstance(number, bool) and math.isfinite(number)
        case _:
            return False


def _compile(node: ast.expr, operand: Mapping[str, Callable[[Values], Number]]) -> Callable[[Values], Number]:
    match node:
        case ast.Name(id=name) | ast.Constant(value=str() as name):
            return operand[name]
        case ast.Constant(value=int() as whole):
            return lambda _: whole
        case ast.Constant(value=float() as decimal):
            exact = Decimal(repr(decimal))
            return lambda _: exact
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            value = _compile(inner, operand)
            return lambda line: -value(line)
        case ast.UnaryOp(operand=inner):
            return _compile(inner, operand)
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(op, _compile(left, operand), _compile(right, operand))
        case _:
            raise AssertionError(f"parse let {node!r} through")


def _binary(
    op: ast.operator, left: Callable[[Values], Number], right: Callable[[Values], Number]
) -> Callable[[Values], Number]:
    match op:
        case ast.Add():
            return lambda line: left(line) + right(line)
        case ast.Sub():
            return lambda line: left(line) - right(line)
        case _:
            return lambda line: left(line) * right(line)

"""Arithmetic as the language means it: there is one kind of number, as there is in JSON.

CEL has three kinds of number and mixes none of them, so that `traits.total / 2` would work for whoever's total is 5 and
fail for whoever's is 5.5. Here `/` divides, and whole numbers that grow beyond 64 bits become inexact. Each function
gives a list of one value, or an empty list where there is none: its first element is asked for, and where there is none
the evaluator has an error, as it has for everything else that fails (an exception would be printed by the library).
"""

import math
from collections.abc import Callable
from typing import Any

from rapport.kernel.expressions.leaves import LONGEST_TEXT, Fault, numeric


def reason(op: str, *values: Any) -> str:
    """Why an operation on these values gives none."""
    if op in ("div", "mod") and len(values) == 2 and values[1] == 0 and all(map(_is_number, values)):
        return "it divides by zero"
    if all(map(_is_number, values)):
        return "a number is too large"
    if op == "add" and len(values) == 2 and all(isinstance(value, str) for value in values):
        return f"a text is longer than {LONGEST_TEXT:,} characters"
    return _WANTED.get(op, "this is for numbers")


_WANTED = {
    "add": "numbers are added to numbers, and texts to texts",
    "length": "only a text or a list has a size",
    "lower": "this is for texts",
    "number": "this is no number, and no text that is written as one",
    "text": "this cannot be written as text",
}


def _is_number(value: Any) -> bool:
    return type(value) is int or type(value) is float


def _given(value: int | float) -> list[Any]:
    found = numeric(value)
    return [] if isinstance(found, Fault) else [found]


def _on_numbers(work: Callable[..., int | float]) -> Callable[..., list[Any]]:
    def worked(*values: Any) -> list[Any]:
        if not all(map(_is_number, values)):
            return []
        try:
            return _given(work(*values))
        except (ArithmeticError, ValueError):
            return []

    return worked


def _add(left: Any, right: Any) -> list[Any]:
    if isinstance(left, str) and isinstance(right, str):
        return [left + right] if len(left) + len(right) <= LONGEST_TEXT else []
    return _sum(left, right)


def _mod(left: int | float, right: int | float) -> int | float:
    if type(left) is int and type(right) is int:
        rest = abs(left) % abs(right)
        return -rest if left < 0 else rest
    return math.fmod(left, right)


def _size(value: Any) -> list[Any]:
    return [len(value)] if isinstance(value, str | list) else []


def _lower(value: Any) -> list[Any]:
    return [value.translate(_SMALL)] if isinstance(value, str) else []


def _number(value: Any) -> list[Any]:
    if _is_number(value):
        return [value]
    if not isinstance(value, str) or not 0 < len(value) < 40 or "_" in value:
        return []
    try:
        return _given(float(value) if any(sign in value for sign in ".eE") else int(value))
    except ValueError:
        return []


def _text(value: Any) -> list[Any]:
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, str):
        return [value]
    return [str(int(value) if value == int(value) and abs(value) < 1e15 else value)] if _is_number(value) else []


_SMALL = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_sum = _on_numbers(lambda a, b: a + b)

OPERATIONS: dict[str, Callable[..., list[Any]]] = {
    "add": _add,
    "sub": _on_numbers(lambda a, b: a - b),
    "mul": _on_numbers(lambda a, b: a * b),
    "div": _on_numbers(lambda a, b: a / b),
    "mod": _on_numbers(_mod),
    "neg": _on_numbers(lambda a: -a),
    "length": _size,
    "lower": _lower,
    "number": _number,
    "text": _text,
}
SIGNS = {"+": "add", "-": "sub", "*": "mul", "/": "div", "%": "mod"}

"""The CEL evaluator: the one place that knows the library.

It is loaded at first use: its package brings a command line along, which takes half a second.
"""

import functools
import re
from types import ModuleType
from typing import Any, NamedTuple, Protocol

from rapport.kernel.expressions.arithmetic import OPERATIONS
from rapport.kernel.expressions.keeping import Keeping, weight_of
from rapport.kernel.expressions.terms import quoted

_UNDEFINED = re.compile(r"Undefined variable or function: '(v\d+)'")
_CALLED = re.compile(rf"\b({'|'.join(OPERATIONS)})\(")


class Program(Protocol):
    def execute(self, context: dict[str, Any]) -> Any: ...


class Compiled(NamedTuple):
    """A program, and the operations that it calls."""

    program: Program
    operations: dict[str, Any]


_programs = Keeping[str, Compiled](16_000_000)


def compiled(code: str) -> Compiled:
    """CEL that this package wrote, compiled once."""
    return _programs.get(code, weight_of(code), lambda: _compiled(code))


def _compiled(code: str) -> Compiled:
    called = {name: OPERATIONS[name] for name in _CALLED.findall(code)}
    return Compiled(_library().compile(code), called)


def missing(error: Exception) -> str:
    """The variable for whose absence an evaluation failed, or ""."""
    found = _UNDEFINED.match(str(error)) if isinstance(error, RuntimeError) else None
    return "" if found is None else found[1]


def pattern_trouble(pattern: str) -> str:
    """What is wrong with a regular expression, or ""."""
    try:
        _library().evaluate(f'"".matches({quoted(pattern)})')
    except RuntimeError as error:
        lines = [line for line in str(error).splitlines() if line.startswith("error: ")]
        return lines[0].removeprefix("error: ").split(". Check")[0] if lines else "it is too large"
    return ""


@functools.cache
def _library() -> ModuleType:
    import cel  # noqa: PLC0415 (see above)

    return cel

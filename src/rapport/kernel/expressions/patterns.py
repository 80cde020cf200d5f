"""What the patterns of `matches` cost.

The library reads a pattern anew for each customer, so that its price is not that of finding it in a text, which is
linear, but that of making it: a class of Unicode's letters takes 0.3 ms, and a hundred of them 35. It is known from
the pattern alone, as it is written out.
"""

import re

from rapport.kernel.expressions.problems import Misread

LONGEST_PATTERN = 200
MAX_REPEATS = 100
MAX_COST = 4_000
"""Of all patterns of an expression together, in about µs for each customer."""
_LETTERS, _DIGITS, _OTHERS, _FOLDED, _PLAIN = 350, 20, 5, 1.5, 0.1
"""What is made of a class of Unicode's letters (`\\w`, `\\pL`), of its digits or blanks (`\\d`, `\\s`), of any
character but some (`.`, `[^a]`), and of each character of the pattern, with and without regard to case."""
_LEAST = 25
_REPEAT = re.compile(r"\{\s*(\d*)\s*,?\s*(\d*)\s*\}")
_NAMED = re.compile(r"\\[xuUpP]\{[^}]*\}")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_FLAGS = re.compile(r"\(\?([A-Za-z]+)")


def cost(pattern: str) -> int:
    """What a pattern costs for each customer, at most. Raises ValueError, which says why it is none that is taken."""
    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"a pattern has at most {LONGEST_PATTERN} characters")
    flags = "".join(_FLAGS.findall(_ESCAPE.sub("", pattern)))
    if "x" in flags:  # how often a part is repeated could be written with notes in between
        raise ValueError("a pattern is written without blanks and notes: the flag x is none here")
    repeats = 1
    for least, most in _REPEAT.findall(_NAMED.sub("", pattern)):
        repeats *= max(int((least or "0")[:6]), int((most or "0")[:6]), 1)
    if repeats > MAX_REPEATS:
        raise ValueError(f"a pattern repeats a part at most {MAX_REPEATS} times by number")
    escapes = _ESCAPE.findall(pattern)
    made: float = _LETTERS * sum(map(escapes.count, "wWpP")) + _DIGITS * sum(map(escapes.count, "dDsS"))
    made += _OTHERS * (pattern.count(".") + pattern.count("^"))
    made += len(pattern) * (_FOLDED if "i" in flags else _PLAIN)
    total = round(_LEAST + repeats * made)
    if total > MAX_COST:
        raise ValueError(_TOO_DEAR)
    return total


_TOO_DEAR = (
    "this pattern is too much work for each customer: write [a-z] for \\w, [0-9] for \\d, or repeat less by number"
)


class Spent:
    """What the patterns of one expression cost so far."""

    def __init__(self) -> None:
        self._cost = 0

    def add(self, pattern: str, start: int, end: int) -> None:
        """Raises Misread, at this place."""
        try:
            self._cost += cost(pattern)
        except ValueError as error:
            raise Misread(start, end, str(error)) from None
        if self._cost > MAX_COST:
            raise Misread(start, end, f"the patterns of an expression are too much work together: {_TOO_DEAR}")

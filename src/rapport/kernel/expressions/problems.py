"""What is wrong with an expression, and where: for the person who wrote it, and for the editor that underlines it."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from rapport.kernel.errors import BadInput

ALIKE = 70
"""A name is suggested from this likeness on (0 to 100, of Levenshtein's kind, letter case aside)."""


class Problem(msgspec.Struct, frozen=True):
    """One thing wrong. `line` and `column` count from 1, in characters; `length` is that of `text`, the faulty part;
    `suggestion` is what to write in its place, or "".

    `doubt`: nothing is wrong with the expression itself, but with what was seen so far: a trait or an event that no
    source has sent, or a value that was always of another kind.
    """

    line: int
    column: int
    text: str
    message: str
    suggestion: str = ""
    doubt: bool = False

    @property
    def length(self) -> int:
        return len(self.text)

    def sentence(self) -> str:
        asked = f"; did you mean {self.suggestion}?" if self.suggestion else ""
        return f"line {self.line}, column {self.column}: {self.message}{asked}"

    def told(self) -> dict[str, Any]:
        """As answers tell it: a member of their `problems`."""
        return {
            "line": self.line,
            "column": self.column,
            "text": self.text,
            "message": self.message,
            "suggestion": self.suggestion or None,
        }


class ExpressionError(BadInput):
    """An expression that cannot be used, with all that is wrong with it. Its message is about the first."""

    code = "bad_expression"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(problems[0].sentence(), field="expression")
        self.problems = tuple(problems)


class Misread(Exception):
    """Reading stops here: the text from `start` to `end` is wrong."""

    def __init__(self, start: int, end: int, message: str, suggestion: str = "") -> None:
        super().__init__(message)
        self.start, self.end, self.message, self.suggestion = start, end, message, suggestion


def placed(source: str, start: int, end: int, message: str, suggestion: str = "", *, doubt: bool = False) -> Problem:
    """The problem at a place of a source, given by offsets."""
    start = min(start, len(source))
    line = source.count("\n", 0, start) + 1
    column = start - (source.rfind("\n", 0, start) + 1) + 1
    return Problem(line, column, source[start : max(end, start)][:200], message, suggestion, doubt)


def alike(name: str, known: Iterable[str]) -> str:
    """The known name that is most like this one, or "" where none is much like it."""
    from rapidfuzz import fuzz, process  # noqa: PLC0415 (dear to load; only who mistypes a name needs it)

    found = process.extractOne(name, sorted(known), scorer=fuzz.ratio, processor=str.casefold, score_cutoff=ALIKE)
    return "" if found is None else str(found[0])

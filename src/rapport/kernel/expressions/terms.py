"""What the walk over a tree makes of each node, and what the walk offers to those who judge one kind of node."""

from typing import Protocol

import msgspec

from rapport.kernel.expressions.kinds import Kind, Schema
from rapport.kernel.expressions.leaves import Known, Leaf
from rapport.kernel.expressions.patterns import Spent
from rapport.kernel.expressions.syntax import Node, Path

ARTICLED = {
    Kind.ANY: "any value",
    Kind.NUMBER: "a number",
    Kind.TEXT: "a text",
    Kind.BOOL: "true or false",
    Kind.LIST: "a list",
    Kind.OBJECT: "an object",
    Kind.TIME: "a time",
    Kind.DURATION: "a duration",
    Kind.WINDOW: "a window",
}


class Part(msgspec.Struct, frozen=True):
    """A piece of an expression that is true or false by itself: its place, its CEL, the pieces that it is made of, and
    what it looks at (variable and place). `choice`: its first piece decides which of the others counts."""

    start: int
    end: int
    code: str
    items: tuple["Part", ...] = ()
    looks: tuple[tuple[str, int, int], ...] = ()
    choice: bool = False


class Term(msgspec.Struct, frozen=True):
    """`code` is CEL; `seen`: the kinds that a trait or a property had so far (empty: unknown); `items`: the pieces of
    what is true or false."""

    kind: Kind
    code: str
    node: Node
    seen: frozenset[Kind] = frozenset()
    items: tuple[Part, ...] = ()


class Walk(Protocol):
    """The walk, as seen by those who judge calls and comparisons."""

    schema: Schema | None
    patterns: Spent

    def visit(self, node: Node) -> Term:
        """What a node is. Raises Misread."""

    def leaf(self, node: Node, leaf: Leaf, kind: Kind, seen: frozenset[Kind] = frozenset()) -> Term:
        """A part that looks at the customer. Raises Misread where there are too many."""

    def known(self, path: Path) -> tuple[Known, frozenset[Kind]]:
        """A path, with the kinds that it was seen with. Raises Misread where it can be none."""

    def doubt(self, start: int, end: int, message: str, suggestion: str = "") -> None:
        """Note that something was never seen."""


_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quoted(text: str) -> str:
    """A text as CEL writes it; readable as this language too."""
    out = []
    for character in text:
        escaped = _ESCAPES.get(character)
        if escaped is None:
            escaped = character if character >= " " and character != "\x7f" else f"\\u{ord(character):04x}"
        out.append(escaped)
    return f'"{"".join(out)}"'


def number(value: int | float) -> str:
    """A number as CEL writes it."""
    return f"({value!r})" if value < 0 else repr(value)

"""An expression's text as a tree, each node with its place: the grammar of CEL (github.com/google/cel-spec, langdef.md)
without bytes, objects in braces and macros over lists.

The library that evaluates CEL names no paths, no literals and no places. So the text is read here first, which also
bounds it before the library sees it: its own reader stops at some depth by itself, and takes any length.
"""

from collections.abc import Callable
from functools import partial

import msgspec
from msgspec.structs import replace

from rapport.kernel.expressions.problems import Misread
from rapport.kernel.expressions.tokens import Token, tokens_of

MAX_DEPTH = 20
MAX_NODES = 600
MACROS = {"all", "exists", "exists_one", "filter", "map"}
_RELATIONS = {"==", "!=", "<", "<=", ">", ">="}
_SLIPS = {"and": "&&", "or": "||", "not": "!", "is": "==", "like": "matches", "null": "has(…)", "none": "has(…)"}


class Node(msgspec.Struct, frozen=True):
    """`start` and `end` are offsets into the source."""

    start: int
    end: int


class Literal(Node, frozen=True):
    value: str | int | float | bool


class Path(Node, frozen=True):
    """`traits.address.city`, `traits["first name"]`: the name of the root, then the steps."""

    root: str
    steps: tuple[str | int, ...]


class Call(Node, frozen=True):
    """`name(args)`, or `target.name(args)`. `name_start`, `name_end`: where the name stands."""

    name: str
    args: tuple[Node, ...]
    target: Node | None
    name_start: int
    name_end: int


class Unary(Node, frozen=True):
    """`!` or `-`."""

    op: str
    operand: Node


class Binary(Node, frozen=True):
    """A comparison, `in`, or arithmetic."""

    op: str
    left: Node
    right: Node


class Logic(Node, frozen=True):
    """`&&` or `||` of two or more."""

    op: str
    items: tuple[Node, ...]


class Choice(Node, frozen=True):
    """`condition ? then : otherwise`."""

    condition: Node
    then: Node
    otherwise: Node


class Items(Node, frozen=True):
    """A list of literals or other expressions."""

    items: tuple[Node, ...]


def parse(source: str) -> Node:
    """The tree of an expression. Raises Misread."""
    return _Parser(tokens_of(source)).whole()


class _Parser:
    """Recursive descent, one method a level of the grammar. `_deep` bounds it, and so the stack."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._deep = 0
        self._nodes = 0

    def whole(self) -> Node:
        if self._now.kind == "end":
            raise Misread(0, 0, 'an expression says something of a customer, such as traits.plan == "gold"')
        node = self._expression()
        if self._now.kind != "end":
            raise self._unexpected("the end, or && or || and more")
        return node

    # -- tokens

    @property
    def _now(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _is(self, *ops: str) -> bool:
        return self._now.kind == "op" and self._now.raw in ops

    def _take(self, op: str) -> Token:
        if not self._is(op):
            raise self._unexpected(f"'{op}'")
        return self._next()

    def _unexpected(self, wanted: str) -> Misread:
        token = self._now
        if token.kind == "end":
            return Misread(token.start, token.end, f"the expression ends where {wanted} should follow")
        slip = _SLIPS.get(token.raw.lower(), "") if token.kind == "name" else ""
        if token.kind == "op" and token.raw == ">" and self._tokens[self._at - 1].raw == "<":
            return Misread(token.start - 1, token.end, "'not equal' is written !=", "!=")
        return Misread(token.start, token.end, f"{token.raw[:40]} stands where {wanted} should", slip)

    def _count(self, start: int, end: int) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise Misread(start, end, f"an expression has at most {MAX_NODES} parts: this is one too many")

    def _nested(self, read: Callable[[], Node]) -> Node:
        self._deep += 1
        if self._deep > MAX_DEPTH:
            token = self._now
            raise Misread(token.start, token.end, f"an expression is at most {MAX_DEPTH} levels deep")
        node = read()
        self._deep -= 1
        return node

    # -- levels, from the loosest to the tightest

    def _expression(self) -> Node:
        return self._nested(self._choice)

    def _choice(self) -> Node:
        condition = self._logic("||", lambda: self._logic("&&", self._relation))
        if not self._is("?"):
            return condition
        self._next()
        then = self._expression()
        self._take(":")
        otherwise = self._expression()
        self._count(condition.start, otherwise.end)
        return Choice(condition.start, otherwise.end, condition, then, otherwise)

    def _logic(self, op: str, read: Callable[[], Node]) -> Node:
        items = [read()]
        while self._is(op):
            self._next()
            items.append(read())
        if len(items) == 1:
            return items[0]
        self._count(items[0].start, items[-1].end)
        return Logic(items[0].start, items[-1].end, op, tuple(items))

    def _relation(self) -> Node:
        left = self._sum()
        if self._is(*_RELATIONS) or (self._now.kind == "name" and self._now.raw == "in"):
            op = self._next()
            right = self._sum()
            left = self._binary(op.raw, left, right)
            if self._is(*_RELATIONS):
                token = self._now
                raise Misread(token.start, token.end, "comparisons are not chained: write a < b && b < c")
        return left

    def _binary(self, op: str, left: Node, right: Node) -> Node:
        self._count(left.start, right.end)
        return Binary(left.start, right.end, op, left, right)

    def _sum(self) -> Node:
        return self._chain(("+", "-"), lambda: self._chain(("*", "/", "%"), self._unary))

    def _chain(self, ops: tuple[str, ...], read: Callable[[], Node]) -> Node:
        left, deep = read(), self._deep
        while self._is(*ops):
            op = self._next().raw
            # Each step is a level more for whoever walks the tree: counted like a bracket.
            self._deep += 1
            if self._deep > MAX_DEPTH:
                raise Misread(left.start, left.end, f"an expression is at most {MAX_DEPTH} levels deep")
            left = self._binary(op, left, read())
        self._deep = deep
        return left

    def _unary(self) -> Node:
        if self._is("!", "-"):
            op = self._next()
            operand = self._nested(self._unary)
            self._count(op.start, operand.end)
            if op.raw == "-" and isinstance(operand, Literal) and not isinstance(operand.value, str | bool):
                return Literal(op.start, operand.end, -operand.value)
            return Unary(op.start, operand.end, op.raw, operand)
        return self._member()

    def _member(self) -> Node:
        node, deep = self._primary(), self._deep
        while True:
            if self._is("."):
                self._next()
                if self._now.kind != "name":
                    raise self._unexpected("a name")
                name = self._next()
                if self._is("("):
                    node = self._nested(partial(self._call, node, name))
                    self._deep += 1  # each method of a chain is a level more for whoever walks the tree
                else:
                    node = self._step(node, name.raw, name.end)
            elif self._is("["):
                self._next()
                key = self._now
                if key.kind not in ("text", "number") or isinstance(key.value, float):
                    raise self._unexpected("a name in quotes, or a place that is a whole number,")
                self._next()
                end = self._take("]").end
                node = self._step(node, key.value, end)
            else:
                self._deep = deep
                return node

    def _step(self, node: Node, step: str | int, end: int) -> Node:
        if not isinstance(node, Path):
            raise Misread(node.start, end, "parts can be named of traits, computed traits and identifiers only")
        self._count(node.start, end)
        return Path(node.start, end, node.root, (*node.steps, step))

    def _call(self, target: Node | None, name: Token) -> Node:
        if target is not None and name.raw in MACROS:
            message = f"{name.raw}() goes through a list, which expressions do not: 'in' finds a value in a list"
            raise Misread(name.start, name.end, message)
        self._take("(")
        args: list[Node] = []
        while not self._is(")"):
            args.append(self._expression())
            if not self._is(")"):
                self._take(",")
        end = self._take(")").end
        start = name.start if target is None else target.start
        self._count(start, end)
        return Call(start, end, name.raw, tuple(args), target, name.start, name.end)

    def _primary(self) -> Node:
        token = self._now
        if token.kind in ("text", "number"):
            self._next()
            self._count(token.start, token.end)
            return Literal(token.start, token.end, token.value)
        if self._is("("):
            self._next()
            node = self._expression()
            end = self._take(")").end
            # The brackets belong to what is told of a piece, except around what is too small to need them.
            return node if isinstance(node, Literal | Path) else replace(node, start=token.start, end=end)
        if self._is("["):
            return self._items()
        if self._is("{"):
            raise Misread(token.start, token.end, "expressions make no objects")
        if token.kind != "name" or token.raw == "in":
            raise self._unexpected("a value")
        return self._named()

    def _named(self) -> Node:
        name = self._next()
        if self._is("("):
            return self._nested(partial(self._call, None, name))
        self._count(name.start, name.end)
        if name.raw in ("true", "false"):
            return Literal(name.start, name.end, name.raw == "true")
        if name.raw == "null":
            message = "nothing is ever null: what is not known is absent, and has(traits.plan) asks for it"
            raise Misread(name.start, name.end, message)
        if name.raw in ("not", "NOT", "Not"):
            raise Misread(name.start, name.end, "'not' is written !", "!")
        if name.raw in ("True", "False", "TRUE", "FALSE"):
            raise Misread(name.start, name.end, "true and false are written small", name.raw.lower())
        return Path(name.start, name.end, name.raw, ())

    def _items(self) -> Node:
        start = self._take("[").start
        items: list[Node] = []
        while not self._is("]"):
            items.append(self._expression())
            if not self._is("]"):
                self._take(",")
        end = self._take("]").end
        self._count(start, end)
        return Items(start, end, tuple(items))

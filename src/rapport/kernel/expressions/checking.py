"""From a tree to what the evaluator takes: kinds are checked, leaves are collected, and CEL is written anew.

Where the text says `count("Order Completed", days(30)) >= 2`, the CEL that the library compiles says `v0 >= 2`, and
`v0` is a leaf worked out beforehand. So there is no callback on the busy path, a variable that is absent makes CEL's
own three-valued logic do the rest, and what an expression depends on is known exactly. The price: this package knows
the kinds of every function.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from rapport.kernel.expressions import syntax
from rapport.kernel.expressions.arithmetic import SIGNS
from rapport.kernel.expressions.calls import call
from rapport.kernel.expressions.comparing import compared
from rapport.kernel.expressions.functions import FUNCTIONS, ROOTS
from rapport.kernel.expressions.kinds import Kind, Schema, kind_of
from rapport.kernel.expressions.leaves import Known, Leaf, Truth
from rapport.kernel.expressions.passing import passing
from rapport.kernel.expressions.patterns import Spent
from rapport.kernel.expressions.problems import Misread, Problem, alike, placed
from rapport.kernel.expressions.terms import ARTICLED, Part, Term, number, quoted

MAX_LEAVES = 64


class Checked(NamedTuple):
    """`code`: CEL over the variables of `leaves`; `part`: the whole, for explaining it. Without a `part` there are
    problems that are no mere doubts."""

    kind: Kind
    leaves: dict[Leaf, str]
    part: Part | None
    problems: tuple[Problem, ...]


def check(source: str, schema: Schema | None = None, *, wanted: Kind = Kind.BOOL) -> Checked:
    """Read an expression and find all that is wrong with it. `wanted`: BOOL, or ANY value that a trait can have."""
    walk = Checker(source, schema)
    try:
        tree = syntax.parse(source)
    except Misread as wrong:
        walk.wrong(wrong)
        return Checked(Kind.ANY, {}, None, tuple(walk.problems))
    term = walk.truth(tree) if wanted is Kind.BOOL else walk.tried(tree)
    if not walk.failed:
        walk.judge_result(term, wanted)
    part = None if walk.failed else walk.part(term)
    return Checked(term.kind, walk.leaves, part, tuple(walk.problems))


class Checker:
    """One walk over one tree. With a schema it also doubts what was never seen."""

    def __init__(self, source: str, schema: Schema | None) -> None:
        self.schema = schema
        self.leaves: dict[Leaf, str] = {}
        self.problems: list[Problem] = []
        self.failed = False
        self.patterns = Spent()
        self._source = source
        self._looks: list[tuple[str, int, int]] = []

    # -- problems

    def wrong(self, wrong: Misread) -> None:
        self.failed = True
        self.problems.append(placed(self._source, wrong.start, wrong.end, wrong.message, wrong.suggestion))

    def doubt(self, start: int, end: int, message: str, suggestion: str = "") -> None:
        self.problems.append(placed(self._source, start, end, message, suggestion, doubt=True))

    def tried(self, node: syntax.Node) -> Term:
        """A node, or a stand-in where something is wrong with it: the rest is then judged too."""
        try:
            return self.visit(node)
        except Misread as wrong:
            self.wrong(wrong)
            return Term(Kind.ANY, "true", node)

    def judge_result(self, term: Term, wanted: Kind) -> None:
        if wanted is not Kind.BOOL and term.kind is Kind.DURATION:
            node = term.node
            self.wrong(Misread(node.start, node.end, "a duration is no value of a trait: days_since(…) is a number"))

    def _doubt_kind(self, term: Term, *wanted: Kind) -> None:
        if term.seen and not term.seen & {*wanted, Kind.ANY}:
            seen = " or ".join(sorted(ARTICLED[kind] for kind in term.seen))
            self.doubt(term.node.start, term.node.end, f"so far this was always {seen}, never {ARTICLED[wanted[0]]}")

    # -- what the walk offers

    def leaf(self, node: syntax.Node, leaf: Leaf, kind: Kind, seen: frozenset[Kind] = frozenset()) -> Term:
        name = self.leaves.get(leaf)
        if name is None:
            if len(self.leaves) >= MAX_LEAVES:
                raise Misread(node.start, node.end, f"an expression looks at {MAX_LEAVES} different things at most")
            name = self.leaves[leaf] = f"v{len(self.leaves)}"
        self._looks.append((name, node.start, node.end))
        return Term(kind, name, node, seen)

    def part(self, term: Term) -> Part:
        node = term.node
        looks = {look for look in self._looks if node.start <= look[1] and look[2] <= node.end}
        ordered = tuple(sorted(looks, key=lambda look: look[1:]))
        return Part(node.start, node.end, term.code, term.items, ordered, isinstance(node, syntax.Choice))

    def known(self, path: syntax.Path) -> tuple[Known, frozenset[Kind]]:
        if path.root not in ROOTS:
            raise self._unknown_root(path)
        if not path.steps:
            raise Misread(path.start, path.end, f"name one of them: {ROOTS[path.root]}")
        if not isinstance(path.steps[0], str):
            raise Misread(path.start, path.end, f"these have names, not places: {ROOTS[path.root]}")
        seen: frozenset[Kind] = frozenset() if self.schema is None else self._seen(path, self.schema)
        return Known(path.root, path.steps), seen

    def _unknown_root(self, path: syntax.Path) -> Misread:
        end = path.start + len(path.root)
        if path.root == "now":
            return Misread(
                path.start, end, 'the present is compared with times only: now - last("Order Completed") > days(30)'
            )
        if path.root in FUNCTIONS:
            return Misread(path.start, end, f"{path.root} is a function: {FUNCTIONS[path.root].forms[0]}")
        traits = () if self.schema is None else self.schema.traits
        if path.root in traits:
            return Misread(path.start, end, "traits are named with where they are from", f"traits.{path.root}")
        suggestion = alike(path.root, (*ROOTS, *(f"traits.{trait}" for trait in traits)))
        known = ", ".join(ROOTS)
        return Misread(path.start, end, f"there is nothing called {path.root[:40]}: there are {known}", suggestion)

    def _seen(self, path: syntax.Path, schema: Schema) -> frozenset[Kind]:
        name, dotted = str(path.steps[0]), ".".join(map(str, path.steps))
        if path.root == "identifiers":
            if name not in schema.identifiers:
                self._doubt_name(path, "identifier of type", name, schema.identifiers)
            return frozenset()
        if path.root == "computed":
            if name not in schema.computed:
                self._doubt_name(path, "computed trait", name, schema.computed)
                return frozenset()
            return frozenset({schema.computed[name]}) if len(path.steps) == 1 else frozenset()
        if name not in schema.traits:
            if dotted in schema.traits:
                self.doubt(path.start, path.end, f"{dotted} is one name here", f"traits[{quoted(dotted)}]")
            else:
                self._doubt_name(path, "trait", name, schema.traits)
        elif dotted not in schema.traits and any(trait.startswith(f"{name}.") for trait in schema.traits):
            self._doubt_name(path, "trait", dotted, schema.traits)
        return schema.traits.get(dotted, frozenset())

    def _doubt_name(self, path: syntax.Path, what: str, name: str, known: Iterable[str]) -> None:
        found = alike(name, known)
        written = found if all(piece.isidentifier() for piece in found.split(".")) else quoted(found)
        suggestion = "" if not found else f"{path.root}.{written}" if written == found else f"{path.root}[{written}]"
        self.doubt(path.start, path.end, f"no {what} {name[:60]!r} was seen so far", suggestion)

    # -- nodes

    def visit(self, node: syntax.Node) -> Term:
        match node:
            case syntax.Literal():
                return _literal(node)
            case syntax.Path():
                found, seen = self.known(node)
                return self.leaf(node, found, Kind.LIST if node.root == "identifiers" else Kind.ANY, seen)
            case syntax.Call():
                return call(self, node)
            case syntax.Unary():
                return self._unary(node)
            case syntax.Logic():
                return self._logic(node)
            case syntax.Choice():
                return self._choice(node, self.tried)
            case syntax.Items():
                terms = [self.visit(item) for item in node.items]
                return Term(Kind.LIST, f"[{', '.join(term.code for term in terms)}]", node)
            case syntax.Binary():
                return self._binary(node)
            case _:
                raise AssertionError(node)

    def _binary(self, node: syntax.Binary) -> Term:
        if node.op in SIGNS:
            return self._arithmetic(node)
        term = passing(self, node)
        if term is not None:
            return term
        return compared(self, node, self.visit(node.left), self.visit(node.right))

    def truth(self, node: syntax.Node) -> Term:
        """A node that must be true or false."""
        if isinstance(node, syntax.Choice):
            return self._choice(node, self.truth)
        term = self.tried(node)
        if term.kind is Kind.ANY:
            # What a customer's value is shows only when they are at hand. If it is neither, that is a fault of this
            # leaf like any other, and CEL never meets it.
            self._doubt_kind(term, Kind.BOOL)
            found = next((leaf for leaf, name in self.leaves.items() if name == term.code), None)
            return term if found is None else self.leaf(node, Truth(found), Kind.BOOL)
        if term.kind is not Kind.BOOL:
            self.wrong(Misread(node.start, node.end, f"true or false belongs here, and this is {ARTICLED[term.kind]}"))
        return term

    def _unary(self, node: syntax.Unary) -> Term:
        if node.op == "!":
            term = self.truth(node.operand)
            return Term(Kind.BOOL, f"!({term.code})", node, items=(self.part(term),))
        term = self.visit(node.operand)
        if term.kind not in (Kind.NUMBER, Kind.ANY, Kind.DURATION):
            raise Misread(node.start, node.end, f"a minus belongs before a number, and this is {ARTICLED[term.kind]}")
        return Term(term.kind if term.kind is Kind.DURATION else Kind.NUMBER, f"neg({term.code})[0]", node)

    def _logic(self, node: syntax.Logic) -> Term:
        terms = [self.truth(item) for item in node.items]
        code = f" {node.op} ".join(term.code for term in terms)
        return Term(Kind.BOOL, f"({code})", node, items=tuple(self.part(term) for term in terms))

    def _choice(self, node: syntax.Choice, branch: Callable[[syntax.Node], Term]) -> Term:
        condition, then, otherwise = self.truth(node.condition), branch(node.then), branch(node.otherwise)
        kinds = {then.kind, otherwise.kind}
        if len(kinds) == 2 and Kind.ANY not in kinds:
            message = f"one branch is {ARTICLED[then.kind]}, the other {ARTICLED[otherwise.kind]}"
            raise Misread(node.start, node.end, message)
        kind = Kind.ANY if Kind.ANY in kinds else then.kind
        code = f"({condition.code} ? {then.code} : {otherwise.code})"
        items = (condition, then, otherwise) if kind in (Kind.BOOL, Kind.ANY) else (condition,)
        return Term(kind, code, node, items=tuple(self.part(term) for term in items))

    def _arithmetic(self, node: syntax.Binary) -> Term:
        left, right = self.visit(node.left), self.visit(node.right)
        kind = _RESULTS.get((node.op, left.kind, right.kind))
        if kind is None:
            kind = self._on_numbers(node, left, right)
        return Term(kind, f"{SIGNS[node.op]}({left.code}, {right.code})[0]", node)

    def _on_numbers(self, node: syntax.Binary, left: Term, right: Term) -> Kind:
        texts = (Kind.TEXT, Kind.ANY)
        if node.op == "+" and left.kind in texts and right.kind in texts:
            return Kind.ANY if left.kind is right.kind is Kind.ANY else Kind.TEXT
        for term in (left, right):
            if term.kind not in (Kind.NUMBER, Kind.ANY):
                what = f"'{node.op}' does not go with {ARTICLED[left.kind]} and {ARTICLED[right.kind]}"
                raise Misread(node.start, node.end, what)
            self._doubt_kind(term, Kind.NUMBER)
        return Kind.NUMBER


_RESULTS = {
    ("-", Kind.TIME, Kind.TIME): Kind.DURATION,
    ("+", Kind.TIME, Kind.DURATION): Kind.TIME,
    ("+", Kind.DURATION, Kind.TIME): Kind.TIME,
    ("-", Kind.TIME, Kind.DURATION): Kind.TIME,
    ("+", Kind.DURATION, Kind.DURATION): Kind.DURATION,
    ("-", Kind.DURATION, Kind.DURATION): Kind.DURATION,
    ("*", Kind.DURATION, Kind.NUMBER): Kind.DURATION,
    ("*", Kind.NUMBER, Kind.DURATION): Kind.DURATION,
    ("/", Kind.DURATION, Kind.DURATION): Kind.NUMBER,
}


def _literal(node: syntax.Literal) -> Term:
    kind = kind_of(node.value)
    if isinstance(node.value, bool):
        return Term(kind, "true" if node.value else "false", node)
    return Term(kind, quoted(node.value) if isinstance(node.value, str) else number(node.value), node)

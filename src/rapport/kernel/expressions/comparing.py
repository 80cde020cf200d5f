"""Comparisons: which kinds can be compared with which."""

from rapport.kernel.expressions.kinds import Kind
from rapport.kernel.expressions.problems import Misread
from rapport.kernel.expressions.syntax import Binary, Items, Literal
from rapport.kernel.expressions.terms import ARTICLED, Term, Walk

_ORDERED = (Kind.NUMBER, Kind.TEXT, Kind.TIME, Kind.DURATION)


def compared(walk: Walk, node: Binary, left: Term, right: Term) -> Term:
    """`==`, `!=`, `<`, `<=`, `>`, `>=` or `in` of two terms. Raises Misread."""
    if node.op == "in":
        return _contained(walk, node, left, right)
    for one, other in ((left, right), (right, left)):
        if one.kind is Kind.TIME and other.kind in (Kind.TEXT, Kind.ANY):
            raise Misread(other.node.start, other.node.end, "a time is compared with a time: timestamp(…) makes one")
        if node.op not in ("==", "!=") and one.kind not in (*_ORDERED, Kind.ANY):
            raise Misread(node.start, node.end, f"{ARTICLED[one.kind]} is neither more nor less than anything")
    if left.kind is not right.kind and Kind.ANY not in (left.kind, right.kind):
        message = f"{ARTICLED[left.kind]} is compared with {ARTICLED[right.kind]}, which it never equals"
        raise Misread(node.start, node.end, message, _same_kind(node))
    _doubt(walk, left, right)
    _doubt(walk, right, left)
    return Term(Kind.BOOL, f"({left.code} {node.op} {right.code})", node)


def _same_kind(node: Binary) -> str:
    """The text of a number without its quotes, where that is all that is wrong."""
    for side in (node.left, node.right):
        if isinstance(side, Literal) and isinstance(side.value, str) and side.value.replace(".", "", 1).isdigit():
            return side.value
    return ""


def _doubt(walk: Walk, term: Term, other: Term) -> None:
    """Doubt a comparison of kinds of which no value was ever seen."""
    kinds = other.seen or ({other.kind} if other.kind is not Kind.ANY else set())
    if term.seen and kinds and not term.seen & kinds and Kind.ANY not in kinds | term.seen:
        seen = " or ".join(sorted(ARTICLED[kind] for kind in term.seen))
        wanted = " or ".join(sorted(ARTICLED[kind] for kind in kinds))
        walk.doubt(term.node.start, term.node.end, f"so far this was always {seen}, never {wanted}")


def _contained(walk: Walk, node: Binary, left: Term, right: Term) -> Term:
    if right.kind is Kind.TEXT:
        message = "'in' looks into a list; a text in a text is found by contains(…)"
        raise Misread(node.start, node.end, message)
    if right.kind not in (Kind.LIST, Kind.ANY):
        raise Misread(right.node.start, right.node.end, f"'in' looks into a list, and this is {ARTICLED[right.kind]}")
    if left.kind not in (Kind.TEXT, Kind.NUMBER, Kind.BOOL, Kind.ANY):
        raise Misread(left.node.start, left.node.end, f"a list holds no such thing as {ARTICLED[left.kind]}")
    if isinstance(right.node, Items):
        for item in right.node.items:
            if isinstance(item, Literal):
                _doubt(walk, left, walk.visit(item))
    elif right.seen and not right.seen & {Kind.LIST, Kind.ANY}:
        walk.doubt(right.node.start, right.node.end, "so far this was never a list")
    return Term(Kind.BOOL, f"({left.code} in {right.code})", node)

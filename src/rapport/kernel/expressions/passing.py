"""Comparisons that become others by the mere passing of time: `since(last("Order")) > days(30)`.

Each side is read as a sum of the present, one time and fixed durations, however it is written: `now - last("Order") >
days(30)`, `last("Order") < ago(days(30))` and `since(last("Order")) > days(30)` are one and the same. So the instant at
which it changes is known beforehand, by a subtraction.
"""

from typing import NamedTuple

from rapport.kernel.expressions.calls import fixed_duration, moment_of, stamp_of
from rapport.kernel.expressions.kinds import Kind
from rapport.kernel.expressions.leaves import Elapsed, Stamp, Time
from rapport.kernel.expressions.problems import Misread
from rapport.kernel.expressions.syntax import Binary, Call, Literal, Node, Path
from rapport.kernel.expressions.terms import Term, Walk
from rapport.kernel.expressions.windows import LONGEST
from rapport.kernel.times import DAY

_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_FIXED = "what has passed is compared with a fixed duration, such as days(30); days_since(…) gives a number"


class _Sum(NamedTuple):
    """`now` times the present, and signed times, and a length in µs."""

    now: int
    times: tuple[tuple[int, Time], ...]
    length: int

    def plus(self, other: "_Sum", sign: int) -> "_Sum":
        times = tuple((sign * its, time) for its, time in other.times)
        return _Sum(self.now + sign * other.now, self.times + times, self.length + sign * other.length)


def passing(walk: Walk, node: Binary) -> Term | None:
    """The comparison, where time decides it; None for any other. Raises Misread."""
    days = _whole_days(walk, node)
    if days is not None:
        return days
    if node.op == "in" or not (_passes(node.left) or _passes(node.right)):
        return None
    if node.op not in _FLIPPED:
        raise Misread(node.start, node.end, "time passes without a stop: it is compared by <, <=, > or >=")
    total = _sum(walk, node.left).plus(_sum(walk, node.right), -1)
    # Signs are 1 or -1: so this is one time, and the present once, against it.
    if [sign for sign, _ in total.times] != [-total.now]:
        message = "the present is compared with one time, such as in since(traits.signed_up_at) > days(30)"
        raise Misread(node.start, node.end, message)
    if abs(total.length) > LONGEST:
        raise Misread(node.start, node.end, "a duration is at most 100 years")
    elapsed = Elapsed(total.times[0][1], node.op, -total.length, total.now < 0)
    return walk.leaf(node, elapsed, Kind.BOOL)


def _whole_days(walk: Walk, node: Binary) -> Term | None:
    """Days compared with a whole number, which take one deadline and not one a day."""
    subject, bound, op = node.left, node.right, node.op
    if not _is_days(subject):
        subject, bound, op = bound, subject, _FLIPPED.get(op, "")
    if not isinstance(subject, Call) or not _is_days(subject) or op not in _FLIPPED or not isinstance(bound, Literal):
        return None
    if type(bound.value) is not int or abs(bound.value) * DAY > LONGEST:
        return None
    # Of whole days that have passed, more than 30 are at least 31 days of time.
    length = (bound.value + (op in (">", "<="))) * DAY
    elapsed = Elapsed(moment_of(walk, subject), ">=" if op in (">", ">=") else "<", length)
    return walk.leaf(node, elapsed, Kind.BOOL)


def _is_days(node: Node) -> bool:
    return isinstance(node, Call) and node.name == "days_since" and node.target is None


def _passes(node: Node) -> bool:
    """Whether the present is in it."""
    if isinstance(node, Binary):
        return node.op in "+-" and (_passes(node.left) or _passes(node.right))
    if isinstance(node, Call):
        return node.target is None and node.name in ("since", "until", "ago")
    return isinstance(node, Path) and node.root == "now" and not node.steps


def _sum(walk: Walk, node: Node) -> _Sum:
    if isinstance(node, Binary) and node.op in "+-":
        return _sum(walk, node.left).plus(_sum(walk, node.right), 1 if node.op == "+" else -1)
    if isinstance(node, Path):
        if node.root == "now" and not node.steps:
            return _Sum(1, (), 0)
        if node.root in ("traits", "computed"):
            return _Sum(0, ((1, Stamp(walk.known(node)[0])),), 0)
    if not isinstance(node, Call) or node.target is not None:
        raise Misread(node.start, node.end, _FIXED)
    length = fixed_duration(node)
    if length is not None:
        return _Sum(0, (), length)
    return _called(walk, node)


def _called(walk: Walk, node: Call) -> _Sum:
    match node.name:
        case "since":
            return _Sum(1, ((-1, moment_of(walk, node)),), 0)
        case "until":
            return _Sum(-1, ((1, moment_of(walk, node)),), 0)
        case "ago":
            length = fixed_duration(node.args[0]) if len(node.args) == 1 else None
            if length is None:
                raise Misread(node.start, node.end, "ago() takes a fixed duration, such as ago(days(30))")
            return _Sum(1, (), -length)
        case "timestamp":
            return _Sum(0, ((1, stamp_of(walk, node)),), 0)
        case "first" | "last" if len(node.args) == 1:
            inner = Call(node.start, node.end, "since", (node,), None, node.name_start, node.name_end)
            return _Sum(0, ((1, moment_of(walk, inner)),), 0)
        case _:
            raise Misread(node.start, node.end, _FIXED)

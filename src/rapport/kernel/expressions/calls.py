"""Calls: what each function takes and becomes."""

from collections.abc import Callable

from rapport.kernel.errors import BadInput
from rapport.kernel.expressions.evaluator import pattern_trouble
from rapport.kernel.expressions.facts import ANY_EVENT
from rapport.kernel.expressions.functions import FUNCTIONS, Function
from rapport.kernel.expressions.kinds import Kind
from rapport.kernel.expressions.leaves import At, Count, DaysSince, Has, Moment, Stamp, Time, Total, Within, time_of
from rapport.kernel.expressions.problems import Misread, alike
from rapport.kernel.expressions.syntax import Binary, Call, Literal, Node, Path, Unary
from rapport.kernel.expressions.terms import ARTICLED, Term, Walk, quoted
from rapport.kernel.expressions.windows import CALENDAR, LONGEST, UNITS, Calendar, Rolling, Window, zone_named

_SLIPS = {
    "exists": "has",
    "lower": "lowerAscii",
    "toLowerCase": "lowerAscii",
    "len": "size",
    "length": "size",
    "mean": "avg",
    "average": "avg",
    "total": "sum",
    "maximum": "max",
    "minimum": "min",
    "latest": "last",
    "earliest": "first",
    "duration": "days",
    "day": "days",
    "int": "number",
    "double": "number",
    "float": "number",
    "includes": "contains",
}


def call(walk: Walk, node: Call) -> Term:
    """What a call is. Raises Misread."""
    function = _function(node)
    count = len(node.args) + (node.target is not None and not function.method)
    if not function.least <= count <= function.most:
        wanted = str(function.least) if function.least == function.most else f"{function.least} to {function.most}"
        raise Misread(
            node.start,
            node.end,
            f"{node.name}() takes {wanted}, such as {function.forms[0]}; here {'is' if count == 1 else 'are'} {count}",
        )
    if function.method:
        return _method(walk, node)
    if node.name in UNITS or node.name in CALENDAR:
        return _span(node)
    return _CALLS[node.name](walk, node)


def _function(node: Call) -> Function:
    function = FUNCTIONS.get(node.name)
    if function is None:
        suggestion = _SLIPS.get(node.name) or alike(node.name, FUNCTIONS)
        raise Misread(node.name_start, node.name_end, f"there is no function {node.name[:40]}()", suggestion)
    if function.method and node.target is None:
        message = f"{node.name} stands behind a value and a dot"
        raise Misread(node.name_start, node.name_end, message, function.forms[0])
    if node.target is not None and not function.method and node.name != "size":
        raise Misread(node.name_start, node.name_end, f"{node.name} stands by itself", function.forms[0])
    return function


# -- events and their windows


def _event(walk: Walk, node: Call) -> str:
    name = node.args[0]
    if not isinstance(name, Literal) or not isinstance(name.value, str) or not name.value:
        message = f"the name of an event stands here, in quotes, such as {FUNCTIONS[node.name].forms[0]}"
        suggestion = f'"{name.root}"' if isinstance(name, Path) and not name.steps else ""
        raise Misread(name.start, name.end, message, suggestion)
    schema = walk.schema
    if schema is not None and name.value != ANY_EVENT and name.value not in schema.events:
        found = alike(name.value, schema.events)
        message = f"no event {name.value[:60]!r} was seen so far"
        walk.doubt(name.start, name.end, message, quoted(found) if found else "")
    return name.value


def _property(walk: Walk, node: Call, event: str) -> tuple[str, frozenset[Kind]]:
    name = node.args[1]
    if not isinstance(name, Literal) or not isinstance(name.value, str) or not name.value:
        message = f"the name of a property stands here, in quotes, such as {FUNCTIONS[node.name].forms[0]}"
        raise Misread(name.start, name.end, message)
    schema = walk.schema
    seen = None if schema is None else schema.events.get(event)
    if seen is None:
        return name.value, frozenset()
    if name.value not in seen:
        found = alike(name.value, seen)
        message = f"no property {name.value[:60]!r} was seen in {event} so far"
        walk.doubt(name.start, name.end, message, quoted(found) if found else "")
    return name.value, seen.get(name.value, frozenset())


def _window(node: Node) -> Window:
    if isinstance(node, Call) and node.name in CALENDAR and node.target is None:
        return Calendar(node.name, _zone(node))
    length = fixed_duration(node)
    if length is None:
        message = 'a window is written out, such as days(30), hours(6) or today("Europe/Berlin")'
        raise Misread(node.start, node.end, message)
    if length <= 0:
        raise Misread(node.start, node.end, "a window is longer than nothing")
    return Rolling(length)


def _zone(node: Call) -> str:
    zone = node.args[0] if len(node.args) == 1 else node
    if not isinstance(zone, Literal) or not isinstance(zone.value, str):
        raise Misread(zone.start, zone.end, f'{node.name} names a time zone, such as {node.name}("Europe/Berlin")')
    try:
        return zone_named(zone.value)
    except BadInput as error:
        raise Misread(zone.start, zone.end, error.message) from None


def fixed_duration(node: Node) -> int | None:
    """The µs of a duration that is written out, or None."""
    if not isinstance(node, Call) or node.name not in UNITS or node.target is not None or len(node.args) != 1:
        return None
    number = node.args[0]
    if not isinstance(number, Literal) or isinstance(number.value, bool | str):
        raise Misread(
            number.start, number.end, f"a number is written out here, such as {FUNCTIONS[node.name].forms[0]}"
        )
    length = number.value * UNITS[node.name]
    if not -LONGEST <= length <= LONGEST:
        raise Misread(node.start, node.end, "a duration is at most 100 years")
    return round(length)


def _span(node: Call) -> Term:
    length = fixed_duration(node)
    if length is None:
        message = (
            f'{node.name} is a window, and stands in a count: count("Order Completed", {node.name}("Europe/Berlin"))'
        )
        raise Misread(node.start, node.end, message)
    return Term(Kind.DURATION, f"({length})" if length < 0 else str(length), node)


def _count(walk: Walk, node: Call) -> Term:
    event = _event(walk, node)
    window = _window(node.args[1]) if len(node.args) > 1 else None
    return walk.leaf(node, Count(event, window), Kind.NUMBER)


def _within(walk: Walk, node: Call) -> Term:
    return walk.leaf(node, Within(_event(walk, node), _window(node.args[1])), Kind.BOOL)


def _total(walk: Walk, node: Call) -> Term:
    event = _event(walk, node)
    name, seen = _property(walk, node, event)
    if seen and not seen & {Kind.NUMBER, Kind.ANY}:
        walk.doubt(node.args[1].start, node.args[1].end, f"so far {name} was never a number")
    window = _window(node.args[2]) if len(node.args) > 2 else None
    return walk.leaf(node, Total(event, window, node.name, name), Kind.NUMBER)


def _moment(walk: Walk, node: Call) -> Term:
    event = _event(walk, node)
    if len(node.args) == 1:
        return walk.leaf(node, Moment(event, None, node.name), Kind.TIME)
    name, seen = _property(walk, node, event)
    return walk.leaf(node, Moment(event, None, node.name, name), Kind.ANY, seen)


# -- time


def moment_of(walk: Walk, node: Call) -> Time:
    """The time that since(), until() and days_since() measure from. Raises Misread."""
    if len(node.args) != 1 or node.target is not None:
        raise Misread(node.start, node.end, f"{node.name}() takes one time, such as {FUNCTIONS[node.name].forms[0]}")
    arg = node.args[0]
    if isinstance(arg, Path):
        known, _ = walk.known(arg)
        return Stamp(known)
    if isinstance(arg, Call) and arg.target is None:
        if arg.name in ("first", "last") and len(arg.args) == 1:
            return Moment(_event(walk, arg), None, arg.name)
        if arg.name == "timestamp":
            return stamp_of(walk, arg)
    if isinstance(arg, Literal) and isinstance(arg.value, str):
        message = "a time is measured from here, such as that of the last event of this name"
        raise Misread(arg.start, arg.end, message, f"last({quoted(arg.value)})")
    raise Misread(arg.start, arg.end, f"a time stands here, such as {FUNCTIONS[node.name].forms[0]}")


def stamp_of(walk: Walk, node: Call) -> Time:
    if len(node.args) == 1 and isinstance(arg := node.args[0], Path):
        return Stamp(walk.known(arg)[0])
    if len(node.args) == 1 and isinstance(arg := node.args[0], Literal) and not isinstance(arg.value, bool):
        try:
            return At(time_of(arg.value))
        except ValueError:
            raise Misread(arg.start, arg.end, "this is no time such as 2026-11-21T20:02:55Z") from None
    raise Misread(node.start, node.end, "timestamp() is of a text that is written out, or of a trait")


def _timestamp(walk: Walk, node: Call) -> Term:
    when = stamp_of(walk, node)
    if isinstance(when, At):
        return Term(Kind.TIME, str(when.time) if when.time >= 0 else f"({when.time})", node)
    return walk.leaf(node, when, Kind.TIME)


def _bare_elapsing(_: Walk, node: Call) -> Term:
    message = f"what {node.name}() gives never stops changing: compare it, as in {FUNCTIONS[node.name].forms[0]}"
    raise Misread(node.start, node.end, message, "days_since" if node.name == "since" else "")


def _days_since(walk: Walk, node: Call) -> Term:
    return walk.leaf(node, DaysSince(moment_of(walk, node)), Kind.NUMBER)


# -- values


def _has(walk: Walk, node: Call) -> Term:
    arg = node.args[0]
    if isinstance(arg, Path):
        return walk.leaf(node, Has(walk.known(arg)[0]), Kind.BOOL)
    if isinstance(arg, Call) and arg.name in ("count", "first", "last", "within", "sum"):
        raise Misread(node.start, node.end, "whether there was an event is asked with count(…) > 0 or within(…)")
    raise Misread(arg.start, arg.end, "has() is of a trait, a computed trait or an identifier: has(traits.plan)")


def _size(walk: Walk, node: Call) -> Term:
    term = walk.visit(node.target if node.target is not None else node.args[0])
    if term.kind not in (Kind.TEXT, Kind.LIST, Kind.ANY):
        raise Misread(node.start, node.end, f"only a text or a list has a size, and this is {ARTICLED[term.kind]}")
    return Term(Kind.NUMBER, f"length({term.code})[0]", node)


def _number(walk: Walk, node: Call) -> Term:
    term = walk.visit(node.args[0])
    if term.kind not in (Kind.TEXT, Kind.NUMBER, Kind.ANY):
        raise Misread(node.start, node.end, f"{ARTICLED[term.kind]} is never a number")
    return Term(Kind.NUMBER, f"number({term.code})[0]", node)


def _string(walk: Walk, node: Call) -> Term:
    term = walk.visit(node.args[0])
    if term.kind not in (Kind.TEXT, Kind.NUMBER, Kind.BOOL, Kind.ANY):
        raise Misread(node.start, node.end, f"{ARTICLED[term.kind]} is not written as text")
    return Term(Kind.TEXT, f"text({term.code})[0]", node)


def _method(walk: Walk, node: Call) -> Term:
    if node.target is None:
        raise AssertionError(node)
    target = walk.visit(node.target)
    _wants_text(target, node)
    if node.name == "lowerAscii":
        return Term(Kind.TEXT, f"lower({target.code})[0]", node)
    arg = walk.visit(node.args[0])
    _wants_text(arg, node)
    if node.name == "matches":
        _judge_pattern(walk, node.args[0])
    if target.seen and not target.seen & {Kind.TEXT, Kind.ANY}:
        walk.doubt(target.node.start, target.node.end, "so far this was never a text")
    code = target.code if not isinstance(node.target, Unary | Binary) else f"({target.code})"
    return Term(Kind.BOOL, f"{code}.{node.name}({arg.code})", node)


def _wants_text(term: Term, node: Call) -> None:
    if term.kind not in (Kind.TEXT, Kind.ANY):
        instead = " ('in' looks into a list)" if term.kind is Kind.LIST else ""
        message = f"{node.name}() is for texts, and this is {ARTICLED[term.kind]}{instead}"
        raise Misread(term.node.start, term.node.end, message)


def _judge_pattern(walk: Walk, node: Node) -> None:
    """Patterns are written out, so that what they cost is known: they are RE2's, whose time is linear in the text."""
    if not isinstance(node, Literal) or not isinstance(node.value, str):
        raise Misread(node.start, node.end, "a pattern is written out, in quotes")
    walk.patterns.add(node.value, node.start, node.end)
    trouble = pattern_trouble(node.value)
    if trouble:
        raise Misread(node.start, node.end, f"this is no pattern: {trouble}")


_CALLS: dict[str, Callable[[Walk, Call], Term]] = {
    "has": _has,
    "count": _count,
    "within": _within,
    "sum": _total,
    "avg": _total,
    "min": _total,
    "max": _total,
    "first": _moment,
    "last": _moment,
    "since": _bare_elapsing,
    "until": _bare_elapsing,
    "ago": _bare_elapsing,
    "days_since": _days_since,
    "timestamp": _timestamp,
    "size": _size,
    "number": _number,
    "string": _string,
}

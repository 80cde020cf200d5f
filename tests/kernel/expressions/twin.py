"""A twin of the language, written from its reference and not from its code: expressions are made as small trees, which
are rendered to text for the real one and walked naively here.

A value is a plain Python value; what has none is UNKNOWN (it rests on what is absent) or ERROR.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from rapport.kernel.expressions import Facts, Series
from rapport.kernel.expressions.facts import UNTIMED
from rapport.kernel.times import DAY, HOUR, SECOND

UNKNOWN, ERROR = "<unknown>", "<error>"
START = 1_790_000_000 * SECOND
TRAITS = ("plan", "age", "tags", "vip", "born")
EVENTS = ("Order Completed", "Page", "*")
PROPERTIES = ("revenue", "product")

_scalars = st.one_of(
    st.integers(-50, 50),
    st.sampled_from((0.5, -2.25, 3.0, 1e6)),
    st.sampled_from(("", "gold", "Go", "12")),
    st.booleans(),
)
_times = st.integers(START - 40 * DAY, START + DAY) | st.sampled_from([START - 30 * DAY, START - DAY, START, UNTIMED])


def rendered_time(at: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).isoformat()


@st.composite
def series(draw: Any) -> Series:
    times = sorted(draw(st.lists(_times, max_size=6)))
    values = {}
    for name, some in (
        ("revenue", st.sampled_from((1, 2.5, -3, 0, None, None, "x"))),
        ("product", _scalars | st.none()),
    ):
        values[name] = [draw(some) for _ in times]
    return Series(times, values)


def facts() -> st.SearchStrategy[Facts]:
    value = _scalars | st.lists(_scalars, max_size=3) | _times.filter(lambda t: t != UNTIMED).map(rendered_time)
    return st.builds(
        Facts,
        traits=st.dictionaries(st.sampled_from(TRAITS), value | st.just({"deep": 1}), max_size=5),
        events=st.dictionaries(st.sampled_from(EVENTS), series(), max_size=3),
        identifiers=st.just({}),
        computed=st.dictionaries(st.sampled_from(("score", "gold")), _scalars, max_size=2),
    )


# -- trees

_path = st.sampled_from(TRAITS).map(lambda name: ("traits", name)) | st.sampled_from(("score", "gold")).map(
    lambda name: ("computed", name)
)
_window = st.none() | st.sampled_from((("days", 1), ("days", 30), ("hours", 36), ("weeks", 2), ("days", 0.5)))
_event = st.sampled_from(EVENTS)
_relation = st.sampled_from(("==", "!=", "<", "<=", ">", ">="))
_order = st.sampled_from(("<", "<=", ">", ">="))
_when = st.one_of(
    st.tuples(st.sampled_from(("first", "last")), _event),
    st.tuples(st.just("stamp"), st.sampled_from(TRAITS)),
    st.tuples(st.just("at"), st.integers(START - 40 * DAY, START + 40 * DAY)),
)
_number_literal = st.integers(-40, 40) | st.sampled_from((0.5, 2.0, -1.25))


def _numbers(inner: Any) -> Any:
    return st.one_of(
        st.tuples(st.just("number"), _number_literal),
        st.tuples(st.just("path"), _path),
        st.tuples(st.just("count"), _event, _window),
        st.tuples(st.just("total"), st.sampled_from(("sum", "avg", "min", "max")), _event, _window),
        st.tuples(st.just("days_since"), _when),
        st.tuples(st.just("size"), _path),
        st.tuples(st.just("arithmetic"), st.sampled_from("+-*/%"), inner, inner),
        st.tuples(st.just("minus"), inner),
    )


numbers = _number = st.recursive(_numbers(st.tuples(st.just("number"), _number_literal)), _numbers, max_leaves=4)
_text: Any = st.recursive(
    st.one_of(
        st.tuples(st.just("text"), st.sampled_from(("gold", "g", "", "é\n", 'a"b\\'))),
        st.tuples(st.just("path"), _path),
        st.tuples(st.just("said"), st.sampled_from(("first", "last")), _event),
    ),
    lambda inner: st.tuples(st.just("lower"), inner),
    max_leaves=2,
)
_atom = st.one_of(
    st.tuples(st.just("compare"), _relation, _number, _number),
    st.tuples(st.just("compare"), _relation, _text, _text),
    st.tuples(st.just("has"), _path),
    st.tuples(st.just("within"), _event, _window.filter(lambda window: window is not None)),
    st.tuples(
        st.just("elapsed"), st.sampled_from(("since", "until")), _when, _order, st.sampled_from((1, 30, 0, -1, 0.5))
    ),
    st.tuples(st.just("whole_days"), _when, _order, st.integers(-2, 40)),
    st.tuples(st.just("in"), _text, st.lists(_scalars, max_size=3)),
    st.tuples(st.just("among"), _text, _path),
    st.tuples(st.sampled_from(("startsWith", "endsWith", "contains")), _text, _text),
    st.tuples(st.just("path"), _path),
    st.tuples(st.just("bool"), st.booleans()),
)
truths = st.recursive(
    _atom,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(("&&", "||")), st.lists(inner, min_size=2, max_size=4)),
        st.tuples(st.just("!"), inner),
        st.tuples(st.just("?"), inner, inner, inner),
    ),
    max_leaves=8,
)


# -- rendering


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _literal(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else _quoted(value) if isinstance(value, str) else repr(value)


def _windowed(event: str, window: Any, *between: str) -> str:
    last = () if window is None else (f"{window[0]}({window[1]})",)
    return ", ".join((_quoted(event), *between, *last))


def _when_text(when: Any) -> str:
    if when[0] == "stamp":
        return f"traits.{when[1]}"
    return f'timestamp("{rendered_time(when[1])}")' if when[0] == "at" else f"{when[0]}({_quoted(when[1])})"


def render(tree: Any) -> str:  # noqa: C901, PLR0912 (a case a kind)
    match tree:
        case ("number" | "text" | "bool", value):
            return _literal(value)
        case ("path", (root, name)):
            return f"{root}.{name}"
        case ("count", event, window):
            return f"count({_windowed(event, window)})"
        case ("total", how, event, window):
            return f"{how}({_windowed(event, window, _quoted('revenue'))})"
        case ("days_since", when):
            return f"days_since({_when_text(when)})"
        case ("size", (root, name)):
            return f"size({root}.{name})"
        case ("arithmetic", op, left, right):
            return f"({render(left)} {op} {render(right)})"
        case ("minus", inner):
            return f"-({render(inner)})"
        case ("said", how, event):
            return f'{how}({_quoted(event)}, "product")'
        case ("lower", inner):
            return f"{render(inner)}.lowerAscii()"
        case ("compare", op, left, right):
            return f"{render(left)} {op} {render(right)}"
        case ("has", (root, name)):
            return f"has({root}.{name})"
        case ("within", event, window):
            return f"within({_windowed(event, window)})"
        case ("elapsed", how, when, op, days):
            return f"{how}({_when_text(when)}) {op} days({days})"
        case ("whole_days", when, op, days):
            return f"days_since({_when_text(when)}) {op} {days}"
        case ("in", text, items):
            return f"{render(text)} in [{', '.join(map(_literal, items))}]"
        case ("among", text, (root, name)):
            return f"{render(text)} in {root}.{name}"
        case ("startsWith" | "endsWith" | "contains", text, arg):
            return f"{render(text)}.{tree[0]}({render(arg)})"
        case ("&&" | "||", items):
            return "(" + f" {tree[0]} ".join(map(render, items)) + ")"
        case ("!", inner):
            return f"!({render(inner)})"
        case ("?", condition, then, otherwise):
            return f"({render(condition)} ? {render(then)} : {render(otherwise)})"
    raise AssertionError(tree)


# -- meaning


def _failed(value: Any) -> bool:
    return value is UNKNOWN or value is ERROR


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(value: Any) -> Any:
    return UNKNOWN if value is None else ERROR if isinstance(value, dict) else value


def _path_value(facts: Facts, path: Any) -> Any:
    return _plain(getattr(facts, path[0]).get(path[1]))


_UNITS = {"hours": HOUR, "days": DAY, "weeks": 7 * DAY}


def _chosen(facts: Facts, now: int, event: str, window: Any) -> list[tuple[int, Any, Any]]:
    found = facts.events.get(event)
    if found is None:
        return []
    rows = list(zip(found.times, found.values["revenue"], found.values["product"], strict=True))
    rows = [row for row in rows if row[0] <= now]
    return rows if window is None else [row for row in rows if now < row[0] + window[1] * _UNITS[window[0]]]


def _time(facts: Facts, now: int, when: Any) -> Any:
    if when[0] == "at":
        return when[1]
    if when[0] == "stamp":
        value = _path_value(facts, ("traits", when[1]))
        if _failed(value):
            return value
        if _is_number(value):
            return int(value * SECOND)
        try:
            at = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            return ERROR
        return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    times = [row[0] for row in _chosen(facts, now, when[1], None) if row[0] != UNTIMED]
    return UNKNOWN if not times else times[0] if when[0] == "first" else times[-1]


def equal(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    return (type(left) is type(right) and left == right) or (_is_number(left) and _is_number(right) and left == right)


def _compare(op: str, left: Any, right: Any) -> Any:
    if _failed(left) or _failed(right):
        return left if _failed(left) else right
    if op in ("==", "!="):
        return equal(left, right) is (op == "==")
    alike = (_is_number(left) and _is_number(right)) or any(type(left) is type(right) is kind for kind in (str, bool))
    if not alike:
        return ERROR
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[op]


def _arithmetic(op: str, left: Any, right: Any) -> Any:
    if _failed(left) or _failed(right):
        return left if _failed(left) else right
    if op == "+" and isinstance(left, str) and isinstance(right, str):
        return left + right
    if not (_is_number(left) and _is_number(right)):
        return ERROR
    if op in "/%" and right == 0:
        return ERROR
    if op == "%":
        rest = abs(left) % abs(right)
        return -rest if left < 0 else rest
    return {"+": left + right, "-": left - right, "*": left * right, "/": left / right if right else 0}[op]


def _logic(op: str, values: list[Any]) -> Any:
    decides = op == "||"
    values = [value if _failed(value) or isinstance(value, bool) else ERROR for value in values]
    if any(value is decides for value in values):
        return decides
    failures = [value for value in values if _failed(value)]
    return failures[-1] if failures else not decides


def _total(rows: list[Any], how: str) -> Any:
    values = [row[1] for row in rows if row[1] is not None]
    if not values:
        return 0 if how == "sum" else UNKNOWN
    if not all(map(_is_number, values)):
        return ERROR
    return {"sum": sum(values), "avg": sum(values) / len(values), "min": min(values), "max": max(values)}[how]


def meaning(tree: Any, facts: Facts, now: int) -> Any:  # noqa: C901, PLR0912 (a case a kind)
    def of(inner: Any) -> Any:
        return meaning(inner, facts, now)

    match tree:
        case ("number" | "text" | "bool", value):
            return value
        case ("path", path):
            return _path_value(facts, path)
        case ("count", event, window):
            return len(_chosen(facts, now, event, window))
        case ("total", how, event, window):
            return _total(_chosen(facts, now, event, window), how)
        case ("days_since", when):
            time = _time(facts, now, when)
            return time if _failed(time) else (now - time) // DAY
        case ("size", path):
            value = _path_value(facts, path)
            return value if _failed(value) else len(value) if isinstance(value, str | list) else ERROR
        case ("arithmetic", op, left, right):
            return _arithmetic(op, of(left), of(right))
        case ("minus", inner):
            value = of(inner)
            return value if _failed(value) else -value if _is_number(value) else ERROR
        case ("said", how, event):
            rows = [row for row in _chosen(facts, now, event, None) if row[0] != UNTIMED]
            return UNKNOWN if not rows else _plain(rows[0 if how == "first" else -1][2])
        case ("lower", inner):
            value = of(inner)
            return value if _failed(value) else value.replace("G", "g") if isinstance(value, str) else ERROR
        case ("compare", op, left, right):
            return _compare(op, of(left), of(right))
        case ("has", path):
            return getattr(facts, path[0]).get(path[1]) is not None
        case ("within", event, window):
            return bool(_chosen(facts, now, event, window))
        case ("elapsed", how, when, op, days):
            time = _time(facts, now, when)
            return time if _failed(time) else _compare(op, now - time if how == "since" else time - now, days * DAY)
        case ("whole_days", when, op, days):
            return _compare(op, of(("days_since", when)), days)
        case ("in", text, items):
            value = of(text)
            return value if _failed(value) else any(equal(value, item) for item in items)
        case ("among", text, path):
            value, items = of(text), _path_value(facts, path)
            if _failed(value) or _failed(items):
                return value if _failed(value) else items
            return any(equal(value, item) for item in items) if isinstance(items, list) else ERROR
        case ("startsWith" | "endsWith" | "contains", text, arg):
            return _method(tree[0], of(text), of(arg))
        case ("&&" | "||", items):
            return _logic(tree[0], [of(item) for item in items])
        case ("!", inner):
            value = of(inner)
            return value if _failed(value) else not value if isinstance(value, bool) else ERROR
        case ("?", condition, then, otherwise):
            value = of(condition)
            return (
                value if _failed(value) else ERROR if not isinstance(value, bool) else of(then if value else otherwise)
            )
    raise AssertionError(tree)


def _method(name: str, value: Any, arg: Any) -> Any:
    if _failed(value) or _failed(arg):
        return arg if _failed(arg) else value
    if not isinstance(value, str) or not isinstance(arg, str):
        return ERROR
    return {"startsWith": value.startswith(arg), "endsWith": value.endswith(arg), "contains": arg in value}[name]

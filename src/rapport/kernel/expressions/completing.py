"""What can stand where somebody is typing: for an editor that completes names from the data.

The text up to the cursor is usually no expression yet, so only its end is looked at: which path or which function's
argument is being written, and what of it there is already.
"""

import re

import msgspec

from rapport.kernel.expressions.facts import ANY_EVENT
from rapport.kernel.expressions.functions import FUNCTIONS, ROOTS
from rapport.kernel.expressions.kinds import Schema
from rapport.kernel.expressions.terms import quoted
from rapport.kernel.expressions.tokens import MAX_LENGTH

MOST = 50
OF_EVENTS = ("count", "within", "sum", "avg", "min", "max", "first", "last")
OF_PROPERTIES = ("sum", "avg", "min", "max", "first", "last")
_ARGUMENT = re.compile(r"""(\w+)\(\s*(?:("(?:[^"\\]|\\.)*")\s*,\s*)?("(?:[^"\\]|\\.)*)?$""")
_PATH = re.compile(r"(?<![\w.\"'])(traits|computed|identifiers)\.([\w.]*)$")
_NAME = re.compile(r"(?<![\w.\"'])([A-Za-z_]\w*)?$")


class Completion(msgspec.Struct, frozen=True):
    """`text` stands for what lies between `start` and the cursor (offsets in characters); `tells`: what it is."""

    text: str
    start: int
    tells: str = ""


def complete(source: str, cursor: int, schema: Schema) -> list[Completion]:
    """What can stand at the cursor, at most MOST, by name. Nothing of it is a value of any customer."""
    before = source[: max(0, min(cursor, len(source), MAX_LENGTH))]
    argument = _ARGUMENT.search(before)
    if argument is not None and argument[1] in OF_EVENTS:
        return _arguments(argument, schema)
    path = _PATH.search(before)
    if path is not None:
        return _steps(path, schema)
    if before.count('"') % 2:
        return []
    name = _NAME.search(before)
    return [] if name is None else _names(name, schema)


def _arguments(argument: "re.Match[str]", schema: Schema) -> list[Completion]:
    function, event, begun = argument[1], argument[2], argument[3] or ""
    start = argument.start(3) if argument[3] is not None else argument.end()
    if event is None:
        known = dict.fromkeys(schema.events, "event") | {ANY_EVENT: "events of every name"}
        return _fitting(known, begun[1:], start, quote=True)
    if not begun and function not in ("sum", "avg", "min", "max"):
        windows = {form: FUNCTIONS[form.partition("(")[0]].tells for form in ("days(30)", "hours(24)", "weeks(2)")}
        return _fitting(windows, "", start)
    if function not in OF_PROPERTIES:
        return []
    properties = schema.events.get(event[1:-1].replace('\\"', '"').replace("\\\\", "\\"), {})
    told = {name: " or ".join(sorted(kinds)) for name, kinds in properties.items()}
    return _fitting(told, begun[1:], start, quote=True)


def _steps(path: "re.Match[str]", schema: Schema) -> list[Completion]:
    root, begun = path[1], path[2]
    known = {
        "traits": {name: " or ".join(sorted(kinds)) for name, kinds in schema.traits.items()},
        "computed": {name: str(kind) for name, kind in schema.computed.items()},
        "identifiers": dict.fromkeys(schema.identifiers, "list of identifiers"),
    }[root]
    plain = {written(root, name): tells for name, tells in known.items() if _is_plain(name)}
    odd = {written(root, name): tells for name, tells in known.items() if not _is_plain(name)}
    found = _fitting(plain, f"{root}.{begun}", path.start())
    return found if begun else (found + _fitting(odd, "", path.start()))[:MOST]


def written(root: str, name: str) -> str:
    """A name as an expression has it: `traits.plan`, `traits["first name"]`."""
    return f"{root}.{name}" if _is_plain(name) else f"{root}[{quoted(name)}]"


def _is_plain(name: str) -> bool:
    return all(re.fullmatch(r"[^\W\d]\w*", step) for step in name.split("."))


def _names(name: "re.Match[str]", schema: Schema) -> list[Completion]:
    functions = {f"{one.name}(": one.tells for one in FUNCTIONS.values() if not one.method}
    traits = {f"traits.{trait}": "trait" for trait in schema.traits if _is_plain(trait)}
    roots = {f"{root}.": tells for root, tells in ROOTS.items()}
    begun = name[1] or ""
    bare = {text: tells for text, tells in traits.items() if text.startswith(f"traits.{begun}")}
    found = _fitting({**roots, **functions, **traits}, begun, name.start())
    known = {one.text for one in found}
    return (found + [Completion(text, name.start(), tells) for text, tells in bare.items() if text not in known])[:MOST]


def _fitting(known: "dict[str, str]", begun: str, start: int, *, quote: bool = False) -> list[Completion]:
    """Those that begin as what was typed, then those that have it in them, letter case aside."""
    typed = begun.casefold()
    ranked = sorted((not name.casefold().startswith(typed), name) for name in known if typed in name.casefold())
    return [Completion(quoted(name) if quote else name, start, known[name]) for _, name in ranked[:MOST]]

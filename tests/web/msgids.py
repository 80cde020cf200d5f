"""What the person's pages ask the catalog for, read out of the templates and of the Python that makes their words; and
what in a template goes past it."""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, nodes

SOURCE = Path(__file__).parents[2] / "src" / "rapport"
_ASKING = {"say": 1, "count": 2, "gettext": 1, "ngettext": 2}
"""What asks the catalog, and how many of its first arguments are texts."""
_TOKENS = re.compile(r"(\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[a-zA-Z/!][^>]*>)", re.DOTALL)
_HEARD = re.compile(r'\b(?:placeholder|title|alt|aria-label|data-[a-z]+|content)="([^"]*)"')
_NO_WORDS = re.compile(
    r"[a-z0-9_-]*|/\S*|width=device-width, initial-scale=1|light dark|#[0-9a-f]{6}|\([a-z-]+: [a-z]+\)"
)
"""What the attributes that are heard, or read by scripts, hold besides words."""
_JINJA = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)


# -- templates


def of_template(source: str) -> Iterator[str]:
    """The texts that a template asks for; of plural ones both forms."""
    for _, _, message in _JINJA.extract_translations(source):  # type: ignore[attr-defined]  # the extension's
        yield from [message] if isinstance(message, str) else [text for text in message or () if text]
    for found in _JINJA.parse(source).find_all(nodes.Filter):
        if found.name == "counted":
            things = [text.value for text in found.args if isinstance(text, nodes.Const)]
            yield f"%(count)s {things[0]}"
            yield f"%(count)s {things[1] if len(things) > 1 else things[0] + 's'}"


def past_the_catalog(source: str) -> list[str]:
    """What of a template is read or heard, and is words as it stands there: text, what is said of elements, and strings
    in what is put out."""
    found = []
    for number, token in enumerate(_TOKENS.split(source)):
        if number % 2 == 0:
            found += [token.strip()] if re.search("[A-Za-z]", re.sub(r"&\w+;", "", token)) else []
        elif token.startswith("<"):
            heard = _HEARD.findall(re.sub(r"\{\{.*?\}\}", "", token))
            found += [text for text in heard if not _NO_WORDS.fullmatch(text)]
        elif token.startswith("{{"):
            found += _strings(_JINJA.parse(token))
    return found


def _strings(tree: nodes.Node) -> list[str]:
    return [text for put in tree.find_all(nodes.Output) for one in put.nodes for text in _put_out(one)]


def _put_out(node: nodes.Node) -> Iterator[str]:
    """Strings that are words and may come out of an expression."""
    if isinstance(node, nodes.Const):
        if isinstance(node.value, str) and re.search("[A-Za-z]", node.value):
            yield node.value
    elif isinstance(node, nodes.Call):
        asks = isinstance(node.node, nodes.Name) and node.node.name in {"_", "gettext", "ngettext"}
        names = [each.value for each in node.kwargs]
        inner = names if asks else [*node.args, *names]
        yield from (text for each in inner for text in _put_out(each) if re.search(r"[A-Z]|[a-z] [a-z]", text))
    elif isinstance(node, nodes.CondExpr):
        yield from _put_out(node.expr1)
        yield from _put_out(node.expr2) if node.expr2 is not None else ()
    elif isinstance(node, nodes.Getitem) and isinstance(node.node, nodes.Dict):
        yield from (text for pair in node.node.items for text in _put_out(pair.value))
    elif isinstance(node, nodes.Filter):
        yield from _put_out(node.node) if node.node is not None else ()
    elif isinstance(node, nodes.Concat | nodes.Or | nodes.And | nodes.Add):
        yield from (text for each in node.iter_child_nodes() for text in _put_out(each))


# -- Python


def of_python(path: Path) -> tuple[set[str], set[str]]:
    """The texts that a module asks for, and what it asks for in a way that cannot be read, as it is written there."""
    module = _Module(ast.parse(path.read_text()))
    found: set[str] = set()
    dark: set[str] = set()
    for call in module.calls():
        texts_first = call.args[:1] if isinstance(call.args[0], ast.Starred) else call.args[: _ASKING[_name(call.func)]]
        for argument in texts_first:
            texts = module.texts(argument)
            if texts is None:
                dark.add(f"{path.stem}: {ast.unparse(argument)}")
            else:
                found |= texts
    return found, dark


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


class _Module:
    """A module, where a name stands for any of what is ever assigned to it, and a function for what it returns."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._given: dict[str, list[ast.expr]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    self._put(target, node.value)
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                self._put(node.target, node.value)
            elif isinstance(node, ast.FunctionDef):
                returned = [each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value]
                self._given.setdefault(f"{node.name}()", []).extend(returned)

    def _put(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self._given.setdefault(target.id, []).append(value)
        elif isinstance(target, ast.Tuple):
            for each in target.elts:
                self._put(each, value)

    def calls(self) -> Iterator[ast.Call]:
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call) and _name(node.func) in _ASKING and node.args:
                of = node.func.value if isinstance(node.func, ast.Attribute) else node.func
                if _name(of) in {"SPOKEN", "tongue", "language"}:
                    yield node

    def errors(self) -> Iterator[ast.Call]:
        """Errors that are made, and functions that make them."""
        makers = {"BadInput", "NotFound", "Conflict", "Unauthorized", "Forbidden", "Busy", "TooLarge", "TooMany"}
        for node in ast.walk(self._tree):
            if isinstance(node, ast.FunctionDef) and node.returns is not None and _name(node.returns) in makers:
                makers = {*makers, node.name}
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call) and _name(node.func) in makers:
                yield node

    def notes(self) -> Iterator[ast.Call]:
        """What is noted in a person's own book, and told in their account's news."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call) and _name(node.func) in {"note", "_note", "tell", "_tell", "loud"}:
                yield node

    def samples(self, node: ast.expr, deep: int = 4) -> Iterator[str]:
        """What an expression says, for one of each of its shapes."""
        match node:
            case ast.JoinedStr():
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "7" for part in node.values)
            case ast.Name(id=name) if deep:
                for given in self._given.get(name, ()):
                    yield from self.samples(given, deep - 1)
            case ast.Call(func=ast.Name(id=name)) if deep:
                for given in self._given.get(f"{name}()", ()):
                    yield from self.samples(given, deep - 1)
            case _:
                yield from self.texts(node) or ()

    def texts(self, node: ast.expr, deep: int = 6) -> set[str] | None:
        """What an expression may be; None where that cannot be told."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return {node.value}
        inner = self._inner(node) if deep else None
        return None if inner is None else self._all(inner, deep)

    def _inner(self, node: ast.expr) -> Sequence[ast.expr] | None:
        """Expressions of which this one is any, or holds them."""
        match node:
            case ast.IfExp(body=body, orelse=orelse):
                return [body, orelse]
            case ast.BoolOp(values=some) | ast.Tuple(elts=some) | ast.List(elts=some) | ast.Dict(values=some):
                return some
            case ast.Starred(value=one) | ast.Subscript(value=one) | ast.BinOp(op=ast.Mult(), left=one):
                return [one]
            case ast.Name(id=name) | ast.Call(func=ast.Attribute(attr="get", value=ast.Name(id=name))):
                return self._given.get(name)
            case ast.Call(func=ast.Name(id=name)):
                return self._given.get(f"{name}()")
            case _:
                return None

    def _all(self, some: Iterable[ast.expr], deep: int) -> set[str] | None:
        found: set[str] = set()
        for each in some:
            texts = self.texts(each, deep - 1)
            if texts is None:
                return None
            found |= texts
        return found


@cache
def all_of_python() -> tuple[frozenset[str], frozenset[str]]:
    """Of every module of the house."""
    found: set[str] = set()
    dark: set[str] = set()
    for path in sorted(SOURCE.rglob("*.py")):
        if path.stem != "tongue" and (path.parent.name, path.stem) != ("web", "language"):
            texts, unread = of_python(path)
            found |= texts
            dark |= unread
    return frozenset(found), frozenset(dark)


# -- errors


def raised(path: Path) -> set[str]:
    """The messages of errors that a module raises for people, with 7 in each of their places."""
    module = _Module(ast.parse(path.read_text()))
    return {text for call in module.errors() if call.args for text in module.samples(call.args[0])}


def noted(path: Path) -> set[str]:
    """What a module writes down for a person to read later, likewise."""
    module = _Module(ast.parse(path.read_text()))
    said = (text for call in module.notes() for argument in call.args for text in module.samples(argument))
    return {text for text in said if " " in text}

"""Reading a document that a person wrote, JSON or TOML: tables whose every error names the path of what is wrong."""

import json
import re
import tomllib
from collections.abc import Callable
from typing import Any, Literal, NoReturn, TypeVar

from rapport.collect.toml import nearest
from rapport.kernel.errors import BadInput

Format = Literal["json", "toml"]

_BARE = re.compile(r"[A-Za-z0-9_:-]{1,80}")
_CALLED = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    dict: "a table",
    list: "a list",
}

Kind = TypeVar("Kind")


def load(text: bytes, form: Format) -> Any:
    """The document's content. Raises BadInput `bad_json` or `bad_toml`, which says where."""
    try:
        plain = text.decode("utf-8-sig")
        if form == "toml":
            return tomllib.loads(plain)
        return json.loads(plain, object_pairs_hook=_once, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise BadInput(f"the document is not UTF-8 (byte {error.start})", code=f"bad_{form}") from None
    except RecursionError:
        raise BadInput("the document nests too deep", code=f"bad_{form}") from None
    except ValueError as error:  # of both formats: errors of syntax, and numbers with too many digits
        raise BadInput(f"the document is not {form.upper()}: {str(error)[:300]}", code=f"bad_{form}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """What is signed must mean the same to every reader, so that no name may stand twice."""
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise BadInput(f"{_shown(name)} stands twice in one table", code="bad_json", field=_shown(name))
        members[name] = value
    return members


def _no_number(text: str) -> NoReturn:
    raise BadInput(f"{text} is no number that JSON knows", code="bad_json")


class Table:
    """A table being read: every key is taken once, and what is left over was not meant for us."""

    def __init__(self, path: str, content: dict[str, Any]) -> None:
        self.path = path
        self.content = content
        self._known: list[str] = []

    def at(self, key: str) -> str:
        return f"{self.path}.{_shown(key)}" if self.path else _shown(key)

    def fail(self, key: str, message: str, code: str = "bad_declaration") -> NoReturn:
        where = self.at(key)
        raise BadInput(f"{where} {message}", code=code, field=where)

    def maybe(self, key: str, kind: type[Kind]) -> Kind | None:
        """The value of `key`, or None where it is not there."""
        self._known.append(key)
        value = self.content.get(key)
        if value is None:
            if key in self.content:
                self.fail(key, "is null: leave it out instead", "bad_type")
            return None
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.fail(key, f"must be {_CALLED[kind]}, not {called(value)}", "bad_type")
        return value

    def number(self, key: str, most: float) -> float | None:
        """A number from 0 to `most`, with decimals or without."""
        self._known.append(key)
        value = self.content.get(key)
        if value is None and key not in self.content:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(key, f"must be a number, not {called(value)}", "bad_type")
        if not 0 <= value <= most:  # which NaN is not, either
            self.fail(key, f"must be a number from 0 to {most:,.0f}")
        return float(value) + 0.0

    def text(self, key: str, most: int) -> str:
        value = self.maybe(key, str) or ""
        self.check_text(key, value, most)
        return value

    def check_text(self, key: str, value: str, most: int) -> None:
        if len(value) > most:
            self.fail(key, f"has {len(value):,} characters; at most {most:,} are taken", "too_long")
        if not value.isprintable() and any((ord(sign) < 32 and sign != "\n") or sign == "\x7f" for sign in value):
            self.fail(key, "holds control characters")
        try:
            value.encode()
        except UnicodeEncodeError:
            self.fail(key, "holds half a character (a lone surrogate)")

    def choice(self, key: str, options: tuple[str, ...]) -> str:
        value = self.maybe(key, str)
        if value is None:
            self.fail(key, f"is missing; it is one of {', '.join(options)}", "missing_field")
        if value not in options:
            said = f"is {value[:60]!r}; it must be one of {', '.join(options)}{nearest(value, options)}"
            self.fail(key, said)
        return value

    def listed(self, key: str, most: int) -> list[Any] | None:
        value = self.maybe(key, list)
        if value is not None and len(value) > most:
            self.fail(key, f"lists {len(value):,}; at most {most:,} are taken", "too_long")
        return value

    def texts(self, key: str, most: int, read: Callable[[str], str]) -> tuple[str, ...] | None:
        """A list of different texts, each as `read` gives it, which raises BadInput for one that is none."""
        value = self.listed(key, most)
        if value is None:
            return None
        found: dict[str, None] = {}
        for number, item in enumerate(value):
            place = f"{key}[{number}]"
            if not isinstance(item, str):
                self._fail_item(place, f"must be a text, not {called(item)}", "bad_type")
            try:
                text = read(item)
            except BadInput as error:
                self._fail_item(place, error.message, error.code)
            if text in found:
                self._fail_item(place, f"{item[:60]!r} stands there twice")
            found[text] = None
        return tuple(found)

    def _fail_item(self, place: str, message: str, code: str = "bad_declaration") -> NoReturn:
        where = f"{self.path}.{place}" if self.path else place
        raise BadInput(f"{where} {message}", code=code, field=where)

    def tables(self, key: str, most: int) -> list["Table"]:
        """A list of tables."""
        found = []
        for number, item in enumerate(self.listed(key, most) or []):
            place = f"{key}[{number}]"
            if not isinstance(item, dict):
                self._fail_item(place, f"must be a table, not {called(item)}", "bad_type")
            found.append(Table(f"{self.path}.{place}" if self.path else place, item))
        return found

    def table(self, key: str) -> "Table | None":
        value = self.maybe(key, dict)
        return None if value is None else Table(self.at(key), value)

    def done(self) -> None:
        """Refuse the first key that nobody took."""
        for key in self.content:
            if key not in self._known:
                there = f"; there are {', '.join(self._known)}"
                self.fail(key, f"is no field{nearest(key, self._known) or there}", "unknown_field")


def _shown(key: str) -> str:
    return key if _BARE.fullmatch(key) else repr(key[:60])


def called(value: Any) -> str:
    return "null" if value is None else _CALLED.get(type(value), f"a {type(value).__name__}")

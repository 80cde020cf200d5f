"""Reading TOML by hand, so that an error names the file, the table and the field, and guesses what was meant."""

import difflib
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from rapport.kernel.errors import BadInput

Kind = TypeVar("Kind")

MAX_BYTES = 1024 * 1024

_CALLED = {str: "a text", bool: "true or false", int: "a whole number", dict: "a table", list: "a list"}


def load(path: Path) -> "Section":
    """The file's outermost table. Raises BadInput where there is no such file or it is not TOML."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise BadInput(f"{path} is {size:,} bytes: that is no settings file", code="bad_mapping")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}", code="bad_mapping") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 (byte {error.start})", code="bad_mapping") from None
    return read(text, str(path))


def read(text: str, file: str) -> "Section":
    """As `load`, of a text; `file` is what errors call it."""
    try:
        return Section(file, "", tomllib.loads(text))
    except ValueError as error:  # TOML's own, and that of a number of thousands of digits
        raise BadInput(f"{file} is not TOML: {error}", code="bad_mapping") from None
    except RecursionError:
        raise BadInput(f"{file} is not a mapping: it nests too deep", code="bad_mapping") from None


class Section:
    """A table being read: every key is taken once, and what is left over was not meant for us."""

    def __init__(self, file: str, path: str, table: dict[str, Any]) -> None:
        self.file = file
        self.path = path
        self._table = table
        self._known: list[str] = []

    def take(self, key: str, kind: type[Kind], default: Kind) -> Kind:
        """The value of `key`, or the default. Raises BadInput where it is of another kind."""
        value = self.any(key, default)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.error(key, f"is {_called(type(value))}; it must be {_called(kind)}")
        return value

    def any(self, key: str, default: Any = None) -> Any:
        """The value of `key`, whatever it is."""
        self._known.append(key)
        return self._table.get(key, default)

    def texts(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """A text, or a list of them."""
        value = self.any(key, list(default))
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(text, str) for text in listed):
            raise self.error(key, "must be a text or a list of texts")
        return tuple(listed)

    def choice(self, key: str, options: Iterable[str], default: str) -> str:
        """One of the options."""
        value = self.take(key, str, default)
        listed = list(options)
        if value != default and value not in listed:
            raise self.error(key, f"is {value!r}; it must be one of {', '.join(listed)}{nearest(value, listed)}")
        return value

    def section(self, key: str) -> "Section":
        """The table of this name; an empty one where there is none."""
        return Section(self.file, self._at(key), self.take(key, dict, {}))

    def sections(self, key: str) -> list["Section"]:
        """The tables written as `[[key]]`."""
        tables = self.any(key, [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise self.error(key, f"must be written as [[{self._at(key)}]], once for each")
        return [Section(self.file, f"{self._at(key)}[{number}]", table) for number, table in enumerate(tables, 1)]

    def names(self) -> list[str]:
        """All keys that are there, each of which the caller now knows."""
        self._known.extend(self._table)
        return list(self._table)

    def has(self, key: str) -> bool:
        return key in self._table

    def done(self) -> None:
        """Raise BadInput for the first key that nobody took."""
        for key in self._table:
            if key not in self._known:
                there = f" (there are {', '.join(self._known)})" if self._known else ""
                raise self.error(key, f"is not known here{nearest(key, self._known) or there}")

    def error(self, key: str, message: str) -> BadInput:
        """The error about a key of this table, or about the table itself where the key is empty."""
        at = self._at(key) if key else self.path
        said = f"{self.file}: {at} {message}" if at else f"{self.file} {message}"
        return BadInput(said, code="bad_mapping", field=at)

    def _at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key


def nearest(text: str, options: Iterable[str]) -> str:
    """`; did you mean 'revenue'?`, or nothing where no option is near."""
    close = difflib.get_close_matches(text, list(options), 1, 0.6) or [
        option for option in options if option.casefold() == text.casefold()
    ]
    return f"; did you mean {close[0]!r}?" if close else ""


def _called(kind: type) -> str:
    return _CALLED.get(kind, f"a {kind.__name__}")

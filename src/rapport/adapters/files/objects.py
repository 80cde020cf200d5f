"""JSON, one object per line (NDJSON) or any others that follow each other or stand in one list (JSON)."""

import codecs
import io
import json
import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from rapport.adapters.files.source import MAX_LINE, Bytes, missing_column, unusable
from rapport.collect.envelope import mended
from rapport.collect.importing import Read
from rapport.collect.refusals import Reason, Unreadable

_CHUNK = 1 << 18
_MAX_VALUE = 16 * 1024 * 1024
_MAX_COLUMNS = 10_000
_DEEPEST_COLUMN = 4
_BETWEEN = re.compile(r"[\s,]*")

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class _Objects:
    """What both have in common: finding columns in objects that need not all have the same keys.

    A column that no object has is a mistake in the mapping; that is known once a reading has come to its end.
    """

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        self.path = path
        self._bytes = Bytes(path)
        self._columns = columns
        self._getters = [_getter(column) for column in columns]

    def read(self) -> Iterator[Read]:
        unseen = set(self._columns)
        there: dict[str, None] = {}
        lines = 0
        for line, raw in self._each():
            lines += 1
            found = raw if isinstance(raw, Unreadable) else _object(raw)
            if isinstance(found, Unreadable):
                yield line, found
                continue
            values = tuple([get(found) for get in self._getters])
            if unseen:
                unseen.difference_update(self._present(found, values))
                if len(there) < _MAX_COLUMNS:
                    there.update(dict.fromkeys(found))
            yield line, values
        if unseen and there:
            raise missing_column(self.path, min(unseen), list(there))

    def keys(self, lines: int) -> list[str]:
        """The columns of the first lines, fields of objects by their paths, in the order they are met."""
        there: dict[str, None] = {}
        for _, raw in islice(self._each(), lines):
            found = raw if isinstance(raw, Unreadable) else _object(raw)
            if not isinstance(found, Unreadable) and len(there) < _MAX_COLUMNS:
                there.update(dict.fromkeys(_paths(found, _DEEPEST_COLUMN)))
        return list(there)

    def progress(self) -> float:
        return self._bytes.progress()

    def _each(self) -> Iterator[tuple[int, bytes | Unreadable]]:
        raise NotImplementedError

    def _present(self, found: dict[str, Any], values: tuple[Any, ...]) -> list[str]:
        pairs = zip(self._columns, values, strict=True)
        return [column for column, value in pairs if value is not None or column in found]


class JsonLines(_Objects):
    """NDJSON: blank lines are passed over, a line that is no object costs no other."""

    def _each(self) -> Iterator[tuple[int, bytes | Unreadable]]:
        with self._bytes.open() as file:
            readline: Callable[[int], bytes] = file.readline
            number = 0
            while line := readline(MAX_LINE):
                number += 1
                if number == 1:
                    line = line.removeprefix(codecs.BOM_UTF8)
                if len(line) >= MAX_LINE and not line.endswith(b"\n"):
                    while (rest := readline(MAX_LINE)) and not rest.endswith(b"\n"):
                        pass
                    yield number, Unreadable(Reason.TOO_LARGE, f"the line has more than {MAX_LINE:,} bytes")
                elif not line.isspace():
                    yield number, line


class JsonList(_Objects):
    """A list of objects, or objects that follow each other. A place is the line on which the object begins.

    Where the text stops being JSON nothing after it can be trusted, so the file as a whole is unusable.
    """

    def _each(self) -> Iterator[tuple[int, bytes | Unreadable]]:
        with self._bytes.open() as file:
            text = _Text(self.path, io.TextIOWrapper(file, encoding="utf-8-sig", newline=""))
            listed = text.skip("[")
            while not (listed and text.skip("]")):
                if text.ended():
                    if listed:
                        raise unusable(self.path, f"ends at line {text.line:,} within its list: it was cut short")
                    return
                line = text.line
                yield line, text.take()
            if not text.ended():
                raise unusable(self.path, f"goes on behind its list, at line {text.line:,}")


class _Text:
    """JSON text, read by and by: never much more of it is in memory than the value that is taken."""

    def __init__(self, path: Path, text: io.TextIOWrapper) -> None:
        self._path = path
        self._text = text
        self._buffer = ""
        self._at = 0
        self._complete = False
        self._scan = json.JSONDecoder().raw_decode
        self.line = 1
        self._pass_space()

    def ended(self) -> bool:
        return self._at == len(self._buffer)

    def skip(self, mark: str) -> bool:
        """Whether the mark stood here; it is passed."""
        if not self._buffer.startswith(mark, self._at):
            return False
        self._at += 1
        self._pass_space()
        return True

    def take(self) -> bytes:
        """The value that stands here, as it is written. Raises BadInput where it is no JSON."""
        while True:
            try:
                end = self._scan(self._buffer, self._at)[1]
            except (json.JSONDecodeError, RecursionError) as error:
                if self._complete or len(self._buffer) - self._at > _MAX_VALUE or isinstance(error, RecursionError):
                    raise unusable(self._path, f"is not JSON, in what begins at line {self.line:,}") from None
                self._fill(len(self._buffer) - self._at)
                continue
            value = self._buffer[self._at : end].encode("utf-8", "surrogatepass")
            self._pass(end)
            self._pass_space()
            return value

    def _pass_space(self) -> None:
        """Come to the next value, with enough text behind it that a number or a word is not cut in two."""
        while True:
            space = _BETWEEN.match(self._buffer, self._at)
            self._pass(space.end() if space else self._at)
            if self._complete or len(self._buffer) - self._at >= _CHUNK:
                return
            self._fill(_CHUNK)

    def _pass(self, end: int) -> None:
        self.line += self._buffer.count("\n", self._at, end)
        self._at = end

    def _fill(self, size: int) -> None:
        try:
            more = self._text.read(max(size, _CHUNK))
        except UnicodeDecodeError:
            raise unusable(self._path, f"is not UTF-8, at or after line {self.line:,}") from None
        self._buffer, self._at, self._complete = self._buffer[self._at :] + more, 0, not more


def _object(raw: bytes) -> dict[str, Any] | Unreadable:
    try:
        return _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return _mended_object(raw, error)


def _mended_object(raw: bytes, error: Exception) -> dict[str, Any] | Unreadable:
    try:
        return _decode(mended(raw))
    except UnicodeDecodeError:
        return Unreadable(Reason.BAD_ENCODING, "it is not UTF-8")
    except msgspec.ValidationError:
        return Unreadable(Reason.BAD_JSON, "it is JSON, but no object")
    except (msgspec.DecodeError, RecursionError):
        return Unreadable(Reason.BAD_JSON, f"it is not JSON: {error}")


def _paths(found: dict[str, Any], depth: int) -> Iterator[str]:
    for key, value in found.items():
        if isinstance(value, dict) and value and depth > 1 and "." not in key:
            yield from (f"{key}.{inner}" for inner in _paths(value, depth - 1))
        elif key:
            yield key


def _getter(column: str) -> Callable[[dict[str, Any]], Any]:
    """The value of a key, else of a path of keys: `address.city`."""
    path = column.split(".")
    if len(path) == 1:
        return lambda found: found.get(column)

    def get(found: dict[str, Any]) -> Any:
        if column in found:
            return found[column]
        inner: Any = found
        for key in path:
            inner = inner.get(key) if isinstance(inner, dict) else None
        return inner

    return get

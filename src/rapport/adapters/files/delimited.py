"""CSV, by Python's own reader rather than DuckDB's.

DuckDB's numbers records instead of lines, fails under fixed settings at a byte-order mark with Windows line ends, and
drops a line of 40 MB without a word; and to hand every line to Python it takes twice as long. An import that promises
to name every line it refuses needs this one. See docs/decisions/0007-import-reads-text-itself.md.
"""

import codecs
import csv
import io
from collections import deque
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO

from rapport.adapters.files.source import MAX_LINE, Bytes, missing_column, unusable
from rapport.collect.importing import Read
from rapport.collect.mapping import FileFormat
from rapport.collect.refusals import Reason, Unreadable

DELIMITERS = (",", ";", "\t", "|")
MAX_FIELD = 2 * 1024 * 1024
"""Characters. A longer field is a quote that was never closed, or larger than any event."""

_DAMAGE = "\udcff"
"""Stands for bytes that are no text; it can come from no file, as it is half of a pair."""

_CODECS = {"utf-8": "utf-8-sig", "utf-16": "utf-16", "latin-1": "latin-1", "windows-1252": "cp1252"}


def _mark_damage(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return _DAMAGE, error.end


codecs.register_error("rapport-mark-damage", _mark_damage)


class Delimited:
    """A CSV file whose first line names its columns."""

    def __init__(self, path: Path, written: FileFormat, columns: tuple[str, ...]) -> None:
        self.path = path
        self._bytes = Bytes(path)
        self._written = written
        header = self._header_line()
        marks = (written.delimiter,) if written.delimiter else DELIMITERS
        names = {mark: self._names(header, mark) for mark in marks}
        self._delimiter = max(marks, key=lambda mark: (len(set(columns) & set(names[mark])), len(names[mark])))
        there = names[self._delimiter]
        for column in columns:
            if column not in there:
                raise missing_column(path, column, there)
            if there.count(column) > 1:
                raise unusable(path, f"has {there.count(column)} columns named {column!r}, so the mapping is ambiguous")
        self._width = len(there)
        self._picked = [there.index(column) for column in columns]

    def read(self) -> Iterator[Read]:
        pick = _picker(self._picked)
        width = self._width
        with self._bytes.open() as file:
            lines = _Lines(self._text(file))
            records = self._reader(lines, self._delimiter)
            _next_record(records, lines)  # the header
            while (record := _next_record(records, lines)) is not None:
                if record.__class__ is list and len(record) == width and not lines.damage:
                    yield lines.first, pick(record)
                elif fault := lines.damage or _fault(record, width, lines):
                    yield lines.first, fault

    def progress(self) -> float:
        return self._bytes.progress()

    def _text(self, file: BinaryIO) -> io.TextIOWrapper:
        codec = _CODECS[self._written.encoding]
        return io.TextIOWrapper(file, encoding=codec, errors="rapport-mark-damage", newline="")

    def _reader(self, lines: Iterator[str], delimiter: str) -> Iterator[list[str]]:
        quote, trim = self._written.quote, self._written.trim
        csv.field_size_limit(MAX_FIELD)
        if not quote:
            return csv.reader(
                lines,
                delimiter=delimiter,
                quotechar=None,
                quoting=csv.QUOTE_NONE,
                skipinitialspace=trim,
                strict=True,
            )
        return csv.reader(lines, delimiter=delimiter, quotechar=quote, skipinitialspace=trim, strict=True)

    def _header_line(self) -> list[str]:
        """The first lines of the file: more than one where a column's name holds a line break."""
        with self._bytes.open() as file:
            lines = _Lines(self._text(file))
            record = _next_record(self._reader(lines, ","), lines)
            if record is None:
                raise unusable(self.path, "is empty: its first line must name the columns")
            if lines.damage:
                raise unusable(self.path, f"has a first line that cannot be read: {lines.damage.message}")
            return lines.record

    def _names(self, header: list[str], delimiter: str) -> list[str]:
        try:
            return [name.strip() for name in next(self._reader(iter(header), delimiter), [])]
        except csv.Error:
            return []


class _Lines:
    """Physical lines, numbered; those of the present record can be put back to be read again."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._readline = text.readline
        self._again: deque[str] = deque()
        self.number = 0
        self.first = 1
        self.record: list[str] = []
        self.damage: Unreadable | None = None

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._readline(MAX_LINE)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) == MAX_LINE and line[-1] not in "\r\n":
            line = self._skip_rest()
        if _DAMAGE in line:
            message = "it is not text in the encoding of the file; the mapping can name another in [file]"
            self.damage = Unreadable(Reason.BAD_ENCODING, message)
        self.record.append(line)
        return line

    def put_back(self) -> None:
        """Read all lines of the record but its first again."""
        self.number -= len(self.record) - 1
        self._again.extendleft(reversed(self.record[1:]))

    def _skip_rest(self) -> str:
        self.damage = Unreadable(Reason.TOO_LARGE, f"the line has more than {MAX_LINE:,} characters")
        while (rest := self._readline(MAX_LINE)) and rest[-1] not in "\r\n":
            pass
        return "\n"


def _next_record(records: Iterator[list[str]], lines: _Lines) -> list[str] | Unreadable | None:
    """The next record, why it is none, or None at the end."""
    lines.first = lines.number + 1
    lines.record = []
    lines.damage = None
    try:
        return next(records, None)
    except csv.Error as error:
        if len(lines.record) == 1 and "limit" in str(error):
            return Unreadable(Reason.TOO_LARGE, f"a field has more than {MAX_FIELD:,} characters")
        # A stray quote swallows what follows it up to the next: only the line it stands in is lost.
        several = len(lines.record) > 1
        lines.put_back()
        said = "a quote is opened and never closed" if several or "end of data" in str(error) else str(error)
        return Unreadable(Reason.BAD_QUOTES, said)


def _fault(record: list[str] | Unreadable, width: int, lines: _Lines) -> Unreadable | None:
    """Why a record is none; None for a blank line."""
    if isinstance(record, Unreadable):
        return record
    if not record:
        return None
    until = f" (it reaches to line {lines.first + len(lines.record) - 1:,})" if len(lines.record) > 1 else ""
    return Unreadable(Reason.RAGGED, f"it has {len(record)} fields where the header has {width}{until}")


def _picker(indexes: list[int]) -> Any:
    if len(indexes) == 1:
        only = indexes[0]
        return lambda record: (record[only],)
    return itemgetter(*indexes)

"""What a file is, before any mapping tells: its encoding, its delimiter, the names of its columns."""

import codecs
import csv
from pathlib import Path

import msgspec

from rapport.adapters.files.delimited import DELIMITERS, MAX_FIELD
from rapport.adapters.files.objects import JsonLines, JsonList
from rapport.adapters.files.source import Bytes, Source, check, format_of, unusable
from rapport.adapters.files.table import Files, open_columns
from rapport.collect.mapping import FileFormat

_HEAD = 4 * 1024 * 1024
_KEYS_OF_LINES = 2_000
_HEADER_LINES = 50
LONGEST_NAME = 1_000
"""Of a column, in characters."""
_BLANKS = 0.9
"""Where so many values begin with a blank, it belongs to the delimiter."""

_TEXT = frozenset({".txt", ".text", ".dat"})
"""Extensions under which tables are handed on: looked at as CSV, which the mapping then states."""


class Peeked(msgspec.Struct, frozen=True):
    """How a file is written, and all names in its head; one that is there twice is twice in it."""

    file: FileFormat
    names: tuple[str, ...]


def peek(path: Path) -> Peeked:
    """Look at a file. Raises BadInput where it is missing, empty, or no table."""
    stated = "csv" if Path(path.name.lower().removesuffix(".gz")).suffix in _TEXT else ""
    format_ = format_of(path, stated)
    if format_ == "csv":
        head = _head(path)
        encoding = _encoding(path, head)
        check(path, format_, encoding)
        return _delimited(path, head, FileFormat(format=stated, encoding=encoding))
    check(path, format_, "utf-8")
    if format_ == "parquet":
        from rapport.adapters.files.parquet import Parquet  # noqa: PLC0415 - DuckDB is dear to load for who has no Parquet

        return Peeked(FileFormat(), tuple(Parquet(path, ()).names))
    objects = (JsonLines if format_ == "ndjson" else JsonList)(path, ())
    return Peeked(FileFormat(), tuple(objects.keys(_KEYS_OF_LINES)))


def open_peeked(path: Path, peeked: Peeked, columns: tuple[str, ...]) -> Files:
    """The file's lines, with the values of these columns."""
    opened: Source = open_columns(path, peeked.file, columns)
    return Files([opened])


def _head(path: Path) -> bytes:
    try:
        with Bytes(path).open() as file:
            return file.read(_HEAD)
    except FileNotFoundError:
        check(path, "csv", "utf-8")  # says what is near
        raise


def _encoding(path: Path, head: bytes) -> str:
    """UTF-8 unless more of the lines beyond ASCII are in an older encoding; a mark at the start says UTF-16."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in head:
        raise unusable(path, "is no text: it has bytes of zero")
    good = bad = 0
    lines = head.split(b"\n")
    for line in lines if len(lines) == 1 else lines[:-1]:
        if not line.isascii():
            try:
                line.decode()
                good += 1
            except UnicodeDecodeError:
                bad += 1
    if bad <= good:
        return "utf-8"
    try:
        head.decode("cp1252")
    except UnicodeDecodeError:
        return "latin-1"
    return "windows-1252"


def _delimited(path: Path, head: bytes, file: FileFormat) -> Peeked:
    codec = {"utf-8": "utf-8-sig", "windows-1252": "cp1252"}.get(file.encoding, file.encoding)
    text = head.decode(codec, errors="replace")
    best: tuple[tuple[float, int], str, list[list[str]]] = ((-1.0, 0), ",", [])
    for mark in DELIMITERS:
        csv.field_size_limit(MAX_FIELD)
        records: list[list[str]] = []
        try:
            for record in csv.reader(text.splitlines(keepends=True), delimiter=mark):
                records.append(record)
                if len(records) > _HEADER_LINES:
                    break
        except csv.Error:
            pass
        if not records or len(records[0]) == 1:
            continue
        width = len(records[0])
        even = sum(len(record) == width for record in records) / len(records)
        best = max(best, ((even, width), mark, records))
    names = best[2][0] if best[2] else [text.splitlines()[0] if text.strip() else ""]
    if not any(name.strip() for name in names):
        raise unusable(path, "has an empty first line, which must name the columns")
    if any(len(name) > LONGEST_NAME for name in names):
        raise unusable(path, f"names a column in more than {LONGEST_NAME:,} characters: is its first line the head?")
    behind = [cell for record in best[2][1:] for cell in record[1:] if cell]
    trim = bool(behind) and sum(cell[0] == " " for cell in behind) >= _BLANKS * len(behind)
    file = msgspec.structs.replace(file, trim=trim)
    # `Delimited` finds the delimiter itself where columns are known; a file of one column could be taken for another.
    return Peeked(file, tuple(name.strip().strip('"') for name in names))

"""Opening a file, and what can be told about it before its first line is read."""

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from rapport.collect.importing import Read
from rapport.collect.mapping import FORMATS
from rapport.collect.toml import nearest
from rapport.kernel.errors import BadInput

MAX_LINE = 4 * 1024 * 1024
"""Characters. A longer line is refused: no event could hold it."""

_EXTENSIONS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_MAGIC = (
    (b"PAR1", "parquet", "a Parquet file"),
    (b"PK\x03\x04", "", "a ZIP archive or an Excel workbook; save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "", "an old Excel workbook; save the sheet as CSV"),
    (b"SQLite format 3", "", "a SQLite database"),
    (b"\x28\xb5\x2f\xfd", "", "compressed with zstd; unpack it first"),
    (b"BZh", "", "compressed with bzip2; unpack it first"),
    (b"\xfd7zXZ", "", "compressed with xz; unpack it first"),
)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class Source(Protocol):
    """One file, opened: what `Files` asks of each format."""

    path: Path

    def read(self) -> Iterator[Read]:
        """Every line from the first, with the line's number as its place."""

    def progress(self) -> float:
        """How much of the file the present reading has done, 0 to 1."""


def format_of(path: Path, stated: str) -> str:
    """One of FORMATS: what the mapping states, else by the extension. Raises BadInput where neither says."""
    found = stated or _EXTENSIONS.get(_bare(path).suffix.lower(), "")
    if not found:
        extension = path.suffix or "no extension"
        known = ", ".join(_EXTENSIONS)
        raise unusable(
            path,
            f'has {extension}; {known} are known; another says format = "csv" (or {", ".join(FORMATS[1:])}) in [file]',
        )
    return found


def check(path: Path, format_: str, encoding: str) -> None:
    """Raise BadInput where the file is missing, unreadable, empty, or plainly another thing than its format."""
    try:
        with path.open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                raise unusable(path, "is empty")
            head = file.read(16)
    except FileNotFoundError:
        there = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
        raise unusable(path, f"does not exist{nearest(path.name, there)}") from None
    except OSError as error:
        raise unusable(path, f"cannot be read: {error.strerror}") from None
    zipped = head.startswith(b"\x1f\x8b")
    if zipped != (path.suffix.lower() == ".gz"):
        raise unusable(path, "is compressed with gzip; name it .gz" if zipped else "is not compressed with gzip")
    if zipped and format_ == "parquet":
        raise unusable(path, "is a compressed Parquet file; unpack it first")
    for magic, real, what in _MAGIC:
        if head.startswith(magic) and format_ != real:
            raise unusable(path, f"is not {format_}: it is {what}")
    if format_ == "parquet" and not head.startswith(b"PAR1"):
        raise unusable(path, "is not a Parquet file")
    if head.startswith(_UTF16) and encoding != "utf-16":
        wanted = 'say encoding = "utf-16" in [file], or save it as UTF-8' if format_ == "csv" else "save it as UTF-8"
        raise unusable(path, f"is in UTF-16; {wanted}")


class Bytes:
    """The bytes of a file, unpacked where it is .gz, and how far they were read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size = max(path.stat().st_size, 1)
        self._raw: BinaryIO | None = None

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Damage is told as BadInput, wherever in the file it is met."""
        try:
            with self.path.open("rb") as raw:
                self._raw = raw
                if self.path.suffix.lower() == ".gz":
                    with gzip.GzipFile(fileobj=raw) as unpacked:
                        yield cast("BinaryIO", unpacked)
                else:
                    yield raw
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise unusable(self.path, f"is damaged: {error}") from None
        except OSError as error:
            raise unusable(self.path, f"cannot be read: {error.strerror or error}") from None

    def progress(self) -> float:
        return 0.0 if self._raw is None or self._raw.closed else min(self._raw.tell() / self._size, 1.0)


def missing_column(path: Path, column: str, there: list[str]) -> BadInput:
    """The error for a column that the mapping names and the file has not."""
    shown = ", ".join(name if len(name) <= 60 else f"{name[:60]}…" for name in there[:100]) or "none"
    advice = nearest(column, there)
    message = f"{path} has no column {column!r}, which the mapping names{advice}. Its columns: {shown}"
    return BadInput(message, code="missing_column", field=column)


def unusable(path: Path, message: str) -> BadInput:
    return BadInput(f"{path} {message}", code="unusable_file", field=path.name)


def _bare(path: Path) -> Path:
    return path.with_suffix("") if path.suffix.lower() == ".gz" else path

"""A table that grows row by row on the disk, and becomes one file at the end: Parquet, CSV, JSON lines.

Which columns there are, and of what type, is known only once the last row is in. So rows are set aside in a file that
has no name: it is gone when the process is, however that ends. What is written from it bears another name until it is
whole, so a file that is there is never half of one.
"""

import contextlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec

from rapport.kernel.errors import BadInput, Full

_FEWEST = 1 << 20
_EXACT = 1 << 53
_WIDEST = 1 << 63
_PLAIN = {"VARCHAR", "BIGINT", "DOUBLE"}
"""What the cell of a CSV file holds as it is; of anything else it holds the JSON."""
_TO_QUOTE = re.compile('[",\r\n]').search
_IS_COMPUTED = re.compile(
    "'*(?:[=@\t\r\n\uff1d\uff20]|[-+\uff0b\uff0d](?!(?:[0-9 ./()-]*|[0-9.]+[eE][-+]?[0-9]+)\\Z))"
).match
"""What a spreadsheet takes for something to compute, numbers and those of phones aside, by any width of its letters;
or, behind an apostrophe, what was marked as none."""
_SQL = {"big": "BIGINT", "none": "VARCHAR", "json": "JSON"}

Ready = Callable[[], None]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def _at_once() -> None:
    """Nothing is to be done before a file takes its name."""


class Sheet:
    """Rows in a directory's unnamed file. `columns`: those that are there in any case, first, with their SQL types;
    `asked`: those that are, behind them, in this order; others follow by name as rows bring them. Of both the type is
    the one that fits all their values, else they are JSON text."""

    def __init__(self, directory: Path, columns: Mapping[str, str], asked: Sequence[str] = ()) -> None:
        try:
            self._file: IO[bytes] = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115 - lives as long as this object
        except OSError as error:
            raise BadInput(f"nothing can be written to {directory}: {error.strerror}", field="out") from None
        self._fixed = dict(columns)
        self._keys = {name: f"c{index}" for index, name in enumerate([*columns, *asked])}
        self._asked = dict.fromkeys(asked)
        self._kinds: dict[str, str] = dict.fromkeys(asked, "none")
        self._longest = _FEWEST
        self.rows = 0

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> "Sheet":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, row: Mapping[str, Any]) -> None:
        """Raises Full where the disk takes no more."""
        keys, fixed = self._keys, self._fixed
        line: dict[str, Any] = {}
        for name, value in row.items():
            if name not in fixed:
                keys.setdefault(name, f"c{len(keys)}")
                self._kinds[name] = _wider(self._kinds.get(name, "none"), _kind(value))
            line[keys[name]] = value
        raw = _encode(line)
        try:
            self._file.write(raw + b"\n")
        except OSError as error:
            raise Full(f"rows cannot be set aside: {error.strerror}", retry_after=30) from None
        self._longest = max(self._longest, len(raw) + 2)
        self.rows += 1

    def columns(self) -> list[tuple[str, str]]:
        """Names and SQL types, in their order."""
        grown = [*self._asked, *sorted(self._kinds.keys() - self._asked.keys())]
        kinds = ((name, self._kinds[name]) for name in grown)
        return [*self._fixed.items(), *((name, _SQL.get(kind, kind)) for name, kind in kinds)]

    def write_parquet(self, out: Path, metadata: Mapping[str, str], ready: Ready = _at_once) -> None:
        """Raises BadInput where the file cannot be written."""
        columns = self.columns()
        names = _apart([name for name, _ in columns])
        kinds = ", ".join(f"{self._keys[name]}: '{kind}'" for name, kind in columns)
        chosen = ", ".join(
            f"CAST({self._keys[name]} AS VARCHAR) AS {_quoted(shown)}"
            if kind == "JSON"
            else f"{self._keys[name]} AS {_quoted(shown)}"
            for (name, kind), shown in zip(columns, names, strict=True)
        )
        pairs = ", ".join(f"{_quoted(key)}: {_text(value)}" for key, value in metadata.items())
        self._rewind()
        # By its descriptor: the file has no name.
        rows = (
            f"SELECT {chosen} FROM read_json('/dev/fd/{self._file.fileno()}', format = 'newline_delimited', "  # noqa: S608 - quoted
            f"columns = {{{kinds}}}, maximum_object_size = {self._longest})"
        )
        import duckdb  # noqa: PLC0415 (dear to load, and a node writes Parquet seldom)

        from rapport.adapters.files.parquet import CONFIG  # noqa: PLC0415 (it loads DuckDB)

        with drafted(out, ready) as draft, duckdb.connect(config=CONFIG) as db:
            to = f"(FORMAT parquet, USE_TMP_FILE false, KV_METADATA {{{pairs}}})"
            try:
                db.execute(f"COPY ({rows}) TO {_text(str(draft))} {to}")
            except duckdb.Error as error:
                raise BadInput(f"{out} cannot be written: {str(error).partition(chr(10))[0]}", field="out") from None

    def write_csv(self, out: Path, metadata: Mapping[str, str] | None = None, ready: Ready = _at_once) -> Path | None:
        """What is neither text nor a number is written as JSON, and what a spreadsheet would compute behind an
        apostrophe; metadata beside it, into a file that is returned: a
        table without it is never there. Raises BadInput as above."""
        side = None if metadata is None else out.with_name(f"{out.name}.meta.json")
        columns = self.columns()
        with drafted(out, ready) as draft:
            with draft.open("w", encoding="utf-8", newline="") as file:
                file.write(_csv_line([name for name, _ in columns]))
                keys = [self._keys[name] for name, _ in columns]
                nested = [key for key, (_, kind) in zip(keys, columns, strict=True) if kind not in _PLAIN]
                for row in self._rows():
                    for key in nested:
                        if row.get(key) is not None:
                            row[key] = _encode(row[key]).decode()
                    file.write(_csv_line([row.get(key) for key in keys]))
            if side is None:
                return None
            with drafted(side) as beside:
                beside.write_bytes(msgspec.json.format(_encode(metadata)) + b"\n")
        return side

    def write_json(self, out: Path) -> None:
        """An array of objects, one on each line. Raises BadInput as above."""
        with drafted(out) as draft, draft.open("wb") as file:
            before = b"[\n"
            for row in self.read():
                file.write(before + _encode(row))
                before = b",\n"
            file.write(b"\n]\n" if self.rows else b"[]\n")

    def read(self) -> Iterator[dict[str, Any]]:
        """The rows as they came, by the names of their columns."""
        names = {key: name for name, key in self._keys.items()}
        for row in self._rows():
            yield {names[key]: value for key, value in row.items()}

    def _rows(self) -> Iterator[dict[str, Any]]:
        self._rewind()
        for line in self._file:
            yield _decode(line)

    def _rewind(self) -> None:
        self._file.flush()
        self._file.seek(0)


@contextlib.contextmanager
def drafted(out: Path, ready: Ready = _at_once) -> Iterator[Path]:
    """A file for its owner's eyes to write to, which takes the name `out` once it is whole and synced, or vanishes.
    `ready` is called in between."""
    draft = out.with_name(f".{out.name}.part")
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
        yield draft
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        ready()
        draft.replace(out)
    except OSError as error:
        raise BadInput(f"{out} cannot be written: {error.strerror}", field="out") from None
    finally:
        draft.unlink(missing_ok=True)


def _kind(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "BOOLEAN"
        case int():
            return "BIGINT" if abs(value) <= _EXACT else "big" if -_WIDEST <= value < _WIDEST else "json"
        case float():
            return "DOUBLE"
        case str():
            return "VARCHAR"
        case _:
            return "json"


def _wider(left: str, right: str) -> str:
    """The type that holds the values of both, exactly."""
    both = {left, right} - {"none"}
    if len(both) <= 1:
        return both.pop() if both else "none"
    if both == {"BIGINT", "DOUBLE"}:
        return "DOUBLE"
    return "big" if both == {"BIGINT", "big"} else "json"


def _csv_line(cells: Sequence[object]) -> str:
    """As RFC 4180 has it, and `csv` writes it: but that takes three times as long where cells hold quotes."""
    return (",".join(["" if cell is None else _csv_cell(str(cell)) for cell in cells]) or '""') + "\r\n"


def _csv_cell(text: str) -> str:
    """Whoever sends events chooses what stands in a cell, and whoever opens the file wants to read it and not to run
    it: so what would be computed is text, by an apostrophe before it."""
    if _IS_COMPUTED(text):
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"' if _TO_QUOTE(text) else text


def _apart(names: list[str]) -> list[str]:
    """Names that differ in more than their case, which is how DuckDB and others tell columns apart."""
    taken: set[str] = set()
    shown = []
    for name in names:
        tried, count = name, 1
        while tried.casefold() in taken:
            count += 1
            tried = f"{name} ({count})"
        taken.add(tried.casefold())
        shown.append(tried)
    return shown


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"

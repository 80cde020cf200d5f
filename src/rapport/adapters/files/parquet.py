"""Parquet, read by DuckDB: a row is a line, counted from 1."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from rapport.adapters.files.source import missing_column, unusable
from rapport.collect.importing import Read
from rapport.collect.refusals import Reason, Unreadable

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    # Nothing is fetched from anywhere: what is not built in is not used.
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "memory_limit": "512MB",
    "threads": 1,
    "temp_directory": "",
}
_ROWS = 10_000
_NESTED = ("STRUCT", "MAP", "UNION", "JSON", "VARIANT")
_AS_IT_IS = {"BOOLEAN", "VARCHAR", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}
_EXACT_DIGITS = 15

_decode = msgspec.json.Decoder().decode


class Parquet:
    """A Parquet file. `address.city` names a field of a struct where no column has that name."""

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        self.path = path
        self._pattern = _literal(path)
        self._done = 0
        with self._connect() as db:
            self._rows: int = self._ask(db, "SELECT count(*) FROM read_parquet(?)")[0][0] or 1
            described = self._ask(db, "DESCRIBE SELECT * FROM read_parquet(?)")
            types: dict[str, str] = {name: kind for name, kind, *_ in described}
            self.names = [name for name, kind in types.items() if kind != "BLOB"]
            """All columns that an event could hold."""
            found = [self._find(db, column, types) for column in columns]
        self._select = ", ".join(sql for sql, _ in found) or "NULL"
        self._nested = [index for index, (_, nested) in enumerate(found) if nested]

    def read(self) -> Iterator[Read]:
        self._done = 0
        query = f"SELECT {self._select} FROM read_parquet(?)"  # noqa: S608 - quoted names of the file's own columns
        with self._connect() as db:
            try:
                cursor = db.execute(query, [self._pattern])
                while rows := cursor.fetchmany(_ROWS):
                    yield from enumerate(map(self._unfold, rows) if self._nested else rows, self._done + 1)
                    self._done += len(rows)
            except duckdb.Error as error:
                raise self._damaged(error) from None

    def progress(self) -> float:
        return self._done / self._rows

    def _connect(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(config=CONFIG)

    def _ask(self, db: duckdb.DuckDBPyConnection, query: str) -> list[Any]:
        try:
            return db.execute(query, [self._pattern]).fetchall()
        except duckdb.Error as error:
            raise self._damaged(error) from None

    def _find(self, db: duckdb.DuckDBPyConnection, column: str, types: dict[str, str]) -> tuple[str, bool]:
        """SQL for a column's value in a form that JSON knows, and whether it is JSON text itself."""
        name = _quoted(column)
        if column not in types:
            path = column.split(".")
            if len(path) == 1 or path[0] not in types:
                raise missing_column(self.path, column, list(types))
            name = ".".join(map(_quoted, path))
        try:
            query = f"DESCRIBE SELECT {name} FROM read_parquet(?)"  # noqa: S608 - as above
            kind: str = db.execute(query, [self._pattern]).fetchall()[0][1]
        except duckdb.Error:
            raise missing_column(self.path, column, list(types)) from None
        if kind == "BLOB":
            raise unusable(self.path, f"has bytes in column {column!r}, which no event can hold; leave it out")
        return _expression(name, kind)

    def _unfold(self, row: tuple[Any, ...]) -> tuple[Any, ...] | Unreadable:
        values = list(row)
        for index in self._nested:
            try:
                values[index] = None if values[index] is None else _decode(values[index])
            except msgspec.DecodeError as error:
                return Unreadable(Reason.BAD_JSON, f"a list or an object in it cannot be written as JSON: {error}")
        return tuple(values)

    def _damaged(self, error: duckdb.Error) -> Exception:
        first = str(error).partition("\n")[0]
        return unusable(self.path, f"is damaged, or no Parquet file: {first}")


def _expression(name: str, kind: str) -> tuple[str, bool]:
    if kind in _AS_IT_IS:
        return name, False
    if kind.endswith("]") or kind.startswith(_NESTED):
        return f"CAST(to_json({name}) AS VARCHAR)", True
    return _FORMS.get(kind.partition("(")[0], _as_text)(name, kind), False


def _as_text(name: str, _: str) -> str:
    return f"CAST({name} AS VARCHAR)"


def _double(name: str, _: str) -> str:
    # Writers of Parquet that know no "missing" write NaN.
    return f"CASE WHEN isnan({name}) THEN NULL ELSE {name} END"


def _float(name: str, kind: str) -> str:
    # By its text, or 0.1 in 32 bits becomes 0.10000000149011612.
    return _double(f"CAST(CAST({name} AS VARCHAR) AS DOUBLE)", kind)


def _decimal(name: str, kind: str) -> str:
    """A decimal short enough to survive being a double, else its text."""
    digits = int(kind.removeprefix("DECIMAL(").partition(",")[0])
    return f"CAST({name} AS {'DOUBLE' if digits <= _EXACT_DIGITS else 'VARCHAR'})"


def _local_time(name: str, _: str) -> str:
    return f"replace(CAST(CAST({name} AS TIMESTAMP) AS VARCHAR), ' ', 'T')"


def _instant(name: str, kind: str) -> str:
    local = _local_time(f"timezone('UTC', {name})", kind)
    return f"{local} || 'Z'"


def _whole(name: str, _: str) -> str:
    return name


_FORMS: dict[str, Callable[[str, str], str]] = {
    "UBIGINT": _whole,
    "DOUBLE": _double,
    "FLOAT": _float,
    "DECIMAL": _decimal,
    "TIMESTAMP": _local_time,
    "TIMESTAMP_S": _local_time,
    "TIMESTAMP_MS": _local_time,
    "TIMESTAMP_NS": _local_time,
    "TIMESTAMP WITH TIME ZONE": _instant,
}


def _literal(path: Path) -> str:
    """The pattern that matches this path alone: DuckDB takes every path for one."""
    return re.sub(r"[\[*?]", r"[\g<0>]", str(path.resolve()))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

"""A table of a SQLite file, read within one read transaction."""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rapport.adapters.files.delimited import MAX_FIELD
from rapport.adapters.tables.rows import Rows, double, known, shortened, text, unusable
from rapport.collect.refusals import Reason, Unreadable
from rapport.collect.toml import nearest
from rapport.kernel.errors import BadInput, Busy, RapportError

_ROWS = 256
_BUSY_S = 10.0
_DAMAGED = object()
"""Stands for text that is not UTF-8, which SQLite takes from whoever writes it."""


def open_sqlite(path: Path, table: str, since: str, after: str | float | None) -> "SqliteTable":
    """Raises BadInput where the file is no database, or has no such table or column."""
    if not path.is_file():
        raise BadInput(f"--from: {path} is no file", code="unusable_table", field="from")
    db: sqlite3.Connection | None = None
    try:
        # Opened for reading alone; what is in a view or an index of the file runs no function that could do harm.
        db = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=_BUSY_S, isolation_level=None)
        db.text_factory = _text
        db.execute("PRAGMA trusted_schema = OFF")
        db.execute("BEGIN")
        return SqliteTable(db, path, table, since, after)
    except (sqlite3.Error, UnicodeDecodeError, BadInput) as error:
        if db is not None:
            db.close()
        raise error if isinstance(error, BadInput) else _unusable(path, error) from None


class SqliteTable:
    def __init__(self, db: sqlite3.Connection, path: Path, table: str, since: str, after: str | float | None) -> None:
        self._db, self._path = db, path
        tables = db.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")
        there = [name for (name,) in tables if isinstance(name, str)]
        found = next((name for name in there if name == table), None) or next(
            (name for name in there if name.casefold() == table.casefold()), None
        )
        if found is None:
            raise unusable(str(path), f"has no table {shortened(table)}{nearest(table, there)}")
        self.name = found
        described = db.execute("SELECT name, pk FROM pragma_table_xinfo(?) WHERE hidden != 1", (found,)).fetchall()
        # A name that is not UTF-8 cannot be asked for: what stands under it is left out.
        readable = [(name, key) for name, key in described if isinstance(name, str)]
        self.names: Sequence[str] = [name for name, _ in readable]
        self._keys = [name for name, key in sorted(readable, key=lambda one: one[1]) if key]
        self._since = known(found, since, self.names) if since else ""
        self._after = after

    def rows(self, columns: tuple[str, ...]) -> Rows:
        chosen = ", ".join(map(_cell, (known(self.name, column, self.names) for column in columns))) or "NULL"
        where, parameters = self._where()
        order = ", ".join(map(_quoted, self._keys))
        query = f"SELECT {chosen} FROM {_quoted(self.name)}{where}{f' ORDER BY {order}' if order else ''}"  # noqa: S608 - quoted names of the file's own
        count = f"SELECT count(*) FROM {_quoted(self.name)}{where}"  # noqa: S608 - as above
        estimate = self._ask(count, parameters)
        return Rows(self.name, estimate, [_sound] * (len(columns) or 1), lambda: self._fetch(query, parameters))

    def reached(self) -> str | float | None:
        if not self._since:
            return None
        highest = self._ask(f"SELECT max({_quoted(self._since)}) FROM {_quoted(self.name)}", ())  # noqa: S608 - as above
        if highest is None:
            return self._after
        if not isinstance(highest, str | int | float):
            raise unusable(self.name, f"has values in {self._since!r} that cannot be told to grow")
        return highest

    def close(self) -> None:
        self._db.close()

    def _where(self) -> tuple[str, tuple[Any, ...]]:
        if not self._since or self._after is None:
            return "", ()
        return f" WHERE {_quoted(self._since)} >= ?", (self._after,)

    def _ask(self, query: str, parameters: tuple[Any, ...]) -> Any:
        try:
            return self._db.execute(query, parameters).fetchone()[0]
        except sqlite3.Error as error:
            raise _unusable(self._path, error) from None

    def _fetch(self, query: str, parameters: tuple[Any, ...]) -> Iterator[Any]:
        try:
            cursor = self._db.execute(query, parameters)
            while some := cursor.fetchmany(_ROWS):
                yield from some
        except sqlite3.Error as error:
            raise _unusable(self._path, error) from None


def _sound(cell: Any) -> Any:
    if cell is _DAMAGED:
        raise Unreadable(Reason.BAD_ENCODING, "it has text that is not UTF-8")
    if cell.__class__ is bytes:
        raise Unreadable(Reason.BAD_TYPE, "it has bytes, which no event can hold")
    return text(double(cell))


def _text(content: bytes) -> Any:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return _DAMAGED


def _cell(column: str) -> str:
    """A value's beginning: enough to know that it is too large, and no more of it in memory."""
    name = _quoted(column)
    return (
        f"CASE typeof({name}) WHEN 'text' THEN substr({name}, 1, {MAX_FIELD + 1}) WHEN 'blob' THEN x'' ELSE {name} END"
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _unusable(path: Path, error: sqlite3.Error | UnicodeDecodeError) -> RapportError:
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Busy(f"{path} is locked: another program writes to it; try again once it is done", code="locked")
    # What SQLite says of a damaged file quotes it, and may be no text.
    if isinstance(error, UnicodeDecodeError):
        return unusable(str(path), "cannot be read as a SQLite database: its schema is damaged")
    return unusable(str(path), f"cannot be read as a SQLite database: {error}")

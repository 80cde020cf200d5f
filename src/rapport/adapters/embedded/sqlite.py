"""Opening SQLite files the one way Rapport does: WAL, explicit transactions, numbered migrations, errors that say what
to do."""

import contextlib
import functools
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from rapport.kernel.errors import Busy, Corrupt, Full, Misconfigured, RapportError

BUSY_TIMEOUT_S = 10.0
_TRY_S = 0.05
SQLiteError = sqlite3.Error
"""For those who may not import the driver: what `translated` makes an error of ours of."""


def connect(path: Path, migrations: Sequence[str], *, durable: bool, cache_mb: int = 32) -> sqlite3.Connection:
    """Open (and if needed make or migrate) a database. `durable`: a commit returns only once it is synced.

    Raises Misconfigured where the directory cannot be written, Corrupt where the file is not what it should be, Busy
    where others kept it to themselves for BUSY_TIMEOUT_S.
    """
    try:
        db = sqlite3.connect(path, timeout=_TRY_S, isolation_level=None, check_same_thread=False)
        _patiently(lambda: db.execute("PRAGMA journal_mode = WAL"))
        db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        db.execute(f"PRAGMA cache_size = -{cache_mb * 1024}")
        db.execute("PRAGMA temp_store = MEMORY")
        _patiently(lambda: _migrate(db, migrations))
        db.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")
    except sqlite3.Error as error:
        raise translated(error, path) from error
    return db


def _patiently(step: Callable[[], object]) -> None:
    """Try a step of opening again and again while the file is busy. SQLite does not wait by itself where several switch
    a new file to a write-ahead log; and where another migrates it and then keeps the turn to write, as the worker does,
    whoever waits for that turn would not see that nothing is left to be done."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            step()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
        else:
            return


def _migrate(db: sqlite3.Connection, migrations: Sequence[str]) -> None:
    """Bring the schema to the newest version; the number of migrations applied is the file's `user_version`."""
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    if version == len(migrations):
        return
    if version > len(migrations):
        raise Misconfigured("the data directory was written by a newer version of Rapport")
    with transaction(db):
        version = db.execute("PRAGMA user_version").fetchone()[0]  # another process may have been quicker
        for migration in migrations[version:]:
            for statement in _statements(migration):
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {len(migrations)}")


def remove(db: sqlite3.Connection, tables: Iterable[str], person: int, token: bytes | None = None) -> int:
    """Take a person's rows out of these tables, which the code names; those of one token, where it is given. Return how
    many there were. Within a transaction."""
    where, values = ("", (person,)) if token is None else (" AND token = ?", (person, token))
    queries = (f"DELETE FROM {table} WHERE person = ?{where}" for table in tables)  # noqa: S608 (names of our own tables)
    return sum(db.execute(query, values).rowcount for query in queries)


def _statements(script: str) -> Iterator[str]:
    """The statements of a script; a trigger's own semicolons part none."""
    statement = ""
    for piece in script.split(";"):
        statement += f"{piece};"
        if sqlite3.complete_statement(statement):
            if statement.strip() != ";":
                yield statement
            statement = ""


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One short IMMEDIATE transaction: all of it or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
        db.execute("COMMIT")
    except BaseException:
        # A commit that found no space leaves the transaction open.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def snapshot(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One read transaction: everything read in it is of the same moment."""
    db.execute("BEGIN")
    try:
        yield db
    finally:
        if db.in_transaction:
            db.execute("COMMIT")


_WIDTHS = (1, 4, 8, 16, 32, 256)


@functools.lru_cache
def _as_wide(query: str, width: int) -> str:
    return query.format(",".join("?" * width))


def rows_in(db: sqlite3.Connection, query: str, values: Sequence[object], *before: object) -> Iterator[Any]:
    """The rows of a query that ends in `IN ({})`, for any number of values, many at a time; parameters `before` come
    before them. Statements are of few widths, filled up with NULL, so that each is prepared once."""
    at = 0
    while at < len(values):
        width = next((width for width in _WIDTHS if len(values) - at <= width), _WIDTHS[-1])
        some = values[at : at + width]
        yield from db.execute(_as_wide(query, width), (*before, *some, *[None] * (width - len(some))))
        at += width


_AT_ONCE = 50


@functools.lru_cache
def _inserting(into: str, columns: int, rows: int, then: str) -> str:
    row = f"({', '.join('?' * columns)})"
    # A statement of many rows that may fail halfway keeps a journal of its own, but not where all ends with it.
    return f"INSERT OR ROLLBACK INTO {into} VALUES {', '.join([row] * rows)} {then}"  # noqa: S608 (names of our own)


def put_rows(db: sqlite3.Connection, into: str, rows: Sequence[Sequence[object]], then: str = "") -> None:
    """Insert rows, within a transaction; `into` names table and columns, `then` is what follows the values. By one
    statement for many it takes a third less than by `executemany`, which lets go of the interpreter for each."""
    if not rows:
        return
    many = len(rows) - len(rows) % _AT_ONCE
    for at in range(0, many, _AT_ONCE):
        cells = chain.from_iterable(rows[at : at + _AT_ONCE])
        db.execute(_inserting(into, len(rows[0]), _AT_ONCE, then), tuple(cells))
    db.executemany(_inserting(into, len(rows[0]), 1, then), rows[many:])


def emptied(db: sqlite3.Connection, path: Path, *, within_s: float = BUSY_TIMEOUT_S) -> None:
    """Write the WAL back into the file, synced, and leave nothing in it. Outside a transaction; waits for readers,
    which are quick. Raises Busy where one was not."""
    deadline = time.monotonic() + within_s
    while db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        # SQLite itself waits for readers, but not for another that copies back.
        if time.monotonic() > deadline:
            raise Busy(f"the write-ahead log of {path.name} is in use", retry_after=1)
        time.sleep(0.005)


@contextlib.contextmanager
def copied_back(path: Path, every_s: float) -> Iterator[None]:
    """Meanwhile, in a thread of its own, copy the WAL back into the file, a little at a time; readers wait for
    nothing."""
    ended = threading.Event()

    def copy_back() -> None:
        db = sqlite3.connect(path, isolation_level=None)
        with contextlib.closing(db):
            while not ended.wait(every_s):
                with contextlib.suppress(sqlite3.OperationalError):  # busy, or no room: there is a next time
                    db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    thread = threading.Thread(target=copy_back, name="checkpoints", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextlib.contextmanager
def translating(path: Path) -> Iterator[None]:
    """SQLite's errors become ours, which name the file and say what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise translated(error, path) from error


def translated(error: sqlite3.Error, path: Path) -> RapportError:
    """The error of ours that tells the reader what to do about SQLite's."""
    code = getattr(error, "sqlite_errorname", "") or ""
    if code.startswith("SQLITE_FULL") or "disk is full" in str(error):
        return Full(f"no space is left for {path.name}", retry_after=30)
    if code.startswith("SQLITE_IOERR"):
        return Full(f"{path.name} cannot be written ({code})", retry_after=30)
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Busy(f"{path.name} is busy", retry_after=1)
    if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return Misconfigured(f"{path} cannot be opened for writing: check the directory's permissions and its space")
    if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return Corrupt(f"{path} is damaged ({error}): restore it from a backup; nothing was changed")
    return Corrupt(f"{path}: {error}")

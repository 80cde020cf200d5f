"""Keys in keys.db wrapped anew: under another key-encryption key, or under another key of their organization.

Each is one transaction, so that a kill leaves all of it or nothing; whichever key opens the file is the one that holds.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from rapport.adapters.embedded.keyring import MIGRATIONS, number_place, person_place
from rapport.adapters.embedded.sqlite import connect, transaction, translating
from rapport.kernel.errors import Corrupt, Misconfigured, NotFound
from rapport.kernel.keys import SealKey, fresh_key

_CHUNK = 10_000

UNDER_KEK: dict[str, tuple[str, Callable[[Any], bytes]]] = {
    "node_key": ("name", str.encode),
    "log_key": ("hour", number_place),
    "person_key": ("person", person_place),
    "carve_key": ("carve", number_place),
}
"""Table → its key's column, and the place that is sealed with each key."""
UNDER_ORG = {"record_key": "record"}
"""Tables of keys that their organization's key wraps."""

Row = tuple[Any, bytes]
Tell = Callable[[float], None]


def open_keys_file(data: Path) -> sqlite3.Connection:
    """keys.db for work on all of it. Raises Corrupt where it holds a kind of key that this module does not know."""
    db = connect(data / "keys.db", MIGRATIONS, durable=True)
    db.execute("PRAGMA secure_delete = ON")
    for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        columns = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
        if "wrapped" in columns and table not in UNDER_KEK and table not in UNDER_ORG:
            raise Corrupt(f"keys.db has keys of a kind that is not known here: {table}")
    return db


def rows_of(db: sqlite3.Connection, table: str, column: str) -> Iterator[list[Row]]:
    """A table's (key, wrapped) rows in order of the key, some at a time."""
    query = f"SELECT {column}, wrapped FROM {table}"  # noqa: S608 (our own names)
    rows = db.execute(f"{query} ORDER BY {column} LIMIT ?", (_CHUNK,)).fetchall()
    while rows:
        yield rows
        rows = db.execute(f"{query} WHERE {column} > ? ORDER BY {column} LIMIT ?", (rows[-1][0], _CHUNK)).fetchall()


def counted(db: sqlite3.Connection) -> dict[str, int]:
    """How many keys there are, by table."""
    tables = [*UNDER_KEK, *UNDER_ORG]
    return {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}  # noqa: S608 (our own names)


def opens(db: sqlite3.Connection, kek: bytes) -> bool:
    """Whether keys.db is wrapped under this key-encryption key; an empty one is under any."""
    row = db.execute("SELECT name, wrapped FROM node_key LIMIT 1").fetchone()
    if row is None:
        return True
    try:
        SealKey(kek).open(row[1], row[0].encode())
    except Corrupt:
        return False
    return True


def opened_by(data: Path, kek: bytes) -> bool:
    """Whether the keys of a data directory are wrapped under this key-encryption key."""
    with closing(open_keys_file(data)) as db:
        return opens(db, kek)


def rewrap_all(data: Path, old: bytes, new: bytes) -> int:
    """Wrap every key that `old` wraps under `new`, in one transaction; return how many. Raises Misconfigured where
    `old` is not the key-encryption key."""
    db = open_keys_file(data)
    before, after = SealKey(old), SealKey(new)
    done = 0
    with translating(data / "keys.db"):
        if not opens(db, old):
            raise Misconfigured("keys.db was written under another key-encryption key")
        with transaction(db):
            for table, (column, place) in UNDER_KEK.items():
                for rows in rows_of(db, table, column):
                    again = [(after.seal(before.open(body, place(key)), place(key)), key) for key, body in rows]
                    db.executemany(f"UPDATE {table} SET wrapped = ? WHERE {column} = ?", again)  # noqa: S608 (our own names)
                    done += len(rows)
        _let_go(db)
    db.close()
    return done


def rotate_organization(data: Path, kek: bytes, org: str, tell: Tell = lambda _: None) -> tuple[int, int]:
    """Give an organization a fresh key and wrap its record keys under it; return how many, and the key's version.

    The old key stays under a name of its own, for what it sealed itself: receipts, rejected parts, marks.
    Raises NotFound where the organization has no key.
    """
    db, wrap = open_keys_file(data), SealKey(kek)
    name = f"org:{org}"
    done = seen = 0
    with translating(data / "keys.db"), transaction(db):
        known = dict(
            db.execute("SELECT name, wrapped FROM node_key WHERE name = ? OR name GLOB ?", (name, f"{name}#*"))
        )
        if name not in known:
            raise NotFound(f"there is no organization {org!r} with keys on this node", field="organization")
        opened = [SealKey(wrap.open(body, key.encode())) for key, body in known.items()]
        former = SealKey(wrap.open(known[name], name.encode()))
        fresh = SealKey(fresh_key())
        total = max(db.execute("SELECT count(*) FROM record_key").fetchone()[0], 1)
        for rows in rows_of(db, "record_key", "record"):
            # Whose a record is stands in state.db alone; what the organization's keys do not open is another's.
            again = [(fresh.seal(raw, number_place(record)), record) for record, raw in _opened(opened, rows)]
            db.executemany("UPDATE record_key SET wrapped = ? WHERE record = ?", again)
            done += len(again)
            seen += len(rows)
            tell(seen / total)
        kept = f"{name}#{len(known)}"
        db.execute("INSERT INTO node_key VALUES (?, ?)", (kept, wrap.seal(former.raw, kept.encode())))
        db.execute("UPDATE node_key SET wrapped = ? WHERE name = ?", (wrap.seal(fresh.raw, name.encode()), name))
    _let_go(db)
    db.close()
    return done, len(known) + 1


def _opened(keys: list[SealKey], rows: list[Row]) -> Iterator[Row]:
    for record, wrapped in rows:
        for key in keys:
            try:
                raw = key.open(wrapped, number_place(record))
            except Corrupt:
                continue
            yield record, raw
            break


def _let_go(db: sqlite3.Connection) -> None:
    """Leave nothing of what was wrapped before in the write-ahead log."""
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

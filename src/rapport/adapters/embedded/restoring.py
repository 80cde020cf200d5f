"""After unpacking: what of the restored files opens with the restored keys, and what does not.

A record whose key the backup of keys lacks was erased since, or the backup of keys is older than the record. A log
entry that waits and does not open was taken in, and its key destroyed, before the keys were backed up.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.log import MIGRATIONS as LOG
from rapport.adapters.embedded.sqlite import connect, transaction, translating
from rapport.adapters.embedded.state_rows import MIGRATIONS as STATE
from rapport.adapters.embedded.state_rows import record_place
from rapport.kernel.errors import Corrupt
from rapport.kernel.keys import BlindKey
from rapport.profile.devices import TYPES

_CHUNK = 2_000

Tell = Callable[[float], None]


def unreadable_records(data: Path, keys: Keyring, tell: Tell = lambda _: None) -> tuple[int, list[int]]:
    """How many records there are, and the numbers of those that do not open."""
    path = data / "state.db"
    count = 0
    unreadable: list[int] = []
    with translating(path), closing(connect(path, STATE, durable=False)) as db:
        orgs = dict(db.execute("SELECT id, name FROM org").fetchall())
        total = max(db.execute("SELECT count(*) FROM record").fetchone()[0], 1)
        after = 0
        query = "SELECT id, org, body FROM record WHERE id > ? ORDER BY id LIMIT ?"
        while rows := db.execute(query, (after, _CHUNK)).fetchall():
            unreadable.extend(_closed(rows, orgs, keys))
            count, after = count + len(rows), rows[-1][0]
            tell(count / total)
    return count, unreadable


def _closed(rows: list[tuple[int, int, bytes]], orgs: dict[int, str], keys: Keyring) -> Iterator[int]:
    for number, org, body in rows:
        try:
            key = keys.record(orgs[org], number)
            if key is not None:
                key.open(body, record_place(number))
                continue
        except Corrupt:
            pass  # the key of a record of this number that was never made, before a crash
        yield number


def drop_unreadable_log(data: Path, keys: Keyring, cursor: int) -> tuple[int, int]:
    """Delete what the state holds already, and what waits but does not open; return how many wait, and how many of
    those were lost."""
    path = data / "log.db"
    with translating(path), closing(connect(path, LOG, durable=True)) as db:
        waiting = db.execute("SELECT seq, segment, body FROM log WHERE seq > ? ORDER BY seq", (cursor,))
        whole, lost = 0, []
        for seq, segment, body in waiting:
            try:
                keys.log(segment).open(body, b"log")
                whole += 1
            except Corrupt:
                lost.append((seq,))
        with transaction(db):
            db.execute("DELETE FROM log WHERE seq <= ?", (cursor,))
            db.executemany("DELETE FROM log WHERE seq = ?", lost)
    return whole, len(lost)


ERASED = {
    "tombstone": "SELECT t.person, t.node, o.name FROM tombstone t JOIN org o ON o.id = t.org",
    "erased": "SELECT record, person FROM erased",
}
"""What state.db knows of erasures, by table."""


def erased_of(data: Path) -> dict[str, list[Any]]:
    """What was erased so far; nothing where no state is."""
    path = data / "state.db"
    if not path.exists():
        return {}
    with translating(path), closing(connect(path, STATE, durable=False)) as db:
        return {name: db.execute(query).fetchall() for name, query in ERASED.items()}


def put_erased(data: Path, keys: Keyring, erased: dict[str, list[Any]]) -> None:
    """Let a restored state know what was erased after it was backed up; and let no number of a record that there ever
    was be given again."""
    path = data / "state.db"
    with translating(path), closing(connect(path, STATE, durable=True)) as db, transaction(db):
        db.executemany(
            "INSERT OR IGNORE INTO org (name) VALUES (?)", [(row[2],) for row in erased.get("tombstone", [])]
        )
        orgs = dict(db.execute("SELECT name, id FROM org").fetchall())
        rows = [(person, node, orgs[org]) for person, node, org in erased.get("tombstone", [])]
        db.executemany("INSERT OR IGNORE INTO tombstone VALUES (?, ?, ?)", rows)
        db.executemany("INSERT OR REPLACE INTO erased VALUES (?, ?)", erased.get("erased", []))
        newest = max([keys.newest_record(), *(record for record, _ in erased.get("erased", []))])
        query = "INSERT INTO meta VALUES ('record', ?) ON CONFLICT DO UPDATE SET value = max(value, excluded.value)"
        db.execute(query, (newest,))


class Shell(NamedTuple):
    """A record that does not open: what its rows say of it all the same."""

    number: int
    org: str
    node: bytes
    devices: list[bytes]
    """Nodes of the devices it named."""


def shells(db: sqlite3.Connection, blind: BlindKey, numbers: Collection[int]) -> list[Shell]:
    """What is known of records without their keys."""
    found = []
    orgs = dict(db.execute("SELECT id, name FROM org").fetchall())
    for number in numbers:
        row = db.execute("SELECT org, coalesce(node, lookup) FROM record WHERE id = ?", (number,)).fetchone()
        edges = db.execute("SELECT other, body FROM edge WHERE record = ?", (number,)).fetchall()
        # An edge's body is an array of which the second is the identifier's type.
        devices = [blind.reveal(other) for other, body in edges if msgspec.msgpack.decode(body)[1] in TYPES]
        found.append(Shell(number, orgs[row[0]], blind.reveal(row[1]), devices))
    return found


def forget(db: sqlite3.Connection, numbers: Collection[int]) -> None:
    """Delete the rows of records and what finds them."""
    rows = [(number,) for number in numbers]
    db.executemany("DELETE FROM record WHERE id = ?", rows)
    db.execute("CREATE TEMP TABLE gone (record INTEGER PRIMARY KEY)")
    db.executemany("INSERT INTO gone VALUES (?)", rows)
    db.execute("DELETE FROM word WHERE record IN (SELECT record FROM gone)")
    db.execute("DROP TABLE gone")


def shared_devices(db: sqlite3.Connection, blind: BlindKey) -> list[bytes]:
    return [blind.reveal(device) for (device,) in db.execute("SELECT device FROM shared").fetchall()]

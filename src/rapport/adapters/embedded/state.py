"""state.db, the worker's side: records, timeline, marks and volumes, committed together with the log's cursor.

Everything between two commits is gathered in memory and written in one go, in order of row numbers. `synchronous` is
NORMAL: the log still holds what a power cut takes back, and the cursor goes back with it.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from rapport.adapters.embedded.erasures import ErasureTables
from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.saying import saying
from rapport.adapters.embedded.seen import SeenIndex
from rapport.adapters.embedded.sqlite import connect, copied_back, emptied, rows_in, translated
from rapport.adapters.embedded.state_rows import (
    MIGRATIONS,
    block_place,
    open_block,
    open_record,
    record_place,
    word_token,
)
from rapport.adapters.embedded.touched import TouchTables
from rapport.kernel.errors import Corrupt
from rapport.kernel.keys import SealKey, fresh_key
from rapport.kernel.times import now
from rapport.profile.erasure import Rows
from rapport.profile.record import Record
from rapport.profile.store import Mark, Rejected, Seen, Touch
from rapport.profile.timeline import Block, NewBlock

_ADD_VOLUME = """
    INSERT INTO volume VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET accepted = accepted + excluded.accepted, rejected = rejected + excluded.rejected,
                              duplicates = duplicates + excluded.duplicates
"""

_CHECKPOINT_PAGES = 40_000
_CHECKPOINT_SECONDS = 0.5

_TOGETHER = 32
_FIND_MANY = "SELECT id, org, lookup, node, body FROM record WHERE lookup IN ({})"

_KEYS_KEPT = 120_000

_encode = msgspec.msgpack.Encoder().encode
_rejected = msgspec.msgpack.Decoder(tuple[str, bytes]).decode
_marks = msgspec.msgpack.Decoder(list[Mark]).decode


class StateFile:
    """The worker's ProfileStore over SQLite. One instance, one thread, one process."""

    def __init__(self, data: Path, keys: Keyring, *, cache_mb: int = 256) -> None:
        self.path = data / "state.db"
        self.db = connect(self.path, MIGRATIONS, durable=False, cache_mb=cache_mb)
        self.db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        # What is sealed under an organization's key (rejected parts, marks) has no key of its own to be destroyed.
        self.db.execute("PRAGMA secure_delete = ON")
        self._keys = keys
        self._blind = keys.blind.blind
        self._reveal = keys.blind.reveal
        self._word_secret = keys.secret("words")
        self.db.execute("BEGIN IMMEDIATE")
        self._seen = SeenIndex(self.db)
        self._shared = {self._reveal(row[0]) for row in self.db.execute("SELECT device FROM shared")}
        self._orgs: dict[str, int] = {name: number for number, name in self.db.execute("SELECT id, name FROM org")}
        self._org_names = {number: name for name, number in self._orgs.items()}
        self.erasures = ErasureTables(self.db, keys, self._org)
        self.touched = TouchTables(self.db, keys)
        self._next_record = max(self._max("record", "id"), self._meta("record")) + 1
        self._next_block = max(self._max("timeline", "position"), self._meta("block")) + 1
        self._record_keys: dict[int, SealKey | None] = {}
        self._new_keys: list[tuple[str, int, SealKey]] = []
        self._created: dict[int, tuple[str, bytes, bytes]] = {}
        self._bodies: dict[int, tuple[str, bytes]] = {}
        self._blocks: dict[int, bytes] = {}
        self._seen_new: list[tuple[bytes, Seen]] = []
        self._rejected: list[Rejected] = []
        self._volumes: dict[tuple[str, str, int], list[int]] = {}
        self._words: list[tuple[bytes, int]] = []

    def _max(self, table: str, column: str) -> int:
        value: int | None = self.db.execute(f"SELECT max({column}) FROM {table}").fetchone()[0]  # noqa: S608 (our own names)
        return value or 0

    def _meta(self, name: str) -> int:
        row = self.db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

    def _put_meta(self, name: str, value: int) -> None:
        self.db.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (name, value)
        )

    def cursor(self) -> int:
        return self._meta("cursor")

    # -- records

    def find(self, lookup: bytes) -> tuple[int, bytes, Record] | None:
        query = "SELECT id, org, node, body FROM record WHERE lookup = ?"
        row = self.db.execute(query, (self._blind(lookup),)).fetchone()
        if row is None:
            return None
        number, org, node, body = row
        key = self._key(self._org_names[org], number)
        if key is None:
            return None
        return number, self._reveal(node) if node else lookup, open_record(key, number, body)

    def find_many(self, lookups: Sequence[bytes]) -> Iterator[tuple[bytes, int, bytes, Record]]:
        for start in range(0, len(lookups), _TOGETHER):
            some = lookups[start : start + _TOGETHER]
            blinded = self._blind(b"".join(some))
            asked = [blinded[at : at + 16] for at in range(0, len(blinded), 16)]
            rows = list(rows_in(self.db, _FIND_MANY, asked))
            unknown = [(row[0], self._org_names[row[1]]) for row in rows if row[0] not in self._record_keys]
            self._record_keys.update(self._keys.records(unknown))
            for number, org, lookup, node, body in rows:
                key = self._key(self._org_names[org], number)
                if key is not None:
                    plain = self._reveal(lookup)
                    yield plain, number, self._reveal(node) if node else plain, open_record(key, number, body)

    def create(self, org: str, lookup: bytes, node: bytes) -> int:
        number = self._next_record
        self._next_record += 1
        key = SealKey(fresh_key())
        self._record_keys[number] = key
        self._new_keys.append((org, number, key))
        self._created[number] = (org, lookup, node)
        return number

    def rename(self, number: int, lookup: bytes, node: bytes) -> None:
        if number in self._created:
            self._created[number] = (self._created[number][0], lookup, node)
            return
        blinded = self._blind(lookup)
        # An empty slice that is found by this lookup no more keeps its number, for the handles that name it.
        self.db.execute("UPDATE record SET lookup = randomblob(16) WHERE lookup = ? AND id <> ?", (blinded, number))
        own = None if node == lookup else self._blind(node)
        self.db.execute("UPDATE record SET lookup = ?, node = ? WHERE id = ?", (blinded, own, number))

    def load(self, number: int) -> tuple[bytes, Record] | None:
        row = self.db.execute("SELECT org, lookup, node, body FROM record WHERE id = ?", (number,)).fetchone()
        if row is None:
            return None
        org, lookup, node, body = row
        key = self._key(self._org_names[org], number)
        if key is None:
            return None
        return self._reveal(node or lookup), open_record(key, number, body)

    def _key(self, org: str, number: int) -> SealKey | None:
        if number in self._record_keys:
            return self._record_keys[number]
        key = self._record_keys[number] = self._keys.record(org, number)
        return key

    def _must_key(self, org: str, number: int) -> SealKey:
        key = self._key(org, number)
        if key is None:
            raise Corrupt(f"the key of record {number} is gone while its events are being written")
        return key

    def save(self, number: int, record: Record) -> None:
        self.erasures.note_former(number, record)
        self._bodies[number] = (
            record.org,
            self._must_key(record.org, number).seal(_encode(record), record_place(number)),
        )

    # -- timeline

    def block(self, org: str, number: int, position: int) -> Block:
        body = self._blocks.get(position)
        if body is None:
            row = self.db.execute("SELECT body FROM timeline WHERE position = ?", (position,)).fetchone()
            if row is None:
                raise Corrupt(f"block {position} of record {number} is missing from the timeline")
            body = row[0]
        return open_block(self._must_key(org, number), position, body)

    def append_block(self, org: str, number: int, block: NewBlock) -> int:
        position = self._next_block
        self._next_block += 1
        self.rewrite_block(org, number, position, block)
        return position

    def rewrite_block(self, org: str, number: int, position: int, block: Block | NewBlock) -> None:
        self._blocks[position] = self._must_key(org, number).seal(_encode(block), block_place(position))

    # -- what was taken in before

    def seen(self, key: bytes) -> Seen | None:
        found = self._seen.get(key)
        return None if found is not None and self.erasures.is_lifted(found.record) else found

    def mark_seen(self, entries: Iterable[tuple[bytes, Seen]]) -> None:
        self._seen_new.extend(entries)

    # -- shared devices

    def is_shared(self, device: bytes) -> bool:
        return device in self._shared

    def set_shared(self, device: bytes, shared: bool) -> None:
        if shared:
            self._shared.add(device)
            self.db.execute("INSERT OR IGNORE INTO shared VALUES (?)", (self._blind(device),))
        else:
            self._shared.discard(device)
            self.db.execute("DELETE FROM shared WHERE device = ?", (self._blind(device),))

    def marks(self, org: str, device: bytes, first_day: int, last_day: int) -> list[Mark]:
        query = "SELECT body FROM mark WHERE device = ? AND day BETWEEN ? AND ?"
        rows = self.db.execute(query, (self._blind(device), first_day, last_day)).fetchall()
        return [mark for (body,) in rows for mark in _marks(self._keys.org(org).open(body, b"mark"))]

    def put_marks(self, org: str, device: bytes, day: int, marks: list[Mark]) -> None:
        key = (self._blind(device), day)
        if marks:
            body = self._keys.org(org).seal(_encode(marks), b"mark")
            self.db.execute("INSERT OR REPLACE INTO mark VALUES (?, ?, ?)", (*key, body))
        else:
            self.db.execute("DELETE FROM mark WHERE device = ? AND day = ?", key)

    def mark_days(self, device: bytes) -> list[int]:
        rows = self.db.execute("SELECT day FROM mark WHERE device = ?", (self._blind(device),))
        return [day for (day,) in rows]

    # -- what the console shows beside views

    def reject(self, rejected: Iterable[Rejected]) -> None:
        self._rejected.extend(rejected)

    def count(self, org: str, source: str, minute: int, accepted: int, rejected: int, duplicates: int) -> None:
        known = self._volumes.setdefault((org, source, minute), [0, 0, 0])
        known[0] += accepted
        known[1] += rejected
        known[2] += duplicates

    def index_words(self, org: str, number: int, words: Iterable[str]) -> None:
        self._words.extend((word_token(self._word_secret, org, word), number) for word in words)

    def touch(self, touches: Mapping[str, Sequence[Touch]]) -> None:
        self.touched.put(touches)

    def org_of(self, number: int) -> str | None:
        if number in self._created:
            return self._created[number][0]
        row = self.db.execute("SELECT org FROM record WHERE id = ?", (number,)).fetchone()
        return None if row is None else self._org_names[row[0]]

    # -- erasing

    def erase(self, org: str, person: str, rows: Rows) -> None:
        """Everything that is stored of some records goes with the next commit, for a person; see `remove`."""
        self.remove(org, rows)
        self.erasures.doom(person, rows.numbers)

    def remove(self, org: str, rows: Rows) -> None:
        """Rows go with the next commit, and their records' keys after it; numbers never come again."""
        numbers = [(number,) for number in rows.numbers]
        self.db.executemany("DELETE FROM record WHERE id = ?", numbers)
        self.db.executemany("DELETE FROM timeline WHERE position = ?", [(position,) for position in rows.blocks])
        tokens = [(word_token(self._word_secret, org, word), number) for word, number in rows.words]
        self.db.executemany("DELETE FROM word WHERE token = ? AND record = ?", tokens)
        self.erasures.destroy_later(rows.numbers)
        self._put_meta("record", self._next_record - 1)
        for number in rows.numbers:
            for waiting in (self._record_keys, self._created, self._bodies):
                waiting.pop(number, None)
        for position in rows.blocks:
            self._blocks.pop(position, None)

    def erase_rejected(self, org: str, values: Collection[str]) -> int:
        """Delete kept rejected parts that say any of these values; return how many."""
        says = saying(values)
        if says is None:
            return 0
        key, gone = self._keys.org(org), []
        for number, body in self.db.execute("SELECT id, body FROM rejected WHERE org = ?", (org,)):
            message, raw = _rejected(key.open(body, b"rejected"))
            if says(message.encode("utf-8", "surrogatepass")) or says(raw):
                gone.append((number,))
        self.db.executemany("DELETE FROM rejected WHERE id = ?", gone)
        return len(gone)

    def make_gone(self) -> None:
        """Sync what was committed, and leave nothing older in the write-ahead log. Raises Busy."""
        self.db.execute("COMMIT")
        try:
            emptied(self.db, self.path)
        finally:
            self.db.execute("BEGIN IMMEDIATE")

    # -- commit

    def commit(self, cursor: int) -> None:
        if self._new_keys:
            self._keys.put_records(self._new_keys)
            self._new_keys = []
        try:
            self._write_records()
            self.db.executemany("INSERT OR REPLACE INTO timeline VALUES (?, ?)", sorted(self._blocks.items()))
            self._seen.add(self._seen_new)
            self.db.executemany("INSERT OR IGNORE INTO word VALUES (?, ?)", self._words)
            self._write_rejected()
            self.db.executemany(_ADD_VOLUME, [(*key, *counts) for key, counts in self._volumes.items()])
            self._put_meta("cursor", cursor)
            self._put_meta("block", self._next_block - 1)
            self._put_meta("committed_at", now())
            self.db.execute("COMMIT")
            self.db.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise translated(error, self.path) from error
        self._created.clear()
        self._bodies.clear()
        self._blocks.clear()
        self._seen_new = []
        self._rejected = []
        self._volumes.clear()
        self._words = []
        if len(self._record_keys) > _KEYS_KEPT:
            self._record_keys.clear()

    def _write_records(self) -> None:
        blind = self._blind
        rows = []
        for number, (org, lookup, node) in self._created.items():
            body = self._bodies.pop(number)[1]
            rows.append((number, self._org(org), blind(lookup), None if node == lookup else blind(node), body))
        self.db.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?)", rows)
        updates = [(body, number) for number, (_, body) in self._bodies.items()]
        self.db.executemany("UPDATE record SET body = ? WHERE id = ?", updates)

    def _org(self, org: str) -> int:
        number = self._orgs.get(org)
        if number is None:
            number = self.db.execute("INSERT INTO org (name) VALUES (?)", (org,)).lastrowid or 0
            self._orgs[org] = number
            self._org_names[number] = org
        return number

    def _write_rejected(self) -> None:
        rows = []
        for item in self._rejected:
            sealed = self._keys.org(item.org).seal(_encode((item.message, item.body)), b"rejected")
            rows.append((item.org, item.source, item.at, item.code, sealed))
        self.db.executemany("INSERT INTO rejected (org, source, at, code, body) VALUES (?, ?, ?, ?, ?)", rows)

    def forget_rejected(self, before: int) -> None:
        """Delete rejected parts that came before a time (µs)."""
        self.db.execute("DELETE FROM rejected WHERE at < ?", (before,))

    @contextmanager
    def checkpointed_aside(self) -> Iterator[None]:
        """Meanwhile a thread of its own copies the WAL back into the file: a commit that did it would keep readers
        waiting for a second. (If the thread cannot keep up, a commit still does it, much later.)"""
        self.db.execute(f"PRAGMA wal_autocheckpoint = {4 * _CHECKPOINT_PAGES}")
        with copied_back(self.path, _CHECKPOINT_SECONDS):
            yield

    def make_durable(self) -> None:
        """Sync what was committed: before the log that could repeat it is destroyed."""
        self.db.execute("COMMIT")
        self.db.execute("PRAGMA wal_checkpoint(FULL)")
        self.db.execute("BEGIN IMMEDIATE")

    def close(self) -> None:
        if self.db.in_transaction:
            self.db.execute("ROLLBACK")
        self.db.close()

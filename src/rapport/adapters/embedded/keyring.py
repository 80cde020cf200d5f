"""keys.db: every key of the node, wrapped, and destroyed for good when its data must be gone.

`secure_delete` and a truncating checkpoint after each destruction: without both, a deleted key stays readable in the
file or its WAL. Record keys are cached by their readers, not here.
"""

import base64
import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from rapport.adapters.embedded import key_files
from rapport.adapters.embedded.sqlite import connect, emptied, rows_in, transaction, translating
from rapport.kernel.errors import Corrupt, Misconfigured
from rapport.kernel.keys import KEY_BYTES, BlindKey, SealKey, fresh_key

MIGRATIONS = [
    """
    CREATE TABLE node_key (name TEXT PRIMARY KEY, wrapped BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE log_key (hour INTEGER PRIMARY KEY, wrapped BLOB NOT NULL);
    CREATE TABLE record_key (record INTEGER PRIMARY KEY, wrapped BLOB NOT NULL)
    """,
    "CREATE TABLE person_key (person INTEGER PRIMARY KEY, wrapped BLOB NOT NULL)",
    "CREATE TABLE carve_key (carve INTEGER PRIMARY KEY, wrapped BLOB NOT NULL)",
]

_RECORD_KEYS = "SELECT record, wrapped FROM record_key WHERE record IN ({})"


def key_encryption_key(data: Path, file: Path | None = None, encoded: str | None = None) -> bytes:
    """The key that wraps all others: from a setting (base64), from a file, or made in the data directory at first."""
    if encoded:
        try:
            raw = base64.b64decode(encoded, validate=True)
        except ValueError:
            raw = b""
        if len(raw) != KEY_BYTES:
            raise Misconfigured(f"RAPPORT_KEK must be {KEY_BYTES} bytes in base64")
        return raw
    return key_files.make_key(file or data / "node.key")


_OTHER_KEK = "keys.db was written under another key-encryption key"


class OrgKey(SealKey):
    """An organization's key, with those it had before: the newest seals, any of them opens."""

    __slots__ = ("_former",)

    def __init__(self, raw: bytes, former: Sequence[bytes]) -> None:
        super().__init__(raw)
        self._former = [SealKey(key) for key in former]

    def open(self, sealed: bytes, place: bytes) -> bytes:
        try:
            return super().open(sealed, place)
        except Corrupt:
            for key in self._former:
                with contextlib.suppress(Corrupt):
                    return key.open(sealed, place)
            raise


class Keyring:
    """The node's keys. One instance per process and thread of use."""

    def __init__(self, data: Path, kek: bytes) -> None:
        self._path = data / "keys.db"
        self._db = connect(self._path, MIGRATIONS, durable=True, cache_mb=96)
        self._db.execute("PRAGMA secure_delete = ON")
        self._wrap = SealKey(kek)
        self._org_keys: dict[str, SealKey] = {}
        self._log_keys: dict[int, SealKey] = {}
        self.blind = BlindKey(self._node_key("blind"))

    def _node_key(self, name: str) -> bytes:
        """A named key of the node, made at first use. Raises Corrupt under another key-encryption key."""
        query = "SELECT wrapped FROM node_key WHERE name = ?"
        row = self._db.execute(query, (name,)).fetchone()
        if row is None:
            with transaction(self._db):
                self._check_kek()
                wrapped = self._wrap.seal(fresh_key(), name.encode())
                self._db.execute("INSERT OR IGNORE INTO node_key VALUES (?, ?)", (name, wrapped))
            row = self._db.execute(query, (name,)).fetchone()
        try:
            return self._wrap.open(row[0], name.encode())
        except Corrupt:
            raise Misconfigured(_OTHER_KEK) from None

    def _check_kek(self) -> None:
        """Before a key is wrapped: the key-encryption key may have been rotated since this process began."""
        row = self._db.execute("SELECT wrapped FROM node_key WHERE name = 'blind'").fetchone()
        if row is not None:
            try:
                self._wrap.open(row[0], b"blind")
            except Corrupt:
                raise Misconfigured(_OTHER_KEK) from None

    def node(self, name: str) -> SealKey:
        """A sealing key of the node for one use, such as `credentials`."""
        return SealKey(self._node_key(f"node:{name}"))

    def secret(self, name: str) -> bytes:
        """32 secret bytes for one keyed hash of the node."""
        return self._node_key(f"secret:{name}")

    def handles(self, org: str) -> BlindKey:
        """From which the handles of an organization's customers are made."""
        return self.blind.derived(f"handles:{org}")

    def org(self, org: str) -> SealKey:
        """The organization's own key: it wraps record keys and seals what is not one record's."""
        key = self._org_keys.get(org)
        if key is None:
            newest = self._node_key(f"org:{org}")
            query = "SELECT name FROM node_key WHERE name GLOB ?"
            former = [self._node_key(name) for (name,) in self._db.execute(query, (f"org:{org}#*",)).fetchall()]
            key = self._org_keys[org] = OrgKey(newest, former) if former else SealKey(newest)
        return key

    def log(self, segment: int) -> SealKey:
        """The key of a segment of the log; raises Corrupt where it was destroyed."""
        key = self._log_keys.get(segment)
        if key is None:
            # (The column is named after the hours that segments once were; their numbers went on from there.)
            row = self._db.execute("SELECT wrapped FROM log_key WHERE hour = ?", (segment,)).fetchone()
            if row is None:
                raise Corrupt(f"the key of log segment {segment} is gone")
            key = self._log_keys[segment] = SealKey(self._wrap.open(row[0], number_place(segment)))
        return key

    def make_log_key(self, segment: int) -> SealKey:
        """The key of a segment, made by whichever process comes first. Only for a segment that log.db says is the
        present one, or comes next: of an older one, the key may have been destroyed for good."""
        if segment not in self._log_keys:
            with translating(self._path), transaction(self._db):
                self._check_kek()
                wrapped = self._wrap.seal(fresh_key(), number_place(segment))
                self._db.execute("INSERT OR IGNORE INTO log_key VALUES (?, ?)", (segment, wrapped))
        return self.log(segment)

    def destroy_log_keys(self, before: int) -> None:
        """Make every segment of the log with a smaller number unreadable, wherever copies of it lie."""
        with translating(self._path), transaction(self._db):
            gone = self._db.execute("DELETE FROM log_key WHERE hour < ?", (before,)).rowcount
        self._log_keys = {segment: key for segment, key in self._log_keys.items() if segment >= before}
        if gone:
            self._forget()

    def record(self, org: str, record: int) -> SealKey | None:
        """The key of a record, or None where it was never made or has been destroyed."""
        with translating(self._path):
            row = self._db.execute("SELECT wrapped FROM record_key WHERE record = ?", (record,)).fetchone()
        return None if row is None else SealKey(self.org(org).open(row[0], number_place(record)))

    def records(self, wanted: Sequence[tuple[int, str]]) -> dict[int, SealKey]:
        """The keys of many records, given with their organizations; those that are destroyed are left out."""
        org_of = dict(wanted)
        unwrap = {org: self.org(org).open for org in set(org_of.values())}
        return {
            record: SealKey(unwrap[org_of[record]](wrapped, number_place(record)))
            for record, wrapped in rows_in(self._db, _RECORD_KEYS, list(org_of))
        }

    def newest_record(self) -> int:
        """The greatest number of a record that has a key."""
        return int(self._db.execute("SELECT coalesce(max(record), 0) FROM record_key").fetchone()[0])

    def put_records(self, keys: Iterable[tuple[str, int, SealKey]]) -> None:
        """Keep new record keys (organization, record, key), synced, before anything sealed under them is committed."""
        rows = [(record, self.org(org).seal(key.raw, number_place(record))) for org, record, key in keys]
        with translating(self._path), transaction(self._db):
            # A crash before the state's commit leaves keys of records that were never made; their numbers come again.
            self._db.executemany("INSERT OR REPLACE INTO record_key VALUES (?, ?)", rows)

    def destroy_records(self, numbers: Iterable[int]) -> None:
        """Make records unreadable, wherever copies of them lie."""
        with translating(self._path), transaction(self._db):
            self._db.executemany("DELETE FROM record_key WHERE record = ?", [(number,) for number in numbers])
        self._forget()

    def make_carve_key(self, carve: int) -> SealKey:
        """A fresh key for what a law keeps of an erased person. A crash before the state's commit leaves the key of
        nothing; its number comes again."""
        key = SealKey(fresh_key())
        with translating(self._path), transaction(self._db):
            self._check_kek()
            wrapped = self._wrap.seal(key.raw, number_place(carve))
            self._db.execute("INSERT OR REPLACE INTO carve_key VALUES (?, ?)", (carve, wrapped))
        return key

    def carve(self, carve: int) -> SealKey | None:
        """The key of what a law keeps, or None where its time has come."""
        row = self._db.execute("SELECT wrapped FROM carve_key WHERE carve = ?", (carve,)).fetchone()
        return None if row is None else SealKey(self._wrap.open(row[0], number_place(carve)))

    def destroy_carve_keys(self, kept: Iterable[int]) -> None:
        """Destroy the keys of all that laws keep but these."""
        known = {number for (number,) in self._db.execute("SELECT carve FROM carve_key")}
        gone = known.difference(kept)
        if gone:
            with translating(self._path), transaction(self._db):
                self._db.executemany("DELETE FROM carve_key WHERE carve = ?", [(number,) for number in gone])
            self._forget()

    def person(self, person: int) -> SealKey | None:
        """The key of a person's own entries in the ledger, or None where it has been destroyed."""
        row = self._db.execute("SELECT wrapped FROM person_key WHERE person = ?", (person,)).fetchone()
        return None if row is None else SealKey(self._wrap.open(row[0], person_place(person)))

    def make_person(self, person: int) -> None:
        """Make a new person's key, synced, before anything sealed under it is committed."""
        with translating(self._path), transaction(self._db):
            self._check_kek()
            wrapped = self._wrap.seal(fresh_key(), person_place(person))
            self._db.execute("INSERT OR REPLACE INTO person_key VALUES (?, ?)", (person, wrapped))

    def destroy_person(self, person: int) -> None:
        with transaction(self._db):
            self._db.execute("DELETE FROM person_key WHERE person = ?", (person,))
        self._forget()

    def _forget(self) -> None:
        """Leave nothing of what was destroyed in the write-ahead log. Raises Busy where readers would not let go."""
        with translating(self._path):
            emptied(self._db, self._path)

    def close(self) -> None:
        self._db.close()


def number_place(number: int) -> bytes:
    """What is sealed with a key that goes by a number."""
    return number.to_bytes(8, "big")


def person_place(person: int) -> bytes:
    return b"person" + number_place(person)

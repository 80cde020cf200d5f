"""state.db: its tables, and how their rows are sealed and looked up, as the worker (`state`) and the readers (`reader`)
both know it.
"""

from hashlib import blake2b

import msgspec

from rapport.adapters.embedded import erasures, evidence_tables, seen, touched
from rapport.kernel.keys import SealKey
from rapport.kernel.times import DAY
from rapport.profile.record import Record
from rapport.profile.timeline import Block

MIGRATIONS = [
    f"""
    CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE org (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE record (id INTEGER PRIMARY KEY, org INTEGER NOT NULL, lookup BLOB NOT NULL UNIQUE, node BLOB,
                         body BLOB NOT NULL);
    CREATE TABLE timeline (position INTEGER PRIMARY KEY, body BLOB NOT NULL);
    CREATE TABLE shared (device BLOB PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE mark (device BLOB, day INTEGER, body BLOB NOT NULL, PRIMARY KEY (device, day)) WITHOUT ROWID;
    CREATE TABLE word (token BLOB, record INTEGER, PRIMARY KEY (token, record)) WITHOUT ROWID;
    CREATE TABLE rejected (id INTEGER PRIMARY KEY, org TEXT NOT NULL, source TEXT NOT NULL, at INTEGER NOT NULL,
                           code TEXT NOT NULL, body BLOB NOT NULL);
    CREATE INDEX rejected_of ON rejected (org, id);
    CREATE TABLE volume (org TEXT, source TEXT, minute INTEGER, accepted INTEGER NOT NULL, rejected INTEGER NOT NULL,
                         duplicates INTEGER NOT NULL, PRIMARY KEY (org, source, minute)) WITHOUT ROWID;
    {seen.SCHEMA};
    {evidence_tables.SCHEMA}
    """,
    erasures.SCHEMA,
    touched.SCHEMA,
]

KEEP_REJECTED = 7 * DAY

_record = msgspec.msgpack.Decoder(Record).decode
_block = msgspec.msgpack.Decoder(Block).decode


def record_place(number: int) -> bytes:
    return b"r" + number.to_bytes(8, "big")


def block_place(position: int) -> bytes:
    return b"t" + position.to_bytes(8, "big")


def open_record(key: SealKey, number: int, body: bytes) -> Record:
    return _record(key.open(body, record_place(number)))


def open_block(key: SealKey, position: int, body: bytes) -> Block:
    return _block(key.open(body, block_place(position)))


def word_token(secret: bytes, org: str, word: str) -> bytes:
    """What a word prefix is indexed by: 12 bytes of a keyed hash."""
    return blake2b(f"{org}\0{word}".encode("utf-8", "surrogatepass"), key=secret, digest_size=12).digest()

"""The key archive: all keys of a node in one file, sealed under the backup key, which lies elsewhere.

A line that names the format, a head in the clear (when, of which node, under which backup key, how many keys), and
sealed frames that only belong to this head, in this order, up to one marked as the last. Keys that the key-encryption
key wraps are in it as they are, those that an organization's key wraps stay wrapped: so the archive and the backup key
are all that restoring needs, and a node is restored under another key-encryption key.

Beside the keys it says what was erased, as state.db does by blinded hashes, and what was let go of (`let_go`): an older
backup of the data does not know, and neither must come in again after it is restored.

An erasure destroys keys here and replaces the backup key: what was archived before opens no more.
"""

import sqlite3
from collections.abc import Callable, Iterator
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import IO, Any

import msgspec

from rapport.adapters.embedded import let_go
from rapport.adapters.embedded.key_files import id_of
from rapport.adapters.embedded.keyring import MIGRATIONS
from rapport.adapters.embedded.restoring import ERASED, erased_of
from rapport.adapters.embedded.rewrapping import UNDER_KEK, UNDER_ORG, counted, open_keys_file, opens, rows_of
from rapport.adapters.embedded.sqlite import connect, snapshot, transaction, translating
from rapport.kernel.errors import Corrupt, Misconfigured
from rapport.kernel.keys import SealKey

FORMAT = 1
_MAGIC = b"RAPPORT-KEYS\n"
_LARGEST = 64 << 20
_LAST = 1 << 63
_TOGETHER = 10_000

Tell = Callable[[float], None]
_encode = msgspec.msgpack.Encoder().encode


class KeyHead(msgspec.Struct, frozen=True):
    """What a key archive says of itself in the clear. `node` and `backup_key` are ids, `counts` are keys by table."""

    format: int
    rapport: str
    created_at: str
    node: str
    backup_key: str
    counts: dict[str, int]


class _Frame(msgspec.Struct, frozen=True, array_like=True):
    table: str
    rows: list[Any]


_frame = msgspec.msgpack.Decoder(_Frame).decode


def write(out: IO[bytes], data: Path, kek: bytes, backup_key: bytes, head: KeyHead) -> KeyHead:
    """Write all keys of a data directory as they are at one moment; return the head with their counts."""
    db = open_keys_file(data)
    with translating(data / "keys.db"), snapshot(db):
        head = msgspec.structs.replace(head, counts=counted(db), backup_key=id_of(backup_key))
        raw = msgspec.json.encode(head)
        out.write(_MAGIC + len(raw).to_bytes(4, "big") + raw)
        seal, place = SealKey(backup_key), _places(raw)
        number = -1
        for number, frame in enumerate(chain(_frames(db, kek), _gone(data))):
            _put(out, seal.seal(_encode(frame), place(number)))
        _put(out, seal.seal(b"", place(number + 1 | _LAST)))
    db.close()
    return head


def _frames(db: sqlite3.Connection, kek: bytes) -> Iterator[_Frame]:
    wrap = SealKey(kek)
    if not opens(db, kek):
        raise Misconfigured("keys.db was written under another key-encryption key")
    for table, (column, place) in UNDER_KEK.items():
        for rows in rows_of(db, table, column):
            yield _Frame(table, [(key, wrap.open(wrapped, place(key))) for key, wrapped in rows])
    for table, column in UNDER_ORG.items():
        for rows in rows_of(db, table, column):
            yield _Frame(table, rows)


def _gone(data: Path) -> Iterator[_Frame]:
    for name, rows in {**erased_of(data), let_go.FRAME: let_go.rows_of(data)}.items():
        for start in range(0, len(rows), _TOGETHER):
            yield _Frame(name, rows[start : start + _TOGETHER])


def read_head(source: IO[bytes]) -> tuple[KeyHead, bytes]:
    """The head and its bytes. Raises Corrupt where this is no key archive, Misconfigured for a newer format."""
    if source.read(len(_MAGIC)) != _MAGIC:
        raise Corrupt("this is no backup of keys: rapport backup --keys writes one")
    raw = source.read(min(int.from_bytes(source.read(4), "big"), _LARGEST))
    try:
        head = msgspec.json.decode(raw, type=KeyHead)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Corrupt("the backup of keys is damaged at its beginning") from None
    if head.format > FORMAT:
        raise Misconfigured(f"the backup of keys was written by a newer version of Rapport ({head.rapport})")
    return head, raw


def check_key(head: KeyHead, backup_key: bytes, since: str) -> None:
    """Raises Misconfigured where the archive was sealed under another backup key, which is `since` when ours is."""
    if head.backup_key != id_of(backup_key):
        message = (
            f"this backup of keys, of {head.created_at}, was sealed under another backup key ({head.backup_key}) than "
            f"the one given ({id_of(backup_key)}, of {since}): where an erasure replaced the backup key since, it is "
            "useless for good; use a newer backup of keys"
        )
        raise Misconfigured(message, field="keys")


def unpack(
    source: IO[bytes], data: Path, kek: bytes, backup_key: bytes, tell: Tell = lambda _: None
) -> dict[str, list[Any]]:
    """Make a fresh keys.db in `data` from an archive, under a key-encryption key; return what the archive says was
    erased, and let go of. Raises Corrupt where it is cut short or was changed."""
    erased: dict[str, list[Any]] = {}
    head, raw = read_head(source)
    place, opener = _places(raw), SealKey(backup_key)
    path = data / "keys.db"
    db = connect(path, MIGRATIONS, durable=True)
    wrap = SealKey(kek)
    done, total = 0, max(sum(head.counts.values()), 1)
    with translating(path), transaction(db):
        for frame in _opened(source, opener, place):
            if frame.table in UNDER_KEK:
                where = UNDER_KEK[frame.table][1]
                rows = [(key, wrap.seal(body, where(key))) for key, body in frame.rows]
            elif frame.table in UNDER_ORG:
                rows = frame.rows
            elif frame.table in ERASED or frame.table == let_go.FRAME:
                erased.setdefault(frame.table, []).extend(frame.rows)
                continue
            else:
                raise Misconfigured(f"the backup holds keys of a kind that this version does not know: {frame.table}")
            db.executemany(f"INSERT INTO {frame.table} VALUES (?, ?)", rows)  # noqa: S608 (known names)
            done += len(rows)
            tell(done / total)
    db.close()
    return erased


def _opened(source: IO[bytes], opener: SealKey, place: Callable[[int], bytes]) -> Iterator[_Frame]:
    number = 0
    while True:
        length = source.read(4)
        size = int.from_bytes(length, "big")
        sealed = source.read(size) if len(length) == 4 and size <= _LARGEST else b""
        try:
            yield _frame(opener.open(sealed, place(number)))
        except Corrupt:
            try:
                opener.open(sealed, place(number | _LAST))
            except Corrupt:
                raise Corrupt("the backup of keys is cut short or was changed: nothing was restored") from None
            return
        number += 1


def _places(head: bytes) -> Callable[[int], bytes]:
    digest = blake2b(head, digest_size=16).digest()
    return lambda number: digest + number.to_bytes(8, "big")


def _put(out: IO[bytes], sealed: bytes) -> None:
    out.write(len(sealed).to_bytes(4, "big") + sealed)

"""The node's log, in ledger.db: what C2SP's tlog-tiles publishes of it, its entries, its tiles of 256 hashes, and its
checkpoint, signed with the node's key (tlog-checkpoint). Nothing in it tells what it commits to.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from struct import Struct

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rapport.kernel import merkle, verify
from rapport.kernel.errors import Corrupt
from rapport.kernel.merkle import Frontier

TILE = 256
_HASH = 32
_TAGGED = verify.TAG + _HASH
_each = Struct(f"{_HASH}s").iter_unpack


class TileLog:
    """The log over one ledger connection. What writes is called within the caller's transaction."""

    def __init__(self, db: sqlite3.Connection, key: bytes) -> None:
        self._db = db
        signer = Ed25519PrivateKey.from_private_bytes(key)
        self._sign = signer.sign
        self.public = signer.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        # The log is named by its key, and not by where the node is reached, which may change.
        self.name = f"rapport.node/{hashlib.sha256(self.public).hexdigest()[:16]}"

    @property
    def key(self) -> str:
        """The log's verifier key, as C2SP writes it."""
        return verify.vkey(self.name, self.public)

    # -- growing

    def put_entries(self, entries: Sequence[bytes]) -> int:
        """Append entries, and sign the log's new head; return the number of the first."""
        size, right = self._head()
        leaves = [merkle.leaf_hash(entry) for entry in entries]
        tiles = {number: merkle.root_of(some) for number, _, some in _tiled(size, leaves) if len(some) == TILE}
        for number, _, some in _tiled(size, leaves):
            if number in tiles:
                right.join(tiles[number], TILE)
            else:
                right.extend(some)
        self._put_raw(size, entries)
        self._put_tiles(0, size, leaves, tiles)
        head = (right.size, b"".join(right.hashes), self._checkpoint(right.size, right.root()))
        self._db.execute("INSERT OR REPLACE INTO log_head VALUES (1, ?, ?, ?)", head)
        return size

    def _head(self) -> tuple[int, Frontier]:
        row = self._db.execute("SELECT size, frontier FROM log_head").fetchone()
        return (0, Frontier()) if row is None else (row[0], Frontier(row[0], hashes_in(row[1])))

    def _checkpoint(self, size: int, root: bytes) -> str:
        body = f"{self.name}\n{size}\n{verify.b64(root)}\n"
        signature = verify.key_id(self.name, self.public) + self._sign(body.encode())
        return f"{body}\n— {self.name} {verify.b64(signature)}\n"

    def _put_raw(self, size: int, entries: Sequence[bytes]) -> None:
        for number, start, some in _tiled(size, entries):
            before = self._db.execute("SELECT entries FROM log_tagged WHERE number = ?", (number,)).fetchone()
            whole = (before[0] if before and start else b"") + b"".join(some)
            self._db.execute("INSERT OR REPLACE INTO log_tagged VALUES (?, ?)", (number, whole))

    def _put_tiles(self, level: int, size: int, hashes: Sequence[bytes], known: Mapping[int, bytes]) -> None:
        """Append hashes to the tiles of a level, and those of tiles that are full (some are known) to the level
        above."""
        full = []
        for number, start, some in _tiled(size, hashes):
            whole = (self._tile(level, number) if start else b"") + b"".join(some)
            self._db.execute("INSERT OR REPLACE INTO log_tile VALUES (?, ?, ?)", (level, number, whole))
            if len(whole) == TILE * _HASH:
                full.append(known.get(number) or merkle.root_of(hashes_in(whole)))
        if full:
            self._put_tiles(level + 1, size // TILE, full, {})

    # -- reading

    def _tile(self, level: int, number: int) -> bytes:
        query = "SELECT hashes FROM log_tile WHERE level = ? AND number = ?"
        row = self._db.execute(query, (level, number)).fetchone()
        return b"" if row is None else row[0]

    def tile(self, level: int, number: int, width: int = TILE) -> bytes | None:
        """The first hashes of a tile, as tlog-tiles serves it; None where there are not so many."""
        hashes = self._tile(level, number)[: width * _HASH]
        return hashes if len(hashes) == width * _HASH else None

    def entries(self, number: int, width: int = TILE) -> bytes | None:
        """Entries of the log, each behind its length in two bytes, as tlog-tiles serves them."""
        found: list[bytes] = []
        for table, length in (("log_entries", _HASH), ("log_tagged", _TAGGED)):
            row = self._db.execute(f"SELECT entries FROM {table} WHERE number = ?", (number,)).fetchone()  # noqa: S608 (our own names)
            raw = b"" if row is None else row[0]
            found += [length.to_bytes(2, "big") + raw[at : at + length] for at in range(0, len(raw), length)]
        return b"".join(found[:width]) if len(found) >= width else None

    def checkpoint(self) -> str | None:
        """The log's signed head; None while it is empty."""
        row = self._db.execute("SELECT checkpoint FROM log_head").fetchone()
        return None if row is None else row[0]

    def empty_checkpoint(self) -> str:
        """The head of a log that has nothing in it yet."""
        return self._checkpoint(0, merkle.EMPTY)

    def size(self) -> int:
        return self._head()[0]

    def subtree(self, first: int, count: int) -> bytes:
        """The hash of a perfect subtree of the log, from its tiles."""
        exponent = count.bit_length() - 1
        level, within = divmod(exponent, 8)
        number, offset = divmod(first >> (8 * level), TILE)
        hashes = self._tile(level, number)[offset * _HASH : (offset + (1 << within)) * _HASH]
        return merkle.root_of(hashes_in(hashes))

    def inclusion(self, entry: int, size: int) -> list[bytes]:
        """The proof that an entry is in the log of a size. Raises Corrupt where it is not."""
        try:
            return merkle.inclusion(entry, size, self.subtree)
        except ValueError:
            raise Corrupt("the log lacks the head of a tree: the ledger was edited from outside") from None

    def consistency(self, old: int, size: int) -> list[bytes]:
        return merkle.consistency(old, size, self.subtree)


def hashes_in(raw: bytes) -> list[bytes]:
    """Raises ValueError where it is not whole hashes."""
    if len(raw) % _HASH:
        raise ValueError("a list of hashes was cut short")
    return [hashed for (hashed,) in _each(raw)]


def _tiled(size: int, items: Sequence[bytes]) -> Iterable[tuple[int, int, Sequence[bytes]]]:
    """(tile, how many it has already, what comes to it) for items that are appended to a list of a size."""
    at = 0
    while at < len(items):
        number, start = divmod(size + at, TILE)
        some = items[at : at + TILE - start]
        yield number, start, some
        at += len(some)

"""Receipts that can be verified: a tree of commitments for each customer, and the node's one signed log of their heads.

Both live in ledger.db and grow in the transaction that commits the receipts, so no kill comes between a leaf and its
head. A tree's leaves are kept with its receipts; of the log, what C2SP's tlog-tiles publishes: its entries, its tiles
of 256 hashes, and its checkpoint. Nothing in the log tells what it commits to.

A receipt is sealed together with the key of its commitment under the key of the customer's record (a person's own look
under the person's): what is erased takes both along, and the leaf that is left means nothing to anybody.
"""

import hashlib
import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple, Protocol

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.sqlite import transaction
from rapport.kernel import ids, merkle, verify
from rapport.kernel.errors import Corrupt
from rapport.kernel.keys import SealKey, keyed_hash
from rapport.kernel.merkle import Frontier
from rapport.kernel.times import now, rfc3339
from rapport.terms import Receipt
from rapport.terms.benefits import Settled

SCHEMA = """
    CREATE TABLE tree (id INTEGER PRIMARY KEY, org TEXT NOT NULL, customer INTEGER NOT NULL, size INTEGER NOT NULL,
                       frontier BLOB NOT NULL, entry INTEGER NOT NULL, salt BLOB NOT NULL);
    CREATE UNIQUE INDEX tree_of ON tree (org, customer);
    CREATE TABLE log_tile (level INTEGER, number INTEGER, hashes BLOB NOT NULL, PRIMARY KEY (level, number))
        WITHOUT ROWID;
    CREATE TABLE log_entries (number INTEGER PRIMARY KEY, entries BLOB NOT NULL);
    CREATE TABLE log_head (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL, frontier BLOB NOT NULL,
                           checkpoint TEXT NOT NULL);
    CREATE TABLE issued (person INTEGER, size INTEGER, at INTEGER NOT NULL, PRIMARY KEY (person, size)) WITHOUT ROWID;
    ALTER TABLE receipt ADD COLUMN tree INTEGER;
    ALTER TABLE receipt ADD COLUMN place INTEGER;
    ALTER TABLE receipt ADD COLUMN leaf BLOB;
    CREATE UNIQUE INDEX receipt_in ON receipt (tree, place) WHERE tree IS NOT NULL
"""
TAGGED = """
    ALTER TABLE tree ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE log_tagged (number INTEGER PRIMARY KEY, entries BLOB NOT NULL)
"""
"""Heads are numbered, and their entries tagged, from here on. `tree.number` 0: its last head is of before, and `salt`
its salt; else `salt` is the head's key. `log_entries` has the entries of before, `log_tagged` those that follow."""

TILE = 256
_HASH = 32
_TAGGED = verify.TAG + _HASH
_PLACE = b"receipt"
_TREE = b"tre"
_TOGETHER = 64
_TREES = (
    f"SELECT customer, id, size, frontier, number FROM tree WHERE org = ? AND customer IN ({','.join('?' * _TOGETHER)})"  # noqa: S608
)
_NEW_TREE = "INSERT INTO tree (size, frontier, entry, salt, number, id, org, customer) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_GROWN_TREE = "UPDATE tree SET size = ?, frontier = ?, entry = ?, salt = ?, number = ? WHERE id = ?"
_RECEIPTS_IN = "SELECT place, person, leaf, body FROM receipt WHERE tree = ? ORDER BY place"
_BENEFITS_IN = "SELECT place, NULL, leaf, body FROM benefit WHERE tree = ? ORDER BY place"
_encode = msgspec.msgpack.Encoder().encode
_canonical = msgspec.json.Encoder(order="sorted").encode


class Sealed(msgspec.Struct, frozen=True, array_like=True):
    """A receipt as it is kept: with the key of its commitment, where it has one."""

    receipt: Receipt
    key: bytes = b""


class SealedBenefit(msgspec.Struct, frozen=True, array_like=True):
    """A benefit as it is kept, likewise."""

    receipt: Settled
    key: bytes = b""


_sealed = msgspec.msgpack.Decoder(Sealed).decode
_sealed_benefit = msgspec.msgpack.Decoder(SealedBenefit).decode


class Tree(msgspec.Struct):
    """A customer's tree while it grows. `customer`: the number of the record whose handle the customer shows; of a
    person's own looks (organization ""), the person's. `number`: how many heads it has had (0: none that is tagged)."""

    id: int
    org: str
    customer: int
    frontier: Frontier
    number: int = 0
    entry: int = 0
    salt: bytes = b""
    new: bool = False


class Row(NamedTuple):
    """A receipt's place, its hash there, and what is kept under seal."""

    tree: int | None
    place: int | None
    leaf: bytes | None
    body: bytes


class Kept(NamedTuple):
    """A receipt in its tree: whom it tells (None: nobody with an account), and what it says, unless it was erased."""

    place: int
    person: int | None
    leaf: bytes
    sealed: Sealed | SealedBenefit | None


class Growing(Protocol):
    """What comes into a tree."""

    @property
    def receipt(self) -> Receipt | Settled: ...

    @property
    def customer(self) -> int: ...


class Opener:
    """Opens what is kept, many at once: each customer's key is fetched once."""

    def __init__(self, log: "ReceiptLog") -> None:
        self._log = log
        self._keys: dict[tuple[str, int], SealKey | None] = {}

    def receipt(self, org: str, customer: int | None, body: bytes) -> Receipt | None:
        """A kept receipt; None where its customer was erased."""
        if customer is None:
            return self._log.treeless(org, body).receipt
        key = self._key(org, customer)
        return None if key is None else _sealed(key.open(body, _PLACE)).receipt

    def benefit(self, org: str, customer: int, body: bytes) -> Settled | None:
        key = self._key(org, customer)
        return None if key is None else _sealed_benefit(key.open(body, _PLACE)).receipt

    def _key(self, org: str, customer: int) -> SealKey | None:
        if (org, customer) not in self._keys:
            self._keys[org, customer] = self._log.sealing_key(org, customer)
        return self._keys[org, customer]


_NAMES = tuple(sorted(name for name in Receipt.__struct_fields__ if name != "asked"))
_values = attrgetter(*_NAMES)


def document(receipt: Receipt | Settled) -> dict[str, object]:
    """A receipt as its commitment, and whoever verifies it, has it: names and numbers, no value and no key. A benefit
    says its amount, which both sides are told."""
    if isinstance(receipt, Settled):
        return {"document": "benefit", **msgspec.structs.asdict(receipt), "at": rfc3339(receipt.at)}
    fields = dict(zip(_NAMES, _values(receipt), strict=True))
    fields["at"] = rfc3339(receipt.at)
    return fields


class ReceiptLog:
    """Trees and log over one ledger connection. Everything that writes is called within the caller's transaction."""

    def __init__(self, db: sqlite3.Connection, keys: Keyring) -> None:
        self._db = db
        self._keys = keys
        signer = Ed25519PrivateKey.from_private_bytes(keys.secret("receipt-log"))
        self._sign = signer.sign
        self.public = signer.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        # The log is named by its key, and not by where the node is reached, which may change.
        self.name = f"rapport.node/{hashlib.sha256(self.public).hexdigest()[:16]}"
        self._named = keys.blind.derived("trees")

    @property
    def key(self) -> str:
        """The log's verifier key, as C2SP writes it."""
        return verify.vkey(self.name, self.public)

    def tree_name(self, number: int) -> str:
        """What a tree is called outside: it tells neither organization nor customer."""
        return ids.handle(self._named, _TREE, number)

    # -- sealing

    def sealing_key(self, org: str, customer: int) -> SealKey | None:
        """The key under which receipts of a customer are kept; None once it is destroyed."""
        return self._keys.record(org, customer) if org else self._keys.person(customer)

    def treeless(self, org: str, body: bytes) -> Sealed:
        """A kept receipt that is in no tree."""
        raw = self._keys.org(org).open(body, _PLACE)
        try:
            return _sealed(raw)
        except msgspec.ValidationError:  # of before there were trees
            return Sealed(msgspec.msgpack.decode(raw, type=Receipt))

    def opener(self) -> Opener:
        return Opener(self)

    # -- growing

    def append(self, pending: Sequence[Growing]) -> list[Row]:
        """Give each receipt or benefit its place in its customer's tree, and the log the new heads."""
        trees = self._trees(pending)
        keys = self._sealing_keys(trees)
        secrets = os.urandom(_HASH * len(pending))
        rows = []
        for index, one in enumerate(pending):
            receipt = one.receipt
            place = (receipt.org, one.customer)
            tree = trees.get(place)
            seal = keys.get(place)
            if tree is None or seal is None:
                rows.append(Row(None, None, None, self._keys.org(receipt.org).seal(_encode((receipt, b"")), _PLACE)))
                continue
            key = secrets[index * _HASH : (index + 1) * _HASH]
            leaf = merkle.leaf_hash(keyed_hash(key, _canonical(document(receipt))))
            rows.append(Row(tree.id, tree.frontier.size, leaf, seal.seal(_encode((receipt, key)), _PLACE)))
            tree.frontier.append(leaf)
        self._put_heads([(tree, seal) for place, tree in trees.items() if (seal := keys.get(place)) is not None])
        return rows

    def number_heads(self, trees: Iterable[int]) -> None:
        """Give trees whose last head is of before heads were numbered one that is, unless they were erased."""
        found = [tree for number in trees if not (tree := self.tree(number)).number]
        keys = self._sealing_keys([(tree.org, tree.customer) for tree in found])
        self._put_heads([(tree, seal) for tree in found if (seal := keys.get((tree.org, tree.customer))) is not None])

    def unnumbered(self, trees: Iterable[int]) -> list[int]:
        """Those of trees that `number_heads` would change."""
        found = [tree for number in trees if not (tree := self.tree(number)).number]
        return [tree.id for tree in found if self.sealing_key(tree.org, tree.customer) is not None]

    def heads_key(self, tree: Tree) -> bytes | None:
        """The key by which the heads of a tree are found in the log; None once the customer is erased."""
        seal = self.sealing_key(tree.org, tree.customer)
        return None if seal is None or not tree.number else _heads_key(seal)

    def _trees(self, pending: Iterable[Growing]) -> dict[tuple[str, int], Tree]:
        """The trees of all these customers; those that are new are numbered on from the last."""
        wanted = {(one.receipt.org, one.customer): None for one in pending if one.customer}
        of: dict[str, list[int]] = defaultdict(list)
        for org, customer in wanted:
            of[org].append(customer)
        trees = {
            (org, customer): Tree(tree, org, customer, Frontier(size, _hashes(right)), number)
            for org, customers in of.items()
            for customer, tree, size, right, number in self._grown(org, customers)
        }
        if len(trees) < len(wanted):
            last: int = self._db.execute("SELECT coalesce(max(id), 0) FROM tree").fetchone()[0]
            fresh = (place for place in wanted if place not in trees)
            trees |= {place: Tree(last + n, *place, Frontier(), new=True) for n, place in enumerate(fresh, 1)}
        return trees

    def _grown(self, org: str, customers: Sequence[int]) -> Iterable[tuple[int, int, int, bytes, int]]:
        """(customer, id, size, frontier, number of heads) of the trees that there are already."""
        for at in range(0, len(customers), _TOGETHER):
            some = customers[at : at + _TOGETHER]
            yield from self._db.execute(_TREES, (org, *some, *[None] * (_TOGETHER - len(some))))

    def _sealing_keys(self, wanted: Iterable[tuple[str, int]]) -> dict[tuple[str, int], SealKey | None]:
        wanted = list(wanted)
        records = self._keys.records([(customer, org) for org, customer in wanted if org])
        return {(o, c): records.get(c) if o else self._keys.person(c) for o, c in wanted}

    def _put_heads(self, trees: Sequence[tuple[Tree, SealKey]]) -> None:
        """Append the heads of trees to the log, each with the key its customer's receipts are kept under, and sign its
        own."""
        if not trees:
            return
        size, frontier = self._head()
        names = ids.handles(self._named, _TREE, [tree.id for tree, _ in trees])
        entries: list[bytes] = []
        new, grown = [], []
        for index, ((tree, seal), name) in enumerate(zip(trees, names, strict=True)):
            right, number = tree.frontier, tree.number + 1
            key = keyed_hash(_heads_key(seal), verify.head_number(number))
            said = verify.head_said(name, number, right.size, right.root())
            entries.append(key[: verify.TAG] + keyed_hash(key, said))
            row = (right.size, b"".join(right.hashes), size + index, key, number, tree.id)
            if tree.new:
                new.append((*row, tree.org, tree.customer))
            else:
                grown.append(row)
        leaves = [merkle.leaf_hash(entry) for entry in entries]
        frontier.extend(leaves)
        self._put_entries(size, entries)
        self._put_tiles(0, size, leaves)
        head = (frontier.size, b"".join(frontier.hashes), self._checkpoint(frontier.size, frontier.root()))
        self._db.execute("INSERT OR REPLACE INTO log_head VALUES (1, ?, ?, ?)", head)
        self._db.executemany(_NEW_TREE, new)
        self._db.executemany(_GROWN_TREE, grown)

    def _head(self) -> tuple[int, Frontier]:
        row = self._db.execute("SELECT size, frontier FROM log_head").fetchone()
        return (0, Frontier()) if row is None else (row[0], Frontier(row[0], _hashes(row[1])))

    def _checkpoint(self, size: int, root: bytes) -> str:
        body = f"{self.name}\n{size}\n{verify.b64(root)}\n"
        signature = verify.key_id(self.name, self.public) + self._sign(body.encode())
        return f"{body}\n— {self.name} {verify.b64(signature)}\n"

    def _put_entries(self, size: int, entries: Sequence[bytes]) -> None:
        for number, start, some in _tiled(size, entries):
            before = self._db.execute("SELECT entries FROM log_tagged WHERE number = ?", (number,)).fetchone()
            whole = (before[0] if before and start else b"") + b"".join(some)
            self._db.execute("INSERT OR REPLACE INTO log_tagged VALUES (?, ?)", (number, whole))

    def _put_tiles(self, level: int, size: int, hashes: Sequence[bytes]) -> None:
        """Append hashes to the tiles of a level, and those of tiles that are full to the level above."""
        full = []
        for number, start, some in _tiled(size, hashes):
            whole = (self._tile(level, number) if start else b"") + b"".join(some)
            self._db.execute("INSERT OR REPLACE INTO log_tile VALUES (?, ?, ?)", (level, number, whole))
            if len(whole) == TILE * _HASH:
                full.append(merkle.root_of(_hashes(whole)))
        if full:
            self._put_tiles(level + 1, size // TILE, full)

    # -- trees

    def tree(self, number: int) -> Tree:
        """A tree by its number. Raises Corrupt where it is gone, or is not what was written."""
        query = "SELECT org, customer, size, frontier, number, entry, salt FROM tree WHERE id = ?"
        row = self._db.execute(query, (number,)).fetchone()
        try:
            org, customer, size, frontier, heads, entry, salt = row
            return Tree(number, org, customer, Frontier(size, _hashes(frontier)), heads, entry, salt)
        except (TypeError, ValueError):
            raise Corrupt("a tree of receipts is gone or was changed: the ledger was edited from outside") from None

    def trees_of(self, person: int, records: Iterable[tuple[str, int]]) -> list[int]:
        """Trees that hold a receipt which tells a person, or that are of customers who show one of these records
        (organization, number)."""
        told = "SELECT DISTINCT tree FROM receipt WHERE person = ? AND tree IS NOT NULL"
        found = {number for (number,) in self._db.execute(told, (person,))}
        of = "SELECT id FROM tree WHERE org = ? AND customer = ?"
        for place in records:
            found.update(number for (number,) in self._db.execute(of, place))
        return sorted(found)

    def kept(self, tree: int) -> list[Kept]:
        """All receipts of a tree in order, and then its benefits."""
        org, customer = self._db.execute("SELECT org, customer FROM tree WHERE id = ?", (tree,)).fetchone()
        key = self.sealing_key(org, customer)
        return [
            Kept(place, person, leaf, None if key is None else open_(key.open(body, _PLACE)))
            for query, open_ in ((_RECEIPTS_IN, _sealed), (_BENEFITS_IN, _sealed_benefit))
            for place, person, leaf, body in self._db.execute(query, (tree,)).fetchall()
        ]

    def issued(self, person: int, most: int) -> list[int]:
        """The sizes of the log in the bundles that a person was last given."""
        query = "SELECT size FROM issued WHERE person = ? ORDER BY size DESC LIMIT ?"
        return [size for (size,) in self._db.execute(query, (person, most)).fetchall()]

    def note_issued(self, person: int, size: int) -> None:
        with transaction(self._db):
            self._db.execute("INSERT OR IGNORE INTO issued VALUES (?, ?, ?)", (person, size, now()))

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
        return merkle.root_of(_hashes(hashes))

    def inclusion(self, entry: int, size: int) -> list[bytes]:
        """The proof that an entry is in the log of a size. Raises Corrupt where it is not."""
        try:
            return merkle.inclusion(entry, size, self.subtree)
        except ValueError:
            raise Corrupt("the log lacks the head of a tree: the ledger was edited from outside") from None

    def consistency(self, old: int, size: int) -> list[bytes]:
        return merkle.consistency(old, size, self.subtree)


def _heads_key(seal: SealKey) -> bytes:
    """Made from the key that an erasure destroys, so that nothing has to be kept, or forgotten, beside it."""
    return hashlib.blake2b(b"heads", key=seal.raw, digest_size=_HASH).digest()


def _hashes(raw: bytes) -> list[bytes]:
    return [raw[at : at + _HASH] for at in range(0, len(raw), _HASH)]


def _tiled(size: int, items: Sequence[bytes]) -> Iterable[tuple[int, int, Sequence[bytes]]]:
    """(tile, how many it has already, what comes to it) for items that are appended to a list of a size."""
    at = 0
    while at < len(items):
        number, start = divmod(size + at, TILE)
        some = items[at : at + TILE - start]
        yield number, start, some
        at += len(some)

"""Receipts that can be verified: a tree of commitments for each customer, and the node's one signed log of their heads.

Both live in ledger.db and grow in the transaction that commits the receipts, so no kill comes between a leaf and its
head. A tree's leaves are kept with its receipts; the log is a `TileLog`, and tells nothing of what it commits to.

A receipt is sealed together with the key of its commitment under the key of the customer's record (a person's own look
under the person's): what is erased takes both along, and the leaf that is left means nothing to anybody.
"""

import hashlib
import os
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple, Protocol

import msgspec

from rapport.adapters.embedded import told_too
from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.sqlite import put_rows, rows_in, transaction
from rapport.adapters.embedded.tile_log import TileLog, hashes_in
from rapport.kernel import ids, merkle, verify
from rapport.kernel.errors import Corrupt
from rapport.kernel.keys import SealKey, keyed_hash
from rapport.kernel.merkle import Frontier
from rapport.kernel.times import now
from rapport.terms import Receipt
from rapport.terms.benefits import Settled
from rapport.terms.documents import canonical

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
CHAINED = """
    ALTER TABLE tree ADD COLUMN last INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE receipt ADD COLUMN previous INTEGER;
    UPDATE receipt SET previous = earlier.previous
        FROM (SELECT seq, lag(seq, 1, 0) OVER (PARTITION BY tree ORDER BY place) AS previous FROM receipt
              WHERE tree IS NOT NULL) AS earlier
        WHERE receipt.seq = earlier.seq;
    UPDATE tree SET last = coalesce(
        (SELECT seq FROM receipt WHERE receipt.tree = tree.id ORDER BY place DESC LIMIT 1), 0);
    DROP INDEX receipt_in;
    DROP INDEX receipt_at;
    DROP INDEX receipt_of;
    CREATE INDEX receipt_of ON receipt (person, seq, at) WHERE person IS NOT NULL
"""
"""A tree points to its last receipt, and each receipt to the one before it (0: none): an index of them by tree cost
each commit a page for every receipt. Likewise one index by person does where two did: whoever asks for a month is told
`at` by the index, too."""

_HASH = 32
_PLACE = b"receipt"
_TREE = b"tre"
_TREES = "SELECT customer, id, size, frontier, number, last FROM tree WHERE org = ? AND customer IN ({})"
_PUT_TREE = "tree (id, org, customer, size, frontier, entry, salt, number, last)"
_GROWN = """
    ON CONFLICT (id) DO UPDATE
    SET size = excluded.size, frontier = excluded.frontier, entry = excluded.entry, salt = excluded.salt,
        number = excluded.number, last = excluded.last
"""
# (It goes back all the way, and ends also where somebody bent the chain into a ring.)
_BACK = """
    WITH RECURSIVE back (seq) AS (
        SELECT last FROM tree WHERE {}
        UNION ALL
        SELECT receipt.previous FROM back JOIN receipt ON receipt.seq = back.seq WHERE receipt.previous < back.seq)
"""
_LEAVES = "SELECT place, person, leaf, body FROM back JOIN receipt USING (seq)"
_RECEIPTS_IN = f"{_BACK.format('id = ?1')} {_LEAVES} WHERE tree = ?1 ORDER BY place"
_IS_THERE = "SELECT 1 FROM back JOIN receipt USING (seq)"
_USE_IN = f"{_BACK.format('org = ? AND customer = ?')} {_IS_THERE} WHERE id = ? AND decision = 'permitted'"
_TREE_OF = "SELECT tree FROM receipt WHERE tree IS NOT NULL"
_BENEFITS_IN = "SELECT place, NULL, leaf, body FROM benefit WHERE tree = ? ORDER BY place"
_encode = msgspec.msgpack.Encoder().encode


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


class Tree(msgspec.Struct, gc=False):
    """A customer's tree while it grows. `customer`: the number of the record whose handle the customer shows; of a
    person's own looks (organization ""), the person's. `number`: how many heads it has had (0: none that is tagged);
    `last`: the sequence number of its last receipt (0: none); `seal`: the key that its receipts are kept under, where
    it was asked for and is not destroyed."""

    id: int
    org: str
    customer: int
    frontier: Frontier
    number: int = 0
    last: int = 0
    entry: int = 0
    salt: bytes = b""
    seal: SealKey | None = None


class Row(NamedTuple):
    """A receipt's place, its hash there, the receipt before it in the tree, and what is kept under seal."""

    tree: int | None
    place: int | None
    leaf: bytes | None
    previous: int | None
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


class ReceiptLog(TileLog):
    """Trees, and the log of their heads, over one ledger connection. Everything that writes is called within the
    caller's transaction."""

    def __init__(self, db: sqlite3.Connection, keys: Keyring) -> None:
        super().__init__(db, keys.secret("receipt-log"))
        self._keys = keys
        self._named = keys.blind.derived("trees")

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

    def append(self, pending: Sequence[Growing], first: int = 0) -> list[Row]:
        """Give each receipt or benefit its place in its customer's tree, and the log the new heads. `first`: the
        sequence number that the first receipt is about to get, and the others after it; 0 for benefits."""
        trees = self._trees(pending)
        rows = []
        for seq, (one, key) in enumerate(zip(pending, hashes_in(os.urandom(_HASH * len(pending))), strict=True), first):
            receipt = one.receipt
            tree = trees.get((receipt.org, one.customer))
            if tree is None or tree.seal is None:
                body = self._keys.org(receipt.org).seal(_encode((receipt, b"")), _PLACE)
                rows.append(Row(None, None, None, None, body))
                continue
            leaf = merkle.leaf_hash(keyed_hash(key, canonical(receipt)))
            body = tree.seal.seal(_encode((receipt, key)), _PLACE)
            rows.append(Row(tree.id, tree.frontier.size, leaf, tree.last, body))
            tree.frontier.append(leaf)
            if first:
                tree.last = seq
        self._put_heads(trees.values())
        return rows

    def number_heads(self, trees: Iterable[int]) -> None:
        """Give trees whose last head is of before heads were numbered one that is, unless they were erased."""
        found = [tree for number in trees if not (tree := self.tree(number)).number]
        self._give_keys(found)
        self._put_heads(found)

    def unnumbered(self, trees: Iterable[int]) -> list[int]:
        """Those of trees that `number_heads` would change."""
        found = [tree for number in trees if not (tree := self.tree(number)).number]
        return [tree.id for tree in found if self.sealing_key(tree.org, tree.customer) is not None]

    def heads_key(self, tree: Tree) -> bytes | None:
        """The key by which the heads of a tree are found in the log; None once the customer is erased."""
        seal = self.sealing_key(tree.org, tree.customer)
        return None if seal is None or not tree.number else _heads_key(seal)

    def _trees(self, pending: Iterable[Growing]) -> dict[tuple[str, int], Tree]:
        """The trees of all these customers, with their keys; those that are new are numbered on from the last."""
        wanted = {(one.receipt.org, one.customer): None for one in pending if one.customer}
        of: dict[str, list[int]] = defaultdict(list)
        for org, customer in wanted:
            of[org].append(customer)
        trees = {
            (org, customer): Tree(tree, org, customer, Frontier(size, hashes_in(right)), number, last)
            for org, customers in of.items()
            for customer, tree, size, right, number, last in rows_in(self._db, _TREES, customers, org)
        }
        if len(trees) < len(wanted):
            newest: int = self._db.execute("SELECT coalesce(max(id), 0) FROM tree").fetchone()[0]
            fresh = (place for place in wanted if place not in trees)
            trees |= {place: Tree(newest + n, *place, Frontier()) for n, place in enumerate(fresh, 1)}
        self._give_keys(trees.values())
        return trees

    def _give_keys(self, trees: Collection[Tree]) -> None:
        records = self._keys.records([(tree.customer, tree.org) for tree in trees if tree.org])
        for tree in trees:
            tree.seal = records.get(tree.customer) if tree.org else self._keys.person(tree.customer)

    def _put_heads(self, trees: Iterable[Tree]) -> None:
        """Append the heads of trees to the log, but for those whose keys are destroyed."""
        sealed = [(tree, tree.seal) for tree in trees if tree.seal is not None]
        if not sealed:
            return
        names = ids.handles(self._named, _TREE, [tree.id for tree, _ in sealed])
        entries: list[bytes] = []
        for (tree, seal), name in zip(sealed, names, strict=True):
            right = tree.frontier
            tree.number += 1
            tree.salt = key = keyed_hash(_heads_key(seal), verify.head_number(tree.number))
            said = verify.head_said(name, tree.number, right.size, right.root())
            entries.append(key[: verify.TAG] + keyed_hash(key, said))
        first = self.put_entries(entries)
        rows = [
            (t.id, t.org, t.customer, t.frontier.size, b"".join(t.frontier.hashes), entry, t.salt, t.number, t.last)
            for entry, (t, _) in enumerate(sealed, first)
        ]
        put_rows(self._db, _PUT_TREE, rows, _GROWN)

    # -- trees

    def tree(self, number: int) -> Tree:
        """A tree by its number. Raises Corrupt where it is gone, or is not what was written."""
        query = "SELECT org, customer, size, frontier, number, last, entry, salt FROM tree WHERE id = ?"
        row = self._db.execute(query, (number,)).fetchone()
        try:
            org, customer, size, frontier, *rest = row
            return Tree(number, org, customer, Frontier(size, hashes_in(frontier)), *rest)
        except (TypeError, ValueError):
            raise Corrupt("a tree of receipts is gone or was changed: the ledger was edited from outside") from None

    def trees_of(self, person: int, records: Iterable[tuple[str, int]]) -> list[int]:
        """Trees that hold a receipt which tells a person, or that are of customers who show one of these records
        (organization, number)."""
        told = f"{_TREE_OF} AND person = ?1 UNION {_TREE_OF} AND seq IN ({told_too.RECEIPTS})"
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

    def has_use(self, org: str, customer: int, receipt: str) -> bool:
        """Whether a customer's tree has this receipt, and something was given with it."""
        return self._db.execute(_USE_IN, (org, customer, receipt)).fetchone() is not None

    def issued(self, person: int, most: int) -> list[int]:
        """The sizes of the log in the bundles that a person was last given."""
        query = "SELECT size FROM issued WHERE person = ? ORDER BY size DESC LIMIT ?"
        return [size for (size,) in self._db.execute(query, (person, most)).fetchall()]

    def note_issued(self, person: int, size: int) -> None:
        with transaction(self._db):
            self._db.execute("INSERT OR IGNORE INTO issued VALUES (?, ?, ?)", (person, size, now()))


def _heads_key(seal: SealKey) -> bytes:
    """Made from the key that an erasure destroys, so that nothing has to be kept, or forgotten, beside it."""
    return hashlib.blake2b(b"heads", key=seal.raw, digest_size=_HASH).digest()

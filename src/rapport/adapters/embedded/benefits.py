"""The book of benefits in ledger.db: each a leaf in the tree of the customer whose event shows it.

A benefit is sealed, like a receipt, under the key of the record that has its event, and goes with it. It is kept once
for each record, side, kind and event: whoever reports it again is told what is there.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from rapport.adapters.embedded.sqlite import transaction, translated
from rapport.kernel.errors import BadInput, NotFound
from rapport.kernel.keys import digest16
from rapport.kernel.times import DAY, now
from rapport.terms.benefits import Estimate, Mapped, Settled, Sum
from rapport.terms.estimates import newest
from rapport.terms.gate import ABSENT
from rapport.terms.settling import Kept

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

SCHEMA = """
    CREATE TABLE benefit (id INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE, handle TEXT NOT NULL,
                          org TEXT NOT NULL, record INTEGER NOT NULL, at INTEGER NOT NULL, mapped INTEGER NOT NULL,
                          tree INTEGER NOT NULL, place INTEGER NOT NULL, leaf BLOB NOT NULL, body BLOB NOT NULL);
    CREATE INDEX benefit_of ON benefit (org, record);
    CREATE INDEX benefit_at ON benefit (org, at);
    CREATE UNIQUE INDEX benefit_in ON benefit (tree, place);
    CREATE TABLE benefit_map (org TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE estimate (id INTEGER PRIMARY KEY AUTOINCREMENT, org TEXT NOT NULL, at INTEGER NOT NULL,
                           body BLOB NOT NULL);
    CREATE INDEX estimate_of ON estimate (org)
"""

SUMS = """
    CREATE TABLE gave (org TEXT NOT NULL, day INTEGER NOT NULL, side TEXT NOT NULL, kind TEXT NOT NULL,
                       unit TEXT NOT NULL, band TEXT NOT NULL, amount TEXT NOT NULL, times INTEGER NOT NULL,
                       PRIMARY KEY (org, day, side, kind, unit, band)) WITHOUT ROWID
"""
"""What an organization settled in all, by day. Nobody's erasure changes it: else it would tell the organization who was
erased from who only shut it out."""
_SUM = "SELECT amount, times FROM gave WHERE org = ? AND day = ? AND side = ? AND kind = ? AND unit = ? AND band = ?"

_PUT = """
    INSERT INTO benefit (key, handle, org, record, at, mapped, tree, place, leaf, body)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_OF = "SELECT org, record, body FROM benefit WHERE org = ? AND at >= ? AND at < ?"


class _Leaf(NamedTuple):
    receipt: Settled
    customer: int


class BenefitFile:
    """The benefits of a ledger; over one ledger connection, used by one thread at a time."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._ledger = ledger
        self._db = ledger.db
        self._log = ledger.receipt_log
        self._secret = ledger.keys.secret("benefits")

    # -- writing

    def put(self, benefits: Sequence[Settled], customers: Sequence[int], *, mapped: bool) -> list[Kept]:
        try:
            with transaction(self._db):
                return self.put_along(benefits, customers, mapped=mapped)
        except sqlite3.Error as error:
            raise translated(error, self._ledger.path) from error

    def put_along(self, benefits: Sequence[Settled], customers: Sequence[int], *, mapped: bool) -> list[Kept]:
        """The same, in the transaction that its caller holds."""
        kept: list[Kept] = []
        fresh: dict[bytes, Settled] = {}
        for one in benefits:
            key = self._key(one)
            known = self._db.execute("SELECT handle FROM benefit WHERE key = ?", (key,)).fetchone()
            before = known[0] if known is not None else fresh[key].id if key in fresh else None
            if before is None:
                self._check_use(one, customers)
                fresh[key] = one
            kept.append(Kept(before or one.id, before is None))
        leaves = [_Leaf(one, one.records[0]) for one in fresh.values()]
        if leaves:
            for key, leaf, row in zip(fresh, leaves, self._log.append(leaves), strict=True):
                if row.tree is None:
                    raise NotFound(ABSENT)
                one = leaf.receipt
                place = (row.tree, row.place, row.leaf, row.body)
                self._db.execute(_PUT, (key, one.id, one.org, leaf.customer, one.at, mapped, *place))
                self._add(one)
        return kept

    def _add(self, one: Settled) -> None:
        place = (one.org, one.at // DAY, one.side, one.kind, one.unit, one.band)
        amount, times = self._db.execute(_SUM, place).fetchone() or ("0", 0)
        added = "" if one.band else format(Decimal(amount) + Decimal(one.amount), "f")
        self._db.execute("INSERT OR REPLACE INTO gave VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*place, added, times + 1))

    def _key(self, one: Settled) -> bytes:
        said = msgspec.msgpack.encode((one.org, one.records, one.side, one.kind, one.evidence))
        return digest16(self._secret, said)

    def _check_use(self, one: Settled, customers: Iterable[int]) -> None:
        if one.use and not any(self._log.has_use(one.org, customer, one.use) for customer in customers):
            raise BadInput("this customer has no such use of yours", code="no_use", field="receipt")

    def set_mapping(self, org: str, mapped: Sequence[Mapped]) -> None:
        """Put the events that settle themselves in the place of those before."""
        if not self._ledger.has_org(org):
            raise NotFound(f"there is no organization {org!r}", field="org")
        with transaction(self._db):
            self._db.execute("INSERT OR REPLACE INTO benefit_map VALUES (?, ?)", (org, msgspec.json.encode(mapped)))

    def estimate(self, org: str, estimates: Sequence[Estimate]) -> None:
        """Keep estimates, all or none; what says the same as what counts already is not kept again."""
        if not self._ledger.has_org(org):
            raise NotFound(f"there is no organization {org!r}", field="org")
        with transaction(self._db):
            known = set(self.estimates(org))
            rows = [(org, now(), msgspec.json.encode(one)) for one in estimates if one not in known]
            self._db.executemany("INSERT INTO estimate (org, at, body) VALUES (?, ?, ?)", rows)

    # -- reading

    def mapping(self, org: str) -> tuple[Mapped, ...]:
        row = self._db.execute("SELECT body FROM benefit_map WHERE org = ?", (org,)).fetchone()
        return () if row is None else msgspec.json.decode(row[0], type=tuple[Mapped, ...])

    def by_mapping(self, org: str, records: Sequence[int]) -> int:
        query = "SELECT count(*) FROM benefit WHERE org = ? AND record = ? AND mapped"
        return sum(int(self._db.execute(query, (org, record)).fetchone()[0]) for record in records)

    def of_records(self, org: str, records: Iterable[int], since: int, until: int) -> list[Settled]:
        """Benefits of these records in a span of time, the oldest first, but for those that were erased."""
        found: list[Settled] = []
        for record in records:
            found += self._opened(f"{_OF} AND record = ?", (org, since, until, record))
        return sorted(found, key=lambda one: (one.at, one.id))

    def sums(self, org: str, since: int, until: int) -> list[tuple[int, Sum]]:
        """What an organization settled from the day `since` up to before the day `until` (since the epoch), by day."""
        query = """
            SELECT day, side, kind, unit, band, amount, times FROM gave WHERE org = ? AND day >= ? AND day < ?
        """
        return [(day, Sum(*row)) for day, *row in self._db.execute(query, (org, since, until)).fetchall()]

    def _opened(self, query: str, parameters: Sequence[object]) -> list[Settled]:
        opened = self._log.opener()
        rows = self._db.execute(query, parameters).fetchall()
        return [one for row in rows if (one := opened.benefit(*row)) is not None]

    def estimates(self, org: str) -> list[Estimate]:
        """Those that count: the newest of each side, group and unit."""
        query = "SELECT body FROM estimate WHERE org = ? ORDER BY id"
        return newest(msgspec.json.decode(body, type=Estimate) for (body,) in self._db.execute(query, (org,)))


class Benefits:
    """The BenefitBook of a process that must not wait for a disk: what is written is written by a thread."""

    def __init__(self, book: BenefitFile, open_book: Callable[[], BenefitFile]) -> None:
        self.file = book
        self._open = open_book
        self._writer: BenefitFile | None = None
        self._turn = threading.Lock()

    async def settle(self, benefits: Sequence[Settled], customers: Sequence[int]) -> list[Kept]:
        return await asyncio.to_thread(self._settle, benefits, customers)

    async def estimate(self, org: str, estimates: Sequence[Estimate]) -> None:
        await asyncio.to_thread(self._estimate, org, estimates)

    def _estimate(self, org: str, estimates: Sequence[Estimate]) -> None:
        with self._turn:
            self._writing().estimate(org, estimates)

    def _writing(self) -> BenefitFile:
        if self._writer is None:
            self._writer = self._open()
        return self._writer

    def _settle(self, benefits: Sequence[Settled], customers: Sequence[int]) -> list[Kept]:
        with self._turn:
            return self._writing().put(benefits, customers, mapped=not customers)

    def mapping(self, org: str) -> Sequence[Mapped]:
        return self.file.mapping(org)

    def by_mapping(self, org: str, records: Sequence[int]) -> int:
        return self.file.by_mapping(org, records)

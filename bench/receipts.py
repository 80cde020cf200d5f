"""Receipts that can be verified: appended in bulk, left by single reads, and verified by whom they tell."""

import asyncio
import contextlib
import os
import random
import time
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any, NamedTuple
from unittest.mock import patch

import msgspec

from bench import gate, machine
from bench.bench import Bench
from bench.row import Row, against
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.receipt_log import ReceiptLog
from rapport.adapters.embedded.receipt_log import Row as Place
from rapport.adapters.embedded.sqlite import put_rows, transaction
from rapport.app import embedded
from rapport.app.bundling import SEEN, open_bundler
from rapport.app.receipting import LedgerReceipts
from rapport.app.settings import Settings
from rapport.kernel import verify
from rapport.kernel.keys import SealKey, fresh_key
from rapport.kernel.times import now
from rapport.terms import Ground, Pending, Receipt, Standing
from rapport.terms.declaration import DEFAULT
from rapport.terms.documents import document

ORG = "bench"
BULK = 50_000
"""Receipts appended in bulk."""
EACH = 100
"""Receipts of each customer where several come at once."""
AT_ONCE = 10_000
"""Receipts in one transaction."""
GATED = 250
"""Likewise, as the gate commits them where it is asked for many customers."""
CHECKED = 100
"""Customers whose proofs are checked."""
RECEIPTS = 1_000
"""Receipts of the person who verifies."""
ENTRIES = 1_000_000
"""Entries of the log that they verify against."""
ROUNDS = 3
_COLUMNS = "id, org, at, body, person, purpose, decision, unmet, tree, place, leaf, previous"


def measure(bench: Bench) -> Iterator[Row]:
    yield from _bulk(Settings(data=str(bench.place("receipts"))), min(BULK, bench.scale.customers))
    yield from _single_reads(bench)
    yield from _bundle(Settings(data=str(bench.place("bundle"))), min(ENTRIES, bench.scale.customers))


def _pending(number: int, customer: int) -> Pending:
    """A receipt as an export leaves it: some fields, some categories, one clause, one agreement, one recipient."""
    receipt = Receipt(
        f"rcp_{number:026d}",
        ORG,
        now(),
        "service",
        "export",
        "permitted",
        "contract",
        "bench",
        fields=("email", "name", "orders", "plan"),
        categories=("contact", "purchases"),
        records=(customer,),
        clauses=("service",),
        agreement=f"agr_{customer:026d}",
        declaration="0" * 64,
        recipients=("courier",),
        retention_days=365,
    )
    return Pending(receipt, Ground(1, ORG, Standing(ORG, DEFAULT, 1, "", 0)), person=customer, customer=customer)


# -- in bulk


class _Took(NamedTuple):
    """Seconds of wall clock and of CPU."""

    wall: float
    cpu: float


def _bulk(settings: Settings, most: int) -> Iterator[Row]:
    """Each round appends to trees that grow, and in turns with it the rows it made to a plain table like theirs."""
    machine.say(f"appending {most:,} receipts at a time, and as many plain rows …")
    keys = embedded.open_keys(settings)
    keys.put_records((ORG, number, SealKey(fresh_key())) for number in range(1, most + 1))
    ledger, plain = embedded.open_ledger(settings), embedded.open_ledger(Settings(data=f"{settings.data}/plain"))
    few = max(most // EACH, 1)
    for name, customers in (
        (f"one each of {most:,} customers", range(1, most + 1)),
        (f"{EACH} each of {few:,} customers", [1 + number % few for number in range(most)]),
    ):
        ours: list[_Took] = []
        bare: list[_Took] = []
        for _ in range(ROUNDS):
            before: int = ledger.db.execute("SELECT coalesce(max(seq), 0) FROM receipt").fetchone()[0]
            ours.append(_appended(ledger, customers, AT_ONCE))
            rows = ledger.db.execute(f"SELECT {_COLUMNS} FROM receipt WHERE seq > ? ORDER BY seq", (before,)).fetchall()
            bare.append(_inserted(plain, rows))
        _check(ledger, customers)
        rate, floor = (median(most / took.wall for took in some) for some in (ours, bare))
        yield Row(
            f"receipts appended in bulk, {name}",
            rate,
            "receipts/s",
            50_000,
            floor=against("the same rows inserted plainly", floor, "rows/s"),
            ratio=rate / floor,
        )
        yield _cpu(f"CPU of a receipt, {name}", ours, most)
        yield _cpu("CPU of a plain row", bare, most)
    gated = [_appended(ledger, range(1, most + 1), GATED) for _ in range(ROUNDS)]
    yield Row(f"one each, in commits of {GATED}", median(most / took.wall for took in gated), "receipts/s")
    yield _cpu("CPU of a receipt", gated, most)
    ledger.close()
    plain.close()


def _cpu(name: str, took: Sequence[_Took], receipts: int) -> Row:
    return Row(name, median(one.cpu for one in took) / receipts * 1e6, "µs")


def _appended(ledger: LedgerFile, customers: Sequence[int], at_once: int) -> _Took:
    """One receipt of each, in synced transactions, with trees, log and signed heads."""
    pending = [_pending(number, customer) for number, customer in enumerate(customers)]
    wall, cpu = time.perf_counter(), time.process_time()
    for at in range(0, len(pending), at_once):
        ledger.append_receipts([pending[at : at + at_once]], lambda *_: True)
    return _Took(time.perf_counter() - wall, time.process_time() - cpu)


def _inserted(plain: LedgerFile, rows: Sequence[Sequence[object]]) -> _Took:
    wall, cpu = time.perf_counter(), time.process_time()
    for at in range(0, len(rows), AT_ONCE):
        with transaction(plain.db):
            put_rows(plain.db, f"receipt ({_COLUMNS})", rows[at : at + AT_ONCE])
    return _Took(time.perf_counter() - wall, time.process_time() - cpu)


def _check(ledger: LedgerFile, customers: Sequence[int]) -> None:
    """The proofs were kept up: of some customers, each receipt is a leaf of their tree, and its head in the log that
    the checkpoint signs."""
    log = ledger.receipt_log
    size, root = verify.read_checkpoint(log.checkpoint() or "", *verify.read_vkey(log.key))
    for customer in random.sample(sorted(set(customers)), min(CHECKED, len(set(customers)))):
        (number,) = ledger.db.execute("SELECT id FROM tree WHERE org = ? AND customer = ?", (ORG, customer)).fetchone()
        tree = log.tree(number)
        sealed = [kept.sealed for kept in log.kept(number)]
        leaves = [verify.leaf_hash(verify.commitment(one.key, document(one.receipt))) for one in sealed if one]
        assert len(leaves) == tree.frontier.size
        name = log.tree_name(number)
        head = verify.head_entry(tree.salt, name, tree.number, len(leaves), verify.root_of(leaves))
        assert verify.includes(tree.entry, size, verify.leaf_hash(head), log.inclusion(tree.entry, size), root)


# -- by single reads


def _single_reads(bench: Bench) -> Iterator[Row]:
    company = bench.company(bench.scale.few)
    known = gate.known(company, min(gate.PERSONS, bench.scale.few // 2))

    async def in_turns() -> tuple[list[gate.Took], list[gate.Took]]:
        book = LedgerReceipts(lambda: embedded.open_ledger(known.settings), known.settings.min_free_mb << 20)
        seal = embedded.open_keys(known.settings).org(ORG)
        took: tuple[list[gate.Took], list[gate.Took]] = ([], [])
        try:
            opened = known.gate(book)
            machine.say("reading one by one, with trees of receipts and without …")
            for _ in range(gate.ROUNDS):
                took[0].append(await gate.one_by_one(opened, known.customers))
                with _treeless(seal):
                    took[1].append(await gate.one_by_one(opened, known.customers))
        finally:
            book.close()
        return took

    with_trees, without = asyncio.run(in_turns())
    each, before = (median(took.cpu for took in some) for some in (with_trees, without))
    yield Row(
        "view with a receipt that can be verified, as a multiple of one with a plain receipt (CPU)",
        each / before,
        "×",
        1.2,
        "at most",
        floor=against("a plain receipt", before * 1e6, "µs a view"),
        ratio=each / before,
    )
    wall = [median(took.wall for took in some) for some in (with_trees, without)]
    yield Row("the same by the clock", wall[0] / wall[1], "×")


@contextlib.contextmanager
def _treeless(key: SealKey) -> Iterator[None]:
    """Receipts as they were before there were trees: sealed under the organization's key, in no order."""
    encode = msgspec.msgpack.Encoder().encode

    def rows(_: ReceiptLog, pending: Sequence[Pending], __: int) -> list[Place]:
        return [Place(None, None, None, None, key.seal(encode((one.receipt, b"")), b"receipt")) for one in pending]

    with patch.object(ReceiptLog, "append", rows):
        yield


# -- verified


def _bundle(settings: Settings, entries: int) -> Iterator[Row]:
    """A customer's 1,000 receipts in a log of so many entries; the bundle is their third, so that it continues two."""
    machine.say(f"filling a log with {entries:,} entries, and bundling {RECEIPTS:,} receipts …")
    keys, ledger = embedded.open_keys(settings), embedded.open_ledger(settings)
    ledger.add_org(ORG)
    person = embedded.open_people(settings, ledger).add([f"{ORG}:email:ada@example.com"])
    keys.put_records([(ORG, 1, SealKey(fresh_key()))])
    _fill(ledger, entries - RECEIPTS if entries > RECEIPTS else entries)
    bundler = open_bundler(settings)
    told, bundle = 0, bundler.bundle(person.handle)
    for until in (RECEIPTS // 2, RECEIPTS - RECEIPTS // 4, RECEIPTS):
        for number in range(told, until):  # each in a transaction of its own, as reads leave them
            one = _pending(number, 1)
            one.person = _number(ledger, person.handle)
            ledger.append_receipts([[one]], lambda *_: True)
        told = until
        bundle = bundler.bundle(person.handle)
    raw = msgspec.json.encode(bundle)
    assert len(bundle["receipts"]) == RECEIPTS
    assert len(bundle["log"]["consistency"]) == SEEN
    yield from _verified(raw)
    receipts = len(msgspec.json.encode(bundle["receipts"]))
    yield Row(
        f"bundle beside its receipts, of a log of {verify.read_head(bundle)['log']['size']:,} entries",
        len(raw) - receipts,
        "bytes",
        3_072,
        "at most",
        floor=against("its receipts", receipts, "bytes"),
        ratio=(len(raw) - receipts) / receipts,
    )
    yield _walked(raw, ledger.receipt_log)
    ledger.close()


def _walked(raw: bytes, log: ReceiptLog) -> Row:
    """All entries as they are published, read from the ledger."""
    size = log.size()

    def read(path: str) -> bytes:
        if path == "checkpoint":
            return (log.checkpoint() or "").encode()
        tile, _, width = path.removeprefix("tile/entries/").partition(".p/")
        found = log.entries(int(tile.replace("x", "").replace("/", "")), int(width or verify.TILE))
        assert found is not None
        return found

    started = time.perf_counter()
    done = verify.verify(msgspec.json.decode(raw), log=read)
    assert done["latest"] == {"trees": 1, "entries": size, "grown": 0}, done["problem"]
    return Row(f"the same, with a log of {size:,} entries walked for newer heads", time.perf_counter() - started, "s")


def _verified(raw: bytes) -> Iterator[Row]:
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        started = time.perf_counter()
        bundle: Any = msgspec.json.decode(raw)
        times[1].append(time.perf_counter() - started)
        done = verify.verify(bundle)
        times[0].append(time.perf_counter() - started)
        assert done["ok"], done["problem"]
    took, floor = median(times[0]), median(times[1])
    yield Row(
        f"verify a bundle of {RECEIPTS:,} receipts",
        took,
        "s",
        1,
        "at most",
        floor=against("reading its JSON", floor, "s"),
        ratio=took / floor,
    )


def _number(ledger: LedgerFile, handle: str) -> int:
    found: int = ledger.db.execute("SELECT id FROM person WHERE handle = ?", (handle,)).fetchone()[0]
    return found


def _fill(ledger: LedgerFile, count: int) -> None:
    """Entries of customers who are nobody here."""
    noise = os.urandom(48 * count)
    with transaction(ledger.db):
        ledger.receipt_log.put_entries([noise[at : at + 48] for at in range(0, len(noise), 48)])

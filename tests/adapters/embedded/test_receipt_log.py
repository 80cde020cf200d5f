"""Trees of receipts and the log of their heads: however receipts come, they are what RFC 6962 says of all of them."""

import hashlib
import hmac
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.receipt_log import CHAINED, Tree
from rapport.adapters.embedded.sqlite import transaction
from rapport.kernel import ids, merkle, verify
from rapport.kernel.keys import BlindKey, SealKey, fresh_key, keyed_hash
from rapport.terms import Ground, Pending, Receipt, Standing
from rapport.terms.declaration import DEFAULT
from rapport.terms.documents import canonical, document

KEK = bytes(32)
AS_BEFORE = (
    "DROP INDEX receipt_of",
    "CREATE INDEX receipt_of ON receipt (person, seq)",
    "CREATE INDEX receipt_at ON receipt (person, at)",
    "CREATE UNIQUE INDEX receipt_in ON receipt (tree, place) WHERE tree IS NOT NULL",
    "ALTER TABLE receipt DROP COLUMN previous",
    "ALTER TABLE tree DROP COLUMN last",
)
"""To a ledger in which receipts do not point to each other yet."""
CUSTOMERS = range(1, 8)
ABSENT = 99
PERSON = 3
_NUMBER = itertools.count(1)

Open = Callable[[], LedgerFile]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    """Opens the ledger, as often as one likes; customers have keys, and so has a person."""
    keys = Keyring(tmp_path, KEK)
    keys.put_records(("shop", number, SealKey(fresh_key())) for number in CUSTOMERS)
    keys.make_person(PERSON)
    ledgers: list[LedgerFile] = []

    def another() -> LedgerFile:
        ledgers.append(LedgerFile(tmp_path, Keyring(tmp_path, KEK)))
        return ledgers[-1]

    yield another
    for ledger in ledgers:
        ledger.close()


def pending(customer: int, org: str = "shop") -> Pending:
    number = next(_NUMBER)
    receipt = Receipt(f"rcp_{number}", org, 10**15 + number, "service", "view", "permitted", "contract", "test")
    return Pending(receipt, Ground(1, org, Standing(org, DEFAULT, 1, "", 0)), customer=customer)


def append(ledger: LedgerFile, customers: Sequence[int], org: str = "shop") -> None:
    ledger.append_receipts([[pending(customer, org) for customer in customers]], lambda *_: True)


def all_entries(ledger: LedgerFile) -> list[bytes]:
    """The entries of the log, as tlog-tiles publishes them."""
    size = ledger.receipt_log.size()
    found: list[bytes] = []
    for number in range(-(-size // 256)):
        raw = ledger.receipt_log.entries(number, min(256, size - 256 * number))
        assert raw is not None
        found += [raw[at + 2 : at + 50] for at in range(0, len(raw), 50)]
    assert len(found) == size
    return found


def signed_head(ledger: LedgerFile) -> tuple[int, bytes]:
    log = ledger.receipt_log
    return verify.read_checkpoint(log.checkpoint() or "", *verify.read_vkey(log.key))


def holds(ledger: LedgerFile) -> None:
    """Trees, log, tiles and checkpoint are those over all that was appended, and their proofs verify."""
    log = ledger.receipt_log
    entries = all_entries(ledger)
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    size, root = signed_head(ledger)
    assert (size, root) == (len(leaves), verify.root_of(leaves))
    for (number,) in ledger.db.execute("SELECT id FROM tree").fetchall():
        tree, kept = log.tree(number), log.kept(number)
        assert [one.place for one in kept] == list(range(tree.frontier.size))
        for one in kept:
            assert one.sealed is not None
            assert one.leaf == verify.leaf_hash(verify.commitment(one.sealed.key, document(one.sealed.receipt)))
        found = verify.root_of([one.leaf for one in kept])
        assert tree.frontier.root() == found
        assert entries[tree.entry] == verify.head_entry(tree.salt, log.tree_name(number), tree.number, len(kept), found)
        assert verify.includes(tree.entry, size, leaves[tree.entry], log.inclusion(tree.entry, size), root)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.booleans(), st.lists(st.sampled_from([0, *CUSTOMERS, ABSENT]), max_size=9)),
        min_size=1,
        max_size=12,
    )
)
def test_however_receipts_come_trees_and_log_are_those_over_all_of_them(
    opened: Open, batches: list[tuple[bool, list[int]]]
) -> None:
    """In batches of any size, by two processes in turns."""
    one, other = opened(), opened()
    for which, customers in batches:
        append(one if which else other, customers)
    if one.receipt_log.size():
        holds(one)
        holds(other)


def test_a_log_proves_that_it_continues_any_of_its_former_heads(opened: Open) -> None:
    ledger = opened()
    heads = []
    for count in range(1, 12):
        append(ledger, list(CUSTOMERS)[: count % 7 + 1])
        heads.append(signed_head(ledger))
    size, root = heads[-1]
    for old, old_root in heads:
        assert verify.continues(old, size, old_root, root, ledger.receipt_log.consistency(old, size))
    old, old_root = heads[2]
    forged = bytes(32)
    assert not verify.continues(old, size, forged, root, ledger.receipt_log.consistency(old, size))


def test_receipts_of_nobody_are_kept_and_are_in_no_tree(opened: Open) -> None:
    """Of a customer who is absent (0), and of one whose key is gone: neither tree nor head tells of them."""
    ledger = opened()
    append(ledger, [0, ABSENT])
    assert ledger.receipt_log.size() == 0
    assert ledger.receipt_log.checkpoint() is None
    assert ledger.db.execute("SELECT count(*), count(tree), count(leaf) FROM receipt").fetchone() == (2, 0, 0)
    assert ledger.db.execute("SELECT count(*) FROM tree").fetchone() == (0,)
    assert len(ledger.receipts("shop")) == 2


def test_a_customer_who_was_erased_gets_no_leaf_and_no_head_and_the_log_still_holds(
    opened: Open, tmp_path: Path
) -> None:
    ledger = opened()
    append(ledger, [1, 1, 2])
    before = signed_head(ledger)
    Keyring(tmp_path, KEK).destroy_records([1])
    append(ledger, [1])
    assert signed_head(ledger) == before
    append(ledger, [1, 2])
    log, (size, root) = ledger.receipt_log, signed_head(ledger)
    assert [(one.place, one.sealed) for one in log.kept(1)] == [(0, None), (1, None)]
    tree = log.tree(1)
    assert tree.frontier.root() == verify.root_of([one.leaf for one in log.kept(1)])
    entry = merkle.leaf_hash(all_entries(ledger)[tree.entry])
    assert verify.includes(tree.entry, size, entry, log.inclusion(tree.entry, size), root)


def test_a_persons_own_look_is_in_a_tree_of_theirs_and_not_in_a_customers_of_the_same_number(opened: Open) -> None:
    ledger = opened()
    append(ledger, [PERSON], org="")
    append(ledger, [PERSON])
    trees = ledger.db.execute("SELECT org, customer, size FROM tree ORDER BY org").fetchall()
    assert trees == [("", PERSON, 1), ("shop", PERSON, 1)]
    holds(ledger)


def test_many_customers_of_two_organizations_in_one_transaction_have_a_tree_each(opened: Open, tmp_path: Path) -> None:
    keys = Keyring(tmp_path, KEK)
    keys.put_records(("bank" if number % 2 else "shop", number, SealKey(fresh_key())) for number in range(1, 301))
    ledger = opened()
    for _ in range(3):
        batch = [pending(number, "bank" if number % 2 else "shop") for number in range(1, 301)]
        ledger.append_receipts([batch], lambda *_: True)
    found = ledger.db.execute("SELECT org, customer, size FROM tree").fetchall()
    assert sorted(found) == sorted(("bank" if number % 2 else "shop", number, 3) for number in range(1, 301))
    holds(ledger)


def test_a_rolled_back_transaction_leaves_neither_leaf_nor_head(opened: Open) -> None:
    ledger = opened()
    append(ledger, [1, 2])
    before = signed_head(ledger)

    def cut_short() -> None:
        with transaction(ledger.db):
            ledger.receipt_log.append([pending(1), pending(3)])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut_short()
    assert signed_head(ledger) == before
    append(ledger, [1])
    holds(ledger)


def test_tiles_of_higher_levels_hold_the_roots_of_those_below(opened: Open) -> None:
    """More than 256 tiles: levels 0, 1 and 2, in appendings that end within tiles and on their edges."""
    ledger, most = opened(), 65_536 + 700
    log = ledger.receipt_log
    entries = [number.to_bytes(48, "big") for number in range(most)]
    leaves = [verify.leaf_hash(entry) for entry in entries]
    cuts = [0, 1, 255, 256, 257, 1_000, 30_000, 65_535, 65_536, 65_537, most]
    with transaction(ledger.db):
        for start, end in itertools.pairwise(cuts):
            assert log.put_entries(entries[start:end]) == start
    assert signed_head(ledger) == (most, verify.root_of(leaves))
    assert all_entries(ledger) == entries
    assert log.tile(2, 0, 1) == verify.root_of(leaves[:65_536])
    assert log.tile(2, 0, 2) is None
    assert log.tile(1, 1, 2) == b"".join(verify.root_of(leaves[at : at + 256]) for at in (65_536, 65_792))
    assert log.tile(0, 258, 188) == b"".join(leaves[258 * 256 :])
    assert log.tile(0, 258, 189) is None
    root = verify.root_of(leaves)
    for index in (0, 1, 255, 256, 40_000, 65_535, 65_536, most - 1):
        assert verify.includes(index, most, leaves[index], log.inclusion(index, most), root)
    for old in (1, 256, 257, 30_000, 65_535, 65_536, 65_537):
        before = verify.root_of(leaves[:old])
        assert verify.continues(old, most, before, root, log.consistency(old, most))


@given(st.lists(st.integers(0, 70), max_size=8))
def test_appending_many_is_appending_one_by_one(sizes: list[int]) -> None:
    one, many, count = merkle.Frontier(), merkle.Frontier(), 0
    for size in sizes:
        leaves = [(count + number).to_bytes(32, "big") for number in range(size)]
        count += size
        many.extend(leaves)
        for leaf in leaves:
            one.append(leaf)
    every = [number.to_bytes(32, "big") for number in range(count)]
    assert (many.size, many.hashes) == (one.size, one.hashes)
    assert many.root() == merkle.root_of(every) == verify.root_of(every)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300))
def test_the_quick_keyed_hash_is_hmac(key: bytes, message: bytes) -> None:
    assert keyed_hash(key, message) == hmac.digest(key, message, hashlib.sha256)


def test_handles_made_together_are_those_made_alone() -> None:
    named = BlindKey(KEK)
    numbers = [1, 2, 2**40]
    assert ids.handles(named, b"tre", numbers) == [ids.handle(named, b"tre", number) for number in numbers]
    assert ids.handles(named, b"tre", []) == []


def test_what_is_committed_to_is_the_canonical_form_that_any_verifier_makes() -> None:
    said = {"reason": "a “reason”", "caller": "token", "fields": ("name",), "unmet": ("é",)}
    at = 1_760_000_000_000_001
    receipt = Receipt("rcp_1", "shop", at, "service", "view", "refused", **said)  # type: ignore[arg-type]
    ours = canonical(receipt)
    assert ours == verify.canonical(msgspec.json.decode(ours))
    assert b"asked" not in ours
    assert b'"at":"2025-10-09T08:53:20.000001Z"' in ours


def test_receipts_of_before_they_were_chained_are_found_by_their_tree_as_those_after(opened: Open) -> None:
    ledger = opened()
    append(ledger, [1, 2, 1, 0, ABSENT, 1, 3, 2])
    append(ledger, [PERSON, 1], "")
    chains = ("SELECT seq, previous FROM receipt ORDER BY seq", "SELECT id, last FROM tree ORDER BY id")
    chained = [ledger.db.execute(chain).fetchall() for chain in chains]
    for statement in AS_BEFORE:
        ledger.db.execute(statement)
    for statement in CHAINED.split(";"):
        ledger.db.execute(statement)
    assert [ledger.db.execute(chain).fetchall() for chain in chains] == chained
    append(ledger, [1, 3, 4])
    holds(ledger)


def test_a_tree_remembers_nothing_but_its_right_edge(opened: Open) -> None:
    ledger = opened()
    append(ledger, [1] * 1000)
    tree: Tree = ledger.receipt_log.tree(1)
    assert len(tree.frontier.hashes) == (1000).bit_count()
    holds(ledger)


def test_what_goes_along_with_a_receipt_is_kept_whole_or_not_at_all_and_fails_for_nobody_else(opened: Open) -> None:
    ledger = opened()
    three = [pending(customer) for customer in (1, 2, 3)]

    def along(customer: int, result: Callable[[], bool]) -> Callable[[LedgerFile], bool]:
        def written(file: LedgerFile) -> bool:
            file.db.execute("INSERT INTO withheld VALUES (?, 1, x'')", (f"rcp of {customer}",))
            return result()

        return written

    results: list[Callable[[], bool]] = [lambda: bool(1 // 0), lambda: False, lambda: True]
    for number, one in enumerate(three):
        one.along = along(number, results[number])
    ledger.append_receipts([three], lambda *_: True)
    assert [one.stale for one in three] == [True, True, False]
    assert [type(one.failed) for one in three] == [ZeroDivisionError, type(None), type(None)]
    assert ledger.db.execute("SELECT receipt FROM withheld").fetchall() == [("rcp of 2",)]
    assert [one.id for one in ledger.receipts("shop")] == [three[2].receipt.id]

"""Withdrawal is immediate (design §3, rule 6): in the ledger's order nothing is read after the lock, in no process and
however many read at once; and limits on how often are exact."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.adapters.embedded import promises as promise_book
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.app.embedded import Sources, open_ledger, open_people, open_promises, open_reader
from rapport.app.receipting import DirectReceipts, LedgerReceipts
from rapport.kernel.errors import NotFound
from rapport.kernel.times import DAY, HOUR
from rapport.kernel.vocabulary import purposes_covered
from rapport.profile.store import Found
from rapport.terms import Clause, Declaration, Gate, Pending, Promise, Request, Terms, judging, promises
from rapport.terms.clauses import Criterion, Frequency
from rapport.terms.declaration import ValueClaim
from rapport.terms.receipts import Receipt
from tests.profile.house import ORG, House, told

PEOPLE = 40
OPEN = Declaration(
    purposes={
        "service": Promise("contract", ("everything", "unclassified"), onward=False),
        "offers": Promise("legitimate_interest", onward=False, retention_days=30),
    }
)
EVERYTHING = Clause("all", "allow", purposes=("any",), categories=("everything", "unclassified"))


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with House() as house:
        house.declare(OPEN)
        for number in range(PEOPLE):
            house.send(told(type="identify", userId=f"u{number}", messageId=f"m{number}", traits={"name": "Ada"}))
        house.settle()
        yield house


@contextmanager
def process(house: House, book: Any = None) -> Iterator[Gate]:
    """A gate with connections of its own, as another process has it; within an event loop, receipts by group commit."""
    ledger = open_ledger(house.settings)
    reader = open_reader(house.settings, Sources(ledger).by_name)
    receipts = book or LedgerReceipts(lambda: open_ledger(house.settings), 0)
    try:
        yield Gate(reader, open_people(house.settings, ledger), receipts, quiet_s=0)
    finally:
        if book is None:
            receipts.close()
        ledger.close()


async def reads(gate: Gate, customer: str, purpose: str = "service") -> bool:
    try:
        await gate.view(Request(ORG, customer, purpose, "test"))
    except NotFound:
        return False
    return True


def locking(house: House, handle: str) -> int:
    """Lock a person; the sequence number of the last receipt that was there when the lock was committed."""
    people = open_people(house.settings)
    with people.changing(handle) as person:
        people.db.execute("UPDATE person SET locked = 1 WHERE id = ?", (person,))
        last: int = people.db.execute("SELECT coalesce(max(seq), 0) FROM receipt").fetchone()[0]
    return last


def permitted_after(house: House, person: int, seq: int) -> list[tuple[int, Receipt]]:
    ledger = open_ledger(house.settings)
    found = [(n, r) for n, r in ledger.receipts_of(person, limit=5_000) if n > seq and r.decision == "permitted"]
    ledger.close()
    return found


def test_however_many_read_at_once_none_reads_after_the_lock(house: House) -> None:
    person = house.people.add([f"{ORG}:user_id:u0"])
    seq = 0
    begun, locked = threading.Event(), threading.Event()

    def lock() -> None:
        nonlocal seq
        assert begun.wait(60)
        seq = locking(house, person.handle)
        locked.set()

    async def all_at_once() -> int:
        late = 0

        async def reading(gate: Gate) -> None:
            nonlocal late
            for _ in range(25):
                was_locked = locked.is_set()
                if await reads(gate, "user_id:u0"):
                    begun.set()
                    late += was_locked

        with process(house) as gate:
            locker = threading.Thread(target=lock)
            locker.start()
            await asyncio.gather(*(reading(gate) for _ in range(8)))
            locker.join()
            return late

    with ThreadPoolExecutor(2) as pool:
        late = sum(pool.map(lambda _: asyncio.run(all_at_once()), range(2)))
    assert late == 0
    assert seq > 0
    assert permitted_after(house, person.id, seq) == []


class Between:
    """A book that lets something happen between the decision and its receipt, once."""

    def __init__(self, ledger: LedgerFile, happen: Callable[[], None]) -> None:
        self._book = DirectReceipts(ledger)
        self._happen: Callable[[], None] | None = happen
        self.stale = 0

    async def commit(self, pending: Sequence[Pending]) -> None:
        happen, self._happen = self._happen, None
        if happen is not None:
            happen()
        await self._book.commit(pending)
        self.stale += sum(one.stale for one in pending)


def _lock(house: House, handle: str) -> None:
    open_people(house.settings).lock(handle)


CHANGES: dict[str, Callable[[House, str], Any]] = {
    "a lock": _lock,
    "a lock for one": lambda house, handle: open_people(house.settings).lock(handle, ORG),
    "other terms": lambda house, handle: open_people(house.settings).set_terms(
        handle, Terms("own", (Clause("no", "deny"),))
    ),
    "erasing": lambda house, handle: open_people(house.settings).set_status(handle, "erasing"),
    "somebody else's claim and lock": lambda house, _: _lock(
        house, open_people(house.settings).add([f"{ORG}:user_id:u1"]).handle
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_between_a_decision_and_its_receipt_wins(change: str) -> None:
    with House() as house:
        house.declare(OPEN)
        house.send(told(type="identify", userId="u1", messageId="m1", traits={"name": "Ada"}))
        house.settle()
        person = house.people.add([f"{ORG}:user_id:u1"])
        ledger = open_ledger(house.settings)
        book = Between(ledger, lambda: CHANGES[change](house, person.handle))
        with process(house, book) as gate:
            assert not asyncio.run(reads(gate, "user_id:u1"))
        assert book.stale == 1
        assert [receipt.decision for receipt in ledger.receipts(ORG)] == ["refused"]
        ledger.close()


def test_a_promise_that_changes_in_between_is_held_against_the_terms_anew() -> None:
    with House() as house:
        house.declare(OPEN)
        house.send(told(type="identify", userId="u1", messageId="m1"))
        house.settle()
        person = house.people.add([f"{ORG}:user_id:u1"])
        no_passing_on = Clause("no", "deny", purposes=("any",), when=(Criterion("onward"),))
        house.people.set_terms(person.handle, Terms("own", (EVERYTHING, no_passing_on)))
        worse = Declaration(purposes={"service": Promise("contract", onward=True)})
        ledger = open_ledger(house.settings)
        book = Between(ledger, lambda: house.declare(worse))
        with process(house, book) as gate:
            assert not asyncio.run(reads(gate, "user_id:u1"))
        assert book.stale == 1
        ledger.close()


def test_a_bulk_read_gives_nobody_who_locked_while_it_ran(house: House) -> None:
    """Each customer's receipt is in the ledger before the lock, or there is none and nothing is given."""
    persons = [house.people.add([f"{ORG}:user_id:u{number}"]) for number in range(PEOPLE)]
    victims = persons[5:PEOPLE:7]
    locked = {house.view(f"user_id:u{number}")["customer"] for number in range(5, PEOPLE, 7)}
    seqs: dict[int, int] = {}
    ledger = open_ledger(house.settings)

    def lock_some() -> None:
        for victim in victims:
            seqs[victim.id] = locking(house, victim.handle)

    with process(house, Between(ledger, lock_some)) as gate:

        def everyone() -> Sequence[Found]:
            return house_found(gate)

        request = Request(ORG, "", "service", "test", "export")
        given_out = asyncio.run(gate.each(request, everyone, lambda found: found.customer, lambda _: ("name",)))
    assert len(given_out) >= PEOPLE - len(victims) - 1
    assert not locked & {customer for _, customer, _ in given_out}
    for victim in victims:
        assert permitted_after(house, victim.id, seqs[victim.id]) == []
        house.people.unlock(victim.handle)
    assert len({receipt.id for *_, receipt in given_out}) == len(given_out)
    kept = {receipt.id for receipt in ledger.receipts(ORG, 10_000)}
    assert {receipt.id for *_, receipt in given_out} <= kept
    ledger.close()


def house_found(gate: Gate) -> list[Found]:
    reader: Any = gate._reader
    return [found for number in reader.newest_records(ORG, 1 << 62, 1_000) if (found := reader.found(ORG, number))]


# -- how often

LIMITED = Clause("now-and-then", "allow", purposes=("offers",), frequency=Frequency(4, "day"))


def fresh(house: House, number: int, *clauses: Clause) -> str:
    person = house.people.add([f"{ORG}:user_id:u{number}"])
    house.people.set_terms(person.handle, Terms("own", clauses))
    return person.handle


def test_a_limit_is_exact_however_many_read_at_once_in_two_processes() -> None:
    with House() as house:
        house.declare(OPEN)
        house.send(told(type="identify", userId="u1", messageId="m1", traits={"name": "Ada"}))
        house.settle()
        fresh(house, 1, LIMITED)

        async def all_at_once() -> int:
            with process(house) as gate:
                return sum(await asyncio.gather(*(reads(gate, "user_id:u1", "offers") for _ in range(12))))

        with ThreadPoolExecutor(2) as pool:
            assert sum(pool.map(lambda _: asyncio.run(all_at_once()), range(2))) == 4


def count_reads(house: House, *purposes: str) -> list[bool]:
    ledger = open_ledger(house.settings)
    with process(house, DirectReceipts(ledger)) as gate:
        answers = [asyncio.run(reads(gate, "user_id:u1", purpose)) for purpose in purposes]
    ledger.close()
    return answers


def limited_house() -> House:
    house = House()
    house.declare(OPEN)
    house.send(told(type="identify", userId="u1", messageId="m1", traits={"name": "Ada", "email": "a@example.com"}))
    return house.settle()


def test_one_use_counts_once_however_many_clauses_limit_it() -> None:
    with limited_house() as house:
        also = Clause("also", "allow", purposes=("offers",), categories=("contact",), frequency=Frequency(4, "week"))
        fresh(house, 1, LIMITED, also)
        assert count_reads(house, *["offers"] * 6) == [True] * 4 + [False] * 2


def test_a_use_under_a_narrower_name_counts_too() -> None:
    with limited_house() as house:
        house.declare(Declaration(purposes={"advertising": Promise("consent", onward=False)}))
        fresh(house, 1, msgspec.structs.replace(LIMITED, purposes=("advertising",)))
        names = sorted(purposes_covered("advertising"))
        assert len(names) > 2
        assert count_reads(house, *[*names, *names][:6]) == [True] * 4 + [False] * 2


def test_a_refused_read_uses_nothing_up() -> None:
    with limited_house() as house:
        handle = fresh(house, 1, LIMITED)
        house.people.lock(handle)
        assert count_reads(house, *["offers"] * 6) == [False] * 6
        house.people.unlock(handle)
        assert count_reads(house, *["offers"] * 5) == [True] * 4 + [False]


# -- clocks that jump

JUMPS = st.lists(st.sampled_from([0, HOUR, DAY, -DAY, 40 * DAY, -40 * DAY, 1, -HOUR]), min_size=1, max_size=12)


@given(JUMPS)
@settings(max_examples=15)
def test_a_clock_that_jumps_gives_no_more_uses_than_its_days_have(jumps: list[int]) -> None:
    """In any day that the clock ever showed, at most the limit."""
    with limited_house() as house, pytest.MonkeyPatch.context() as patch:
        fresh(house, 1, LIMITED)
        at, by_day = 1_800_000_000_000_000, dict[int, int]()
        patch.setattr(judging, "now", lambda: at)
        for jump in jumps:
            at += jump
            later = sum(count for day, count in by_day.items() if day > at // DAY)
            given_out = sum(count_reads(house, *["offers"] * 5))
            by_day[at // DAY] = by_day.get(at // DAY, 0) + given_out
            assert by_day[at // DAY] <= 4
            assert not (later and given_out), "a clock that was set back gives uses anew"


def test_a_claim_that_runs_out_opens_nothing_more_and_a_clock_set_back_is_believed() -> None:
    claim = ValueClaim("living_wage", expires="2026-06-01T00:00:00Z")
    wage = Clause(
        "wage",
        "allow",
        purposes=("offers",),
        categories=("everything",),
        when=(Criterion("value", value="living_wage"),),
    )
    before, after = 1_775_000_000_000_000, 1_785_000_000_000_000
    at = before
    with limited_house() as house, pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "now", lambda: at)
        patch.setattr(promise_book, "now", lambda: at)
        house.declare(Declaration(purposes=OPEN.purposes, values=(claim,)))
        fresh(house, 1, wage)
        assert count_reads(house, "offers") == [True]
        at = after
        assert count_reads(house, "offers") == [False]
        at = before
        assert count_reads(house, "offers") == [True]
        ledger = open_ledger(house.settings)
        with process(house, DirectReceipts(ledger)) as gate:
            for moment, opens in ((before, True), (after, False), (before, True), (after, False)):
                at = moment
                assert asyncio.run(reads(gate, "user_id:u1", "offers")) == opens
        ledger.close()


def test_an_attester_who_goes_in_between_is_believed_no_more() -> None:
    with limited_house() as house:
        book = open_promises(house.settings)
        key = Ed25519PrivateKey.generate()
        book.add_attester("wages.example", key.public_key().public_bytes_raw())
        claim = ValueClaim("living_wage", attester="wages.example")
        house.declare(Declaration(purposes=OPEN.purposes, values=(promises.attest(ORG, claim, key),)))
        vouched = Criterion("value", value="living_wage", attested=True)
        fresh(house, 1, Clause("wage", "allow", purposes=("offers",), when=(vouched,)))
        ledger = open_ledger(house.settings)
        between = Between(ledger, lambda: open_promises(house.settings).remove_attester("wages.example"))
        with process(house, between) as gate:
            assert not asyncio.run(reads(gate, "user_id:u1", "offers"))
        assert between.stale == 1
        ledger.close()

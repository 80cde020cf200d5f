"""The company's statement: exact about what it did, and nothing in it tells of anyone (design, rule 8)."""

import asyncio
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.adapters.embedded.uses import UseBook, summed
from rapport.app.mirrors import Mirrors, and_before
from rapport.app.receipting import DirectReceipts
from rapport.kernel.errors import BadInput, NotFound
from rapport.kernel.times import DAY
from rapport.profile.store import Found
from rapport.terms import Gate, Request, promises
from rapport.terms.aggregates import FLOOR, Crowd, Guard
from rapport.terms.benefits import Estimate, Mapped, Settled, Sum, by_kind, totals
from rapport.terms.clauses import Terms
from rapport.terms.declaration import Benefit, Declaration, Promise
from rapport.terms.ground import Pending
from rapport.terms.mirror import Mirrored, Month, Wanted, empty, mirror
from rapport.terms.presets import PRESETS
from rapport.terms.receipts import Receipt
from rapport.terms.simulator import Group, simulate
from tests.profile.house import ORG, House, told
from tests.terms.test_benefits import ALWAYS, Till
from tests.terms.test_estimates import benefits, estimates

AT = 1_800_000_000_000_000


class Shop(Till):
    """Ada, Bo, and the company's own books."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("bo", "cy"):
            self.send(told(type="identify", userId=name, messageId=f"{name}-1", traits={"name": name}), source="crm")
        House.settle(self)
        self.uses = UseBook(self.ledger)
        self.asking = Gate(self.reader, self.people, DirectReceipts(self.ledger), quiet_s=0)

    def books(self) -> Any:
        """All that a statement is made of and that is not an aggregate over people."""
        return summed(self.uses.tallies(ORG, 0, ALWAYS)), self.book.file.sums(ORG, 0, ALWAYS)

    def lock(self, name: str) -> None:
        self.people.lock(self.people.add([f"{ORG}:user_id:{name}"]).handle)

    def request(self, customer: str, action: str = "view") -> Request:
        return Request(ORG, customer, "service", "test", action)

    def shows(self, name: str) -> Found:
        with self.reader.snapshot():
            return self.reader.by_identifier(ORG, "user_id", name)[0]


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as shop:
        yield shop


def view(shop: Shop, name: str) -> None:
    with pytest.raises(NotFound):
        asyncio.run(shop.asking.view(shop.request(f"user_id:{name}")))


def events(shop: Shop, name: str) -> None:
    with pytest.raises(NotFound):
        asyncio.run(shop.asking.events(shop.request(f"user_id:{name}", "events"), None, 10))


def benefit(shop: Shop, name: str) -> None:
    with pytest.raises(NotFound):
        shop.report(customer=f"user_id:{name}")


def search(shop: Shop, name: str) -> None:
    """As the console's list does, and audiences and exports do: whoever is refused is not in it."""
    with shop.reader.snapshot():
        found = shop.reader.by_identifier(ORG, "user_id", name)
    listed = shop.asking.each(shop.request("", "list"), lambda: found, lambda one: one.customer, lambda _: ("name",))
    assert asyncio.run(listed) == []


def settle(shop: Shop, name: str) -> None:
    with shop.reader.snapshot():
        found = list(shop.reader.by_identifier(ORG, "user_id", name))
    assert asyncio.run(shop.settler.settle(ORG, found, "test")) == 0


@pytest.mark.parametrize("ask", [view, events, benefit, search, settle])
def test_refused_and_unknown_change_a_statement_alike(shop: Shop, ask: Callable[[Shop, str], None]) -> None:
    shop.book.file.set_mapping(ORG, [Mapped("Voucher Redeemed", "value", "discount", "GBP")])
    shop.lock("ada")  # who redeemed a voucher, so that there is something to hide
    changes = []
    for name in ("ada", "nobody", "ada", "nobody"):
        before = shop.books()
        ask(shop, name)
        (given, nothing), sums = shop.books()
        assert sums == before[1]
        assert given == before[0][0]
        changes.append(nothing - before[0][1])
    assert len(set(changes)) == 1, "what is counted tells refused from unknown"


def test_neither_a_lock_nor_an_erasure_changes_what_was_counted(shop: Shop) -> None:
    shop.report(amount="5.00")
    asyncio.run(shop.asking.view(shop.request("user_id:ada")))
    before = shop.books()
    assert before[1]
    shop.lock("ada")
    assert shop.books() == before
    shop.ledger.keys.destroy_records([shop.shows("ada").number])
    assert shop.books() == before


def test_organizations_count_for_themselves(shop: Shop) -> None:
    asyncio.run(shop.asking.view(shop.request("user_id:bo")))
    shop.report(amount="5.00")
    assert summed(shop.uses.tallies("corner", 0, ALWAYS)) == ({}, 0)
    assert shop.book.file.sums("corner", 0, ALWAYS) == []


def test_ones_own_looks_are_no_companys_uses(shop: Shop) -> None:
    before = shop.books()
    receipt = Receipt("rcp_x", "", AT, "dpv:RightsFulfilment", "your own look", "permitted", "", "you")
    shop.ledger.append_receipts([[Pending(receipt, shop.people.ground(ORG, ()), 1)]], lambda *_: True)
    assert shop.books() == before


looks = st.tuples(
    st.sampled_from(["permitted", "refused", "absent"]),
    st.sampled_from(["service", "offers"]),
    st.integers(0, 3 * DAY),
    st.booleans(),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(looks, max_size=8), max_size=5))
def test_any_receipts_are_counted_as_they_are_committed(batches: list[list[tuple[str, str, int, bool]]]) -> None:
    with Shop() as shop:
        ground = shop.people.ground(ORG, ())
        everything = []
        for batch in batches:
            pending = []
            for decision, purpose, at, listed in batch:
                receipt = Receipt(f"r{len(everything)}", ORG, at, purpose, "view", decision, "", "test")
                pending.append(Pending(receipt, ground, listed=listed))
                everything.append((decision, purpose, at // DAY, listed))
            shop.ledger.append_receipts([pending], lambda *_: True)
        for first, following in ((0, 1), (1, 4), (0, 4)):
            within = [one for one in everything if first <= one[2] < following]
            given_, nothing = summed(shop.uses.tallies(ORG, first, following))
            assert given_ == {
                purpose: count
                for purpose in ("service", "offers")
                if (count := sum(one[:2] == ("permitted", purpose) for one in within))
            }
            assert nothing == sum(one[0] != "permitted" and not one[3] for one in within)


def test_what_is_no_month_is_said_before_anything_is_worked_out(shop: Shop) -> None:
    nobodys: Any = None
    with pytest.raises(BadInput):
        Mirrors(shop.uses, shop.book.file, nobodys, nobodys, nobodys).of(ORG, "2026-13", "")


# -- aggregates over people


def opened(groups: list[Group], declaration: Declaration, guard: Guard) -> dict[str, dict[str, Any]]:
    stands = promises.standing("shop", declaration, 1, 0, {})
    bare = promises.standing("shop", empty(declaration), 0, 0, {})
    found = simulate(groups, stands, bare, guard, AT)
    ground = Mirrored("shop", [Month("2026-11", {}, 0, ())], (), stands, Wanted(30, None, ()), found)
    return {one["purpose"]: one for one in mirror(ground, str)["promises"]["opened"]["purposes"]}


def group(terms: Terms, people: int, seed: int = 1) -> Group:
    return Group(terms, str(terms).encode(), Crowd(people, Random(f"{terms}{people}{seed}").getrandbits(128)))


FAIR = Declaration(
    "Shop",
    {
        "offers": Promise("consent", ("purchases",), 90, (), onward=False, benefits=(Benefit("discount", 10.0, "%"),)),
        "fraud": Promise("legal_obligation", ("financial",), law="An act"),
    },
)


class Exact(Guard):
    def __init__(self) -> None:
        super().__init__(b"")

    def told(self, crowd: Crowd) -> int | None:
        return crowd.people if crowd.people >= FLOOR else None


def test_it_tells_what_a_promise_opens_that_an_empty_one_would_not() -> None:
    told_ = opened([group(PRESETS["balanced"], 300), group(PRESETS["alone"], 100)], FAIR, Exact())
    assert (told_["offers"]["people"], told_["offers"]["without"]) == (300, None)
    assert told_["fraud"]["by_law"] is True
    assert (told_["fraud"]["people"], told_["fraud"]["without"]) == (None, None)


@given(st.lists(st.tuples(st.sampled_from(list(PRESETS)), st.integers(1, 60)), max_size=5), st.integers(0, 2**32))
def test_no_statement_counts_fewer_than_twenty_or_tells_a_few_by_a_difference(
    crowds: list[tuple[str, int]], seed: int
) -> None:
    groups = [group(PRESETS[name], people, number) for number, (name, people) in enumerate(crowds)]
    guard = Guard(seed.to_bytes(8, "big"))
    for one in opened(groups, FAIR, guard).values():
        for count in (one["people"], one["without"]):
            assert count is None or (count >= FLOOR and count % 5 == 0)
    exact = opened(groups, FAIR, Exact())["offers"]
    come = sum(people for name, people in crowds if name in ("balanced", "open"))
    assert exact["people"] == (come if come >= FLOOR else None)
    assert exact["without"] is None or exact["without"] == exact["people"], "an empty promise opens nothing here"
    if 0 < come < FLOOR:
        assert exact["people"] is exact["without"] is None


@pytest.mark.parametrize("month", ["2026-11", "2026-01", "1000-01", "1000-03"])
def test_months_are_told_as_far_as_there_are_any(month: str) -> None:
    listed = list(and_before(month))
    assert listed[0] == month
    assert listed == sorted(set(listed), reverse=True)
    assert len(listed) == {"1000-01": 1, "1000-03": 3}.get(month, 6)


@given(st.lists(benefits(), max_size=30), st.lists(estimates, max_size=5))
def test_no_sum_of_the_company_mixes_sides_or_units_or_what_is_estimated(
    some: list[Settled], guesses: list[Estimate]
) -> None:
    sums = [Sum(one.side, one.kind, one.unit, one.band, one.amount, 1) for one in some]
    stands = promises.standing("shop", FAIR, 1, 0, {})
    bare, told_ = (
        mirror(Mirrored("shop", [Month("2026-11", {}, 0, sums)], known, stands, Wanted(30, None, ()), "later"), str)
        for known in ([], guesses)
    )
    assert told_["settled"] == bare["settled"] == {**totals(some), "by_kind": by_kind(some), "count": len(some)}
    assert told_["months"] == bare["months"]
    assert told_["promises"]["cost"] == by_kind(some)["customer"]
    assert len(told_["estimated"]["customer"]) + len(told_["estimated"]["company"]) == len(guesses)


@pytest.mark.parametrize(("people", "criteria"), [(None, []), (25, [{"criterion": "retention", "people": 25}])])
def test_of_too_few_people_no_criterion_is_told_either(people: int | None, criteria: list[Any]) -> None:
    """Noise may let a part of a crowd be told where the whole is not."""
    wanted = Wanted(30, people, [("retention", 25)])
    stands = promises.standing("shop", FAIR, 1, 0, {})
    told_ = mirror(Mirrored("shop", [Month("2026-11", {}, 0, [])], [], stands, wanted, "later"), str)
    assert told_["promises"]["wanted"]["criteria"] == criteria

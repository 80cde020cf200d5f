"""What uses gave: kept once, with its evidence, exact to the penny, and gone with the record that shows it."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.adapters.embedded.benefits import Benefits
from rapport.app.bundling import open_bundler
from rapport.app.embedded import open_benefits, open_keys, open_ledger
from rapport.app.receipting import DirectReceipts
from rapport.kernel import verify
from rapport.kernel.errors import BadInput, NotFound
from rapport.terms import Gate
from rapport.terms.benefits import Mapped, Settled, Wish, totals
from rapport.terms.settling import Settler
from tests.profile.house import ORG, House, told

ALWAYS = 1 << 62


class Till(House):
    """A house where benefits are settled: Ada ordered, and redeemed a voucher of 5.00."""

    def __init__(self) -> None:
        super().__init__()
        self.send(told(type="identify", userId="ada", messageId="1", traits={"name": "Ada"}), source="crm")
        self.send(told(type="track", userId="ada", messageId="2", event="Order Completed"), source="crm")
        self.redeem("v1", "5.00")
        self.settle()
        self.ledger = open_ledger(self.settings)
        self.book: Benefits = open_benefits(self.settings, self.ledger)
        gate = Gate(self.reader, self.people, DirectReceipts(open_ledger(self.settings)), quiet_s=0)
        self.settler = Settler(gate, self.reader, self.book)

    def redeem(self, message: str, value: object) -> None:
        event = told(
            type="track", userId="ada", messageId=message, event="Voucher Redeemed", properties={"value": value}
        )
        self.send(event, source="crm")

    def report(self, **said: Any) -> tuple[str, bool]:
        wish = {"customer": "user_id:ada", "side": "customer", "kind": "discount", "unit": "GBP", "evidence": "2"}
        if "band" not in said:
            wish["amount"] = "1.00"
        kept, receipt = asyncio.run(self.settler.report(ORG, msgspec.convert({**wish, **said}, Wish), "test"))
        assert receipt.startswith("rcp_")
        return kept

    def settled(self) -> list[Settled]:
        """The oldest first, of any record."""
        return self.book.file.of_records(ORG, range(100), 0, ALWAYS)

    def by_themselves(self) -> int:
        return asyncio.run(self.settler.settle(ORG, self.found(), "test"))


@pytest.fixture
def till() -> Iterator[Till]:
    with Till() as till:
        yield till


def test_a_benefit_is_kept_once_and_what_is_reported_again_is_accepted(till: Till) -> None:
    first, fresh = till.report(amount="5.00")
    assert fresh
    assert till.report(amount="7.00") == (first, False)
    other, _ = till.report(kind="refund")
    company, _ = till.report(side="company", kind="margin", band="10–20")
    assert len({first, other, company}) == 3
    assert [(one.kind, one.amount, one.band) for one in till.settled()] == [
        ("discount", "5.00", ""),
        ("refund", "1.00", ""),
        ("margin", "", "10–20"),
    ]


@pytest.mark.parametrize("amount", ["0", "-3.50", "0.00"])
def test_nothing_and_less_than_nothing_are_shown(till: Till, amount: str) -> None:
    till.report(amount=amount)
    assert totals(till.settled())["customer"] == [{"amount": amount, "unit": "GBP"}]


@pytest.mark.parametrize(
    ("said", "code", "field"),
    [
        ({"evidence": "nothing"}, "no_evidence", "evidence"),
        ({"receipt": "rcp_nothing"}, "no_use", "receipt"),
        ({"kind": "margin"}, "bad_benefit", "kind"),
        ({"unit": "pounds"}, "bad_benefit", "unit"),
        ({"kind": "minutes_saved"}, "bad_benefit", "unit"),
        ({"amount": "NaN"}, "bad_benefit", "amount"),
        ({"amount": "1e13"}, "bad_benefit", "amount"),
        ({"amount": "1e999999999"}, "bad_benefit", "amount"),
        ({"amount": "-1e1000000"}, "bad_benefit", "amount"),
        ({"amount": "1e-999999999"}, "bad_benefit", "amount"),
        ({"amount": "0.0000001"}, "bad_benefit", "amount"),
        ({"band": "10–20"}, "bad_benefit", "band"),
        ({"evidence": ""}, "bad_benefit", "evidence"),
    ],
)
def test_what_is_wrong_is_named_and_keeps_nothing(till: Till, said: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(BadInput) as error:
        till.report(**said)
    assert (error.value.code, error.value.field) == (code, field)
    assert till.settled() == []


def test_a_benefit_may_name_the_use_that_gave_it(till: Till) -> None:
    gate = Gate(till.reader, till.people, DirectReceipts(till.ledger), quiet_s=0)
    use = asyncio.run(gate.view(till.asked("user_id:ada")))["receipt"]
    till.report(receipt=use)
    (one,) = till.settled()
    assert one.use == use


def test_who_is_locked_or_unknown_is_told_nothing_of(till: Till) -> None:
    till.people.lock(till.people.add([f"{ORG}:user_id:ada"]).handle)
    said = set()
    for customer in ("user_id:ada", "user_id:nobody"):
        with pytest.raises(NotFound) as error:
            till.report(customer=customer)
        said.add(str(error.value))
    assert len(said) == 1
    assert till.settled() == []


def test_events_settle_themselves_once(till: Till) -> None:
    assert till.by_themselves() == 0
    till.book.file.set_mapping(ORG, [Mapped("Voucher Redeemed", "value", "discount", "GBP")])
    assert (till.by_themselves(), till.by_themselves()) == (1, 0)
    till.redeem("v2", 2.5)
    till.redeem("v3", "a lot")
    House.settle(till)
    assert (till.by_themselves(), till.by_themselves()) == (1, 0)
    assert totals(till.settled())["customer"] == [{"amount": "7.50", "unit": "GBP"}]
    assert totals(one for _, one in till.book.file.sums(ORG, 0, ALWAYS)) == totals(till.settled())


def test_a_benefit_is_a_leaf_that_verifies_and_goes_with_its_record(till: Till) -> None:
    person = till.people.add([f"{ORG}:user_id:ada"]).handle
    till.report(amount="5.00")
    bundle = open_bundler(till.settings).bundle(person)
    kinds = [entry["receipt"].get("document", "receipt") for entry in bundle["receipts"]]
    assert sorted(kinds) == ["benefit", "receipt"]
    assert verify.verify(bundle)["ok"]
    changed = msgspec.json.decode(msgspec.json.encode(bundle).replace(b'"5.00"', b'"9.00"'))
    assert not verify.verify(changed)["ok"]
    before = till.book.file.sums(ORG, 0, ALWAYS)
    open_keys(till.settings).destroy_records(till.settled()[0].records)
    assert till.settled() == []
    assert till.book.file.sums(ORG, 0, ALWAYS) == before != [], "what a company settled in all tells of no erasure"


amounts = st.decimals(min_value=-(10**9), max_value=10**9, places=2)


@given(st.lists(st.tuples(st.sampled_from(["GBP", "EUR"]), amounts), max_size=60))
def test_sums_are_exact_to_the_penny_and_by_unit(given_: list[tuple[str, Decimal]]) -> None:
    rows = [
        Settled("b", ORG, 0, "customer", "refund", format(amount, "f"), "", unit, "", "e", (1,))
        for unit, amount in given_
    ]
    told_ = {one["unit"]: one["amount"] for one in totals(rows)["customer"]}
    pence = {unit: sum(int(amount * 100) for other, amount in given_ if other == unit) for unit, _ in given_}
    assert {unit: int(Decimal(text) * 100) for unit, text in told_.items()} == pence


@settings(max_examples=5, deadline=None)
@given(st.lists(st.decimals(min_value=-1000, max_value=1000, places=2), min_size=1, max_size=8))
def test_what_vouchers_settle_equals_the_events_they_came_from(values: list[Decimal]) -> None:
    with Till() as till:
        till.book.file.set_mapping(ORG, [Mapped("Voucher Redeemed", "value", "discount", "GBP")])
        for number, value in enumerate(values):
            till.redeem(f"w{number}", format(value, "f"))
        House.settle(till)
        till.by_themselves()
        (sum_,) = totals(till.settled())["customer"]
        assert Decimal(sum_["amount"]) == sum(values) + Decimal("5.00")

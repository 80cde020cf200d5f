"""The statement: what came of a person's data, on one page, as JSON, and to the penny."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from rapport.app.embedded import open_benefits
from rapport.terms import Request
from rapport.terms.benefits import Estimate, Mapped, Wish
from rapport.terms.presets import PRESETS
from rapport.terms.settling import Settler
from tests.profile.house import ORG, TEN, at_once, told
from tests.web.portal.person import Home, Person


class Shop(Home):
    """A home whose vouchers settle themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.benefits = open_benefits(self.settings, self.ledger)
        self.benefits.file.set_mapping(ORG, [Mapped("Voucher Redeemed", "value", "discount", "GBP")])
        self.settler = Settler(self.gate, self.reader, self.benefits)

    def redeem(self, *values: str) -> None:
        for number, value in enumerate(values):
            fields = {"messageId": f"v{number}-{value}", "event": "Voucher Redeemed", "properties": {"value": value}}
            self.send(told(TEN, type="track", userId="ada", **fields), source="crm")
        self.settle()

    def report(self, **said: Any) -> None:
        wish = Wish("user_id:ada", unit="GBP", evidence="2", **said)
        asyncio.run(self.settler.report(ORG, wish, "test"))


@pytest.fixture
def home() -> Iterator[Shop]:
    with Shop() as home:
        yield home


@pytest.fixture
def ada(home: Shop) -> Person:
    ada = Person(home)
    home.people.set_terms(ada.person, PRESETS["balanced"])
    return ada


def test_uses_that_differ_in_time_alone_are_one_line(home: Shop, ada: Person) -> None:
    for _ in range(3):
        home.reads()
    home.reads("advertising")
    told_ = ada.json("/me/statement")
    (use,) = told_["uses"]
    assert (use["org"], use["purpose"], use["count"], use["why"]) == (ORG, "service", 3, "to serve you")
    assert use["clauses"][0].startswith("Anyone may use")
    (refusal,) = told_["refusals"]
    assert (refusal["purpose"], refusal["count"]) == ("advertising", 1)
    assert refusal["said"] == f"{ORG} had promised nothing for advertising"
    settled = told_["settled"]
    assert (settled["customer"], settled["company"], settled["by_company"], settled["count"]) == ([], [], [], 0)
    assert told_["estimated"]["said"] == "not yet known"
    page = ada.get("/me/statement").text
    for words in ("used your data 3 times", "asked once in vain", "not yet known", "<svg", "had promised nothing"):
        assert words in page, words


def test_what_is_settled_equals_the_events_to_the_penny(home: Shop, ada: Person) -> None:
    values = ["5.00", "0.10", "0.20", "-1.05", "0"]
    home.redeem(*values)
    home.report(side="company", kind="margin", band="10–20")
    for _ in range(2):  # whoever looks again settles nothing again
        settled = ada.json("/me/statement")["settled"]
        (sum_,) = settled["customer"]
        assert (Decimal(sum_["amount"]), sum_["unit"]) == (sum(map(Decimal, values)), "GBP")
        assert settled["company"] == [{"band": "10–20", "unit": "GBP", "count": 1}]
        assert [one["org"] for one in settled["by_company"]] == [ORG]
    page = ada.get("/me/statement").text
    assert "£4.25" in page
    assert all(f"v{number}-{value}" in page for number, value in enumerate(values)), "each event that it is made of"


def test_a_look_at_it_writes_nothing_from_which_a_company_could_learn_of_it(home: Shop, ada: Person) -> None:
    home.redeem("5.00")
    before = home.ledger.receipts(ORG)
    assert ada.json("/me/statement")["settled"]["customer"] == [{"amount": "5.00", "unit": "GBP"}]
    assert home.ledger.receipts(ORG) == before
    assert home.benefits.file.sums(ORG, 0, 1 << 62) == []


def test_what_was_settled_meanwhile_counts_once(home: Shop, ada: Person) -> None:
    home.redeem("5.00")
    assert asyncio.run(home.settler.settle(ORG, home.found(), "test")) == 1
    home.redeem("2.00")
    assert ada.json("/me/statement")["settled"]["customer"] == [{"amount": "7.00", "unit": "GBP"}]


def test_a_benefit_stands_with_the_use_that_gave_it(home: Shop, ada: Person) -> None:
    use = at_once(home.gate.view(Request(ORG, "user_id:ada", "service", "api token")))["receipt"]
    home.report(side="customer", kind="refund", amount=Decimal("2.50"), receipt=use)
    home.report(side="company", kind="margin", band="10–20", receipt=use)
    (line,) = (one for one in ada.json("/me/statement")["uses"] if one["gave"]["customer"])
    assert line["gave"]["customer"] == [{"amount": "2.50", "unit": "GBP"}]
    page = ada.get("/me/statement").text
    assert "It gave you £2.50" in page
    assert "It gave them £10–20" in page


def test_a_month_tells_of_itself_alone(home: Shop, ada: Person) -> None:
    home.reads()
    home.redeem("3.00")
    assert ada.json("/me/statement?month=2026-03")["settled"]["customer"] == [{"amount": "3.00", "unit": "GBP"}]
    before = ada.json("/me/statement?month=2020-02")
    assert (before["uses"], before["settled"]["customer"]) == ([], [])
    assert "Nobody used your data" in ada.get("/me/statement?month=2020-02").text


@pytest.mark.parametrize("month", ["2026", "2026-13", "0000-01", "x" * 5000, "2026-1", "２０２６-01"])
def test_what_is_no_month_is_said(ada: Person, month: str) -> None:
    assert ada.get(f"/me/statement?month={month}").status_code == 400


def test_nobody_reads_what_another_was_given(home: Shop, ada: Person) -> None:
    home.redeem("5.00")
    assert ada.json("/me/statement")["settled"]["customer"]
    # The address is on a record of Ada's browser, which is only a guess; the benefit is her user's.
    other = Person(home, [f"{ORG}:anonymous_id:b"])
    assert other.json("/me/statement")["settled"]["customer"] == []


def test_what_is_estimated_keeps_to_itself(home: Shop, ada: Person) -> None:
    estimate = Estimate("customer", "people like you", "0.40", "0.10", "0.70", "GBP", 1200, "holdout", "2026-11-01")
    home.benefits.file.estimate(ORG, [estimate])
    told_ = ada.json("/me/statement")
    assert told_["estimated"]["customer"][0]["effect"] == "0.40"
    assert told_["settled"]["customer"] == []
    page = ada.get("/me/statement").text
    assert "£0.40 [£0.10, £0.70]" in page
    assert page.count("not yet known") == 1, "of the company's side nothing is known yet"

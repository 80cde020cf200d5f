"""What decisions gave is in both ledgers, on the person's statement and in the company's mirror: what is settled to the
penny and once, whatever is reported again; what is estimated of people like them."""

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from rapport.adapters.embedded.benefits import BenefitFile
from rapport.adapters.embedded.decisions import Kept
from rapport.app.bundling import open_bundler
from rapport.app.mirrors import open_mirrors
from rapport.kernel import verify
from rapport.kernel.errors import BadInput, Conflict
from rapport.terms.benefits import Estimate, Settled
from rapport.terms.estimates import group_of, of_theirs
from rapport.terms.presets import PRESETS
from rapport.web.portal.mine import by_day
from rapport.web.portal.told import Session
from tests.app.desk import HELP, Desk
from tests.profile.house import ORG, at_once
from tests.web.portal.person import Home, Person

SAID = {**HELP.content, "inbox": {"en": {"title": "Here", "text": "Here is how."}}}
THANKS = msgspec.structs.replace(HELP, eligible="true", content=SAID)
MINUTES = {"kind": "minutes_saved", "minutes": 12}
OF_HELP = Estimate("customer", group_of("help"), "0.40", "0.10", "0.70", "GBP", 1_200, "off_policy", "2026-11-20")


class Shop:
    """Ada, who reads her own page, and a company that decides for her."""

    def __init__(self) -> None:
        self.home = Home()
        self.desk = Desk(self.home, THANKS)
        self.ada = Person(self.home)
        self.home.people.set_terms(self.ada.person, PRESETS["open"])

    def helped(self) -> dict[str, Any]:
        while (answer := self.desk.decide())["action"] != "help":
            pass
        return answer

    def statement(self) -> dict[str, Any]:
        return self.ada.json("/me/statement")

    def mirror(self) -> dict[str, Any]:
        return open_mirrors(self.home.settings).of(ORG, None, "")

    def sums(self) -> list[dict[str, Any]]:
        """By side, on the statement and in the mirror: the same."""
        told = [{side: one["settled"][side] for side in ("customer", "company")} for one in self.both()]
        assert told[0] == told[1]
        return told[0]

    def both(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return self.statement(), self.mirror()

    def close(self) -> None:
        self.desk.close()
        self.home.close()


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.close()


def test_what_is_reported_is_in_both_ledgers_with_its_evidence_and_in_html(shop: Shop) -> None:
    answer = shop.helped()
    shop.desk.report(answer, customer_benefit=MINUTES, company_value=3.5)
    assert shop.sums() == {
        "customer": [{"amount": "12", "unit": "minutes"}],
        "company": [{"amount": "3.5", "unit": "GBP"}],
    }
    benefits = shop.statement()["settled"]["benefits"]
    assert {(one["side"], one["kind"], one["evidence"], one["receipt"]) for one in benefits} == {
        ("customer", "minutes_saved", f"{answer['decision']} bought", answer["receipt"]),
        ("company", "margin", f"{answer['decision']} bought", answer["receipt"]),
    }
    (use,) = [one for one in shop.statement()["uses"] if one["gave"]["customer"]]
    assert use["gave"] == shop.sums()
    page = shop.ada.get("/me/statement").text
    assert "12 minutes" in page
    assert "£3.50" in page


REPORTS = [
    {"customer_benefit": 2.5, "company_value": 4.0},
    {"customer_benefit": {"kind": "discount", "amount": 2.5}, "company_value": {"kind": "margin", "amount": 4}},
    {"customer_benefit": {"kind": "refund", "amount": 2.5}, "company_value": {"kind": "saving", "amount": 4.0}},
    {"customer_benefit": {"kind": "fee_avoided", "amount": 2.5}, "company_value": 4.0},
    {"customer_benefit": 2.5, "company_value": 5.0},
    {"customer_benefit": {"kind": "minutes_saved", "minutes": 12.5}, "company_value": 4.0},
]


def test_whatever_is_reported_again_in_whatever_words_counts_once(shop: Shop) -> None:
    book = BenefitFile(shop.desk.ledger)
    for first, again in itertools.product(REPORTS, REPORTS):
        answer = shop.helped()
        shop.desk.report(answer, **first)
        before = settled_of(book, shop.desk.kept(answer))
        assert {one.side for one in before} == {"customer", "company"}
        assert len(before) == 2
        with contextlib.suppress(Conflict):
            shop.desk.report(answer, **again)
        assert settled_of(book, shop.desk.kept(answer)) == before


def settled_of(book: BenefitFile, kept: Kept) -> list[Settled]:
    return [one for one in book.of_records(ORG, [kept.record], 0, 1 << 62) if one.use == kept.receipt]


@pytest.mark.parametrize(
    ("side", "gave"),
    [
        ("customer_benefit", {"kind": "x" * 100_000, "amount": 1}),
        ("customer_benefit", {"kind": "margin", "amount": 1}),
        ("customer_benefit", {"kind": "discount", "minutes": 3}),
        ("customer_benefit", {"kind": "minutes_saved", "amount": 3}),
        ("customer_benefit", {"kind": "minutes_saved", "minutes": 1e300}),
        ("company_value", {"kind": "minutes_saved", "minutes": 1}),
        ("company_value", {"kind": "discount", "amount": 1}),
    ],
)
def test_a_benefit_is_of_a_kind_that_its_side_is_given_and_told_as_that_kind_is(
    shop: Shop, side: str, gave: dict[str, Any]
) -> None:
    with pytest.raises(BadInput) as refused:
        shop.desk.report(shop.helped(), **{side: gave})
    assert (refused.value.code, refused.value.field) == ("bad_outcome", side)
    assert shop.statement()["settled"]["count"] == 0


def test_what_is_too_little_to_be_written_is_nothing(shop: Shop) -> None:
    shop.desk.report(shop.helped(), customer_benefit=1e-9, company_value=-0.0000004)
    assert shop.statement()["settled"]["count"] == 0


def test_estimates_are_told_of_people_like_her_and_of_what_she_got_alone(shop: Shop) -> None:
    others = msgspec.structs.replace(OF_HELP, group=group_of("sell_lamp"))
    BenefitFile(shop.desk.ledger).estimate(ORG, [OF_HELP, others])
    assert shop.statement()["estimated"]["known"] is False
    assert len(shop.mirror()["estimated"]["customer"]) == 2
    shop.helped()
    (one,) = shop.statement()["estimated"]["customer"]
    assert (one["effect"], one["low"], one["high"], one["n"], one["date"]) == (
        "0.40",
        "0.10",
        "0.70",
        1_200,
        "2026-11-20",
    )
    page = " ".join(shop.ada.get("/me/statement").text.split())
    assert "people like you" in page
    assert "£0.40 [£0.10, £0.70]" in page
    assert "Over 1,200 people (people who got help, each time), from earlier decisions" in page
    assert "sell" not in page


def test_what_no_action_is_named_in_concerns_everybody() -> None:
    of_all = msgspec.structs.replace(OF_HELP, group="people who got offers")
    assert of_theirs([OF_HELP, of_all], ()) == [of_all]
    assert of_theirs([OF_HELP, of_all], ["help"]) == [OF_HELP, of_all]


def test_silences_are_counted_kindly(shop: Shop) -> None:
    silent = [shop.desk.decide()["action"] for _ in range(12)].count("silence")
    (use,) = [one for one in shop.statement()["uses"] if one["count"] >= 12]
    assert use["silent"] == silent
    page = " ".join(shop.ada.get("/me/statement").text.split())
    assert (f"{silent} times it weighed what to do, and left you in peace." in page) is (silent > 1)


def test_who_used_it_tells_what_came_of_a_look_where_it_is_explained_and_what_chance_had_to_do_with_it(
    shop: Shop,
) -> None:
    while (answer := shop.desk.decide(channel="inbox", deliver=True))["action"] != "help":
        pass
    page = " ".join(shop.ada.get("/me/asked").text.split())
    of_a_hundred = min(99, max(1, round(100 * answer["propensity"])))
    assert f"of 100 such moments about {of_a_hundred} come out so." in page
    assert f'href="/me/inbox#m-{answer["decision"]}"' in page
    assert f'id="m-{answer["decision"]}"' in shop.ada.get("/me/inbox").text
    while shop.desk.decide()["action"] != "silence":
        pass
    assert "left you in peace" in shop.ada.get("/me/asked").text
    told = shop.ada.json("/me/asked")["rows"]
    assert {(one["decided"] or {}).get("silent") for one in told} >= {True, False}


def test_silences_in_a_row_are_one_line_whatever_their_chances(shop: Shop) -> None:
    session = Session(shop.ada.person)
    silent: list[str] = []
    while silent[-2:] != ["silence", "silence"]:
        silent.append(shop.desk.decide()["action"])
    first, second = at_once(shop.home.desk().looks.page(session, None)).rows[:2]
    assert first.decided is not None
    other = msgspec.structs.replace(first.decided, chance="otherwise")
    ((_, rows),) = by_day([first, msgspec.structs.replace(second, decided=other)])
    assert [len(row.times) for row in rows] == [2]


def test_a_bundle_verifies_what_was_decided_and_by_which_chance_and_no_other(shop: Shop) -> None:
    answer = shop.helped()
    made = open_bundler(shop.home.settings).bundle(shop.ada.person)
    assert verify.verify(made)["ok"]
    (told,) = [one["receipt"] for one in made["receipts"] if one["receipt"]["id"] == answer["receipt"]]
    assert (told["treatment"], float(told["propensity"])) == ("help", answer["propensity"])
    for field, other in (("treatment", "silence"), ("propensity", "0.99")):
        before, told[field] = told[field], other
        assert not verify.verify(made)["ok"]
        told[field] = before
    assert verify.verify(made)["ok"]

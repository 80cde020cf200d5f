"""The demo's month: what statements say was settled equals, to the penny, the events that it came from.

The sums are worked out here anew, from the raw events that the demo sends and from the rules as they are told to
people, without the product's own reading, mapping or adding.
"""

import contextlib
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from rapport.adapters.embedded.decisions import DecisionBook
from rapport.adapters.embedded.outcomes import OutcomeBook
from rapport.app.embedded import open_ledger
from rapport.app.settings import Settings
from rapport.cli.demo import month as demo_month
from rapport.cli.demo.deciding import REGULARS
from rapport.cli.demo.history import Call, story
from rapport.cli.demo.people import ALICE, household
from tests.e2e.refusing import Cast, browser
from tests.e2e.running import Node, Org, http, run
from tests.e2e.test_console_node import Browser

GIVES = {
    "Voucher Redeemed": [("customer", "value", "GBP"), ("company", "margin", "GBP")],
    "Order Refunded": [("customer", "total", "GBP")],
    "Delivery Fee Waived": [("customer", "fee", "GBP")],
}
"""Which events give what to whom, as `benefits.toml` tells it."""
REPORTED = {("customer", "minutes"): Decimal(6), ("company", "GBP"): Decimal("2.10")}
"""What the company tells by itself: a chat of six minutes that was not needed, which cost it that much less."""
DECIDED = {
    "read": {("customer", "minutes"): Decimal(5), ("company", "GBP"): Decimal("0.40")},
    "Thank-you Redeemed": {("customer", "GBP"): Decimal("2.5"), ("company", "GBP"): Decimal("1.2")},
}
"""What came of decisions, reported or shown by an event; which of them there are hangs on what the node chose."""
BANDS = [{"band": "10–20", "unit": "GBP", "count": 1}]
READY_SECONDS = 100.0  # it takes some five; tests share their machine

Sums = dict[tuple[str, str], Decimal]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Org]:
    began = time.monotonic()
    node = Node(tmp_path_factory.mktemp("month") / "data")
    try:
        # (Beside `up --demo` people would come by all the time, and what is decided for them gives something, too.)
        done = run("demo", "--data", str(node.data), "--port", str(node.port))
        assert done.returncode == 0, done.stderr
        shop = node.org("demo")
        while any(action == REGULARS and not came for action, came in decisions(shop)):
            assert time.monotonic() - began < READY_SECONDS, "it takes too long until an event settles an outcome"
            time.sleep(0.05)
        yield shop
    finally:
        node.stop()


@pytest.fixture(scope="module")
def note(shop: Org) -> dict[str, Any]:
    return dict(json.loads((shop.node.data / "demo-demo.json").read_text()))


@pytest.fixture(scope="module")
def this_month(note: dict[str, Any]) -> str:
    return f"{datetime.fromtimestamp(note['end'] / 1e6, UTC):%Y-%m}"


def sums(calls: Iterable[Call], month: str) -> Sums:
    """What these events give, each message once, in a month (UTC)."""
    found: Sums = defaultdict(Decimal)
    for body, at in {call.body["messageId"]: (call.body, call.at) for call in calls}.values():
        if f"{datetime.fromtimestamp(at / 1e6, UTC):%Y-%m}" == month:
            for side, name, unit in GIVES.get(body.get("event", ""), ()):
                if name in body["properties"]:
                    found[side, unit] += Decimal(str(body["properties"][name]))
    return found


def decisions(shop: Org) -> list[tuple[str, list[str]]]:
    """Of each decision, what was chosen, and what came of it."""
    with contextlib.closing(open_ledger(Settings(data=str(shop.node.data)))) as ledger:
        outcomes = OutcomeBook(ledger)
        kept = [outcomes.awaited(one) for one in DecisionBook(ledger).page(shop.name, 1 << 62, 1_000)]
    return [(one.action, [each.kind for each in one.outcomes]) for one in kept if one is not None]


def with_reported(found: Sums, shop: Org) -> Sums:
    for place, amount in REPORTED.items():
        found[place] += amount
    for _, came in decisions(shop):
        for kind in came:
            for place, amount in DECIDED[kind].items():
                found[place] += amount
    return found


def of_alice(note: dict[str, Any]) -> list[Call]:
    """All that the demo says of Alice; of her household's events, those that are not Ben's."""
    ben = household(note["seed"], ALICE).people[1]
    own = [c for c in story(note["seed"], ALICE, note["end"]) if ben.user_id not in str(c.body)]
    assert not any(str(ben.card) in str(call.body) and call.body.get("event") in GIVES for call in own)
    lived = demo_month.lived(note["seed"], note["end"])
    return [*own, *lived, *demo_month.today(note["seed"], note["end"], note["end"])]


def told(said: dict[str, Any]) -> Sums:
    return {
        (side, one["unit"]): Decimal(one["amount"])
        for side in ("customer", "company")
        for one in said[side]
        if "amount" in one
    }


def her_statement(shop: Org, note: dict[str, Any], month: str) -> dict[str, Any]:
    words = ("person", "statement", note["alice"], "--month", month, "--json", "--data", str(shop.node.data))
    return dict(json.loads(run(*words).stdout))


def her_page(shop: Org, note: dict[str, Any], path: str) -> str:
    where = ("--data", str(shop.node.data), "--port", str(shop.node.port), "--json")
    link = json.loads(run("person", "open", note["alice"], *where).stdout)["url"]
    hers = Browser(link.partition("/me")[0])
    hers.go(link)
    hers.send("/me/open", code=link.rpartition("code=")[2])
    hers.go(path)
    assert hers.status == 200, hers.page
    return hers.page


def test_alices_statement_equals_its_events_to_the_penny_wherever_it_is_read(
    shop: Org, note: dict[str, Any], this_month: str
) -> None:
    expected = with_reported(sums(of_alice(note), this_month), shop)
    assert len(of_alice(note)) > 40
    assert expected["customer", "GBP"] > 20
    statement = her_statement(shop, note, this_month)
    assert told(statement["settled"]) == expected
    assert [one for one in statement["settled"]["company"] if "band" in one] == BANDS
    (company,) = statement["settled"]["by_company"]
    assert told(company) == expected
    by_hand: Sums = defaultdict(Decimal)
    for one in statement["settled"]["benefits"]:
        by_hand[one["side"], one["unit"]] += Decimal(one.get("amount", 0))
    assert by_hand == expected, "one by one they come to the same"
    sent = {call.body["messageId"] for call in of_alice(note)}
    others = {one["evidence"] for one in statement["settled"]["benefits"]} - sent
    assert all(one.startswith("dec_") or one == "demo-1-inbox-thanks" for one in others), others
    assert any(one.startswith("dec_") for one in others), "what a decision gave is among it"
    page = her_page(shop, note, f"/me/statement?month={this_month}")
    assert f"£{expected['customer', 'GBP']:,.2f}" in page
    assert "11 minutes" in page


def test_the_statement_of_all_time_equals_all_of_her_events(shop: Org, note: dict[str, Any]) -> None:
    everything = of_alice(note)
    expected: Sums = with_reported(defaultdict(Decimal), shop)
    for month in {f"{datetime.fromtimestamp(call.at / 1e6, UTC):%Y-%m}" for call in everything}:
        for place, amount in sums(everything, month).items():
            expected[place] += amount
    words = ("person", "statement", note["alice"], "--json", "--data", str(shop.node.data))
    assert told(json.loads(run(*words).stdout)["settled"]) == expected


def test_the_companys_statement_equals_the_events_of_all_its_customers(
    shop: Org, note: dict[str, Any], this_month: str
) -> None:
    calls = [call for number in range(1, note["households"]) for call in story(note["seed"], number, note["end"])]
    calls += story(note["seed"], ALICE, note["end"]) + demo_month.lived(note["seed"], note["end"])
    calls += demo_month.today(note["seed"], note["end"], note["end"])
    answer = shop.get(f"/v1/statement?month={this_month}")
    assert answer.status == 200, answer.body
    mirror = answer.json
    for one in mirror["months"]:
        expected = sums(calls, one["month"])
        if one["month"] == this_month:
            expected = with_reported(expected, shop)
        assert told(one["settled"]) == expected, one["month"]
    assert sum(len(one["settled"]["customer"]) for one in mirror["months"]) > 2, "it is of several months"
    told_by_command = json.loads(
        run("org", "statement", "demo", "--month", this_month, "--json", "--data", str(shop.node.data)).stdout
    )
    assert told_by_command["settled"] == mirror["settled"]
    visitor = browser(Cast(shop.node, shop, shop, None), shop)  # type: ignore[arg-type]  # it needs no persons
    visitor.go("/console/statement")
    expected = with_reported(sums(calls, this_month), shop)
    for amount in (expected["customer", "GBP"], expected["company", "GBP"]):
        assert f"£{amount:,.2f}" in visitor.page


def test_the_month_has_what_a_month_of_life_has(shop: Org, note: dict[str, Any], this_month: str) -> None:
    statement = her_statement(shop, note, this_month)
    used = {one["purpose"]: one for one in statement["uses"]}
    assert {"service", "personalisation", "offers", "analytics"} <= used.keys()
    assert all(one["clauses"] for one in used.values()), "each by a sentence of hers"
    service = {place: REPORTED[place] + DECIDED["read"][place] for place in REPORTED}
    assert told(used["service"]["gave"]) == service
    assert told(used["offers"]["gave"]) == {("customer", "GBP"): Decimal("3.90")}
    assert used["offers"]["gave"]["company"] == BANDS
    refused = {one["purpose"]: one for one in statement["refusals"]}
    assert refused["advertising"]["clauses"] == ["Nobody may use anything to show me advertising."]
    assert refused["analytics"]["said"] == "Lantern Lane had promised nothing for analytics"
    (change,) = statement["changes"]
    assert change["kind"] == "changed"
    assert "analytics" in change["sentences"][0]
    kinds = {one["kind"] for one in statement["settled"]["by_kind"]["customer"]}
    assert kinds == {"discount", "refund", "fee_avoided", "minutes_saved"}
    assert statement["estimated"]["said"] == "not yet known"


def test_no_receipt_is_older_than_its_node(shop: Org, note: dict[str, Any], this_month: str) -> None:
    statement = her_statement(shop, note, this_month)
    began = datetime.fromtimestamp(note["end"] / 1e6, UTC).isoformat(timespec="microseconds")
    for one in [*statement["uses"], *statement["refusals"]]:
        assert one["first_at"].removesuffix("Z") >= began.removesuffix("+00:00"), "receipts tell when they were written"


def test_the_month_is_lived_once(shop: Org, note: dict[str, Any], this_month: str) -> None:
    before = her_statement(shop, note, this_month)["settled"]
    again = run("demo", "--data", str(shop.node.data), "--port", str(shop.node.port))
    assert again.returncode == 0, again.stderr
    assert her_statement(shop, note, this_month)["settled"] == before
    assert http("GET", f"{shop.node.url}/readyz").status == 200


def test_a_month_that_was_cut_short_is_lived_again_and_gives_nothing_twice(
    shop: Org, note: dict[str, Any], this_month: str
) -> None:
    before = her_statement(shop, note, this_month)
    place = shop.node.data / "demo-demo.json"
    place.write_text(json.dumps({**json.loads(place.read_text()), "lived": False}))
    again = run("demo", "--data", str(shop.node.data), "--port", str(shop.node.port))
    assert again.returncode == 0, again.stderr
    after = her_statement(shop, note, this_month)
    assert sum(one["count"] for one in after["uses"]) > sum(one["count"] for one in before["uses"])
    assert after["settled"] == before["settled"]
    assert json.loads(place.read_text())["lived"] is True

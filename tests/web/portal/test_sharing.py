"""What was done elsewhere: who is told, of what, and no more once it is stopped; and back again."""

import json
import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from rapport.kernel.ports import LogEntry
from rapport.terms import Declaration, Promise, Request
from rapport.terms.clauses import Clause, Elsewhere, Terms
from rapport.terms.presets import PRESETS
from tests.profile.house import ORG, TEN, at_once, told
from tests.web.portal.person import Home, Person

CLAIMS = (f"{ORG}:user_id:ada", "corner:user_id:a1")


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with Home() as home:
        home.declare(Declaration(name="Shop & Sons", purposes={"service": Promise("contract", retention_days=30)}))
        home.ledger.add_source("corner", "crm", trusted=True)
        bought = told(TEN, type="track", userId="a1", messageId="c1", event="Order Completed", properties={"total": 31})
        body = json.dumps({"batch": [bought]}).encode()
        home.append(LogEntry("corner", "crm", "segment", "batch", TEN, body))
        home.settle()
        yield home


@pytest.fixture(scope="module")
def known(home: Home) -> Person:
    return Person(home, CLAIMS)


@pytest.fixture
def ada(home: Home, known: Person) -> Person:
    """As if nobody had said anything yet."""
    home.people.set_terms(known.person, Terms())
    home.people.unlock(known.person, None)
    return known


def sharing(home: Home, person: Person, **share: object) -> None:
    clause = Clause("tell", "allow", (ORG,), ("service",), data="all", elsewhere=Elsewhere(**share))  # type: ignore[arg-type]
    home.people.set_terms(person.person, Terms("mine", (clause,)))


def is_told(home: Home) -> list[dict[str, object]]:
    return list(at_once(home.gate.view(Request(ORG, "user_id:ada", "service", "api token")))["elsewhere"])


def test_who_shares_nothing_is_told_so_and_what_sharing_would_change(ada: Person) -> None:
    page = ada.get("/me/sharing").text
    assert "Nobody is told anything" in page
    assert "way=preset&amp;value=open" in page


def test_a_person_sees_what_the_gate_tells_and_no_more(home: Home, ada: Person) -> None:
    sharing(home, ada, detail="exact", named=True)
    page = ada.get("/me/sharing").text
    assert "Shop &amp; Sons" in page
    assert "with the other company’s name" in page
    shown = ada.json(f"/me/sharing/{ORG}")
    entries = is_told(home)
    assert (
        [entry["told"]["what"] for entry in shown["entries"]] == [one["what"] for one in entries] == ["Order Completed"]
    )
    assert "Order Completed" in ada.get(f"/me/sharing/{ORG}").text
    sharing(home, ada, detail="coarse")
    coarse = ada.json(f"/me/sharing/{ORG}")["entries"]
    assert [{**entry["told"]} for entry in coarse] == [
        {name: said for name, said in one.items() if name != "category"} for one in is_told(home)
    ]
    assert "31" not in json.dumps(coarse)


def test_each_look_is_in_the_persons_book_and_in_no_companys(home: Home, ada: Person) -> None:
    sharing(home, ada, detail="exact")
    receipt = ada.json(f"/me/sharing/{ORG}")["receipt"]
    found = home.ledger.receipt_told(home.people.person(ada.person).id, receipt)
    assert found is not None
    assert (found.org, found.decision) == ("", "permitted")


@pytest.mark.parametrize("value", [ORG, "*"])
def test_it_is_stopped_after_it_was_shown_what_would_change_and_taken_back(home: Home, ada: Person, value: str) -> None:
    sharing(home, ada, detail="exact")
    preview = ada.get(f"/me/terms/change?way=apart&value={quote(value)}").text
    assert "Stop telling it?" in preview
    assert "of what you did at other companies" in preview
    assert is_told(home)
    assert ada.post("/me/terms/change", way="apart", value=value).status_code == 303
    assert is_told(home) == []
    assert "Nobody is told anything" in ada.get("/me/sharing").text
    clause = next(line["id"] for line in ada.json("/me/terms")["lines"] if line["id"].startswith("apart:"))
    assert "cannot be put back" not in ada.get(f"/me/terms/change?way=out&value={quote(clause)}").text
    ada.post("/me/terms/change", way="out", value=clause)
    assert is_told(home)


def test_a_lock_is_said_and_what_would_be_told_still_shown(home: Home, ada: Person) -> None:
    sharing(home, ada, detail="exact")
    ada.post("/me/lock", lock="yes")
    assert "You have locked everyone out" in ada.get("/me/sharing").text


@pytest.mark.parametrize("org", ["nowhere", "x" * 300, "shop%00"])
def test_of_companies_where_they_are_nobody_there_is_nothing(ada: Person, org: str) -> None:
    assert ada.get(f"/me/sharing/{quote(org, safe='')}").status_code == 404
    assert ada.get(f"/me/terms/change?way=apart&value={quote(org, safe='')}").status_code in {400, 404}
    assert ada.post("/me/terms/change", way="apart", value=org).status_code in {400, 404}


def test_each_change_of_the_terms_leads_to_what_would_undo_it(home: Home, ada: Person) -> None:
    home.people.set_terms(ada.person, PRESETS["balanced"])
    for way, value in (("out", "fair-offers"), ("apart", ORG), ("apart", "*"), ("hide", f"{ORG}:purchases")):
        before = home.people.person(ada.person).terms
        changed = ada.post("/me/terms/change", way=way, value=value)
        page = ada.get(changed.headers["location"]).text
        undo = unescape(re.findall(r'href="(/me/terms/change\?[^"]+)">Undo', page)[0])
        asked = {name: said[0] for name, said in parse_qs(urlsplit(undo).query).items()}
        assert ada.get(undo).status_code == 200
        again = ada.post("/me/terms/change", way=asked["way"], value=asked["value"])
        assert home.people.person(ada.person).terms.clauses == before.clauses
        assert "Undo" in ada.get(again.headers["location"]).text
    chosen = ada.post("/me/terms/change", way="preset", value="open")
    assert "Undo" not in ada.get(chosen.headers["location"]).text


def test_only_what_can_be_told_is_named(home: Home, ada: Person) -> None:
    sharing(home, ada, detail="coarse")
    (one,) = ada.json("/me/sharing")["told"]
    assert all("your name" not in share["what"] for share in one["shares"])
    page = ada.get(f"/me/sharing/{ORG}").text
    assert "March 2026" in page
    assert "once" in page

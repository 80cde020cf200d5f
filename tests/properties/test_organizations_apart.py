"""Organizations cannot see each other (design §3, rule 8): whatever two of them compare, no answer depends on what
another holds, and what a person did elsewhere says no more than was granted."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.app.embedded import open_ledger
from rapport.kernel.errors import Conflict, NotFound
from rapport.kernel.ports import LogEntry
from rapport.terms import Clause, Declaration, Promise, Request, Terms
from rapport.terms.clauses import Elsewhere
from tests.conftest import sample
from tests.profile.house import ORG, TEN, House, at_once

OTHER = "bakery-canary"
THIRD = "third"
PARTS = ("traits", "identifiers", "events", "evidence")
HANDLE = re.compile(r"\b(?:rec|cus|evi|rcp|per|agr)_[0-9a-z]{16,}")
PURPOSES = ("service", "offers")
OPEN = Declaration(purposes={name: Promise("contract", onward=False, retention_days=30) for name in PURPOSES})

NAMES, EMAILS, DEVICES = ("ada", "bo"), ("ada@example.com", "bo@example.com"), ("tablet", "handset")


@st.composite
def happenings(draw: st.DrawFn) -> list[tuple[str, dict[str, Any]]]:
    """(source, event) of some people."""
    drawn = []
    for number in range(draw(st.integers(1, 5))):
        event: dict[str, Any] = {"messageId": f"m{number}", "timestamp": f"2026-03-02T10:0{number}:00Z"}
        event |= {"anonymousId": draw(st.sampled_from(DEVICES))} if draw(st.booleans()) else {}
        event |= {"userId": draw(st.sampled_from(NAMES))} if draw(st.booleans()) or len(event) == 2 else {}
        if draw(st.booleans()):
            event |= {"type": "identify", "traits": {"email": draw(st.sampled_from(EMAILS)), "name": "Same"}}
        else:
            event |= {"type": "track", "event": "Order Completed", "properties": {"revenue": 12.5}}
        drawn.append((draw(st.sampled_from(["web", "crm"])), event))
    return drawn


@contextmanager
def two() -> Iterator[House]:
    with House() as house:
        ledger = open_ledger(house.settings)
        for org in (OTHER, THIRD):
            ledger.add_org(org)
            ledger.add_source(org, "web")
            ledger.add_source(org, "crm", trusted=True, trust=1)
        ledger.close()
        house.declare(OPEN)
        yield house


def sent(house: House, org: str, events: list[tuple[str, dict[str, Any]]]) -> None:
    for source, event in events:
        body = json.dumps({"batch": [event]}).encode()
        house.append(LogEntry(org, source, "segment", "batch", TEN + 3_600_000_000, body))
    house.settle()


def asked(house: House, org: str, customer: str, purpose: str) -> Iterator[tuple[str, Any]]:
    """Every answer to one id, by what was asked."""
    request = Request(org, customer, purpose, "test")
    for part in ("view", *PARTS):
        ask = getattr(house.gate, part)
        try:
            yield part, at_once(ask(request) if part == "view" else ask(request, None, 500))
        except (NotFound, Conflict) as error:
            yield part, (error.code, error.message)


def answers(house: House, org: str) -> dict[str, Any]:
    """All that an organization can learn of everyone it may think of."""
    told: dict[str, Any] = {}
    ids = [f"user_id:{n}" for n in NAMES] + [f"email:{e}" for e in EMAILS] + [f"anonymous_id:{d}" for d in DEVICES]
    for customer in ids:
        for purpose in PURPOSES:
            told |= {f"{customer} {purpose} {part}": answer for part, answer in asked(house, org, customer, purpose)}
    return told


def plain(told: Any) -> str:
    """Answers without what is drawn by chance or by order of arrival on a node: handles of customers and receipts."""
    text = json.dumps(told, sort_keys=True)
    text = re.sub(r"\b(?:cus|rcp)_[0-9a-z]+", "HANDLE", text)
    return re.sub(r'"(as_of|received_at)": "[^"]+"', "", text)


@sample(40)
@given(happenings(), happenings())
def test_two_organizations_that_compare_all_they_were_told_share_no_handle(
    mine: list[tuple[str, dict[str, Any]]], more: list[tuple[str, dict[str, Any]]]
) -> None:
    with two() as house:
        for org in (ORG, OTHER):
            sent(house, org, mine)
        sent(house, OTHER, more)
        house.people.add([f"{org}:user_id:ada" for org in (ORG, OTHER)])
        ours, theirs = (set(HANDLE.findall(json.dumps(answers(house, org)))) for org in (ORG, OTHER))
        assert ours
        assert not ours & theirs
        for handle in theirs:
            if handle.startswith("cus_"):
                assert all(answer[0] == "not_found" for _, answer in asked(house, ORG, handle, "service"))
        with house.reader.snapshot():
            assert not [h for h in theirs if h.startswith("rec_") and house.reader.by_record(ORG, h) is not None]


@sample(40)
@given(happenings(), happenings(), st.booleans())
def test_no_answer_depends_on_what_another_organization_holds(
    mine: list[tuple[str, dict[str, Any]]], theirs: list[tuple[str, dict[str, Any]]], own_terms: bool
) -> None:
    """Twin nodes: on one of them the same person is a customer of another company too, and lets a third one see."""
    told = []
    for company in (False, True):
        with two() as house:
            if company:
                sent(house, OTHER, theirs)
            sent(house, ORG, mine)
            claims = [f"{ORG}:user_id:ada", f"{ORG}:email:ada@example.com"]
            if company:
                claims += [f"{OTHER}:user_id:ada", f"{OTHER}:email:ada@example.com", f"{THIRD}:user_id:ada"]
            person = house.people.add(claims)
            if own_terms:
                house.people.set_terms(person.handle, Terms("own", (HERE, Clause("b", "allow", (THIRD,), data="all"))))
            told.append(plain(answers(house, ORG)))
    assert told[0] == told[1]


HERE = Clause("a", "allow", (ORG,), categories=("everything", "unclassified"))


# -- elsewhere

BOUGHT = {
    "type": "track",
    "event": "Order Completed",
    "messageId": "canary-message",
    "timestamp": "2026-03-02T10:11:12.131Z",
    "userId": "canary-user",
    "anonymousId": "canary-device",
    "properties": {
        "orderId": "canary-order",
        "revenue": 37.0,
        "currency": "EUR",
        "coupon": "canary-coupon",
        "products": [{"productId": "canary-sku", "name": "Rye bread", "category": "Bread", "price": 37.0}],
    },
    "context": {"ip": "192.0.2.77", "page": {"url": "https://canary.example/"}},
}
NEVER = ("canary", "crm", "rec_", "evi_", "192.0.2", "orderId", "productId", "properties", "context")


@pytest.fixture
def house() -> Iterator[House]:
    with two() as house:
        sent(house, OTHER, [("crm", BOUGHT), ("crm", {**BOUGHT, "userId": "someone-else", "messageId": "x"})])
        sent(
            house, OTHER, [("web", {"type": "identify", "userId": "canary-user", "messageId": "2", "traits": {"x": 1}})]
        )
        for org in (ORG, THIRD):
            sent(
                house, org, [("crm", {"type": "identify", "userId": "ada", "messageId": "1", "traits": {"name": "A"}})]
            )
        yield house


def let_in(house: House, **share: Any) -> str:
    person = house.people.add([f"{OTHER}:user_id:canary-user", f"{ORG}:user_id:ada", f"{THIRD}:user_id:ada"])
    clause = Clause("tell", "allow", (ORG,), ("service",), ("everything",), data="all", elsewhere=Elsewhere(**share))
    house.people.set_terms(person.handle, Terms("own", (clause,)))
    return person.handle


def view(house: House, org: str = ORG) -> dict[str, Any] | None:
    try:
        return at_once(house.gate.view(Request(org, "user_id:ada", "service", "test")))
    except NotFound:
        return None


def entries(house: House, org: str = ORG) -> list[dict[str, Any]]:
    shown = view(house, org)
    return [] if shown is None else list(shown["elsewhere"])


def test_coarse_and_unnamed_tells_kind_month_band_and_no_more(house: House) -> None:
    let_in(house)
    (entry,) = entries(house)
    assert entry == {
        "category": "purchases",
        "what": "Bread",
        "month": "2026-03",
        "band": "20–50",
        "currency": "EUR",
        "count": "1",
    }


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("detail", ["coarse", "exact"])
def test_no_source_no_record_and_no_id_is_told_and_a_name_only_where_granted(
    house: House, detail: str, named: bool
) -> None:
    let_in(house, detail=detail, named=named)
    (entry,) = entries(house)
    text = json.dumps(entry)
    if named:
        assert entry.pop("company") == OTHER
        text = json.dumps(entry)
    assert not [word for word in NEVER if word in text], text
    shown = view(house)
    assert shown is not None
    assert "Bread" not in json.dumps({**shown, "elsewhere": []})


def test_who_is_not_granted_is_told_nothing_at_all(house: House) -> None:
    let_in(house, detail="exact", named=True)
    assert entries(house)
    assert view(house, THIRD) is None
    for part in PARTS:
        answer = at_once(getattr(house.gate, part)(house.asked("user_id:ada"), None, 100))
        assert "Bread" not in json.dumps(answer)


def test_a_lock_ends_what_is_told_of_elsewhere_too(house: House) -> None:
    person = let_in(house, detail="exact")
    assert entries(house)
    house.people.lock(person, ORG)
    assert view(house) is None
    house.people.unlock(person, ORG)
    assert entries(house)


def test_nothing_is_told_of_a_mailbox_of_two(house: House) -> None:
    for user in ("canary-user", "someone-else"):
        told = {"type": "identify", "userId": user, "messageId": f"e-{user}", "traits": {"email": "fam@example.com"}}
        sent(house, OTHER, [("crm", told)])
    person = house.people.add([f"{OTHER}:email:fam@example.com", f"{ORG}:user_id:ada"])
    clause = Clause("tell", "allow", (ORG,), ("service",), data="all", elsewhere=Elsewhere("exact"))
    house.people.set_terms(person.handle, Terms("own", (clause,)))
    assert view(house) is not None
    assert entries(house) == []


def test_nothing_is_told_where_somebody_else_has_a_say(house: House) -> None:
    let_in(house, detail="exact")
    assert entries(house)
    house.people.add([f"{OTHER}:user_id:canary-user"])
    assert entries(house) == []


def test_a_record_that_is_another_customers_or_joined_by_a_guess_is_not_told(house: House) -> None:
    guess = {"type": "identify", "anonymousId": "stranger", "messageId": "g1", "traits": {"email": "c@example.com"}}
    known = {"type": "identify", "userId": "canary-user", "messageId": "g2", "traits": {"email": "c@example.com"}}
    sent(house, OTHER, [("crm", known), ("web", guess)])
    bought = {**BOUGHT, "anonymousId": "stranger", "messageId": "g3"}
    del bought["userId"]
    sent(house, OTHER, [("web", bought)])
    let_in(house, detail="exact")
    assert len(entries(house)) == 1


def test_a_stranger_who_typed_the_persons_e_mail_is_not_told_what_they_did_elsewhere(house: House) -> None:
    typed = {"type": "identify", "anonymousId": "stranger", "messageId": "s1", "traits": {"email": "ada@example.com"}}
    sent(house, ORG, [("web", typed)])
    person = house.people.add([f"{OTHER}:user_id:canary-user", f"{ORG}:email:ada@example.com"])
    clause = Clause("tell", "allow", (ORG,), ("service",), data="all", elsewhere=Elsewhere("exact"))
    house.people.set_terms(person.handle, Terms("own", (clause,)))
    shown = at_once(house.gate.view(Request(ORG, "email:ada@example.com", "service", "test")))
    assert shown["elsewhere"] == []
    sent(house, ORG, [("crm", {**typed, "anonymousId": "known", "messageId": "s2"})])
    shown = at_once(house.gate.view(Request(ORG, "email:ada@example.com", "service", "test")))
    assert [entry["what"] for entry in shown["elsewhere"]] == ["Order Completed"]

"""My goals as a page, and what software does at the person's addresses in JSON."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from rapport.adapters.embedded.accounts import Accounts
from rapport.kernel.ports import LogEntry
from rapport.kernel.times import now
from rapport.signin.passkeys import Made
from rapport.terms import Pending
from tests.profile.house import ORG, told
from tests.web.portal.person import Home, Person


@pytest.fixture
def home() -> Iterator[Home]:
    home = Home()
    with home:
        for number, sum_of in enumerate((12.5, 20)):
            paid = {"total": sum_of, "currency": "GBP"}
            event = told(
                type="track", userId="ada", messageId=f"paid {number}", event="Order Completed", properties=paid
            )
            home.send(event, source="crm", received_at=now())
        home.settle()
        yield home


@pytest.fixture
def ada(home: Home) -> Person:
    return Person(home)


def ask(person: Person, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
    sent = {"Accept": "application/json", "Origin": person.origin, "Content-Type": "application/json", **headers}
    return person.send(method, path, sent, content=b"" if body is None else json.dumps(body).encode())


def spend(person: Person, amount: str = "50") -> dict[str, Any]:
    body = {"words": "Spend less", "kind": "spend", "orgs": [ORG], "amount": amount, "currency": "GBP"}
    answer = ask(person, "POST", "/me/goals", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


# -- goals


def test_a_goal_is_said_and_measured_by_what_happened(ada: Person) -> None:
    made = spend(ada)["progress"]
    assert (made["have"], made["want"], made["met"], made["percent"]) == ("32.5", "50", True, 65)
    page = ada.get("/me/goals").text
    assert "<strong>£32.50</strong> of £50.00, within it" in page
    assert 'width="65"' in page


def test_measuring_leaves_a_receipt_of_one_s_own_look(ada: Person) -> None:
    ada.get("/me/goals")
    assert not ada.json("/me/asked")["rows"]
    spend(ada)
    (look,) = ada.json("/me/asked")["rows"]
    assert (look["own"], look["action"], look["org"]) == (True, "your own goal", ORG)


def test_a_goal_at_many_companies_is_measured_by_one_commit_and_anew_only_where_a_claim_moved(home: Home) -> None:
    home.ledger.add_source("corner", "crm", trusted=True)
    event = told(type="track", userId="ada", messageId="there", event="Order Completed", properties={})
    home.append(LogEntry("corner", "crm", "segment", "batch", now(), json.dumps({"batch": [event]}).encode()))
    home.settle()
    kept = home.book

    class Counting:
        def __init__(self) -> None:
            self.commits: list[list[str]] = []

        async def commit(self, pending: Sequence[Pending]) -> None:
            if not self.commits:  # somebody else claims what the other company knows her by, just before it
                home.people.add(["corner:user_id:ada"])
            await kept.commit(pending)
            self.commits.append([one.receipt.fields[0] for one in pending if not one.stale])

    counting = Counting()
    home.book = counting  # type: ignore[assignment]  # a book like the other
    ada = Person(home, [f"{ORG}:user_id:ada", "corner:user_id:ada"])
    body = {"words": "Buy", "kind": "buy", "orgs": [ORG, "corner"], "times": 5}
    assert ask(ada, "POST", "/me/goals", body).json()["progress"]["have"] == "3"
    assert counting.commits == [[ORG], ["corner"]]
    assert ask(ada, "GET", "/me/goals").json()["goals"][0]["progress"]["have"] == "3"
    assert counting.commits[2:] == [[ORG, "corner"]]


@pytest.mark.parametrize(
    ("typed", "kept"), [("1,000", "1000.00"), ("1.000", "1000.00"), ("12,50", "12.50"), ("£1,234.50", "1234.50")]
)
def test_an_amount_is_read_as_people_write_it_in_either_language(ada: Person, typed: str, kept: str) -> None:
    more = {"kind": "spend", f"at:{ORG}": "yes", "amount": typed, "currency": "GBP"}
    assert ada.post("/me/goals", words="Spend less", **more).headers["location"] == "/me/goals?done=said"
    assert ask(ada, "GET", "/me/goals").json()["goals"][0]["amount"] == kept


def test_a_form_says_a_goal_and_takes_every_step_with_it(ada: Person) -> None:
    more: dict[str, Any] = {"kind": "buy", "times": "2", "per": "month", f"at:{ORG}": "yes"}
    assert ada.post("/me/goals", words="Two teapots", **more).headers["location"] == "/me/goals?done=said"
    (goal,) = ada.json("/me/goals")["goals"]
    assert (goal["progress"]["have"], goal["progress"]["met"]) == ("2", True)
    for step, paused, finished in (
        ("pause", True, False),
        ("resume", False, False),
        ("finish", False, True),
        ("reopen", False, False),
    ):
        onward = ada.post("/me/goals", goal=goal["id"], step=step).headers["location"]
        assert "Undo" in ada.get(onward).text
        (found,) = ada.json("/me/goals")["goals"]
        assert (found["paused"], found["finished_at"] is not None) == (paused, finished)
        assert (found["progress"] is None) == (paused or finished)
    ada.post("/me/goals", goal=goal["id"], step="forget")
    assert ada.json("/me/goals")["goals"] == []


def test_what_a_browser_did_that_is_only_guessed_to_be_theirs_counts_for_nothing(home: Home, ada: Person) -> None:
    paid = {"total": 7, "currency": "GBP"}
    event = told(now(), type="track", messageId="no", anonymousId="b", event="Order Completed", properties=paid)
    home.send(event, received_at=now())
    home.settle()
    assert spend(ada)["progress"]["have"] == "32.5"


def test_nobody_reads_or_changes_another_s_goal(home: Home, ada: Person) -> None:
    mine = spend(ada)["id"]
    other = Person(home, ["corner:user_id:bo"])
    assert ask(other, "GET", "/me/goals").json()["goals"] == []
    for body in ({"goal": mine, "step": "finish"}, {"goal": "goal_none", "step": "finish"}):
        answer = ask(other, "POST", "/me/goals", body)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert ask(other, "DELETE", f"/me/goals?goal={mine}").status_code == 404
    assert ask(ada, "DELETE", f"/me/goals?goal={mine}").status_code == 204
    assert ask(ada, "DELETE", "/me/goals", {"goal": mine}).status_code == 404


def test_goals_are_sealed_and_go_with_their_person(home: Home, ada: Person) -> None:
    ask(ada, "POST", "/me/goals", {"words": "Stop buying teapots"})
    rows = home.ledger.db.execute("SELECT sealed FROM goal").fetchall()
    assert rows
    assert not any(b"teapots" in row[0] for row in rows)
    home.people.set_status(ada.person, "erasing")
    home.people.forget_claims(ada.person)
    assert home.ledger.db.execute("SELECT count(*) FROM goal").fetchone() == (0,)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"words": 3},
        {"words": "x", "kind": "fly"},
        {"words": "x", "kind": "spend", "orgs": ["corner"], "amount": "5", "currency": "GBP"},
        {"words": "x", "more": 1},
        {"goal": "x"},
        {"goal": "x", "step": "explode"},
        [],
        "words",
        {"words": "x" * 20_000},
        {"words": "x", "kind": "buy", "orgs": [ORG], "times": 10**30},
    ],
)
def test_what_is_no_goal_is_refused_and_nothing_is_kept(ada: Person, body: Any) -> None:
    answer = ask(ada, "POST", "/me/goals", body)
    assert 400 <= answer.status_code < 500
    assert answer.json()["code"]
    assert ask(ada, "GET", "/me/goals").json()["goals"] == []


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b'{"words":"\\ud800"}', b"[" * 5000])
def test_what_is_no_json_is_refused(ada: Person, raw: bytes) -> None:
    headers = {"Accept": "application/json", "Origin": ada.origin, "Content-Type": "application/json"}
    answer = ada.send("POST", "/me/goals", headers, content=raw)
    assert (answer.status_code, "code" in answer.json()) == (400, True)


def test_no_more_goals_are_kept_than_anybody_has(ada: Person) -> None:
    for number in range(100):
        ada.post("/me/goals", words=f"goal {number}")
    answer = ask(ada, "POST", "/me/goals", {"words": "one more"})
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_goals")


# -- the same addresses for software


def test_terms_are_changed_by_preset_and_clause(ada: Person) -> None:
    changed = ask(ada, "POST", "/me/terms", {"preset": "open"}).json()
    assert (changed["preset"], changed == ask(ada, "GET", "/me/terms").json()) == ("open", True)
    first = changed["lines"][0]["id"]
    without = ask(ada, "POST", "/me/terms", {"out": first}).json()
    assert [line["on"] for line in without["lines"] if line["id"] == first] == [False]
    assert ask(ada, "POST", "/me/terms", {"back": first}).json() == changed
    assert ask(ada, "POST", "/me/terms", {"tell_why": True}).json()["tell_why"] is True


@pytest.mark.parametrize("body", [{}, {"preset": "open", "tell_why": True}, {"preset": "none such"}, {"out": "none"}])
def test_terms_that_are_none_change_nothing(ada: Person, body: Any) -> None:
    before = ask(ada, "GET", "/me/terms").json()
    assert 400 <= ask(ada, "POST", "/me/terms", body).status_code < 500
    assert ask(ada, "GET", "/me/terms").json() == before


def test_locks_are_read_set_and_undone(home: Home, ada: Person) -> None:
    assert ask(ada, "GET", "/me/lock").json()["locked"] is False
    assert ask(ada, "POST", "/me/lock", {"org": ORG}).json()["companies"][0]["locked"] is True
    assert not home.reads()
    assert ask(ada, "DELETE", f"/me/lock?org={ORG}").json()["companies"][0]["locked"] is False
    assert home.reads()
    assert ask(ada, "POST", "/me/lock").json()["locked"] is True
    assert not home.reads()
    assert ask(ada, "DELETE", "/me/lock").json()["locked"] is False
    assert home.reads()
    assert ask(ada, "POST", "/me/lock", {"org": "corner"}).status_code == 404


def test_devices_and_sessions_are_lists(ada: Person) -> None:
    assert ask(ada, "GET", "/me/devices").json().keys() == {"keys", "signs", "bound"}
    assert ask(ada, "GET", "/me/sessions").json() == {"sessions": []}
    assert ask(ada, "DELETE", "/me/sessions").json() == {"sessions": []}
    for body in ({"device": 1}, {"device": 10**18}, {"device": -1}):
        assert ask(ada, "DELETE", "/me/devices", body).status_code == 404
    wrong: tuple[Any, ...] = ({}, {"device": 1, "passkey": 1}, {"device": "x"})
    for body in wrong:
        assert ask(ada, "DELETE", "/me/devices", body).status_code == 400


CHANGES = [
    ("POST", "/me/goals", {"words": "x"}),
    ("DELETE", "/me/goals?goal=x", None),
    ("POST", "/me/terms", {"preset": "open"}),
    ("POST", "/me/lock", {}),
    ("DELETE", "/me/lock", None),
    ("DELETE", "/me/devices", {"device": 1}),
    ("DELETE", "/me/sessions", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
@pytest.mark.parametrize("origin", ["http://evil.test", "null"])
def test_another_site_changes_nothing(ada: Person, method: str, path: str, body: Any, origin: str) -> None:
    answer = ask(ada, method, path, body, Origin=origin)
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
def test_software_without_a_session_is_told_to_sign_in(ada: Person, method: str, path: str, body: Any) -> None:
    ada.cookies = {}
    assert ask(ada, method, path, body).status_code == 401
    assert ask(ada, "GET", path).status_code == 401
    stranger = ada.get(path)
    assert (stranger.status_code, stranger.headers["location"]) == (303, "/signin")


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data"])
def test_a_body_that_is_not_said_to_be_json_changes_nothing(ada: Person, kind: str) -> None:
    for path in ("/me/goals", "/me/terms", "/me/lock"):
        answer = ask(ada, "POST", path, {"words": "x"}, **{"Content-Type": kind})
        assert 400 <= answer.status_code < 500
    assert ask(ada, "GET", "/me/lock").json()["locked"] is False


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_other_methods_are_not_there(ada: Person, method: str) -> None:
    assert ask(ada, method, "/me/goals", {}).status_code == 405
    assert ask(ada, "POST", "/me/sessions", {}).status_code == 405


def test_terms_and_passkeys_need_that_one_was_verified_a_moment_ago(home: Home, ada: Person) -> None:
    made = Made(credential=b"credential", public=b"key", counter=0, synced=False)
    Accounts(home.ledger).add_passkey(ada.person, made, "key", (b"challenge", now() + 10**9))
    for method, path, body in (("POST", "/me/terms", {"preset": "open"}), ("DELETE", "/me/devices", {"passkey": 1})):
        answer = ask(ada, method, path, body, Accept="*/*")
        assert (answer.status_code, answer.json()["code"]) == (403, "step_up")


def test_this_month_is_the_one_that_is_measured(ada: Person) -> None:
    since = spend(ada)["progress"]["since"]
    first = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    assert since == int(first.timestamp()) * 1_000_000

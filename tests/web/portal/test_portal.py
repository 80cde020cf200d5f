"""The person's page: who may what, what they know, my terms, who asked; and that nobody else gets in."""

import asyncio
import base64
import json
from collections.abc import Iterator

import pytest

from rapport.adapters.embedded.doors import Doors
from rapport.adapters.embedded.operators import Operators
from rapport.app.exporting import open_exporter
from rapport.kernel import verify
from rapport.terms import Clause, Declaration, Promise, Terms
from rapport.terms.presets import PRESETS
from rapport.web.door import AT_ONCE
from rapport.web.pages import CONTENT_SECURITY_POLICY
from tests.profile.house import ORG, told
from tests.web.console.visitor import Page
from tests.web.portal.person import Home, Person

PAGES = [
    "/me",
    f"/me/known/{ORG}",
    "/me/terms",
    "/me/terms/change?way=preset&value=open",
    "/me/asked",
    "/me/receipts",
    "/me/agreements",
]


@pytest.fixture
def home() -> Iterator[Home]:
    with Home() as home:
        yield home


@pytest.fixture
def ada(home: Home) -> Person:
    return Person(home)


# -- the door


def test_a_link_opens_one_browser_once_and_looking_at_it_spends_nothing(ada: Person) -> None:
    code = ada.link()
    for _ in range(2):
        assert "Open my page on this browser" in ada.get(f"/me/open?code={code}").text
    assert ada.post("/me/open", code=code).status_code == 303
    spent = ada.post("/me/open", code=code)
    assert (spent.status_code, "used up" in spent.text) == (403, True)


def test_only_a_link_of_the_demo_is_opened_by_its_page_and_not_where_a_page_is_open_already(
    home: Home, ada: Person
) -> None:
    session, ada.cookies = ada.cookies, {}
    demo = Doors(home.ledger).mint(ada.person, AT_ONCE)
    assert "data-at-once" in ada.get(f"/me/open?code={demo}").text
    assert "data-at-once" not in ada.get(f"/me/open?code={ada.link()}").text
    ada.cookies = session
    page = ada.get(f"/me/open?code={demo}").text
    assert "data-at-once" not in page
    assert "A page is open on this browser already" in page
    assert ada.post("/me/open", code=demo).status_code == 303
    spent = ada.post("/me/open", code=demo).text
    assert "used up" in spent
    assert "rapport person open" in spent
    assert "The page that is open on this browser" in spent


@pytest.mark.parametrize("path", [*PAGES, "/me/agreements/x"])
def test_nobody_looks_without_a_session(ada: Person, path: str) -> None:
    ada.cookies = {}
    answer = ada.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/signin")


def test_a_company_s_link_opens_no_person_s_page_and_a_person_s_link_no_console(home: Home, ada: Person) -> None:
    company, person = home.ledger.mint_link(ORG), ada.link()
    assert ada.post("/me/open", code=company).status_code == 403
    assert home.ledger.redeem_link(person) is None
    # Neither was spent by the other's try.
    assert ada.post("/me/open", code=person).status_code == 303
    session = home.ledger.redeem_link(company)
    assert session is not None
    ada.cookies = {"rapport_me_80": session}
    assert ada.get("/me").status_code == 303


def test_a_person_s_session_is_none_of_the_console_s(home: Home, ada: Person) -> None:
    assert Operators(home.ledger).session(ada.cookies["rapport_me_80"]) is None


def test_closing_the_page_ends_the_session_on_the_node(ada: Person) -> None:
    cookies = dict(ada.cookies)
    ada.post("/me/leave")
    ada.cookies = cookies
    assert ada.get("/me").status_code == 303


def test_whoever_is_erased_has_no_page(home: Home, ada: Person) -> None:
    home.people.set_status(ada.person, "erasing")
    assert ada.get("/me").status_code == 303


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_fenced_in_never_kept_and_loads_only_its_own_files(ada: Person, path: str) -> None:
    answer = ada.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.headers["cache-control"] == "no-store"
    page = Page(answer.text.replace("/me/paper/", "/console/static/").replace("/me/static/", "/console/static/"))
    assert page.only_its_own()


def test_the_cookie_is_for_this_node_alone_and_for_twelve_hours(ada: Person) -> None:
    cookie = ada.post("/me/open", code=ada.link()).headers["set-cookie"].lower()
    assert {"httponly", "samesite=strict", "max-age=43200", "path=/"} <= {part.strip() for part in cookie.split(";")}


@pytest.mark.parametrize("path", ["/me/lock", "/me/terms/change", "/me/leave"])
@pytest.mark.parametrize("wrong", [{"csrf": "0" * 32}, {"headers": {"Origin": "http://evil.test"}}])
def test_nothing_is_changed_by_a_form_from_elsewhere(home: Home, ada: Person, path: str, wrong: dict) -> None:
    answer = ada.post(path, **{"lock": "yes", "way": "preset", "value": "locked", **wrong})
    assert answer.status_code == 403
    person = home.people.person(ada.person)
    assert (person.locked, person.terms) == (False, Terms())
    assert ada.get("/me").status_code == 200


# -- companies and locks


def test_the_first_page_says_for_each_company_what_it_may_use_and_what_for(ada: Person) -> None:
    (company,) = ada.json("/me")["companies"]
    may = {one["purpose"]: one for one in company["may"]}
    assert may["service"]["why"] == "to serve you"
    assert may["service"]["what"] == "data of no known kind and everything else but sensitive data"
    assert may["offers"]["what"] == ""
    assert may["offers"]["reason"] == "shop promises nothing for offers"


def test_the_lock_closes_everything_at_once_and_undo_restores_it(home: Home, ada: Person) -> None:
    assert home.reads()
    done = ada.post("/me/lock", lock="yes")
    assert not home.reads()
    page = ada.get(done.headers["location"]).text
    assert "Locked." in page
    assert "Undo" in page
    ada.post("/me/lock", lock="no")
    assert home.reads()


def test_one_company_is_locked_out_alone(home: Home, ada: Person) -> None:
    done = ada.post("/me/lock", lock="yes", org=ORG)
    assert not home.reads()
    assert home.people.person(ada.person).locked_for == (ORG,)
    assert "shop sees nothing of you" in " ".join(Page(ada.get(done.headers["location"]).text).text.split())
    ada.post("/me/lock", lock="no", org=ORG)
    assert home.reads()


@pytest.mark.parametrize("org", ["corner", "nobody"])
def test_a_company_where_one_is_no_customer_looks_like_none(ada: Person, org: str) -> None:
    answers = [ada.post("/me/lock", lock="yes", org=org), ada.get(f"/me/known/{org}")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert "There is nothing of yours at this address." in answers[0].text


def test_where_nothing_is_known_yet_each_page_says_what_will_be_there(home: Home) -> None:
    empty = Person(home, [f"{ORG}:email:nobody@example.com"])
    assert "Nothing that is surely yours" in empty.get(f"/me/known/{ORG}").text
    assert "Nobody has asked yet" not in empty.get("/me/asked").text  # they looked themselves
    assert "No agreement yet" in empty.get("/me/agreements").text


# -- what they know


def test_what_is_surely_theirs_is_shown_and_what_is_guessed_is_not(home: Home, ada: Person) -> None:
    assert "nickname" in home.view("user_id:ada")["traits"]  # the company sees both as one customer
    known = ada.json(f"/me/known/{ORG}")
    assert known["traits"]["birthday"]["value"] == "1988-03-14"
    assert "guesswork" not in str(known)
    by_mail = Person(home, [f"{ORG}:email:ada@example.com"]).json(f"/me/known/{ORG}")
    assert by_mail["traits"]["name"]["value"] == "Ada"
    assert "guesswork" not in str(by_mail)


def test_a_mailbox_of_a_family_shows_nobody_another_s_record(home: Home) -> None:
    for number, who in enumerate(("bo", "cleo")):
        traits = {"email": "fam@example.com", "name": who.title()}
        home.send(told(type="identify", userId=who, messageId=f"f{number}", traits=traits), source="crm")
    home.settle()
    shared = Person(home, [f"{ORG}:email:fam@example.com"])
    known = shared.json(f"/me/known/{ORG}")
    assert (known["traits"], known["shared"]) == ({}, ["email:fam@example.com"])
    assert "Several people share" in shared.get(f"/me/known/{ORG}").text
    bo = Person(home, [f"{ORG}:email:fam@example.com", f"{ORG}:user_id:bo"]).json(f"/me/known/{ORG}")
    assert bo["traits"]["name"]["value"] == "Bo"
    assert "Cleo" not in str(bo)


def test_one_s_own_look_is_in_one_s_own_book_and_in_no_company_s(home: Home, ada: Person) -> None:
    receipt = ada.json(f"/me/known/{ORG}")["receipt"]
    (look,) = ada.json("/me/asked")["rows"]
    assert (look["id"], look["own"], look["org"]) == (receipt, True, ORG)
    assert receipt not in {one.id for one in home.ledger.receipts(ORG)}


def test_a_locked_person_still_sees_what_they_know(ada: Person) -> None:
    ada.post("/me/lock", lock="yes")
    assert ada.json(f"/me/known/{ORG}")["traits"]["name"]["value"] == "Ada"


# -- terms


def test_terms_are_sentences_and_a_preset_shows_what_it_changes_before_it_is_chosen(home: Home, ada: Person) -> None:
    assert ada.json("/me/terms")["title"] == "What holds for everybody here"
    proposal = ada.json("/me/terms/change?way=preset&value=locked")
    (effect,) = proposal["effects"]
    assert effect["gains"] == []
    assert effect["losses"][0].startswith("may no longer use data of no known kind and everything else but")
    assert home.reads()
    done = ada.post("/me/terms/change", way="preset", value="locked")
    assert done.headers["location"].startswith("/me/terms?done=changed")
    assert not home.reads()
    assert home.people.person(ada.person).terms == PRESETS["locked"]


def test_a_clause_is_taken_out_and_put_back_into_its_place(home: Home, ada: Person) -> None:
    home.people.set_terms(ada.person, PRESETS["balanced"])
    assert home.reads()
    (effect,) = ada.json("/me/terms/change?way=out&value=serve-me")["effects"]
    assert any("to serve you" in said for said in effect["losses"])
    ada.post("/me/terms/change", way="out", value="serve-me")
    assert not home.reads()
    lines = ada.json("/me/terms")["lines"]
    assert (lines[0]["id"], lines[0]["on"]) == ("serve-me", False)
    ada.post("/me/terms/change", way="back", value="serve-me")
    assert home.people.person(ada.person).terms == PRESETS["balanced"]
    assert home.reads()


def test_a_clause_made_by_hand_says_that_it_cannot_be_put_back(home: Home, ada: Person) -> None:
    home.people.set_terms(ada.person, Terms("own", (Clause("mine", "allow", purposes=("service",)),)))
    assert ada.json("/me/terms/change?way=out&value=mine")["for_good"]
    assert "cannot be put back" in ada.get("/me/terms/change?way=out&value=mine").text


def test_what_would_change_is_told_as_if_unlocked(ada: Person) -> None:
    ada.post("/me/lock", lock="yes")
    proposal = ada.json("/me/terms/change?way=preset&value=locked")
    assert (proposal["locked"], len(proposal["effects"])) == (True, 1)


@pytest.mark.parametrize("query", [
    "way=preset&value=mine", "way=out&value=serve-me", "way=back&value=x", "way=x&value=y", "way=preset", "",
    "way=out&value=" + "x" * 200,
])  # fmt: skip
def test_what_is_no_change_is_refused_on_a_page(home: Home, ada: Person, query: str) -> None:
    assert ada.get(f"/me/terms/change?{query}").status_code in {400, 404}
    fields = dict(part.split("=", 1) for part in query.split("&") if "=" in part)
    assert ada.post("/me/terms/change", **fields).status_code in {400, 404}
    assert home.people.person(ada.person).terms == Terms()


# -- who asked


def test_every_look_and_every_refusal_is_told_with_why(home: Home, ada: Person) -> None:
    home.people.set_terms(ada.person, PRESETS["balanced"])
    assert home.reads()
    assert not home.reads("advertising")
    looks = ada.json("/me/asked")["rows"]
    refused, given = looks
    assert (given["given"], given["why"]) == (True, "to serve you")
    assert "your name" in given["what"]
    assert given["clauses"][0].startswith("Anyone may use")
    assert (refused["given"], refused["why"]) == (False, "to show you advertising")
    assert refused["reason"]
    page = Page(ada.get("/me/asked").text).text
    assert "and got nothing" in " ".join(page.split())


def test_an_export_is_told_as_what_it_is_and_for_whom(home: Home, ada: Person) -> None:
    promise = Promise("contract", recipients=("Parcel <Post>",))
    home.declare(Declaration(name="Shop", purposes={"service": promise}))
    exporter = open_exporter(home.settings, ORG)
    for name, recipients in (("given.csv", ["Parcel <Post>"]), ("own.csv", [])):
        asyncio.run(exporter.export(ORG, "service", home.directory / name, recipients=recipients))
    words = " ".join(Page(ada.get("/me/asked").text).text.split())
    assert "along in a file, also for Parcel <Post>, to serve you." in words
    assert "along in a file to serve you." in words
    own, given = ada.json("/me/asked")["rows"]
    assert (own["action"], own["recipients"], given["recipients"]) == ("export", [], ["Parcel <Post>"])


def test_looks_that_say_the_same_are_told_once_and_long_lists_page_by_page(home: Home, ada: Person) -> None:
    for _ in range(45):
        home.reads()
    first = ada.get("/me/asked")
    assert "40 times" in first.text
    assert "Earlier" in first.text
    following = ada.json("/me/asked")["next"]
    assert "5 times" in ada.get(f"/me/asked?cursor={following}").text
    assert ada.get("/me/asked?cursor=nonsense").status_code == 200


# -- agreements


def test_an_agreement_shows_once_terms_meet_a_promise_and_ends_with_a_change_of_mind(home: Home, ada: Person) -> None:
    ada.post("/me/terms/change", way="preset", value="balanced")
    (one,) = ada.json("/me/agreements")["agreements"]
    assert (one["org"], one["status"]) == (ORG, "active")
    copy = ada.get(f"/me/agreements/{one['handle']}")
    assert copy.headers["content-type"] == "application/json"
    assert len(copy.json()["agreement"]["signatures"]) == 2
    other = Person(home, ["corner:email:ada@example.com"])
    assert other.get(f"/me/agreements/{one['handle']}").status_code == 404
    ada.post("/me/terms/change", way="preset", value="locked")
    (one,) = ada.json("/me/agreements")["agreements"]
    assert one["status"] == "ended"
    assert "It held until" in ada.get("/me/agreements").text


def test_hostile_values_stay_text(home: Home) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    home.send(told(type="identify", userId="eve", messageId="e", traits={"name": evil, evil[:40]: evil}), source="crm")
    home.settle()
    eve = Person(home, [f"{ORG}:user_id:eve"])
    for path in PAGES:
        page = Page(
            eve.get(path).text.replace("/me/paper/", "/console/static/").replace("/me/static/", "/console/static/")
        )
        assert page.only_its_own()
    assert evil in Page(eve.get(f"/me/known/{ORG}").text).text


# -- receipts


def test_receipts_are_a_bundle_that_verifies_and_continues_what_was_seen(home: Home, ada: Person) -> None:
    assert home.reads()
    first = verify.verify(ada.json("/me/receipts"))
    assert (first["ok"], first["problem"]) == (True, None)
    assert home.reads()
    second = verify.verify(ada.json(f"/me/receipts?since={first['head']}"), since=first["head"])
    assert (second["ok"], second["receipts"]) == (True, first["receipts"] + 1)
    file = ada.get("/me/receipts?as=file")
    assert file.headers["content-disposition"] == 'attachment; filename="receipts.json"'
    assert verify.verify(file.json(), since=second["head"])["ok"]


def test_a_head_that_is_none_is_no_way_to_ask_for_receipts(ada: Person) -> None:
    asked = {"accept": "application/json"}
    for since in ("x", "%F0", "AAAA", "bnVsbA", "W10", "e30"):
        assert ada.get(f"/me/receipts?since={since}", **asked).status_code == 400
    ahead = {"log": {"key": "k", "size": 9_000, "root": "r"}, "trees": {}}
    since = base64.urlsafe_b64encode(json.dumps(ahead).encode()).decode().rstrip("=")
    assert ada.get(f"/me/receipts?since={since}", **asked).status_code == 409


def test_nobody_sees_the_receipts_of_another(home: Home, ada: Person) -> None:
    home.reads()
    eve = Person(home, [f"{ORG}:user_id:eve"])
    assert ada.json("/me/receipts")["receipts"]
    told = eve.json("/me/receipts")
    assert (told["receipts"], told["trees"]) == ([], [])

"""How I am reached: said once, to one company or to all; the page says what it does, and it holds at once."""

import html
import re
from collections.abc import Iterator

import pytest

from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.manners import MannerBook
from rapport.adapters.embedded.wishes import EVERYWHERE, WishBook
from rapport.decide.contact import Wishes
from rapport.decide.decision import Manner
from rapport.decide.kinds import KINDS, Units
from rapport.decide.person import NOTHING, Says, wishes
from rapport.web.portal.reach import mark
from tests.profile.house import ORG
from tests.web.portal.person import Home, Person


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with Home() as home:
        ActionBook(home.ledger).put_units(ORG, Units("GBP", minute=0.25), "eve")
        MannerBook(home.ledger).put_manner(ORG, Manner(weight=0.7, holdout=0.1), "eve")
        yield home


@pytest.fixture
def ada(home: Home) -> Person:
    return Person(home, (f"{ORG}:user_id:ada", "corner:user_id:a1"))


def said(ada: Person, org: str = EVERYWHERE) -> Says:
    return WishBook(ada.home.people).said(ada.person, org)


def plain(page: str) -> str:
    """A page as it is read."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", page)).split())


STEPS = {
    "alone": ({"for": ""}, Wishes(alone=True)),
    "quiet": ({"from": "22:00", "until": "08:00", "zone": "Europe/Berlin"}, Wishes("22:00-08:00", "Europe/Berlin")),
    "stop": ({"value": "offer"}, Wishes(stopped_kinds=frozenset({"offer"}))),
    "lean": ({"value": "offer", "leaning": "-2"}, Wishes(leanings={"offer": -2})),
}


@pytest.mark.parametrize("org", [EVERYWHERE, ORG])
@pytest.mark.parametrize("step", STEPS)
def test_what_is_said_on_the_page_holds_and_one_press_takes_it_back(ada: Person, step: str, org: str) -> None:
    fields, wished = STEPS[step]
    onward = ada.post("/me/reach", step=step, org=org, **fields).headers["location"]
    assert wishes(said(ada, org)) == wished
    assert said(ada, ORG if org == EVERYWHERE else EVERYWHERE) == NOTHING
    page = ada.get(onward).text
    ((back, by),) = re.findall(r'name="back" value="(\{[^"]+)"><input type="hidden" name="by" value="(\w+)"', page)
    ada.post("/me/reach", back=html.unescape(back), by=by)
    assert said(ada, org) == NOTHING


def test_their_minute_and_the_lot_are_said_and_taken_back_likewise(ada: Person) -> None:
    ada.post("/me/reach", step="minute", minute="1,50", org=ORG)
    ada.post("/me/reach", step="decline")
    assert (said(ada, ORG).minute, said(ada).declines) == (1.5, True)
    ada.post("/me/reach", step="minute", minute="", org=ORG)
    ada.post("/me/reach", step="take_part")
    assert (said(ada, ORG), said(ada)) == (NOTHING, NOTHING)
    ada.post("/me/reach", step="minute", minute="0")
    assert said(ada).minute == 0.0


def test_left_alone_for_a_while_says_until_when(ada: Person) -> None:
    onward = ada.post("/me/reach", step="alone", **{"for": "week"}).headers["location"]
    reach = ada.json("/me/reach")["everywhere"]
    assert reach["alone"]
    assert reach["until"] == said(ada).alone_until
    assert "left alone until" in ada.get(onward).text
    assert "You asked to be left alone until" in ada.get("/me/inbox").text


def test_each_company_says_how_it_weighs_counts_and_whom_it_leaves_out(ada: Person) -> None:
    page = plain(ada.get(f"/me/reach?org={ORG}").text)
    assert f"{ORG} weighs what you gain with 70 % and what it gains with 30 %." in page
    assert f"{ORG} leaves 10 of 100 customers alone by lot." in page
    assert "£0.25 a minute, which is £15.00 an hour" in page
    assert "corner weighs what you gain and what it gains the same." in plain(ada.get("/me/reach").text)


def test_what_was_said_to_all_is_seen_at_each(ada: Person) -> None:
    ada.post("/me/reach", step="quiet", **{"from": "22:00", "until": "08:00", "zone": "Europe/Berlin"})
    ada.post("/me/reach", step="decline")
    ada.post("/me/reach", step="stop", value="ask")
    page = plain(ada.get(f"/me/reach?org={ORG}").text)
    for words in (
        "22:00-08:00, said to all companies",
        "declined, to all companies",
        "less or none of it, said to all",
    ):
        assert words in page


def test_software_says_the_same_in_json(ada: Person) -> None:
    headers = {"Accept": "application/json", "Origin": ada.origin}
    answer = ada.send("POST", "/me/reach", headers, json={"org": ORG, "kind": "offer", "leaning": 2})
    (shop,) = [one for one in answer.json()["companies"] if one["org"] == ORG]
    assert {"kind": "offer", "leaning": 2, "stopped": False} in shop["said"]["kinds"]
    assert [one["kind"] for one in shop["said"]["kinds"]] == [name for name in KINDS if not KINDS[name].mandatory]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "bad_wish"),
        ({"alone": True, "takes_part": False}, "bad_wish"),
        ({"alone": True, "until": "soon"}, "bad_wish"),
        ({"quiet": "late"}, "bad_policy"),
        ({"quiet": "", "zone": "Mars/Base"}, "bad_policy"),
        ({"minute": -1}, "bad_minute"),
        ({"minute": 1e308}, "bad_minute"),
        ({"kind": "bribe", "stopped": True}, "unknown_kind"),
        ({"kind": "notice", "stopped": True}, "bad_wish"),
        ({"nothing": 1}, "bad_body"),
    ],
)
def test_what_nobody_can_say_is_refused_and_changes_nothing(ada: Person, body: dict[str, object], code: str) -> None:
    headers = {"Accept": "application/json", "Origin": ada.origin}
    answer = ada.send("POST", "/me/reach", headers, json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert said(ada) == NOTHING


def test_nobody_learns_which_companies_there_are_by_saying_things_to_them(ada: Person) -> None:
    other = Person(ada.home, (f"{ORG}:user_id:bo",))
    headers = {"Accept": "application/json", "Origin": ada.origin}
    asked = [{"org": org, "alone": True} for org in ("corner", "nowhere")]
    answers = [other.send("POST", "/me/reach", headers, json=one) for one in asked]
    assert [one.status_code for one in answers] == [404, 404]
    assert answers[0].json() == answers[1].json()
    for fields in ({"step": "what"}, {"back": "{"}, {"back": '{"alone":true,"takes_part":true}'}, {}):
        assert ada.post("/me/reach", **fields).status_code == 400
    assert ada.get('/me/reach?back={"alone":').status_code == 200


def test_nobody_s_link_offers_a_way_back_that_changes_something_else(ada: Person) -> None:
    other = Person(ada.home, ())
    back = '{"kind":"offer","stopped":false}'
    for by in ("", "x", mark(other.csrf, back), mark(ada.csrf, '{"alone":false}')):
        assert "Undo" not in ada.send("GET", "/me/reach", params={"back": back, "by": by}).text
        assert ada.post("/me/reach", back=back, by=by).status_code == 400
    assert "Undo" in ada.send("GET", "/me/reach", params={"back": back, "by": mark(ada.csrf, back)}).text

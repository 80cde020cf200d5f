"""The inbox: what came and why, what the person's own terms kept back, what is new, and more of it as it comes."""

import asyncio
import json
from collections.abc import Iterator

import msgspec
import pytest
from starlette.requests import Request

from rapport.app import portal_inbox
from rapport.decide.actions import Action, Benefit
from rapport.decide.decision import Manner
from rapport.terms import Declaration, Promise
from rapport.terms.presets import BALANCED
from rapport.web.decisions import Now, Place
from rapport.web.portal import inbox_live
from rapport.web.portal.visit import Portal, Visit
from tests.app.desk import Desk
from tests.profile.house import ORG
from tests.web.portal.person import ORIGIN, Home, Person

SAID = {"inbox": {"en": {"title": "Your boiler's warranty", "text": "Dear {traits.name}, it ends in May."}}}
WARRANTY = Action(
    ORG, "warranty", "help", "service", SAID, benefit=Benefit("minutes_saved", minutes=20), value=1.5, goals=("boiler",)
)


@pytest.fixture
def home() -> Iterator[Home]:
    with Home() as home:
        promise = Promise("legitimate_interest", ("name", "preference", "account"), retention_days=90)
        home.declare(Declaration(name="Shop & Sons", purposes={"service": promise}))
        yield home


@pytest.fixture
def desk(home: Home) -> Iterator[Desk]:
    desk = Desk(home, WARRANTY, manner=Manner(holdout=0))
    yield desk
    desk.close()


@pytest.fixture
def ada(home: Home) -> Person:
    ada = Person(home)
    home.people.set_terms(ada.person, BALANCED)
    return ada


def came(desk: Desk, most: int = 1) -> list[dict[str, object]]:
    """Decisions that were delivered."""
    found: list[dict[str, object]] = []
    for _ in range(60 * most):
        answer = desk.decide(channel="inbox", deliver=True)
        found += [answer] if answer["action"] == "warranty" else []
        if len(found) == most:
            return found
    raise AssertionError("silence, again and again")


def test_it_says_what_their_terms_kept_back_and_the_company_is_told_nothing_of_it(
    home: Home, desk: Desk, ada: Person
) -> None:
    (answer,) = came(desk)
    (message,) = ada.json("/me/inbox")["messages"]
    assert message["withheld"] == "your e-mail address, your age, what you bought and what you do and look at"
    page = ada.get("/me/inbox").text
    assert "Your terms kept back your e-mail address, your age, what you bought and what you do" in page
    (look, *_) = ada.json("/me/asked")["rows"]
    assert look["withheld"] == message["withheld"]
    assert "kept back by your terms, and not used" in ada.get("/me/asked").text
    kept = desk.book.decision(ORG, str(answer["decision"]))
    assert kept.content is not None
    receipt = home.ledger.receipts_of(home.people.person(ada.person).id, 1 << 62, 1)[0][1]
    for told in (answer, msgspec.to_builtins(receipt), msgspec.to_builtins(kept.content)):
        assert not {"withheld", "email", "age", "behaviour"} & words_in(told)


def test_where_they_are_is_kept_back_too_where_the_company_says_it_and_their_terms_do_not_let_it(
    home: Home, desk: Desk, ada: Person
) -> None:
    desk.decide(channel="inbox", context=Now(place=Place(country="GB")))
    (look, *_) = ada.json("/me/asked")["rows"]
    assert look["withheld"].endswith("and where you are")
    promise = Promise("legitimate_interest", ("name", "preference", "account", "location"), retention_days=90)
    home.declare(Declaration(name="Shop & Sons", purposes={"service": promise}))
    desk.decide(channel="inbox", context=Now(place=Place(country="GB")))
    (look, *_) = ada.json("/me/asked")["rows"]
    assert "where you are" not in look["withheld"]


def words_in(told: object) -> set[str]:
    """Names and values that an answer holds, whole."""
    if isinstance(told, dict):
        return {str(name) for name in told}.union(*map(words_in, told.values()), set())
    if isinstance(told, list | tuple | set | frozenset):
        return set().union(*map(words_in, told))
    return {told} if isinstance(told, str) else set()


def test_what_was_kept_back_is_sealed_and_goes_with_its_person(home: Home, desk: Desk, ada: Person) -> None:
    came(desk)
    rows = home.ledger.db.execute("SELECT sealed FROM withheld").fetchall()
    assert rows
    assert not any(b"email" in sealed for (sealed,) in rows)
    home.people.set_status(ada.person, "erasing")
    home.people.forget_claims(ada.person)
    assert home.ledger.db.execute("SELECT count(*) FROM withheld").fetchone() == (0,)


def test_it_says_which_of_their_goals_it_serves_once_they_let_it_be_known(desk: Desk, ada: Person) -> None:
    ada.post("/me/goals", words="Get the boiler checked", kind="words")
    came(desk)
    assert "boiler checked" not in ada.get("/me/inbox").text
    goal = ada.json("/me/goals")["goals"][0]["id"]
    ada.post("/me/goals", goal=goal, step="tell", org=ORG)
    came(desk)
    assert ada.json("/me/inbox")["messages"][0]["serves"] == ["Get the boiler checked"]
    assert "Get the boiler checked" in ada.get("/me/inbox").text


def test_what_is_new_is_counted_on_every_page_until_it_is_looked_at(desk: Desk, ada: Person) -> None:
    assert 'class="unseen"' not in ada.get("/me").text
    came(desk, 2)
    assert "2 new messages" in ada.get("/me").text
    assert ada.json("/me/inbox/live") == {"unseen": 2, "newest": ada.json("/me/inbox")["messages"][0]["id"]}
    assert 'class="unseen"' not in ada.get("/me").text


def test_one_that_cannot_be_read_is_said_to_have_come_and_the_others_are_shown(desk: Desk, ada: Person) -> None:
    first, second = came(desk, 2)
    desk.ledger.db.execute("UPDATE decision SET body = x'00' WHERE id = ?", (second["decision"],))
    desk.ledger.db.execute("UPDATE withheld SET sealed = x'00'")
    told = ada.json("/me/inbox")
    assert ([one["id"] for one in told["messages"]], told["unreadable"]) == ([first["decision"]], 1)
    assert ada.json("/me/inbox/live")["unseen"] == 0
    assert "1 message came that cannot be read any more" in ada.get("/me/inbox").text
    assert "Something was decided with it that cannot be read any more" in ada.get("/me/asked").text
    desk.ledger.db.execute("UPDATE decision SET body = x'00'")
    page = ada.get("/me/inbox").text
    assert "2 messages came that cannot be read any more" in page
    assert "Nothing yet" not in page
    assert ada.post("/me/inbox", decision=str(first["decision"]), answer="stop").status_code == 404


def test_it_is_read_page_by_page_and_what_is_on_a_page_alone_is_seen(
    desk: Desk, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portal_inbox, "PAGE", 2)
    ids = [answer["decision"] for answer in came(desk, 5)][::-1]
    seen, before = [], ""
    for left in (3, 1, 0):
        page = ada.json(f"/me/inbox{before}")
        seen += [one["id"] for one in page["messages"]]
        assert ada.json("/me/inbox/live")["unseen"] == left
        before = f"?before={page['before']}"
    assert (seen, page["before"]) == (ids, None)
    assert "Nothing older." in ada.get("/me/inbox?before=1").text


def test_stop_and_less_are_undone_by_the_press_beside_them(desk: Desk, ada: Person) -> None:
    (answer,) = came(desk)
    for step, undo in (("stop", "resume"), ("stop_kind", "resume"), ("less", "more"), ("more", "less")):
        onward = ada.post("/me/inbox", decision=str(answer["decision"]), answer=step).headers["location"]
        page = ada.get(onward.partition("#")[0]).text
        notice = page[page.index('role="status"') : page.index("<h1>")]
        assert f'value="{undo}"' in notice, step
        ada.post("/me/inbox", decision=str(answer["decision"]), answer=undo)
        (message,) = ada.json("/me/inbox")["messages"]
        assert (message["stopped"], message["stopped_kind"], message["leaning"]) == (False, False, 0)


def test_what_was_stopped_for_all_companies_is_let_in_again_where_that_was_said(desk: Desk, ada: Person) -> None:
    came(desk)
    ada.post("/me/reach", step="stop", value="help")
    (message,) = ada.json("/me/inbox")["messages"]
    assert (message["stopped_kind"], message["stopped_for_all"]) == (True, True)
    assert "You said so to all companies" in ada.get("/me/inbox").text


async def _stream(ada: Person, most: int, *, leave: bool = False) -> list[tuple[str, dict[str, object]]]:
    desk = ada.home.desk()
    token = next(iter(ada.cookies.values()))
    session = await desk.session(token)
    assert session is not None
    request = Request({"type": "http", "headers": [], "path": "/me/inbox/live", "method": "GET", "query_string": b""})
    visit = Visit(Portal(desk, None, ORIGIN), request, session, token, {})  # type: ignore[arg-type]  # no page is made
    found: list[tuple[str, dict[str, object]]] = []
    stream = inbox_live.told(visit)
    async for part in stream:
        name, _, told = part.decode().partition("\ndata: ")
        if told:
            found.append((name.removeprefix("event: "), json.loads(told)))
        if leave and found:
            await desk.leave(token)
        if len(found) >= most:
            break
    await stream.aclose()
    return found


def test_an_open_inbox_is_told_how_much_is_new_and_ends_with_its_session(
    desk: Desk, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_live, "ASK_SECONDS", 0)
    (answer,) = came(desk)
    ((name, news),) = asyncio.run(_stream(ada, 1))
    assert (name, news) == ("news", {"unseen": 1, "newest": answer["decision"], "said": "1 new message"})
    assert asyncio.run(_stream(ada, 2, leave=True)) == [("news", news), ("ended", {})]

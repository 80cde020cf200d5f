"""The console's desk over a whole house: what it tells of people whose terms let only a part be seen, or nothing."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from rapport.app.audiences import open_audiences
from rapport.app.console_audiences import ConsoleAudiences
from rapport.app.desk import HouseDesk
from rapport.app.embedded import Sources, open_ledger
from rapport.app.newsroom import Newsroom
from rapport.app.operators import LogOperators
from rapport.app.terms_desk import Parts
from rapport.terms import Clause, Terms
from rapport.web.console.desk import Session
from tests.profile.house import ORG, House, at_once, told

SESSION = Session("s-1", ORG, "operator", "service")
ONLY_PURCHASES = Terms("own", (Clause("buys", "allow", purposes=("service",), categories=("purchases",)),))


@pytest.fixture
def house() -> Iterator[House]:
    with House() as house:
        traits = {"email": "ada@example.com", "name": "Ada Lovelace"}
        house.send(told(type="identify", userId="ada", messageId="1", traits=traits), source="crm")
        house.send(told(type="track", userId="ada", messageId="2", event="Order Completed"), source="crm")
        house.send(told(type="track", userId="ada", messageId="3", event="Ticket Opened"), source="crm")
        for number in range(30):
            who = f"bo{number}"
            house.send(told(type="identify", userId=who, messageId=who, traits={"name": f"Bo {number}"}), source="crm")
        yield house.settle()


@pytest.fixture
def desk(house: House) -> HouseDesk:
    ledger, newsroom = open_ledger(house.settings), Newsroom(None)
    operators = LogOperators(house.reader, house.gate, None, newsroom)  # type: ignore[arg-type]  # nothing is said
    parts = Parts(*(None,) * 5)  # type: ignore[arg-type]  # the pages about promises are not asked
    unasked: tuple[Any, ...] = (None,) * 4  # nor those about requests, exports, demands and signing in
    meant = ConsoleAudiences(*open_audiences(house.settings, house.reader, house.gate, ledger.keys))
    more = (*unasked, meant, None, None, None)  # nor those about destinations, actions and what they gave
    return HouseDesk(ledger, house.reader, house.gate, newsroom, operators, Sources(ledger), parts, *more)  # type: ignore[arg-type]  # as above


def lock(house: House, claim: str = "user_id:ada") -> None:
    house.people.lock(house.people.add([f"{ORG}:{claim}"]).handle)


@pytest.mark.parametrize("text", ["ada@example.com", "user_id:ada", "lovel", "ada"])
def test_search_does_not_find_who_is_locked_in_whatever_way(house: House, desk: HouseDesk, text: str) -> None:
    assert len(at_once(desk.search(SESSION, text, None)).rows) == 1
    lock(house)
    assert at_once(desk.search(SESSION, text, None)) == at_once(desk.search(SESSION, "user_id:nobody", None))


def test_what_terms_hide_finds_nobody(house: House, desk: HouseDesk) -> None:
    house.people.set_terms(house.people.add([f"{ORG}:user_id:ada"]).handle, ONLY_PURCHASES)
    assert at_once(desk.search(SESSION, "lovel", None)).rows == ()


def test_a_page_is_as_long_whoever_is_locked(house: House, desk: HouseDesk) -> None:
    first = at_once(desk.search(SESSION, "", None))
    for number in range(20, 30):
        lock(house, f"user_id:bo{number}")
    after = at_once(desk.search(SESSION, "", None))
    assert len(first.rows) >= 20
    assert len(after.rows) == 31 - 10
    assert after.next is None


def test_a_customer_s_page_shows_no_more_than_terms_let_through(house: House, desk: HouseDesk) -> None:
    house.people.set_terms(house.people.add([f"{ORG}:user_id:ada"]).handle, ONLY_PURCHASES)
    handle = at_once(desk.search(SESSION, "user_id:ada", None)).rows[0].customer
    page = asyncio.run(desk.customer(SESSION, handle))
    assert page is not None
    assert [row.event.name for row in page.timeline.rows] == ["Order Completed"]
    for hidden in ("ada@", "Lovelace", "Ticket", "'ada'", "user_id='ada'"):
        assert hidden not in str(page), hidden


def test_a_preview_of_what_may_not_be_seen_is_as_of_what_is_not_there(house: House, desk: HouseDesk) -> None:
    evidence = next(e["id"] for e in house.evidence("user_id:ada") if "ada@example.com" in str(e))
    assert at_once(desk.preview_retract(SESSION, evidence)) is not None
    person = house.people.add([f"{ORG}:user_id:ada"]).handle
    house.people.set_terms(person, ONLY_PURCHASES)
    assert at_once(desk.preview_retract(SESSION, evidence)) is None
    assert at_once(desk.preview_retract(SESSION, "evi_" + "0" * 52)) is None
    house.people.lock(person)
    assert at_once(desk.preview_retract(SESSION, evidence)) is None

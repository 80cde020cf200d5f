"""The live page of a whole house: whoever may not be seen is not on it, whenever they came."""

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from rapport.app.live import LiveNews
from rapport.app.newsroom import Newsroom
from rapport.app.worker import Worker
from rapport.terms import Clause, Terms
from rapport.terms.presets import PRESETS
from rapport.web.console.desk import News, Session
from tests.profile.house import ORG, House, told

SESSION = Session("s-1", ORG, "operator", "service")


class Live:
    """A house whose worker's news reach a newsroom, and what the live page makes of it."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.newsroom = Newsroom(None)
        house.worker.close()
        house.worker = Worker(house.settings, self._hear)
        self.live = LiveNews(self.newsroom, house.reader, house.gate)
        self.datagrams: list[dict[str, Any]] = []

    def _hear(self, datagram: bytes) -> None:
        self.datagrams += [item for item in msgspec.msgpack.decode(datagram) if item["kind"] != "pulse"]

    def shown(self, session: Session = SESSION) -> list[News]:
        """What somebody who opens the page sees, after all that was heard until now."""
        self.house.settle()

        async def seen() -> list[News]:
            for item in self.datagrams:
                self.newsroom._take(item)
            self.datagrams.clear()
            return list(await self.live.recent(session))

        return asyncio.run(seen())


@pytest.fixture
def live() -> Iterator[Live]:
    with House() as house:
        live = Live(house)
        mail = {"email": "ada@example.com"}
        house.send(told(type="identify", userId="ada", messageId="1", traits=mail), source="crm")
        house.send(told(type="track", userId="ada", messageId="2", event="Order Completed"), source="crm")
        house.send(told(type="track", userId="bo", messageId="3", event="Ticket Opened"), source="crm")
        yield live


def names(news: list[News]) -> list[str]:
    return [one.name for one in reversed(news)]


def test_a_lock_takes_a_person_off_the_page_at_once_and_what_comes_later_stays_off(live: Live) -> None:
    assert names(live.shown()) == ["identify", "Order Completed", "Ticket Opened"]
    person = live.house.people.add([f"{ORG}:user_id:ada"])
    live.house.people.lock(person.handle)
    live.house.send(told(type="track", anonymousId="a", messageId="4", event="Cart Viewed"))
    live.house.send(told(type="identify", anonymousId="a", messageId="5", traits={"email": "ada@example.com"}))
    shown = live.shown()
    # The browser came to be the locked person's: by its address, which its own first event did not even carry.
    assert names(shown) == ["Ticket Opened"]
    assert "a•••@e•••.com" not in str(shown)
    live.house.people.unlock(person.handle)
    assert "Cart Viewed" in names(live.shown())


def test_that_customers_became_one_is_no_news_where_they_may_not_be_seen(live: Live) -> None:
    live.house.send(told(type="track", anonymousId="a", messageId="4", event="Cart Viewed"))
    live.house.settle()
    live.house.send(told(type="identify", anonymousId="a", messageId="5", traits={"email": "ada@example.com"}))
    assert "merged" in [one.kind for one in live.shown()]
    person = live.house.people.add([f"{ORG}:user_id:ada"])
    live.house.people.lock(person.handle)
    assert "merged" not in [one.kind for one in live.shown()]


def test_terms_decide_for_the_purpose_of_the_session(live: Live) -> None:
    person = live.house.people.add([f"{ORG}:user_id:ada"])
    live.house.people.set_terms(person.handle, PRESETS["alone"])
    assert names(live.shown()) == ["identify", "Order Completed", "Ticket Opened"]
    assert live.shown(Session("s-2", ORG, "operator", "advertising")) == []


def test_a_line_tells_no_more_than_the_terms_let_through(live: Live) -> None:
    person = live.house.people.add([f"{ORG}:user_id:ada"])
    only_purchases = Terms("own", (Clause("buys", "allow", purposes=("service",), categories=("purchases",)),))
    live.house.people.set_terms(person.handle, only_purchases)
    (ordered, other) = sorted(live.shown(), key=lambda news: news.name)
    assert (ordered.name, ordered.who) == ("Order Completed", "")
    assert other.name == "Ticket Opened"


def test_a_page_that_is_looked_at_all_day_leaves_one_receipt_a_customer_and_one_more_for_a_change(live: Live) -> None:
    for _ in range(3):
        live.shown()
    assert [r.decision for r in live.house.receipts.kept] == ["permitted", "permitted"]
    person = live.house.people.add([f"{ORG}:user_id:ada"])
    live.house.people.lock(person.handle)
    for _ in range(3):
        live.shown()
    assert sorted(r.decision for r in live.house.receipts.kept[2:]) == ["refused"]


def test_what_comes_while_one_looks_is_decided_as_it_comes(live: Live) -> None:
    live.shown()
    person = live.house.people.add([f"{ORG}:user_id:ada"])

    async def seen(*events: str) -> list[str]:
        watching = live.live.watch(SESSION)
        following = asyncio.ensure_future(anext(watching))
        await asyncio.sleep(0)
        for number, name in enumerate(events):
            who = "ada" if name.startswith("Ada") else "bo"
            live.house.send(told(type="track", userId=who, messageId=f"{name}{number}", event=name), source="crm")
        live.house.settle()
        for item in live.datagrams:
            live.newsroom._take(item)
        live.datagrams.clear()
        return [(await following).name, *[(await anext(watching)).name for _ in events[2:]]]

    assert asyncio.run(seen("Ada Came", "Bo Came", "Bo Left")) == ["Ada Came", "Bo Came"]
    live.house.people.lock(person.handle)
    assert asyncio.run(seen("Ada Left", "Bo Came Again")) == ["Bo Came Again"]


def test_neither_identifiers_nor_records_numbers_reach_the_browser(live: Live) -> None:
    live.house.settle()
    assert all(type(item["record"]) is int for item in live.datagrams)
    assert b"ada@" not in msgspec.json.encode(live.datagrams)
    assert "record" not in News.__struct_fields__

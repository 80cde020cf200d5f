"""From an event to the wire, through the evaluator: what happens to customers reaches destinations once."""

import time
from collections.abc import Iterator

import pytest

from rapport.act import delivery as deliveries
from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.destination_queue import Row
from rapport.app.evaluating import Evaluator
from rapport.app.operator import Shred, erasure_entry
from rapport.kernel.times import SECOND, now
from rapport.profile.erasure import Claim
from tests.act.receiving import Receiver, eventually
from tests.app.sending import PEOPLE, Sent, sending_house
from tests.profile.house import ORG, told


@pytest.fixture
def it(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sent]:
    monkeypatch.setattr(deliveries, "FIRST_WAIT", SECOND // 50)
    with sending_house() as sent:
        yield sent


@pytest.fixture
def fed(it: Sent) -> Iterator[Sent]:
    """The same with an evaluator, which `it.settle()` lets answer what the worker told."""
    evaluator = Evaluator(it.settings)

    def settle() -> None:
        it.house.worker._following._looked = 0.0
        it.house.worker.step()
        it.house.settle()
        evaluator.settle()

    it.settle = settle  # type: ignore[attr-defined]
    try:
        yield it
    finally:
        evaluator.close()


def test_who_enters_and_leaves_is_told_and_who_withdraws_long_after_leaving_is_deleted(fed: Sent) -> None:
    with Receiver() as receiver:
        fed.to("shop", receiver.url)
        fed.begin()
        fed.settle()
        assert {got.json["type"] for got in receiver.wait(3)} == {"audience.entered"}  # all who are in on the first day
        fed.house.send(told(type="identify", userId="ada", messageId="i2", traits={"plan": "none"}), source="crm")
        fed.settle()
        assert receiver.wait(4)[3].json["type"] == "audience.left"
        fed.lock("ada")
        fed.settle()
        last = receiver.wait(5)[4]
        assert last.json["type"] == "customer.deleted"
        assert last.json["data"]["customer"] == fed.handle("ada") == receiver.got[3].json["data"]["customer"]
        time.sleep(0.2)
        assert len(receiver.got) == 5


def test_an_event_reaches_a_destination_once_whatever_tells_it_twice(fed: Sent) -> None:
    with Receiver() as receiver:
        fed.to("orders", receiver.url, events=("Order Completed",))
        fed.begin()
        fed.settle()
        bought = told(type="track", userId="ada", messageId="o1", event="Order Completed", properties={"total": 5})
        fed.house.send(bought)
        fed.settle()
        fed.house.send(bought, told(type="track", userId="ada", messageId="p1", event="Page Viewed"))
        fed.settle()
        fed.house.send({**bought, "messageId": "o2"})
        fed.settle()
        receiver.wait(2)
        time.sleep(0.2)
    assert [got.json["data"]["event"]["event"] for got in receiver.got] == ["o1", "o2"]
    assert {got.json["data"]["event"]["name"] for got in receiver.got} == {"Order Completed"}


def test_an_erased_customer_is_deleted_where_they_were_handed_to(fed: Sent) -> None:
    with Receiver() as receiver:
        number = fed.to("shop", receiver.url)
        fed.begin()
        fed.settle()
        receiver.wait(3)
        handle = fed.handle("ada")
        person = fed.house.people.add([f"{ORG}:user_id:ada"])
        fed.house.append(erasure_entry(Shred(person.handle, (Claim(ORG, "user_id", "ada"),), ())))
        fed.settle()
        last = receiver.wait(4)[3]
        eventually(lambda: len(fed.book.handed_after(number, 0, 10)) == 2)
    assert (last.json["type"], last.json["data"]["customer"]) == ("customer.deleted", handle)
    assert b"ada@" not in last.body


def test_who_is_merged_into_another_leaves_under_the_handle_that_was_sent(fed: Sent) -> None:
    with Receiver() as receiver:
        fed.to("shop", receiver.url, fields={"email": "traits.email"})
        fed.begin()
        fed.house.send(told(type="identify", anonymousId="x", messageId="x1", traits={"plan": "gold"}), source="crm")
        fed.settle()
        entered = {got.json["data"]["customer"] for got in receiver.wait(4)}
        mail = {"email": "ada@example.com"}
        fed.house.send(told(type="identify", anonymousId="x", messageId="x2", traits=mail), source="crm")
        fed.settle()
        last = receiver.wait(5)[4].json
    assert last["type"] == "audience.left"
    assert last["data"]["customer"] in entered - {fed.handle(user) for user in PEOPLE}
    assert last["data"]["fields"] == {"email": None}  # nothing of who they are now, under the handle of before


def test_a_destination_made_for_an_audience_that_stands_is_told_who_is_in_it(fed: Sent) -> None:
    fed.settle()
    fed.house.send(told(type="identify", userId="cy", messageId="i2", traits={"plan": "none"}), source="crm")
    fed.settle()
    with Receiver() as receiver:
        number = fed.to("late", receiver.url, fields={"plan": "traits.plan"})
        fed.begin()
        fed.settle()
        receiver.wait(2)
        fed.settle()
        eventually(lambda: fed.queue.health(number).waiting == 0)
    assert {got.json["data"]["customer"] for got in receiver.got} == {fed.handle("ada"), fed.handle("bo")}
    assert [got.json["type"] for got in receiver.got] == ["audience.entered"] * 2


def test_an_audience_that_is_renamed_while_it_is_sent_goes_on_under_the_new_name(fed: Sent) -> None:
    kept = Definitions(fed.ledger)
    with Receiver() as receiver:
        number = fed.to("shop", receiver.url)
        fed.begin()
        fed.settle()
        receiver.wait(3)
        kept.put_audience(ORG, "golden", 'traits.plan == "gold"', "service", "test")
        fed.settle()
        fed.to("shop", receiver.url, audience="golden")
        kept.delete_audience(ORG, "gold", "test")
        fed.settle()
        fed.house.send(told(type="identify", userId="ada", messageId="i2", traits={"plan": "none"}), source="crm")
        fed.settle()
        receiver.wait(10)
        eventually(lambda: fed.queue.health(number).waiting == 0)
        time.sleep(0.2)
    last = receiver.got[-1].json["data"]
    assert (last["audience"], last["customer"]) == ("golden", fed.handle("ada"))
    told_of = [(got.json["type"], got.json["data"]["audience"]) for got in receiver.got]
    assert told_of == [
        *[("audience.entered", "gold")] * 3,
        *[("audience.left", "gold")] * 3,
        *[("audience.entered", "golden")] * 3,
        ("audience.left", "golden"),
    ]
    assert not fed.book.named(ORG, "shop").paused


def test_a_destination_that_is_given_another_audience_keeps_nobody_of_the_one_before(fed: Sent) -> None:
    """Whether whoever has it keeps one list, or one for each audience."""
    Definitions(fed.ledger).put_audience(ORG, "seen", "traits.visits >= 1", "service", "test")
    fed.house.send(told(type="identify", userId="cy", messageId="i2", traits={"plan": "none"}), source="crm")
    fed.settle()
    ada, bo, cy = (fed.handle(user) for user in PEOPLE)
    with Receiver() as receiver:
        number = fed.to("shop", receiver.url, fields={"plan": "traits.plan"})
        fed.begin()
        fed.settle()
        receiver.wait(2)
        fed.to("shop", receiver.url, audience="seen", fields={"plan": "traits.plan"})
        fed.settle()
        receiver.wait(6)
        eventually(lambda: fed.queue.health(number).waiting == 0)
        one: set[str] = set()
        by_audience: dict[str, set[str]] = {"gold": set(), "seen": set()}
        for got in receiver.got:
            data, entered = got.json["data"], got.json["type"] == "audience.entered"
            for listed in (one, by_audience[data["audience"]]):
                (listed.add if entered else listed.discard)(data["customer"])
        assert by_audience == {"gold": set(), "seen": {bo, cy}}
        assert one == {bo, cy}
        assert len(receiver.got) == 6
        left = next(got.json["data"] for got in receiver.got if got.json["type"] == "audience.left")
        about = {one.id: one.fields for one in fed.receipts()}
        assert about[left["receipt"]] == ("audience gold", "plan")
        fed.to("shop", receiver.url, events=("Order Completed",))
        fed.settle()
        last = [got.json for got in receiver.wait(8)[6:]]
    assert {(got["type"], got["data"]["audience"], got["data"]["customer"]) for got in last} == {
        ("audience.left", "seen", bo),
        ("audience.left", "seen", cy),
    }
    assert ada not in {got["data"]["customer"] for got in last}


def test_nobody_is_told_to_have_left_an_audience_of_whom_the_destination_never_heard(fed: Sent) -> None:
    with Receiver() as receiver:
        number = fed.to("shop", receiver.url)
        fed.queue.put([Row(number, fed.customer("ada"), "left", now(), audience="before")])
        fed.begin()
        eventually(lambda: fed.queue.health(number).withheld == 1)
        assert receiver.got == []
        assert fed.receipts() == []

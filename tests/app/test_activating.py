"""What destinations are sent, by real requests to real receivers: each through the gate at the moment it leaves."""

import asyncio
import base64
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from rapport.act import delivery as deliveries
from rapport.act import webhooks
from rapport.act.activation import Wish, checked, wish_of
from rapport.adapters.embedded.destination_feed import Feeding
from rapport.adapters.embedded.sqlite import transaction
from rapport.app.destinations import Destinations, HouseDestinations
from rapport.app.embedded import open_ledger
from rapport.app.settings import Settings
from rapport.app.statements import open_statements
from rapport.kernel.errors import BadInput, Busy, Conflict, NotFound
from rapport.kernel.times import SECOND, now
from rapport.profile.store import Touch
from tests.act.receiving import Receiver, eventually, says
from tests.app.sending import PEOPLE, Sent, sending_house
from tests.profile.house import ORG, told


@pytest.fixture
def it(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sent]:
    monkeypatch.setattr(deliveries, "FIRST_WAIT", SECOND // 50)
    with sending_house() as sent:
        yield sent


def test_who_enters_is_told_signed_with_the_fields_that_were_asked_for(it: Sent) -> None:
    secret = webhooks.fresh_secret()
    with Receiver() as receiver:
        number = it.to("shop", receiver.url, secret=secret, fields={"plan": "traits.plan", "none": "traits.shoe"})
        it.happens(number, "ada")
        it.begin()
        (got,) = receiver.wait()
        eventually(lambda: it.queue.health(number).sent == 1)
    assert webhooks.verified(got.headers, got.body, secret, now())
    data = got.json["data"]
    assert got.json["type"] == "audience.entered"
    assert data["customer"] == it.handle("ada")
    assert data["fields"] == {"plan": "gold", "none": None}
    (receipt,) = it.receipts()
    assert receipt.id == data["receipt"]
    assert receipt.recipients == ("the destination “shop”",)
    assert (receipt.decision, receipt.purpose) == ("permitted", "service")
    assert set(receipt.fields) == {"audience gold", "plan", "shoe"}
    assert it.queue.health(number).waiting == 0
    assert secret.encode() not in b"".join(path.read_bytes() for path in it.settings.directory.glob("ledger.db*"))


def test_terms_that_changed_while_it_waited_hold_and_what_was_handed_is_taken_back(it: Sent) -> None:
    with Receiver() as receiver:
        number = it.to("shop", receiver.url, fields={"plan": "traits.plan"})
        it.happens(number, "ada")
        it.happens(number, "bo")
        it.lock("bo")
        it.begin()
        receiver.wait()
        eventually(lambda: it.queue.health(number).withheld == 1)
        it.lock("ada")
        _, second = receiver.wait(2)
        eventually(lambda: it.book.handed_after(number, 0, 10) == [])
        time.sleep(0.2)
    assert second.json["type"] == "customer.deleted"
    assert second.json["data"]["customer"] == it.handle("ada")
    assert "fields" not in second.json["data"]
    assert len(receiver.got) == 2  # nothing of Bo, who was never handed over
    assert it.handle("bo").encode() not in b"".join(got.body for got in receiver.got)


def test_a_deletion_leaves_one_receipt_that_says_why_however_often_it_is_tried(it: Sent) -> None:
    with Receiver(says(204), says(503), says(503)) as receiver:
        number = it.to("shop", receiver.url)
        it.happens(number, "ada")
        it.begin()
        receiver.wait()
        handle = it.house.people.add([f"{ORG}:user_id:ada"]).handle
        it.house.people.lock(handle)
        receiver.wait(4)
        eventually(lambda: it.book.handed_after(number, 0, 10) == [])
    told_of = [one for one in it.ledger.receipts(ORG, 100) if one.action == "deletion"]
    (receipt,) = told_of
    assert (receipt.decision, receipt.recipients, receipt.fields) == ("refused", ("the destination “shop”",), ())
    assert receipt.reason.startswith("what was sent is deleted there: ")
    person = it.house.people.person(handle)
    assert receipt.id in [one.id for _, one in it.ledger.receipts_of(person.id)]
    # It is no question that was refused.
    assert open_statements(it.settings).of(handle, None)["refusals"] == []


def test_an_event_is_told_as_far_as_it_may_be_and_dies_with_its_record(it: Sent) -> None:
    it.house.send(told(type="track", userId="ada", messageId="o1", event="Order Completed", properties={"total": 5}))
    it.house.settle()
    with it.house.reader.snapshot():
        (found,) = it.house.reader.by_identifier(ORG, "user_id", "ada")
    record = next(part.number for part in found.parts if part.record.source == "web")
    with Receiver() as receiver:
        number = it.to("orders", receiver.url, events=("Order Completed",), kind="cloudevents", secret="s3cret")
        feed = Feeding(it.ledger, it.house.reader)
        feed.touched(ORG, [Touch(record, happened=[("Order Completed", "o1"), ("Page Viewed", "o2")])] * 2)
        with transaction(it.db):
            feed.along(it.db, [])
        (body,) = [row[0] for row in it.db.execute("SELECT body FROM queue").fetchall()]
        assert b"o1" not in body
        assert b"Order" not in body
        it.begin()
        (got,) = receiver.wait()
        eventually(lambda: it.queue.health(number).sent == 1)
    assert got.headers["content-type"].startswith("application/cloudevents+json")
    assert got.headers["authorization"] == "Bearer s3cret"
    assert got.json["specversion"] == "1.0"
    assert got.json["subject"] == it.handle("ada")
    assert got.json["type"] == "rapport.event"
    assert got.json["data"]["event"]["properties"] == {"total": 5}
    assert got.json["data"]["event"]["name"] == "Order Completed"


def test_segment_is_sent_batches_and_a_bad_one_alone_is_given_up(it: Sent) -> None:
    def picky(handler: Any, got: Any) -> None:
        bad = any(one["userId"] == it.handle("bo") for one in got.json["batch"])
        says(400 if bad else 200, {"success": not bad})(handler, got)

    with Receiver(otherwise=picky) as receiver:
        number = it.to("cdp", receiver.url, kind="segment", secret="wk_1", fields={"plan": "traits.plan"})
        for user in PEOPLE:
            it.happens(number, user)
        it.begin()
        eventually(lambda: it.queue.health(number).sent == 2)
        eventually(lambda: it.queue.health(number).dead == 1)
        (dead,) = it.queue.failures(number)
        assert dead.error == "it answered 400"
        receiver.answers(says(200))
        assert it.queue.replay(number, dead.id) == 1
        eventually(lambda: it.queue.health(number).sent == 3)
        assert it.queue.health(number).dead == 0
    first = receiver.got[0]
    assert first.headers["authorization"] == "Basic " + base64.b64encode(b"wk_1:").decode()
    assert [one["type"] for one in first.json["batch"]] == ["identify", "track"] * 3
    assert first.json["batch"][0]["traits"] == {"plan": "gold", "gold": True}
    assert first.json["batch"][1]["event"] == "Audience Entered"


def test_whoever_is_known_elsewhere_by_keys_is_deleted_under_every_one_that_was_sent(it: Sent) -> None:
    def keyed(user: str, key: str | None, number: int) -> None:
        traits = {"crm": key}
        it.house.send(told(type="identify", userId=user, messageId=f"k{number}", traits=traits), source="crm")
        it.house.settle()

    fields = {"userId": "traits.crm", "plan": "traits.plan"}
    with Receiver() as receiver:
        number = it.to("cdp", receiver.url, kind="segment", secret="wk_1", fields=fields)
        it.begin()
        for place, key in enumerate(("c1", "c2", None)):
            keyed("ada", key, place)
            it.happens(number, "ada", ("entered", "left", "entered")[place])
            receiver.wait(place + 1)
            eventually(lambda: it.queue.health(number).waiting == 0)
        it.lock("ada")
        last = receiver.wait(4)[3]
    assert [got.json["batch"][0]["userId"] for got in receiver.got[:3]] == ["c1", "c2", "c2"]
    assert [(one["userId"], one["type"]) for one in last.json["batch"]] == [
        ("c1", "identify"), ("c1", "track"), ("c2", "identify"), ("c2", "track"),
    ]  # fmt: skip
    assert len({one["messageId"] for one in last.json["batch"]}) == 4
    assert {one["event"] for one in last.json["batch"] if one["type"] == "track"} == {"Customer Deleted"}
    assert last.json["batch"][0]["traits"] == {"plan": None, "gold": None}


@pytest.mark.parametrize("kind", ["webhook", "segment", "cloudevents"])
def test_a_trial_is_dressed_like_anything_else_and_is_of_nobody(it: Sent, kind: Any) -> None:
    secret = webhooks.fresh_secret()
    with (
        Receiver(says(202), says(503)) as receiver,
        closing(Destinations(it.settings, open_ledger(it.settings))) as desk,
    ):
        it.to("shop", receiver.url, kind=kind, secret=secret, fields={"plan": "traits.plan"})
        first, second = desk.trial(ORG, "shop"), desk.trial(ORG, "shop")
        (got, _) = receiver.got
        health = desk.named(ORG, "shop")[1]
    assert (first.status, first.error) == (202, "")
    assert (second.status, second.error) == (503, "it answered 503")
    assert b"cus_" not in got.body
    if kind == "webhook":
        assert webhooks.verified(got.headers, got.body, secret, now())
        assert got.json["type"] == "test"
    elif kind == "segment":
        assert [(one["event"], one["anonymousId"]) for one in got.json["batch"]] == [("Rapport Test", "rapport-test")]
    else:
        assert (got.json["type"], got.headers["authorization"]) == ("rapport.test", f"Bearer {secret}")
        assert "subject" not in got.json
    assert (health.sent, health.waiting, health.dead) == (0, 0, 0)
    assert it.receipts() == []


def test_a_trial_of_a_file_or_of_an_address_inside_is_refused(it: Sent) -> None:
    with Receiver() as receiver:
        it.to("shop", receiver.url)
        settings = Settings(data=it.house.settings.data)
        with closing(Destinations(settings, open_ledger(settings))) as desk:
            assert "inside a network" in desk.trial(ORG, "shop").error
            desk.put(ORG, "table", Wish("file", "service", audience="gold", format="csv"))
            with pytest.raises(Conflict):
                desk.trial(ORG, "table")
            with pytest.raises(NotFound):
                desk.trial("other", "shop")
        assert receiver.got == []


def test_what_a_destination_is_asked_for_again_as_it_is_changes_nothing(it: Sent) -> None:
    number = it.to("shop", "https://example.com/", fields={"plan": "traits.plan"}, per_second=3, at_once=2)
    before = it.book.named(ORG, "shop")
    assert wish_of(before).fields == {"plan": "traits.plan"}
    made, secret = it.book.put(ORG, "shop", wish_of(before))
    assert (made, secret, made.number) == (before, None, number)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"kind": "carrier pigeon"}, "kind"),
        ({"url": "http://127.0.0.1/"}, "url"),
        ({"url": "ftp://example.com/"}, "url"),
        ({"audience": None}, "events"),
        ({"events": ("x",)}, "audience"),
        ({"audience": None, "events": ("",)}, "events"),
        ({"purpose": "world domination"}, "purpose"),
        ({"fields": {"x": "traits.("}}, "fields.x"),
        ({"fields": {"": "traits.plan"}}, "fields"),
        ({"fields": {"plan\r\nX: y": "traits.plan"}}, "fields"),
        ({"fields": {"\u202eplan": "traits.plan"}}, "fields"),
        ({"url": "http://2130706433/"}, "url"),
        ({"secret": "whsec_short"}, "secret"),
        ({"secret": "line\nbreak", "kind": "segment"}, "secret"),
        ({"per_second": 0}, "per_second"),
        ({"at_once": 17}, "at_once"),
    ],
)
def test_what_cannot_be_a_destination_is_said(more: dict[str, Any], field: str) -> None:
    wish = Wish(**{"kind": "webhook", "url": "https://example.com/", "purpose": "service", "audience": "gold", **more})
    with pytest.raises(BadInput) as error:
        checked("shop", wish, private=False)
    assert error.value.field == field


def test_an_organization_tries_one_destination_at_a_time_so_that_another_has_its_turn(it: Sent) -> None:
    go_on = threading.Event()

    def waits(handler: Any, got: Any) -> None:
        go_on.wait(60)
        says(204)(handler, got)

    async def trying() -> None:
        with closing(HouseDestinations(it.settings)) as house:
            first = asyncio.create_task(house.trial(ORG, "shop"))
            await asyncio.to_thread(receiver.wait)
            with pytest.raises(Busy):
                await house.trial(ORG, "shop")
            go_on.set()
            assert (await first).error == (await house.trial(ORG, "shop")).error == ""

    with Receiver(otherwise=waits) as receiver:
        it.to("shop", receiver.url)
        asyncio.run(trying())

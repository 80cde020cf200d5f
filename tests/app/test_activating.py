"""What destinations are sent, by real requests to real receivers: each through the gate at the moment it leaves."""

import base64
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from rapport.act import delivery as deliveries
from rapport.act import webhooks
from rapport.act.activation import Wish, checked, wish_of
from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.decide_rows import MIGRATIONS
from rapport.adapters.embedded.destination_feed import Feeding
from rapport.adapters.embedded.destination_queue import DestinationQueue, Row
from rapport.adapters.embedded.destinations import DestinationBook
from rapport.adapters.embedded.sqlite import connect, transaction
from rapport.app.activating import Activator
from rapport.app.destinations import Destinations
from rapport.app.embedded import open_ledger
from rapport.app.evaluating import Evaluator
from rapport.app.operator import Shred, erasure_entry
from rapport.app.settings import Settings
from rapport.app.statements import open_statements
from rapport.kernel.errors import BadInput, Busy, Conflict, NotFound
from rapport.kernel.times import SECOND, now
from rapport.profile.erasure import Claim
from rapport.profile.store import Touch
from rapport.terms import Clause, Terms
from rapport.terms.clauses import Frequency
from tests.act.receiving import Receiver, drips, eventually, garbage, never, says
from tests.profile.house import ORG, House, told

PEOPLE = ("ada", "bo", "cy")


class Sent:
    """A house with destinations, their queues, and what sends them."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.settings = Settings(data=house.settings.data, private_destinations=True)
        self.ledger = open_ledger(self.settings)
        self.book = DestinationBook(self.ledger)
        path = self.settings.directory / "decide.db"
        self.db = connect(path, MIGRATIONS, durable=True)
        self.queue = DestinationQueue(self.db, path)
        self.activator: Activator | None = None
        Definitions(self.ledger).put_audience(ORG, "gold", 'traits.plan == "gold"', "service", "test")

    def begin(self) -> None:
        self.activator = Activator(self.settings, check_s=0.01)

    def close(self) -> None:
        if self.activator is not None:
            self.activator.close()
        self.queue.close()
        self.ledger.close()

    def to(self, name: str, url: str, **more: Any) -> int:
        wish = {"kind": "webhook", "audience": "gold", "purpose": "service", **more}
        if wish.get("events"):
            wish["audience"] = None
        right = checked(name, Wish(url=url, **wish), private=True)
        return self.book.put(ORG, name, right)[0].number

    def customer(self, user: str) -> int:
        with self.house.reader.snapshot():
            (found,) = self.house.reader.by_identifier(ORG, "user_id", user)
        return found.number

    def handle(self, user: str) -> str:
        with self.house.reader.snapshot():
            (found,) = self.house.reader.by_identifier(ORG, "user_id", user)
        return found.customer

    def happens(self, number: int, user: str, what: Any = "entered") -> None:
        self.queue.put([Row(number, self.customer(user), what, now())])

    def lock(self, user: str) -> None:
        people = self.house.people
        people.lock(people.add([f"{ORG}:user_id:{user}"]).handle)

    def receipts(self) -> list[Any]:
        return [one for one in self.ledger.receipts(ORG, 1_000) if one.action == "destination"]


@pytest.fixture
def it(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sent]:
    monkeypatch.setattr(deliveries, "FIRST_WAIT", SECOND // 50)
    with House() as house:
        for number, user in enumerate(PEOPLE):
            traits = {"plan": "gold", "email": f"{user}@example.com", "visits": number}
            house.send(told(type="identify", userId=user, messageId=f"i-{user}", traits=traits), source="crm")
        house.settle()
        sent = Sent(house)
        try:
            yield sent
        finally:
            sent.close()


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
    assert receipt.recipients == ("destination shop",)
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
    assert (receipt.decision, receipt.recipients, receipt.fields) == ("refused", ("destination shop",), ())
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


def test_one_that_hangs_drips_or_fails_delays_nobody_and_keeps_the_order_of_each_customer(it: Sent) -> None:
    with (
        Receiver(otherwise=never) as mute,
        Receiver(otherwise=drips) as slow,
        Receiver(garbage, says(503), says(302, location="http://169.254.169.254/")) as moody,
        Receiver() as well,
    ):
        named = {name: it.to(name, one.url) for name, one in [("a", mute), ("b", slow), ("c", moody), ("d", well)]}
        for number in named.values():
            for what in ("entered", "left", "entered"):
                it.happens(number, "ada", what)
        began = time.monotonic()
        it.begin()
        well.wait(3)
        took = time.monotonic() - began
        moody.wait(6)
        assert moody.visited == []
    assert took < 2
    assert [got.json["type"].split(".")[1] for got in well.got] == ["entered", "left", "entered"]
    assert [got.json["type"].split(".")[1] for got in moody.got] == ["entered"] * 4 + ["left", "entered"]
    assert len({got.headers["webhook-id"] for got in moody.got}) == 3
    # Tried again, it is the same use: one receipt for each delivery.
    by_receipt = {got.json["data"]["receipt"] for got in moody.got}
    assert len(by_receipt) == 3


def test_who_takes_several_at_once_goes_on_while_one_of_them_hangs(it: Sent) -> None:
    ada = it.handle("ada")

    def hangs_on_ada(handler: Any, got: Any) -> None:
        (never if got.json["data"]["customer"] == ada else says(204))(handler, got)

    with Receiver(otherwise=hangs_on_ada) as receiver:
        number = it.to("shop", receiver.url, at_once=2)
        for user in ("ada", *("bo", "cy") * 60):
            it.happens(number, user, "entered")
        began = time.monotonic()
        it.begin()
        eventually(lambda: it.queue.health(number).sent == 120)
        took = time.monotonic() - began
    assert took < deliveries.TIMEOUT_S
    assert len([got for got in receiver.got if got.json["data"]["customer"] == ada]) == 1


@pytest.mark.parametrize("kind", ["webhook", "segment"])
def test_of_one_customer_things_leave_in_order_however_many_are_on_their_way(it: Sent, kind: Any) -> None:
    luck, turn = random.Random(7), threading.Lock()
    heard: dict[str, list[str]] = {}
    under_way: Counter[str] = Counter()
    most = [0, 0]

    def told_of(got: Any) -> list[tuple[str, str]]:
        if kind == "segment":
            return [(one["userId"], one["timestamp"]) for one in got.json["batch"] if one["type"] == "track"]
        return [(got.json["data"]["customer"], got.json["data"]["at"])]

    def moody(handler: Any, got: Any) -> None:
        names = told_of(got)
        with turn:
            under_way.update(name for name, _ in names)
            most[:] = max(most[0], *under_way.values()), max(most[1], sum(under_way.values()))
            fails = luck.random() < 0.05
            for name, at in [] if fails else names:
                heard.setdefault(name, []).append(at)
        time.sleep(0.02)
        with turn:
            under_way.subtract(name for name, _ in names)
        says(503 if fails else 204)(handler, got)

    users = [f"u{number}" for number in range(150 if kind == "segment" else 12)]
    it.house.send(*(told(type="identify", userId=user, messageId=f"i-{user}") for user in users))
    it.house.settle()
    at = now()
    with Receiver(otherwise=moody) as receiver:
        number = it.to("shop", receiver.url, kind=kind, at_once=8, secret=webhooks.fresh_secret())
        known = {user: it.customer(user) for user in users}
        rows = [Row(number, known[user], "entered", at + turn * SECOND) for turn in range(6) for user in users]
        it.queue.put(rows)
        it.begin()
        eventually(lambda: it.queue.health(number).waiting == 0)
    assert len(heard) == len(users)
    for times in heard.values():
        assert times == sorted(set(times))
        assert len(times) == 6
    assert most[0] == 1  # of one customer never two at a time
    assert most[1] > (100 if kind == "segment" else 2)  # of all of them several


def test_what_came_back_is_noted_though_the_disk_was_busy(it: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    taken, troubles = DestinationQueue.taken, [0]

    def busy(queue: DestinationQueue, done: Any) -> None:
        troubles[0] += 1
        if troubles[0] < 3:
            raise Busy("the disk is busy")
        taken(queue, done)

    monkeypatch.setattr(DestinationQueue, "taken", busy)
    with Receiver() as receiver:
        number = it.to("shop", receiver.url)
        for what in ("entered", "left", "entered"):
            it.happens(number, "ada", what)
        it.begin()
        receiver.wait(3)
        eventually(lambda: it.queue.health(number).sent == 3)
    assert len(receiver.got) == 3


def test_who_says_gone_is_paused_until_somebody_resumes(it: Sent) -> None:
    with Receiver(says(410)) as receiver:
        number = it.to("shop", receiver.url)
        it.happens(number, "ada")
        it.happens(number, "bo")
        it.begin()
        eventually(lambda: it.book.named(ORG, "shop").paused)
        time.sleep(0.2)
        assert len(receiver.got) == 1
        assert "410" in it.book.named(ORG, "shop").why
        it.book.resume(number)
        receiver.wait(3)
        eventually(lambda: it.queue.health(number).sent == 2)


def test_a_destination_that_leads_elsewhere_owes_its_old_place_the_deletions(it: Sent) -> None:
    with Receiver() as old, Receiver() as new:
        number = it.to("shop", old.url)
        it.happens(number, "ada")
        it.begin()
        eventually(lambda: it.queue.health(number).sent == 1)
        other = it.to("shop", new.url)
        assert other != number
        it.happens(other, "bo")
        eventually(lambda: it.queue.health(other).sent == 1)
        it.lock("ada")
        old.wait(2)
        eventually(lambda: it.book.handed_after(number, 0, 10) == [])
    assert [got.json["type"] for got in old.got] == ["audience.entered", "customer.deleted"]
    assert [got.json["type"] for got in new.got] == ["audience.entered"]


def test_what_happens_is_followed_as_long_as_a_removed_destination_owes_a_deletion(it: Sent) -> None:
    def followed() -> bool:
        query = "SELECT 1 FROM in_use WHERE kind = 'destination'"
        return it.ledger.db.execute(query).fetchone() is not None

    with Receiver() as receiver:
        number = it.to("shop", receiver.url)
        it.happens(number, "ada")
        it.begin()
        eventually(lambda: it.queue.health(number).sent == 1)
        it.book.remove(ORG, "shop")
        it.book.forget_ended()
        assert followed()
        it.lock("ada")
        receiver.wait(2)
        eventually(lambda: it.book.handed_after(number, 0, 10) == [])
    it.book.forget_ended()
    assert not followed()
    again = it.to("shop", "https://example.com/")
    it.book.remove(ORG, "shop")
    it.to("shop", "https://example.com/")
    it.book.forget_ended()
    assert it.book.numbered(again) is None
    assert followed()


def test_an_audience_for_another_purpose_pauses_the_destination(it: Sent) -> None:
    with Receiver() as receiver:
        number = it.to("shop", receiver.url)
        Definitions(it.ledger).put_audience(ORG, "gold", 'traits.plan == "gold"', "offers", "test")
        it.happens(number, "ada")
        it.begin()
        eventually(lambda: it.book.named(ORG, "shop").paused)
        time.sleep(0.1)
    assert receiver.got == []
    assert it.receipts() == []


def test_who_allows_so_many_uses_a_week_is_sent_so_many_and_takes_nothing_back(it: Sent) -> None:
    people = it.house.people
    once = Clause("some", "allow", frequency=Frequency(2, "week"))
    people.set_terms(people.add([f"{ORG}:user_id:ada"]).handle, Terms("own", (once,)))
    with Receiver(says(500), says(500)) as receiver:
        number = it.to("shop", receiver.url)
        for what in ("entered", "left", "entered", "left"):
            it.happens(number, "ada", what)
        it.begin()
        eventually(lambda: it.queue.health(number).waiting == 0)
        it.lock("bo")  # so that everybody is looked at again
        time.sleep(0.3)
    # The first was tried three times and is one use all the same; the last two are too many, and nothing is deleted.
    assert [got.json["type"] for got in receiver.got] == ["audience.entered"] * 3 + ["audience.left"]
    assert it.queue.health(number).withheld == 2
    assert len(it.receipts()) == 4


def test_a_rate_is_kept(it: Sent) -> None:
    with Receiver() as receiver:
        number = it.to("shop", receiver.url, per_second=10)
        for _ in range(12):
            it.happens(number, "ada")
        began = time.monotonic()
        it.begin()
        receiver.wait(12)
        assert time.monotonic() - began >= 0.9


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


# -- from an event to the wire, through the evaluator


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

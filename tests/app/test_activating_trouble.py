"""A destination that hangs, fails, leads elsewhere or may take only so much: nobody else waits, and nothing is lost."""

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from rapport.act import delivery as deliveries
from rapport.act import letters, webhooks
from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.destination_queue import DestinationQueue, Row
from rapport.app.destinations import Destinations
from rapport.app.embedded import open_ledger
from rapport.kernel.errors import Busy
from rapport.kernel.times import HOUR, SECOND, now
from rapport.terms import Clause, Terms
from rapport.terms.clauses import Frequency
from tests.act.receiving import Receiver, drips, eventually, garbage, never, says
from tests.app.sending import Sent, sending_house
from tests.profile.house import ORG, told


@pytest.fixture
def it(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sent]:
    monkeypatch.setattr(deliveries, "FIRST_WAIT", SECOND // 50)
    with sending_house() as sent:
        yield sent


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
        it.begin()
        well.wait(3)
        assert len(mute.got) <= 1, "nobody waited until it was over with who is silent"
        moody.wait(6)
        assert moody.visited == []
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
        for user in ("ada", *("bo", "cy") * 20):
            it.happens(number, user, "entered")
        it.begin()
        eventually(lambda: it.queue.health(number).sent == 40)
        asked = [got for got in receiver.got if got.json["data"]["customer"] == ada]
    assert len(asked) == 1, "they went on before it was over with the one that hangs"


@pytest.mark.parametrize("kind", ["webhook", "segment"])
def test_of_one_customer_things_leave_in_order_however_many_are_on_their_way(it: Sent, kind: Any) -> None:
    luck, turn = random.Random(7), threading.Lock()
    heard: dict[str, list[str]] = {}
    under_way: Counter[str] = Counter()
    most = [0, 0]
    several, many = threading.Event(), 100 if kind == "segment" else 2

    def told_of(got: Any) -> list[tuple[str, str]]:
        if kind == "segment":
            return [(one["userId"], one["timestamp"]) for one in got.json["batch"] if one["type"] == "track"]
        return [(got.json["data"]["customer"], got.json["data"]["at"])]

    def moody(handler: Any, got: Any) -> None:
        names = told_of(got)
        with turn:
            under_way.update(name for name, _ in names)
            most[:] = max(most[0], *under_way.values()), max(most[1], sum(under_way.values()))
            if most[1] > many:
                several.set()
            fails = several.is_set() and luck.random() < 0.05
            for name, at in [] if fails else names:
                heard.setdefault(name, []).append(at)
        several.wait(5)  # however slow the machine: the first wait for each other
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
    assert most[1] > many  # of all of them several


def three_sent(it: Sent) -> tuple[list[str], str]:
    """The types of three letters about one customer as they came, and the last error of where they went."""
    with Receiver() as receiver:
        number = it.to("shop", receiver.url)
        for what in ("entered", "left", "entered"):
            it.happens(number, "ada", what)
        it.begin()
        receiver.wait(3)
        eventually(lambda: it.queue.health(number).sent == 3)
        return [one.json["type"] for one in receiver.got], it.queue.health(number).error


def test_what_came_back_is_noted_though_the_disk_was_busy(it: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    taken, troubles = DestinationQueue.taken, [0]

    def busy(queue: DestinationQueue, done: Any) -> None:
        troubles[0] += 1
        if troubles[0] < 3:
            raise Busy("the disk is busy")
        taken(queue, done)

    monkeypatch.setattr(DestinationQueue, "taken", busy)
    came, _ = three_sent(it)
    assert len(came) == 3


def test_what_finds_no_thread_or_cannot_be_written_waits_and_leaves_in_order(
    it: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, dressed, troubles = threading.Thread.start, letters.dressed, Counter[str]()

    def crowded(thread: threading.Thread) -> None:
        troubles["thread"] += thread.name == "to a destination"
        if thread.name == "to a destination" and troubles["thread"] < 3:
            raise RuntimeError("can't start new thread")
        start(thread)

    def stumbling(*args: Any) -> Any:
        troubles["letter"] += 1
        if troubles["letter"] < 3:
            raise ValueError("it cannot be written")
        return dressed(*args)

    monkeypatch.setattr(threading.Thread, "start", crowded)
    monkeypatch.setattr(letters, "dressed", stumbling)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    came, error = three_sent(it)
    assert "could not send" in error
    assert came == ["audience.entered", "audience.left", "audience.entered"]


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


def test_an_audience_that_is_gone_all_the_same_pauses_the_destination_and_says_why(it: Sent) -> None:
    """The API holds one that a destination is given; one who deletes it in that very moment is not held."""
    with Receiver() as receiver:
        number = it.to("shop", receiver.url)
        Definitions(it.ledger).delete_audience(ORG, "gold", "test")
        it.happens(number, "ada")
        it.begin()
        eventually(lambda: it.book.named(ORG, "shop").paused)
        assert it.book.named(ORG, "shop").why == "there is no such audience any more"
        Definitions(it.ledger).put_audience(ORG, "gold", 'traits.plan == "gold"', "service", "test")
        it.book.resume(number)
        assert receiver.wait(1)[0].json["type"] == "audience.entered"


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


@pytest.mark.parametrize("how", ["trial", "resume"])
def test_one_that_rests_for_hours_is_sent_to_at_once_when_it_is_well_again(
    it: Sent, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "FIRST_WAIT", HOUR)
    with (
        Receiver(says(500)) as receiver,
        contextlib.closing(Destinations(it.settings, open_ledger(it.settings))) as desk,
    ):
        number = it.to("shop", receiver.url)
        for user in ("ada", "bo", "ada"):
            it.happens(number, user)
        it.begin()
        eventually(lambda: it.queue.health(number).error != "")
        time.sleep(0.2)
        assert (len(receiver.got), it.queue.health(number).waiting) == (1, 3)
        getattr(desk, how)(ORG, "shop")
        eventually(lambda: it.queue.health(number).sent == 3)


def test_a_trial_that_was_not_taken_lets_it_rest(it: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "FIRST_WAIT", HOUR)
    with (
        Receiver(otherwise=says(500)) as receiver,
        contextlib.closing(Destinations(it.settings, open_ledger(it.settings))) as desk,
    ):
        number = it.to("shop", receiver.url)
        it.happens(number, "ada")
        it.begin()
        eventually(lambda: it.queue.health(number).error != "")
        assert desk.trial(ORG, "shop").error == "it answered 500"
        time.sleep(0.2)
        assert len(receiver.got) == 2, "the delivery and the trial"

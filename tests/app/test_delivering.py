"""Deliveries of a running node to real servers: that answer at once, later, wrongly, hugely, never."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rapport.act import delivery as deliveries
from rapport.act import webhooks
from rapport.act.delivery import Answer, Delivery
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.outbox import OutboxFile
from rapport.adapters.embedded.webhooks import WebhookFile
from rapport.app.delivering import FOR_THE_WELL, TOGETHER, Deliverer
from rapport.app.embedded import open_ledger
from rapport.app.settings import Settings
from rapport.app.webhooks import tell_sources
from rapport.kernel.times import SECOND, now
from tests.act.receiving import Got, Receiver, drips, eventually, garbage, huge, never, says


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(data=str(tmp_path), private_destinations=True)
    ledger = open_ledger(settings)
    ledger.add_org("acme")
    for number in range(TOGETHER + 10):
        ledger.add_source("acme", f"s{number}")
    ledger.close()
    return settings


@pytest.fixture
def ledger(settings: Settings) -> Iterator[LedgerFile]:
    ledger = open_ledger(settings)
    yield ledger
    ledger.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of hundredths of a second, that grow as others do."""
    monkeypatch.setattr(deliveries, "FIRST_WAIT", SECOND // 50)


@pytest.fixture
def node(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deliverer]:
    monkeypatch.setattr(deliveries, "FIRST_WAIT", SECOND // 50)
    node = Deliverer(settings, check_s=0.01)
    yield node
    node.close()


def tell(ledger: LedgerFile, receiver: Receiver, source: str = "s0", *, said: str = "hello") -> str:
    hooks = WebhookFile(ledger)
    if hooks.urls("acme").get(source) != receiver.url:
        hooks.set("acme", source, receiver.url)
    (handle,) = tell_sources(ledger, "acme", "test.said", {"said": said}, only=[source])
    return handle


def found(ledger: LedgerFile, handle: str) -> Delivery:
    return OutboxFile(ledger).delivery(handle)


@pytest.mark.usefixtures("node")
def test_what_is_put_in_by_any_process_arrives_signed_once(ledger: LedgerFile) -> None:
    with Receiver() as receiver:
        secret = WebhookFile(ledger).set("acme", "s0", receiver.url)
        handle = tell(ledger, receiver)
        (got,) = receiver.wait()
        eventually(lambda: found(ledger, handle).status == "done")
        time.sleep(0.1)
    assert len(receiver.got) == 1
    assert webhooks.verified(got.headers, got.body, secret, now())
    assert (got.headers["webhook-id"], got.json["type"], got.json["data"]) == (handle, "test.said", {"said": "hello"})


@pytest.mark.usefixtures("node")
def test_failures_are_tried_again_under_the_same_id_until_it_is_taken(ledger: LedgerFile) -> None:
    with Receiver(says(500), says(503), garbage, says(302, Location="/elsewhere")) as receiver:
        handle = tell(ledger, receiver)
        eventually(lambda: found(ledger, handle).status == "done")
    assert [one.headers["webhook-id"] for one in receiver.got] == [handle] * 5
    assert len({one.body for one in receiver.got}) == 1
    assert found(ledger, handle).tries == 5
    assert receiver.visited == []


@pytest.mark.usefixtures("node")
def test_a_huge_answer_that_begins_well_is_taken(ledger: LedgerFile) -> None:
    with Receiver(huge) as receiver:
        handle = tell(ledger, receiver)
        eventually(lambda: found(ledger, handle).status == "done")


@pytest.mark.usefixtures("quick")
def test_destinations_that_hang_drip_or_fail_delay_no_other(settings: Settings, ledger: LedgerFile) -> None:
    """With fifty deliveries for each of the bad ones in front of the good one's."""
    node = Deliverer(settings, check_s=0.01)
    bad = [Receiver(otherwise=behave) for behave in (never, drips, says(500), says(302, Location="http://127.0.0.1/"))]
    began = time.monotonic()
    try:
        for number, receiver in enumerate(bad):
            receiver.__enter__()
            for _ in range(50):
                tell(ledger, receiver, f"s{number}")
        with Receiver() as good:
            for number in range(20):
                tell(ledger, good, "s9")
                good.wait(number + 1)
        # Of whoever fails, one request is under way at a time, and those that wait rest with it.
        assert len(bad[0].got) <= 2 + (time.monotonic() - began) / deliveries.TIMEOUT_S
        assert len(bad[2].got) < 40
    finally:
        node.close()
        for receiver in bad:
            receiver.__exit__()


@pytest.mark.usefixtures("quick")
def test_one_request_at_a_time_reaches_a_destination(settings: Settings, ledger: LedgerFile) -> None:
    under_way, most = [0], [0]

    def slow(*_: object, **__: object) -> Answer:
        under_way[0] += 1
        most[0] = max(most[0], under_way[0])
        time.sleep(0.02)
        under_way[0] -= 1
        return Answer(204)

    with Receiver() as receiver:
        handles = [tell(ledger, receiver) for _ in range(10)]
    node = Deliverer(settings, check_s=0.01, sending=slow)
    try:
        eventually(lambda: all(found(ledger, handle).status == "done" for handle in handles))
    finally:
        node.close()
    assert most == [1]


@pytest.mark.usefixtures("quick")
def test_only_so_many_requests_are_under_way_at_all(settings: Settings, ledger: LedgerFile) -> None:
    under_way: set[int] = set()
    most = [0]
    turn, full = threading.Lock(), threading.Event()

    def slow(*_: object, **__: object) -> Answer:
        with turn:
            under_way.add(threading.get_ident())
            most[0] = max(most[0], len(under_way))
            if most[0] >= TOGETHER:
                full.set()
        full.wait(60)
        time.sleep(0.05)  # for one more than may be
        with turn:
            under_way.discard(threading.get_ident())
        return Answer(204)

    hooks = WebhookFile(ledger)
    for number in range(TOGETHER + 10):
        hooks.set("acme", f"s{number}", f"https://s{number}.example/")
    handles = tell_sources(ledger, "acme", "test.said", {})
    node = Deliverer(settings, check_s=0.01, sending=slow)
    try:
        eventually(lambda: all(found(ledger, handle).status == "done" for handle in handles))
    finally:
        node.close()
    assert most[0] == TOGETHER


def test_any_number_of_destinations_that_hang_delay_no_other(
    settings: Settings, ledger: LedgerFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than there are requests at once, each of them due again as soon as it failed, and then for ever silent."""
    for wait in ("FIRST_WAIT", "LONGEST_WAIT"):
        monkeypatch.setattr(deliveries, wait, SECOND // 50)

    tried, hanging, over = set[str](), list[str](), threading.Event()

    def hangs(url: str, *_: object, **__: object) -> Answer:
        if "well" in url:
            return Answer(204)
        if len(tried) == TOGETHER + 9:
            hanging.append(url)
            over.wait()
        tried.add(url)
        return Answer(0, error="nobody answers")

    hooks = WebhookFile(ledger)
    for number in range(1, TOGETHER + 10):
        hooks.set("acme", f"s{number}", f"https://s{number}.example/")
    tell_sources(ledger, "acme", "test.said", {})
    node = Deliverer(settings, check_s=0.01, sending=hangs)
    try:
        eventually(lambda: len(hanging) == TOGETHER - FOR_THE_WELL)
        hooks.set("acme", "s0", "https://well.example/")
        for _ in range(10):
            (handle,) = tell_sources(ledger, "acme", "test.said", {}, only=["s0"])
            eventually(lambda: found(ledger, handle).status == "done")  # noqa: B023 - asked for at once
        assert len(hanging) == TOGETHER - FOR_THE_WELL
    finally:
        over.set()
        node.close()


def test_an_operator_need_not_wait_until_a_destination_has_rested(
    settings: Settings, ledger: LedgerFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "FIRST_WAIT", 3_600 * SECOND)
    node = Deliverer(settings, check_s=0.01)
    try:
        with Receiver(says(500)) as receiver:
            first = tell(ledger, receiver)
            eventually(lambda: found(ledger, first).tries == 1)
            second = tell(ledger, receiver)
            time.sleep(0.2)
            assert found(ledger, second).tries == 0  # it rests
            OutboxFile(ledger).retry(first)
            eventually(lambda: found(ledger, first).status == "done")
            eventually(lambda: found(ledger, second).status == "done")  # and whoever answers has rested enough
    finally:
        node.close()


@pytest.mark.usefixtures("quick")
def test_nothing_inside_a_network_is_reached_without_leave(settings: Settings, ledger: LedgerFile) -> None:
    node = Deliverer(Settings(data=settings.data), check_s=0.01)
    try:
        with Receiver() as receiver:
            handle = tell(ledger, receiver)
            eventually(lambda: found(ledger, handle).tries >= 2)
        assert receiver.got == []
        assert "RAPPORT_PRIVATE_DESTINATIONS" in found(ledger, handle).error
    finally:
        node.close()


@pytest.mark.usefixtures("node")
def test_what_cannot_be_read_stops_nothing_behind_it(ledger: LedgerFile) -> None:
    with Receiver() as receiver:
        box = OutboxFile(ledger)
        wrong = [
            box.put("acme", receiver.url, "pigeon", "x", b"coo"),
            box.put("acme", receiver.url, "deletion-demand", "x", b"\xc1"),
            box.put("acme", receiver.url, "webhook", "s1", b"{}"),  # a source without a webhook
            box.put("acme", receiver.url, "webhook", "s0", b"{}", record=None),
        ]
        ledger.db.execute("UPDATE delivery SET body = x'00' WHERE id = ?", (wrong[-1],))
        handle = tell(ledger, receiver)
        eventually(lambda: found(ledger, handle).status == "done")
        eventually(lambda: all(found(ledger, one).status == "failed" for one in wrong))
    assert len(receiver.got) == 1


def test_closing_does_not_wait_for_who_is_silent(settings: Settings, ledger: LedgerFile) -> None:
    asked, over = threading.Event(), threading.Event()

    def silent(*_: object, **__: object) -> Answer:
        asked.set()
        over.wait()
        return Answer(0, error="nobody answers")

    node = Deliverer(settings, check_s=0.01, sending=silent)
    with Receiver() as receiver:
        tell(ledger, receiver)
    assert asked.wait(60)
    node.close()  # which would never come back
    over.set()


_RUN = """
import sys, time
from rapport.app.delivering import Deliverer
from rapport.app.settings import Settings
Deliverer(Settings(data=sys.argv[1], private_destinations=True), check_s=0.01)
time.sleep(60)
"""


def _run(settings: Settings) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", _RUN, settings.data])


def _killed(process: subprocess.Popen[bytes]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_whatever_is_killed_everything_arrives_at_least_once_and_hardly_ever_twice(
    settings: Settings, ledger: LedgerFile
) -> None:
    """Killed before it is sent, while it is on its way, and after it was taken. However late a kill comes, no process
    has sent all by then: each is answered nine times."""
    wish: list[Any] = []
    room = threading.Semaphore(0)

    def nine_times(handler: Any, got: Got) -> None:
        (says(204) if room.acquire(blocking=False) else never)(handler, got)

    with Receiver(otherwise=nine_times) as receiver:
        wish += [tell(ledger, receiver, said=str(number)) for number in range(40)]
        kills = 0
        while any(found(ledger, handle).status != "done" for handle in wish):
            before = len(receiver.got)
            room.release(9)
            process = _run(settings)
            try:
                eventually(
                    lambda: (
                        len(receiver.got) >= min(before + 9, 40 + kills)  # noqa: B023 - asked for at once
                        or all(found(ledger, handle).status == "done" for handle in wish)
                    )
                )
            finally:
                _killed(process)
            kills += 1
            assert kills < 30
        ids = [one.headers["webhook-id"] for one in receiver.got]
    assert set(ids) == set(wish)
    assert len(ids) - len(wish) <= kills  # at most one duplicate for each kill
    assert kills >= 3


def test_what_was_on_its_way_when_the_node_was_killed_is_sent_again(settings: Settings, ledger: LedgerFile) -> None:
    with Receiver(never) as receiver:
        handle = tell(ledger, receiver)
        process = _run(settings)
        try:
            receiver.wait()
        finally:
            _killed(process)
        assert found(ledger, handle).status == "waiting"
        process = _run(settings)
        try:
            receiver.wait(2)
            eventually(lambda: found(ledger, handle).status == "done")
        finally:
            _killed(process)
    assert {one.headers["webhook-id"] for one in receiver.got} == {handle}

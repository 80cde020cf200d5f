"""Whoever has many destinations that hang, or that take everything as slowly as they may, leaves others their turn."""

import threading
import time
from collections.abc import Iterator

import pytest

from rapport.act.delivery import Answer
from rapport.app import activating
from rapport.app.activating import FOR_THE_WELL, MOST_OF_ONE, TOGETHER, Activator
from tests.act.receiving import eventually
from tests.app.sending import PEOPLE, Sent, sending_house


@pytest.fixture
def it() -> Iterator[Sent]:
    with sending_house() as sent:
        yield sent
        sent.close()


class Slow:
    """Those called `slow` answer once `go_on` says so, others at once."""

    def __init__(self) -> None:
        self.under_way, self.answered, self.quick = 0, 0, 0
        self.go_on = threading.Semaphore(0)
        self._turn = threading.Lock()

    def __call__(self, url: str, body: bytes, headers: dict[str, str], *, private: bool = False) -> Answer:
        del body, headers, private
        if "slow" not in url:
            self.quick += 1
            return Answer(200)
        with self._turn:
            self.under_way += 1
        self.go_on.acquire()
        with self._turn:
            self.under_way -= 1
            self.answered += 1
        return Answer(200)


def test_those_that_take_all_they_are_sent_slowly_leave_room_for_the_quick(
    it: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activating, "SLOW_S", 0.2)
    slow = Slow()
    for number in range(TOGETHER + 5):
        destination = it.to(f"slow{number}", f"http://slow{number}.example/")
        for user in PEOPLE:
            it.happens(destination, user)
    it.activator = Activator(it.settings, check_s=0.01, sending=slow)
    try:
        eventually(lambda: slow.under_way == MOST_OF_ONE)
        time.sleep(1)
        slow.go_on.release(MOST_OF_ONE)
        # Those of whom it is not known begin first, and then as many of the slow as may.
        eventually(lambda: slow.answered == MOST_OF_ONE and slow.under_way == TOGETHER - FOR_THE_WELL)
        it.happens(it.to("quick", "http://quick.example/"), "ada")
        eventually(lambda: slow.quick == 1)
    finally:
        slow.go_on.release(10_000)


def test_one_organization_does_not_take_every_turn(it: Sent) -> None:
    slow = Slow()
    for number in range(TOGETHER + 5):
        it.happens(it.to(f"slow{number}", f"http://slow{number}.example/"), "ada")
    it.activator = Activator(it.settings, check_s=0.01, sending=slow)
    try:
        eventually(lambda: slow.under_way == MOST_OF_ONE)
        assert not threading.Event().wait(0.3)
        assert slow.under_way == MOST_OF_ONE
    finally:
        slow.go_on.release(10_000)

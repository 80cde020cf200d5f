"""An erasure on a running node: complete when it returns, whoever is killed meanwhile, and nothing brings it back."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable

import pytest

from rapport.app import erasing
from rapport.app.settings import Settings
from tests.e2e.running import Node, Org
from tests.e2e.test_canary import sightings
from tests.profile.unsealing import readable


def events_of(user: str, number: int = 30) -> list[dict[str, object]]:
    identify = {
        "type": "identify",
        "userId": user,
        "anonymousId": f"{user}-tablet",
        "messageId": f"{user}-0",
        "timestamp": "2026-03-02T10:00:00Z",
        "traits": {"email": f"{user}@example.com", "name": f"{user} namington"},
    }
    tick = {"type": "track", "event": "Ticked", "userId": user, "timestamp": "2026-03-02T10:00:00Z"}
    return [identify, *({**tick, "messageId": f"{user}-{n}"} for n in range(1, number))]


class Killing:
    """Kills the worker of a node, again and again, for as long as it is entered."""

    def __init__(self, node: Node, seed: int) -> None:
        self._node = node
        self._dice = random.Random(seed)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.kills = 0

    def __enter__(self) -> "Killing":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(self._dice.uniform(0.0, 0.25)):
            worker = self._node.children().get("worker")
            if worker is not None:
                os.kill(worker, signal.SIGKILL)
                self.kills += 1
            # Let it live for longer each time, or it would never get anywhere.
            self._ended.wait(0.5 + 0.2 * self.kills)


def erased_on(org: Org, node: Node, user: str, seed: int) -> None:
    settings = Settings(data=str(node.data))
    assert org.send(*events_of(user)).status == 200
    org.view(f"user_id:{user}", events=30, within_s=60)
    with Killing(node, seed):
        time.sleep(random.Random(seed).uniform(0.0, 0.2))
        erased = erasing.shred(settings, f"per_{user}", [(org.name, "email", f"{user}@example.com")])
    assert (erased.records, erased.events) == (1, 30)
    absent = org.read("user_id:never-seen")
    assert org.read(f"user_id:{user}").status == absent.status == 404
    secrets = {"user": user, "mail": f"{user}@example.com"}
    assert [place for place, plain in readable(settings) if user.encode() in plain] == []
    for path in node.data.rglob("*"):
        if path.is_file():
            assert sightings(path.name, path.read_bytes(), secrets) == []


def test_killing_the_worker_at_any_instant_of_an_erasure_leaves_it_complete(
    start: Callable[..., Node], proof_size: Callable[[int, int], int]
) -> None:
    node = start()
    org = node.org("acme")
    assert org.send(*events_of("bystander")).status == 200
    before = org.view("user_id:bystander", events=30)
    people = [f"canary-{number}" for number in range(proof_size(2, 100))]
    for number, user in enumerate(people):
        erased_on(org, node, user, number)
    # Sent again, as it was and under new ids: none of it comes in, and what was not hers does.
    for user in people:
        assert org.send(*events_of(user)).status == 200
        assert (
            org.send(*({**event, "messageId": f"again-{n}"} for n, event in enumerate(events_of(user)))).status == 200
        )
    assert org.send({"type": "track", "event": "Last", "userId": "bystander", "messageId": "last"}).status == 200
    after = org.view("user_id:bystander", events=31, within_s=60)
    assert after["traits"] == before["traits"]
    assert [org.read(f"user_id:{user}").status for user in people] == [404] * len(people)


@pytest.mark.timeout(240)
def test_an_erasure_racing_a_load_is_before_or_after_each_event(start: Callable[..., Node]) -> None:
    node = start()
    org = node.org("acme")
    settings = Settings(data=str(node.data))
    ended = threading.Event()
    sent = []

    def load() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            batch = [
                {"type": "track", "event": "Ticked", "userId": user, "messageId": f"{user}-{number}"}
                for user in ("canary-racer", "bystander")
            ]
            if org.send(*batch).status == 200:
                sent.append(number)

    sending = threading.Thread(target=load)
    sending.start()
    try:
        org.view("user_id:canary-racer", events=5, within_s=60)
        erased = erasing.shred(settings, "per_racer", [("acme", "user_id", "canary-racer")])
        time.sleep(0.5)
    finally:
        ended.set()
        sending.join()
    assert erased.records == 1
    assert org.view("user_id:bystander", events=len(sent), within_s=60)["events"]["total"] == len(sent)
    assert org.read("user_id:canary-racer").status == 404


def test_without_a_node_the_command_is_the_worker(start: Callable[..., Node]) -> None:
    node = start()
    org = node.org("acme")
    org.send(*events_of("canary-alone"))
    org.view("user_id:canary-alone", events=30)
    node.stop()
    settings = Settings(data=str(node.data))
    assert erasing.shred(settings, "per_alone", [("acme", "user_id", "canary-alone")]).events == 30
    assert [place for place, plain in readable(settings) if b"canary-alone" in plain] == []
    assert erasing.lift(settings, "per_alone") > 0

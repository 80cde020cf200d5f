"""Kill -9 at random instants: nothing acknowledged is lost, nothing is counted twice, nothing is left running."""

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from http import client as http_client
from pathlib import Path

import pytest

from tests.e2e.running import Node, Org, http

USERS = 7


class Load:
    """Threads that send batches over HTTP, as a client does that tries again, and remember what was acknowledged."""

    def __init__(self, org: Org, threads: int = 3) -> None:
        self._org = org
        self._stop = threading.Event()
        self.acknowledged: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(threads)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        dice = random.Random(number)
        batch = 0
        while not self._stop.is_set():
            batch += 1
            users = [f"user{dice.randrange(USERS)}" for _ in range(dice.randrange(1, 20))]
            events = [
                {"type": "track", "event": "Ticked", "userId": user, "messageId": f"{number}-{batch}-{index}"}
                for index, user in enumerate(users)
            ]
            if self._send(events):
                with self._lock:
                    self.acknowledged.update(users)

    def _send(self, events: list[dict[str, str]]) -> bool:
        """Send a batch until it is acknowledged; False where the load ended before that, and nobody knows."""
        body = json.dumps({"batch": events}).encode()
        headers = {"authorization": f"Bearer {self._org.write_key}", "content-type": "application/json"}
        while True:
            try:
                if http("POST", f"{self._org.node.url}/v1/batch", body, headers).status == 200:
                    return True
            except (OSError, http_client.HTTPException):  # killed before, or in the midst of, its answer
                pass
            if self._stop.is_set():
                # It may have been taken in: send it once more in peace, so that what is counted is known.
                return self._in_peace(body, headers)
            time.sleep(0.02)

    def _in_peace(self, body: bytes, headers: dict[str, str]) -> bool:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                if http("POST", f"{self._org.node.url}/v1/batch", body, headers).status == 200:
                    return True
            except (OSError, http_client.HTTPException):
                time.sleep(0.1)
        raise AssertionError("the node did not come back")


def counted(org: Org, expected: Counter[str]) -> dict[str, int]:
    return {
        user: org.view(f"user_id:{user}", events=total, within_s=60)["events"]["total"]
        for user, total in expected.items()
    }


def kill_and_count(node: Node, kills: int, seed: int) -> None:
    org = node.org("killed")
    dice = random.Random(seed)
    with Load(org) as load:
        for _ in range(kills):
            time.sleep(dice.uniform(0.05, 0.6))
            children = node.children()
            victims = dice.choice([["web"], ["worker"], ["web", "worker"]])
            for part in victims:
                if part in children:
                    os.kill(children[part], signal.SIGKILL)
            deadline = time.monotonic() + 120
            while set(node.children()) != {"web", "worker", "evaluator"}:
                assert time.monotonic() < deadline, node.output()
                time.sleep(0.02)
    assert sum(load.acknowledged.values()) > 0
    assert counted(org, load.acknowledged) == dict(load.acknowledged)


def test_killing_web_and_worker_loses_nothing_and_counts_nothing_twice(start: Callable[..., Node]) -> None:
    kill_and_count(start(fresh=True), kills=5, seed=1)


@pytest.mark.prove
@pytest.mark.timeout(1800)
def test_a_hundred_kills_lose_nothing_and_count_nothing_twice(
    start: Callable[..., Node], proof_size: Callable[[int, int], int]
) -> None:
    kill_and_count(start(fresh=True), kills=proof_size(2, 120), seed=2)


def test_killing_the_whole_node_leaves_nothing_running_and_loses_nothing(start: Callable[..., Node]) -> None:
    node = start(fresh=True)
    org = node.org("felled")
    sent = Counter({"ada": 30})
    for number in range(30):
        answer = org.send({"type": "track", "event": "Ticked", "userId": "ada", "messageId": f"m{number}"})
        assert answer.status == 200
    children = node.children()
    node.process.kill()
    node.process.wait(60)
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{child}").exists() for child in children.values()):
        assert time.monotonic() < deadline, "children outlived their parent"
        time.sleep(0.05)
    again = start()
    told = again.org("felled")
    assert counted(told, sent) == dict(sent)

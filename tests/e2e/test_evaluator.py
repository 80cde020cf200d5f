"""The evaluator beside a running node: members follow events at once, and kill -9 moves nobody twice."""

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable

from rapport.adapters.embedded.decide_reader import DecideReader
from rapport.kernel.times import HOUR, SECOND, now, rfc3339
from tests.e2e.running import Node, Org, http, run

USERS = 60


def put(org: Org, name: str, expression: str) -> None:
    headers = {"authorization": f"Bearer {org.api_token}", "content-type": "application/json"}
    body = json.dumps({"expression": expression, "purpose": "service"}).encode()
    answer = http("PUT", f"{org.node.url}/v1/audiences/{name}", body, headers)
    assert answer.status in {200, 201}, answer


def until(holds: Callable[[], bool], within_s: float = 120.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_whoever_takes_in_events_and_answers_goes_before_the_evaluator(start: Callable[..., Node]) -> None:
    node = start()

    def goes_behind(but: int = 0) -> bool:
        children = node.children()
        evaluator = children.get("evaluator", but)
        if evaluator == but:
            return False
        others = [os.getpriority(os.PRIO_PROCESS, children[name]) for name in ("web", "worker")]
        return os.getpriority(os.PRIO_PROCESS, evaluator) > max(others)

    until(goes_behind)
    first = node.children()["evaluator"]
    os.kill(first, signal.SIGKILL)
    until(lambda: goes_behind(but=first))


def test_killing_any_process_moves_nobody_twice_and_forgets_nobody(start: Callable[..., Node]) -> None:
    dice = random.Random(6)
    node = start()
    org = node.org()
    put(org, "buyers", 'count("Order Completed") >= 2')
    put(org, "quick", 'count("Order Completed", hours(1)) >= 1')
    for turn in range(6):
        for user in range(USERS):
            event = {"type": "track", "userId": f"u{user}", "event": "Order Completed", "messageId": f"{turn}-{user}"}
            event["timestamp"] = rfc3339(now() - HOUR + 3 * SECOND)
            assert org.send(event).status == 200
        victim = node.children().get(dice.choice(["evaluator", "evaluator", "worker"]))
        if victim is not None:
            os.kill(victim, signal.SIGKILL)
        time.sleep(dice.random() / 2)
    # Once who came last of all is in, what came before was answered.
    past = {"type": "track", "userId": "last", "event": "Order Completed", "timestamp": rfc3339(now() - 2 * HOUR)}
    assert org.send(*({**past, "messageId": f"last-{turn}"} for turn in range(2))).status == 200
    org.view("user_id:last", events=2)
    read = DecideReader(node.data)
    until(lambda: len(read.members("acme", "buyers", limit=1000)) == USERS + 1)
    until(lambda: not read.members("acme", "quick", limit=1000))
    until(lambda: (state := read.state("acme", "buyers")) is not None and not state.filling)
    moves = Counter((move.customer, move.kind) for move in read.history("acme", "buyers", limit=10_000))
    assert set(moves.values()) == {1}
    quick = list(reversed(read.history("acme", "quick", limit=10_000)))
    for customer in {customer for customer, _ in moves}:
        turns = [move.kind for move in quick if move.customer == customer]
        assert turns == ["entered", "left"] * (len(turns) // 2)
    state = read.state("acme", "buyers")
    assert state is not None
    assert (state.inside, state.filling) == (USERS + 1, False)
    read.close()


def test_somebody_is_in_an_audience_a_moment_after_the_event(node: Node) -> None:
    org = node.org("prompt")
    put(org, "buyers", 'count("Order Completed") >= 1')
    read = DecideReader(node.data)
    org.send({"type": "identify", "userId": "ada"})
    org.view("user_id:ada")
    until(lambda: read.state("prompt", "buyers") is not None)
    org.send({"type": "track", "userId": "ada", "event": "Order Completed"})
    until(lambda: bool(read.members("prompt", "buyers")))
    read.close()


def test_an_erasure_is_complete_once_audiences_know_nothing_more_of_whom_it_erased(node: Node) -> None:
    org = node.org("forgetful")
    put(org, "buyers", 'count("Order Completed") >= 1')
    for user in ("ada", "bo"):
        assert org.send({"type": "track", "userId": user, "event": "Order Completed"}).status == 200
    data = ("--data", str(node.data))
    person = json.loads(run("person", "add", "--claim", "forgetful:user_id:ada", *data, "--json").stdout)["person"]
    read = DecideReader(node.data)
    until(lambda: len(read.members("forgetful", "buyers")) == 2)
    until(lambda: (state := read.state("forgetful", "buyers")) is not None and not state.filling)
    assert run("person", "shred", person, "--yes", *data).returncode == 0
    ((bo, _),) = read.members("forgetful", "buyers")
    assert {move.customer for move in read.history("forgetful", "buyers")} == {bo}
    read.close()

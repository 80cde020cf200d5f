"""A disk that fills while a node runs, and children that die alone: the node says so, waits, and loses nothing."""

import json
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

from tests.e2e.running import Answer, Node, Org, http, run
from tests.e2e.test_correcting import Portal


@contextmanager
def no_more_room(node: Node, *parts: str, beyond: int = 64 << 10) -> Iterator[None]:
    """As on a full disk: these children can make no file larger than the log is now and a little more."""
    largest = max(path.stat().st_size for path in node.data.iterdir())
    children = node.children()
    for part in parts:
        resource.prlimit(children[part], resource.RLIMIT_FSIZE, (largest + beyond, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        for part in parts:
            resource.prlimit(children[part], resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)


def batch(name: str, size: int = 100) -> list[dict[str, object]]:
    return [
        {
            "type": "track",
            "userId": "ada",
            "event": "Ticked",
            "messageId": f"{name}-{n}",
            "properties": {"p": "x" * 900},
        }
        for n in range(size)
    ]


def until(condition: Callable[[], bool], within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def refused(org: Org) -> tuple[int, Answer]:
    """How many batches were acknowledged until one was refused, and the refusal."""
    for number in range(100):
        answer = org.send(*batch(f"b{number}"))
        if answer.status != 200:
            return number, answer
    raise AssertionError("the disk never filled")


def test_a_disk_that_fills_refuses_by_name_and_loses_nothing_acknowledged(start: Callable[..., Node]) -> None:
    node = start()
    org = node.org()
    assert org.send(*batch("first", 10)).status == 200
    org.view("user_id:ada", events=10)
    with no_more_room(node, "web"):
        acknowledged, answer = refused(org)
        assert (answer.status, answer.json["code"]) == (503, "full")
        assert int(answer.headers["retry-after"]) > 0
        assert http("GET", f"{node.url}/healthz").status == 200
    assert org.send(*batch("after", 10)).status == 200
    view = org.view("user_id:ada", events=20 + 100 * acknowledged)
    assert view["events"]["total"] == 20 + 100 * acknowledged


def test_a_person_whose_change_finds_no_room_is_told_when_to_come_back_and_still_sees_their_page(
    start: Callable[..., Node],
) -> None:
    node = start()
    said = run("person", "add", "--data", str(node.data), "--json")
    page = Portal(node, json.loads(said.stdout)["person"])
    with no_more_room(node, "web", beyond=0):
        locks = (page.send("POST", "/me/lock", urlencode({"csrf": page.csrf})) for _ in range(200))
        status, headers, body = next(answer for answer in locks if answer[0] != 303)
        assert (status, json.loads(body)["code"]) == (503, "full")
        assert int(headers["retry-after"]) > 0
        assert page.send("GET", "/me")[0] == 200
    assert page.send("POST", "/me/lock", urlencode({"csrf": page.csrf}))[0] == 303


def test_a_worker_without_space_waits_for_it_and_the_node_lives_on(start: Callable[..., Node]) -> None:
    node = start()
    org = node.org()
    org.send(*batch("first", 10))
    org.view("user_id:ada", events=10)
    with no_more_room(node, "worker", beyond=0):
        for number in range(10):
            assert org.send(*batch(f"b{number}")).status == 200
        until(lambda: "it tries again" in node.output())
        assert org.read("user_id:ada").json["events"]["total"] < 1_010
        assert set(node.children()) == {"web", "worker", "evaluator"}
    assert org.view("user_id:ada", events=1_010)["events"]["total"] == 1_010


def test_a_web_process_that_comes_back_is_ready_again_without_new_events(start: Callable[..., Node]) -> None:
    node = start()
    org = node.org()
    org.send(*batch("first", 10))
    org.view("user_id:ada", events=10)
    first = node.children()["web"]
    os.kill(first, signal.SIGKILL)
    until(lambda: node.children().get("web", first) != first)
    until(lambda: http("GET", f"{node.url}/readyz").status == 200)
    evidence = org.read("user_id:ada", "evidence").json["evidence"][0]["id"]
    assert org.operate(f"/v1/evidence/{evidence}/retract", {}).json["code"] == "own_key"


def test_what_came_while_the_worker_stood_still_is_seen_when_it_goes_on(start: Callable[..., Node]) -> None:
    node = start("data", env={"RAPPORT_LOG_LIMIT_MB": "1"})
    org = node.org()
    org.send(*batch("first", 10))
    org.view("user_id:ada", events=10)
    worker = node.children()["worker"]
    os.kill(worker, signal.SIGSTOP)
    acknowledged, answer = refused(org)
    assert (answer.status, answer.json["code"]) == (503, "full")
    assert 5 <= acknowledged <= 12
    os.kill(worker, signal.SIGCONT)
    until(lambda: org.send(*batch("after", 10)).status == 200)
    assert org.view("user_id:ada", events=20 + 100 * acknowledged)["events"]["total"] == 20 + 100 * acknowledged

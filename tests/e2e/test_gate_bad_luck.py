"""The gate of a running node when luck is bad: killed between receipt and answer, no room for a receipt, and locked
from another process while many read."""

import http.client
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from rapport.adapters.embedded.ledger import LedgerFile
from rapport.app.embedded import open_ledger, open_people
from rapport.app.settings import Settings
from tests.e2e.api import PARTS, path_of
from tests.e2e.running import Node, Org, run
from tests.e2e.running import http as ask
from tests.e2e.test_bad_luck_disk import no_more_room, until

SECRET = "Zeldarina Canarowska"


def furnished(start: Callable[..., Node]) -> tuple[Node, Org, LedgerFile]:
    node = start()
    org = node.org()
    traits = {"name": SECRET, "email": "zelda@example.com"}
    org.send({"type": "identify", "userId": "zelda", "messageId": "1", "traits": traits})
    org.view("user_id:zelda")
    return node, org, open_ledger(Settings(data=str(node.data)))


def gets(org: Org, answers: list[bytes], stop: threading.Event) -> None:
    """Read until told to stop, or until nobody answers; what came is kept whole or cut off, as it came."""
    line = http.client.HTTPConnection("127.0.0.1", org.node.port, timeout=60)
    try:
        while not stop.is_set():
            line.request("GET", path_of("user_id:zelda"), headers={"authorization": f"Bearer {org.api_token}"})
            answer = line.getresponse()
            try:
                answers.append(answer.read())
            except http.client.IncompleteRead as part:
                answers.append(part.partial)
    except (OSError, http.client.HTTPException):
        pass
    finally:
        line.close()


def test_whatever_was_answered_when_the_web_process_is_killed_has_its_receipt(start: Callable[..., Node]) -> None:
    node, org, ledger = furnished(start)
    for delay in (0.05, 0.11, 0.2):
        until(lambda: "web" in node.children() and ask("GET", f"{node.url}/readyz").status == 200)
        web, answers, stop = node.children()["web"], list[bytes](), threading.Event()
        readers = [threading.Thread(target=gets, args=(org, answers, stop)) for _ in range(6)]
        for reader in readers:
            reader.start()
        until(lambda told=answers: told)
        time.sleep(delay)
        os.kill(web, signal.SIGKILL)
        for reader in readers:
            reader.join()
        kept = {receipt.id for receipt in ledger.receipts("acme", 100_000) if receipt.decision == "permitted"}
        told = [answer for answer in answers if SECRET.encode() in answer]
        assert told
        for answer in told:
            # A receipt's handle comes last in the answer, so a torn one may lack it; a whole one must be kept.
            receipt = answer.partition(b'"receipt":"')[2].partition(b'"')[0].decode()
            assert not receipt or receipt in kept
        assert len(kept) >= len(told)
        until(lambda gone=web: node.children().get("web", gone) != gone)
    until(lambda: ask("GET", f"{node.url}/readyz").status == 200)
    assert org.read("user_id:zelda").status == 200


def test_without_room_for_a_receipt_no_data_leaves(start: Callable[..., Node]) -> None:
    node, org, ledger = furnished(start)
    asked = [(customer, part) for customer in ("user_id:zelda", "user_id:nobody") for part in PARTS]
    with no_more_room(node, "web", beyond=0):
        for _ in range(400):  # a small receipt may still find room where a larger one did not
            if all(org.read(*each).status == 503 for each in asked):
                break
        before = len(ledger.receipts("acme", 100_000))
        answers = [org.read(*each) for each in asked]
        assert {(answer.status, answer.json["code"]) for answer in answers} == {(503, "full")}
        assert len({answer.body for answer in answers}) == 1
        assert SECRET.encode() not in answers[0].body
        assert len(ledger.receipts("acme", 100_000)) == before
    assert org.read("user_id:zelda").status == 200


def test_a_lock_from_another_process_holds_from_the_next_read_on(start: Callable[..., Node]) -> None:
    node, org, ledger = furnished(start)
    people = open_people(Settings(data=str(node.data)))
    person = people.add(["acme:user_id:zelda"])
    seen: list[tuple[float, float, int]] = []
    stop = threading.Event()

    def read() -> None:
        line = http.client.HTTPConnection("127.0.0.1", node.port, timeout=60)
        while not stop.is_set():
            began = time.monotonic()
            line.request("GET", path_of("user_id:zelda"), headers={"authorization": f"Bearer {org.api_token}"})
            answer = line.getresponse()
            answer.read()
            seen.append((began, time.monotonic(), answer.status))
        line.close()

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    shut: list[tuple[float, float]] = []
    opened: list[tuple[float, float]] = []

    def read_since(at: float) -> tuple[float, float]:
        """From then until some reads began and ended."""
        time.sleep(0.1)
        until(lambda: any(began >= at for began, _, _ in tuple(seen)))
        return at, time.monotonic()

    for _ in range(6):
        people.lock(person.handle)
        shut.append(read_since(time.monotonic()))
        people.unlock(person.handle)
        opened.append(read_since(time.monotonic()))
    stop.set()
    for reader in readers:
        reader.join()
    assert {status for _, _, status in seen} == {200, 404}
    for since, till in shut:
        within = [status for began, ended, status in seen if began >= since and ended <= till]
        assert within
        assert set(within) == {404}
    for since, till in opened:
        assert {status for began, ended, status in seen if began >= since and ended <= till} <= {200}
    ledger.close()


def test_the_command_that_locks_returns_when_it_holds(start: Callable[..., Node]) -> None:
    node, org, _ = furnished(start)
    people = open_people(Settings(data=str(node.data)))
    person = people.add(["acme:email:zelda@example.com"]).handle
    for command, more, status in (
        ("lock", (), 404),
        ("unlock", (), 200),
        ("lock", ("--org", "acme"), 404),
        ("unlock", ("--org", "acme"), 200),
    ):
        assert run("person", command, person, *more, "--data", str(node.data)).returncode == 0
        answers: list[Any] = [org.read("user_id:zelda", part) for part in PARTS]
        assert {answer.status for answer in answers} == {status}
        shown = run("show", "user_id:zelda", "--org", "acme", "--data", str(node.data))
        assert (SECRET in shown.stdout) == (status == 200)
        assert "Traceback" not in shown.stderr

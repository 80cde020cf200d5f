"""Several processes append receipts and are killed at any instant: a receipt, its tree's head and the log's are one."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from rapport.app.bundling import open_bundler
from rapport.kernel import verify
from rapport.kernel.errors import RapportError
from tests.kernel.bundles import Asked, published
from tests.profile.house import ORG
from tests.web.portal.person import Home

READER = """
import sys
from rapport.app import embedded
from rapport.app.receipting import DirectReceipts
from rapport.app.settings import Settings
from rapport.terms import Gate, Request

settings = Settings(data=sys.argv[1])
ledger = embedded.open_ledger(settings)
reader = embedded.open_reader(settings, embedded.Sources(ledger).by_name)
gate = Gate(reader, embedded.open_people(settings, ledger), DirectReceipts(ledger), quiet_s=0)
for _ in range(int(sys.argv[2])):
    try:
        gate.view(Request("shop", "user_id:ada", "service", "test")).send(None)
    except StopIteration as answer:
        print(answer.value["receipt"], flush=True)
"""


KILLED_WITHIN = """
import contextlib, os, signal, sys
from rapport.adapters.embedded import ledger, receipt_log, tile_log

def killing(module, name, when):
    was = getattr(module, name)
    def instead(*arguments):
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        was(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(module, name, instead)

@contextlib.contextmanager
def no_transaction(db):
    yield db

places = {
    "the log's entries": (tile_log.TileLog, "_put_raw"),
    "the log's tiles": (tile_log.TileLog, "_put_tiles"),
    "the log's head": (tile_log.TileLog, "put_entries"),
    "the trees' heads": (receipt_log, "put_rows"),
    "the receipts": (ledger, "put_rows"),
}
killing(*places[sys.argv[3]], sys.argv[4])
if sys.argv[5] == "torn":
    ledger.transaction = no_transaction
"""
PLACES = ["the log's entries", "the log's tiles", "the log's head", "the trees' heads", "the receipts"]


def reading(home: Home, times: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", READER, home.directory, str(times)], text=True, stdout=-1)


def receipts(bundle: dict[str, Any]) -> set[str]:
    return {one["receipt"]["id"] for one in bundle["receipts"]}


def test_two_processes_append_to_one_tree_and_it_verifies() -> None:
    with Home() as home:
        person = home.people.add([f"{ORG}:user_id:ada"]).handle
        home.reads()
        before = verify.verify(open_bundler(home.settings).bundle(person))
        both = [reading(home, 25) for _ in range(2)]
        acknowledged = {line for one in both for line in one.communicate(timeout=240)[0].split()}
        assert len(acknowledged) == 50
        bundle = open_bundler(home.settings).bundle(person, before["head"])
        after = verify.verify(json.loads(json.dumps(bundle)), since=before["head"])
        assert (after["ok"], after["problem"]) == (True, None)
        assert receipts(bundle) >= acknowledged
        assert after["receipts"] == before["receipts"] + 50


def test_killed_at_any_instant_they_leave_what_verifies_and_continues(proof_size: Callable[[int, int], int]) -> None:
    dice = random.Random(4)
    with Home() as home:
        person = home.people.add([f"{ORG}:user_id:ada"]).handle
        home.reads()
        head, acknowledged = verify.verify(open_bundler(home.settings).bundle(person))["head"], set[str]()
        for _ in range(proof_size(4, 100)):
            both = [reading(home, 10_000) for _ in range(2)]
            for one in both:
                assert one.stdout is not None
                acknowledged.add(one.stdout.readline().strip())
            time.sleep(dice.random() / 5)
            for one in both:
                os.kill(one.pid, signal.SIGKILL)
                acknowledged.update(line for line in one.communicate()[0].split("\n")[:-1])
            bundle = open_bundler(home.settings).bundle(person, head)
            done = verify.verify(json.loads(json.dumps(bundle)), since=head)
            assert (done["ok"], done["problem"]) == (True, None)
            assert receipts(bundle) >= acknowledged
            head = done["head"]
        assert home.reads()  # whoever comes after them goes on
        assert verify.verify(open_bundler(home.settings).bundle(person, head), since=head)["ok"]


def killed_within(home: Home, place: str, when: str, how: str) -> None:
    """A process that reads Ada once, and is killed before or after it writes something."""
    asked = [sys.executable, "-c", KILLED_WITHIN + READER, home.directory, "1", place, when, how]
    assert subprocess.run(asked, check=False, capture_output=True).returncode == -signal.SIGKILL


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("place", PLACES)
def test_killed_between_a_leaf_and_its_head_nothing_of_either_is_there(place: str, when: str) -> None:
    with Home() as home:
        person = home.people.add([f"{ORG}:user_id:ada"]).handle
        home.reads()
        before = open_bundler(home.settings).bundle(person)
        head = verify.verify(json.loads(json.dumps(before)))["head"]
        killed_within(home, place, when, "whole")
        after = open_bundler(home.settings).bundle(person, head)
        assert receipts(after) == receipts(before)
        assert home.reads()
        done = verify.verify(json.loads(json.dumps(open_bundler(home.settings).bundle(person, head))), since=head)
        assert (done["problem"], done["receipts"]) == (None, len(receipts(before)) + 1)


def test_were_they_not_one_transaction_this_would_be_seen() -> None:
    """That the tests above can fail: a leaf without its head, or a head without its leaf, does not hold."""
    found = []
    for place in PLACES:
        for when in ("before", "after"):
            with Home() as home:
                person = home.people.add([f"{ORG}:user_id:ada"]).handle
                home.reads()
                head = verify.verify(json.loads(json.dumps(open_bundler(home.settings).bundle(person))))["head"]
                killed_within(home, place, when, "torn")
                try:
                    torn = json.loads(json.dumps(open_bundler(home.settings).bundle(person, head)))
                    problem = Asked(torn, head, log=published(home)).said()["problem"]
                except RapportError as error:
                    problem = error.message
                found.append(problem)
    assert found[0] is None  # nothing was written yet
    assert sum(problem is not None for problem in found) >= 4, found


# -- clocks that step

YEAR = 365 * 86_400


@pytest.mark.parametrize("steps", [[-YEAR], [10 * YEAR], [10 * YEAR, 0], [-40 * YEAR, 10 * YEAR, -1]])
def test_whatever_the_clock_does_receipts_keep_their_order_and_verify(
    steps: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order is that of the tree; the time is what the clock said, and nothing rests on it."""
    real = time.time_ns
    with Home() as home:
        person = home.people.add([f"{ORG}:user_id:ada"]).handle
        home.reads()
        head = verify.verify(open_bundler(home.settings).bundle(person))["head"]
        given = []
        for step in steps:
            monkeypatch.setattr(time, "time_ns", lambda step=step: real() + step * 10**9)
            for _ in range(2):
                assert home.reads()
            bundle = json.loads(json.dumps(open_bundler(home.settings).bundle(person, head)))
            done = verify.verify(bundle, since=head)
            assert (done["problem"], done["ok"]) == (None, True)
            head = done["head"]
            at = [one["receipt"]["at"] for one in sorted(bundle["receipts"], key=lambda one: one["index"])]
            assert at[: len(given)] == given
            given = at
        assert len(given) == 1 + 2 * len(steps)
        years = {int(moment[:4]) for moment in given}
        assert len(years) > 1

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

from rapport.app.bundling import open_bundler
from rapport.kernel import verify
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
        acknowledged = {line for one in both for line in one.communicate(timeout=60)[0].split()}
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

"""A node that is killed in the middle of its work is there again soon."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from bench import load, machine
from bench.bench import Bench
from bench.freshness import EVENTS
from bench.load import Plan
from bench.row import Row, against
from tests.e2e.running import Node, http


def _start(data: Path) -> tuple[Node, float]:
    """A node, and the seconds until it was ready."""
    started = time.perf_counter()
    node = Node(data, fresh=True)
    return node, time.perf_counter() - started


def _cursor(node: Node) -> int:
    lines = http("GET", f"{node.url}/metrics").body.decode().splitlines()
    return int(float(next(line.split()[1] for line in lines if line.startswith("rapport_log_cursor "))))


def measure(bench: Bench) -> Iterator[Row]:
    company = bench.company()
    machine.say(f"killing a node at {EVENTS:,} events/s …")
    node = Node(company.data, fresh=True)
    plan = Plan(
        node.port, company.write_key, company.token, company.customers, bench.scale.seconds, EVENTS, seed=bench.seed()
    )
    sending = threading.Thread(target=load.run, args=(plan,))
    sending.start()
    time.sleep(bench.scale.seconds * 0.8)
    os.killpg(node.process.pid, signal.SIGKILL)
    sending.join()
    node.stop()
    last = company.last()
    started = time.perf_counter()
    again, seconds = _start(company.data)
    while _cursor(again) < last:
        time.sleep(0.02)
    replayed = time.perf_counter() - started - seconds
    again.stop()
    empty, floor_seconds = _start(bench.place("empty") / "data")
    empty.stop()
    yield Row(
        f"ready after kill -9 with {company.customers:,} customers",
        seconds,
        "s",
        5,
        "at most",
        floor=against("the first start of an empty node", floor_seconds, "s"),
        ratio=seconds / floor_seconds,
    )
    yield Row("replay of what was acknowledged and not yet committed", replayed, "s")

"""Collection: how many requests one core of the web process acknowledges, each after its bytes are synced."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench import floor, load, machine
from bench.bench import Bench
from bench.load import Plan
from bench.row import Row, against
from tests.e2e.running import Node

_SENDING = Path(__file__).with_name("sending.lua")


class _Sent(msgspec.Struct):
    """What wrk did."""

    requests: int
    microseconds: int
    failed: int
    p99_us: int


def _rate(bench: Bench, port: int, write_key: str, size: int) -> float:
    """Acknowledged requests a second, of `size` events each, sent as fast as they are answered."""
    connections = 64 if size == 1 else 32
    send = _by_wrk if shutil.which("wrk") else _by_ours
    send(bench, port, write_key, size, connections, 1)  # to warm up
    return send(bench, port, write_key, size, connections, bench.scale.seconds)


def _by_wrk(bench: Bench, port: int, write_key: str, size: int, connections: int, seconds: int) -> float:
    wrk = ("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(_SENDING), f"http://127.0.0.1:{port}/")
    arguments = ("--", write_key, str(bench.seed()), str(size))
    command = machine.on(machine.OTHER, *wrk, *arguments, prompt=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    sent = msgspec.json.decode(done.stdout.splitlines()[-1], type=_Sent)
    if sent.failed:
        raise machine.Unmeasurable(f"{sent.failed:,} of {sent.requests:,} requests were not acknowledged")
    return sent.requests / sent.microseconds * 1e6


def _by_ours(bench: Bench, port: int, write_key: str, size: int, connections: int, seconds: int) -> float:
    plan = Plan(port, write_key, "", bench.scale.few, seconds, seed=bench.seed(), closed=connections, batch=size)
    measured = load.run(plan)
    if measured.failed:
        raise machine.Unmeasurable(f"requests were not acknowledged: {measured.failed}")
    return measured.answered / size / seconds


def _both(bench: Bench, size: int) -> tuple[float, float, float]:
    """Requests a second of the node, of the node whose worker stands still, and of a bare server."""
    machine.say(f"collecting {'single events' if size == 1 else f'batches of {size}'} …")
    company = bench.founded("collect")
    with company.node(apart=True) as node:
        rate = _rate(bench, node.port, company.write_key, size)
        alone = _alone(bench, node, company.write_key, size)
    shutil.rmtree(company.data)
    directory = bench.place("bare")
    with floor.bare_server(directory) as port:
        bare = _rate(bench, port, "none", size)
    shutil.rmtree(directory)
    return rate, alone, bare


def _alone(bench: Bench, node: Node, write_key: str, size: int) -> float:
    worker = node.children()["worker"]
    os.kill(worker, signal.SIGSTOP)
    try:
        return _rate(bench, node.port, write_key, size)
    finally:
        os.kill(worker, signal.SIGCONT)


def measure(bench: Bench) -> Iterator[Row]:
    floor_name = "a bare server appending the same bytes"
    rate, alone, bare = _both(bench, 1)
    yield Row(
        "collect, single events, acknowledged after sync",
        rate,
        "req/s",
        8_000,
        floor=against(floor_name, bare, "req/s"),
        ratio=rate / bare,
    )
    yield Row(
        "collect, single events, of a bare server",
        rate / bare,
        "×",
        0.6,
        floor=against(floor_name, bare, "req/s"),
        ratio=rate / bare,
    )
    yield Row("with the worker standing still", alone, "req/s")
    rate, alone, bare = (100 * figure for figure in _both(bench, 100))
    yield Row(
        "collect, batches of 100",
        rate,
        "events/s",
        150_000,
        floor=against(floor_name, bare, "events/s"),
        ratio=rate / bare,
    )
    yield Row("with the worker standing still", alone, "events/s")

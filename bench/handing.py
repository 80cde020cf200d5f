"""How long after its acknowledgement an event that moves a customer into an audience is handed over."""

import asyncio
import http.client
import multiprocessing
import queue
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from multiprocessing.queues import Queue
from typing import Any, TypeAlias

import msgspec

from bench import load, machine
from bench.bench import Bench
from bench.company import ORG, Company
from bench.load import Plan
from bench.row import Row, against
from rapport.act.activation import Wish
from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.decide_reader import DecideReader
from rapport.app import embedded
from rapport.app.destinations import Destinations
from rapport.app.settings import Settings
from tests.e2e.running import Node
from tests.e2e.running import http as ask

EVENTS = 1_000
MOVES = 20
"""A second, of those events."""
AUDIENCE = "marked"
BARE = "bare"
MOST_FILLING_S = 600

Came: TypeAlias = "Queue[Any]"
"""What came, as (mark, time); before all else the port."""


def measure(bench: Bench) -> Iterator[Row]:
    company = bench.company()
    seconds = bench.scale.long_seconds
    with _receiver() as (port, came):
        _define(company, port)
        node = Node(company.data, env={"RAPPORT_PRIVATE_DESTINATIONS": "1"}, fresh=True)
        try:
            plan = Plan(
                node.port, company.write_key, company.token, company.customers, seconds, EVENTS, seed=bench.seed()
            )
            _until_filled(company)
            machine.say(f"waiting for {MOVES} customers a second at a destination, at {EVENTS:,} events/s …")
            sent = _moving(node, company, plan, seconds)
            took = _waited(sent, came)
            bare = _bare(port)
        finally:
            node.stop()
    late, floor = load.percentile(took, 0.99) * 1000, load.percentile(bare, 0.99) * 1000
    yield Row(
        f"acknowledged → audience → webhook at {EVENTS:,} events/s, p99",
        late,
        "ms",
        250,
        "at most",
        floor=against("posting to that receiver alone, p99", floor, "ms"),
        ratio=late / floor,
    )
    yield Row("p50", load.percentile(took, 0.5) * 1000, "ms")
    yield Row("handed over", len(took), f"of {len(sent)}")


def _define(company: Company, port: int) -> None:
    settings = Settings(data=str(company.data), private_destinations=True)
    ledger = embedded.open_ledger(settings)
    Definitions(ledger).put_audience(ORG, AUDIENCE, "has(traits.mark)", "service", "bench")
    with closing(Destinations(settings, ledger)) as destinations:
        url = f"http://127.0.0.1:{port}/"
        destinations.put(
            ORG, "bench", Wish("webhook", "service", url, audience=AUDIENCE, fields={"mark": "traits.mark"}, at_once=8)
        )


def _until_filled(company: Company) -> None:
    """Everybody was asked: what is measured are moves, and no first filling."""
    machine.say("asking everybody whether they are in the audience …")
    with closing(DecideReader(company.data)) as decided:
        deadline = time.time() + MOST_FILLING_S
        while (state := decided.state(ORG, AUDIENCE)) is None or state.filling:
            if time.time() > deadline:
                raise machine.Unmeasurable("the audience is not filled in time")
            time.sleep(0.2)


def _moving(node: Node, company: Company, plan: Plan, seconds: int) -> dict[str, float]:
    """Mark → when the event that sets it was acknowledged, beside the plan's load."""
    sent: dict[str, float] = {}
    beside = multiprocessing.get_context("fork").Process(target=load.run, args=(plan,))
    beside.start()
    began = time.time()
    number = 0
    while time.time() - began < seconds:
        mark = f"m{plan.seed}-{number}"
        event = {"type": "identify", "userId": f"moving-{mark}", "traits": {"mark": mark}}
        body = msgspec.json.encode({"batch": [event]})
        headers = {"authorization": f"Bearer {company.write_key}", "content-type": "application/json"}
        if ask("POST", f"{node.url}/v1/batch", body, headers).status == 200:
            sent[mark] = time.time()
        number += 1
        time.sleep(max(0.0, began + number / MOVES - time.time()))
    beside.join()
    return sent


def _waited(sent: dict[str, float], came: Came) -> list[float]:
    """Seconds from its acknowledgement until each was there."""
    there: dict[str, float] = {}
    deadline = time.time() + 30
    while len(there) < len(sent) and time.time() < deadline:
        with suppress(queue.Empty):
            mark, at = came.get(timeout=0.2)
            there.setdefault(mark, at)
    return [max(0.0, there[mark] - at) for mark, at in sent.items() if mark in there]


def _bare(port: int) -> list[float]:
    body = msgspec.json.encode({"data": {"fields": {"mark": BARE}, "padding": "x" * 300}})
    took = []
    for _ in range(300):
        began = time.perf_counter()
        line = http.client.HTTPConnection("127.0.0.1", port)
        line.request("POST", "/", body)
        line.getresponse().read()
        line.close()
        took.append(time.perf_counter() - began)
    return took


@contextmanager
def _receiver() -> Iterator[tuple[int, Any]]:
    """A destination in a process of its own: its port, and what came, as (mark, time)."""
    fork = multiprocessing.get_context("fork")
    came: Came = fork.Queue()  # a full pipe, which nobody reads yet, would keep the destination waiting
    process = fork.Process(target=_receive, args=(came,), daemon=True)
    process.start()
    try:
        yield came.get(), came
    finally:
        process.terminate()
        process.join()


def _receive(came: Came) -> None:
    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        body = await reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r\n")[0]))
        at = time.time()
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()
        mark = msgspec.json.decode(body)["data"]["fields"]["mark"]
        if mark != BARE:
            came.put((mark, at))

    async def serve() -> None:
        server = await asyncio.start_server(taken, "127.0.0.1", 0)
        came.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())

"""Reading views over HTTP, each with its receipt synced, while events come in."""

from collections.abc import Iterator

import msgspec

from bench import floor, load, machine
from bench.bench import Bench
from bench.freshness import EVENTS
from bench.load import Plan, percentile
from bench.row import Row, against

VIEWS = 300


def measure(bench: Bench) -> Iterator[Row]:
    company, scale = bench.company(), bench.scale
    with company.node() as node:
        plan = Plan(
            node.port,
            company.write_key,
            company.token,
            company.customers,
            scale.long_seconds,
            EVENTS,
            VIEWS,
            seed=bench.seed(),
        )
        load.run(msgspec.structs.replace(plan, seconds=scale.seconds))  # what is cold at first is not what is claimed
        machine.say(f"reading {VIEWS} views a second, at {EVENTS:,} events/s …")
        measured = load.run(msgspec.structs.replace(plan, seed=bench.seed()))
    with floor.bare_server(bench.place("bare"), measured.sample.encode()) as port:
        machine.say("the same of a bare server …")
        bare = load.run(msgspec.structs.replace(plan, port=port, seconds=scale.seconds))
    slow, floor_ms = percentile(measured.views, 0.99), percentile(bare.views, 0.99)
    yield Row(
        f"view at {VIEWS} requests/s, {EVENTS:,} events/s coming in, p99",
        slow,
        "ms",
        10,
        "at most",
        floor=against("a bare server answering the same bytes, p99", floor_ms, "ms"),
        ratio=slow / floor_ms,
    )
    yield Row("p50", percentile(measured.views, 0.5), "ms")
    yield Row("views answered", len(measured.views) / scale.long_seconds, "views/s")
    yield Row("events that came in", measured.answered / scale.long_seconds, "events/s")
    for how, number in measured.failed.items():
        yield Row(f"requests that failed ({how})", number, "requests")

"""How long after its acknowledgement an event is in the view that is read."""

from collections.abc import Iterator

from bench import load, machine
from bench.bench import Bench
from bench.load import Plan
from bench.row import Row, against

EVENTS = 5_000
MARKS = 30


def measure(bench: Bench) -> Iterator[Row]:
    company = bench.company()
    with company.node() as node:
        plan = Plan(
            node.port,
            company.write_key,
            company.token,
            company.customers,
            bench.scale.seconds,
            EVENTS,
            seed=bench.seed(),
        )
        load.run(plan)  # what is cold at first is not what is claimed
        machine.say(f"waiting for marked events in the view, at {EVENTS:,} events/s …")
        seconds = bench.scale.long_seconds
        measured = load.run(
            Plan(
                node.port,
                company.write_key,
                company.token,
                company.customers,
                seconds,
                EVENTS,
                marks=MARKS,
                seed=bench.seed(),
            )
        )
    poll = load.percentile(measured.polls, 0.99)
    fresh = load.percentile(measured.fresh, 0.99)
    yield Row(
        f"acknowledged → readable at {EVENTS:,} events/s, p99",
        fresh,
        "ms",
        100,
        "at most",
        floor=against("reading the view once, p99", poll, "ms"),
        ratio=fresh / poll,
    )
    yield Row("p50", load.percentile(measured.fresh, 0.5), "ms")
    yield Row("events that came in", measured.answered / seconds, "events/s")
    for how, number in measured.failed.items():
        yield Row(f"requests that failed ({how})", number, "requests")

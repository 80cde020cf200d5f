"""A storm of exact copies on a record of 100,000 events costs hardly more than fresh events on it."""

import random
from collections.abc import Iterator

from bench import machine, traffic, working
from bench.bench import Bench, best_of
from bench.company import Company
from bench.row import Row, against
from bench.working import Task

_WHO = traffic.customer(0)


def _events(first: int, last: int, time: str) -> Iterator[str]:
    return (_event(number, time) for number in range(first, last))


def _event(number: int, time: str) -> str:
    return traffic.track(_WHO, f"storm-{number:012x}", time, number % 20_000)


def _cost(company: Company, events: Iterator[str], number: int) -> float:
    """Microseconds per event of a fresh worker that takes these in."""
    company.log(events)
    return working.run(Task(str(company.data), company.customers)).seconds / number * 1e6


def measure(bench: Bench) -> Iterator[Row]:
    company, time = bench.founded("duplicates"), traffic.stamp()
    known, number = bench.scale.record_events, bench.scale.storm_events
    machine.say(f"copies of events of a record of {known:,} …")
    _cost(company, _events(0, known, time), known)
    after = iter(range(known, 1 << 40, number))

    def fresh() -> float:
        first = next(after)
        return _cost(company, _events(first, first + number, time), number)

    chance = random.Random(1)

    def copies() -> float:
        return _cost(company, (_event(chance.randrange(known), time) for _ in range(number)), number)

    def one_copy() -> float:
        return _cost(company, (_event(known // 2, time) for _ in range(number)), number)

    dear, cheap = best_of(2, copies, float), best_of(2, fresh, float)
    yield Row(
        f"a copy of an event of a record of {known:,}",
        dear / cheap,
        "×",
        2,
        "at most",
        floor=against("a fresh event on the same record", cheap, "µs"),
        ratio=dear / cheap,
    )
    yield Row("a copy of any of them", dear, "µs")
    yield Row("the same event again and again", one_copy(), "µs")

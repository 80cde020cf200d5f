"""Log → resolved → sealed, committed view: what one core takes in, with a million customers present."""

from collections.abc import Iterator
from itertools import islice

import msgspec

from bench import floor, machine, traffic, working
from bench.bench import Bench
from bench.company import Company
from bench.row import Row, against
from bench.working import Task

MANY_SESSIONS = 30_000
"""Sessions open at once where a customer causes an event a second, and all together 30,000."""


class Pace(msgspec.Struct, frozen=True):
    """How fast a worker took in so many events."""

    events: int
    seconds: float
    cpu_seconds: float
    after: int
    """The log's position before."""

    @property
    def per_second(self) -> float:
        return self.events / self.seconds

    @property
    def cost(self) -> float:
        """Microseconds per event."""
        return self.seconds / self.events * 1e6


def pace(
    bench: Bench,
    company: Company,
    *,
    open_sessions: int = traffic.OPEN_SESSIONS,
    events: int = traffic.SESSION_EVENTS,
    size: int = traffic.BATCH,
    profile: str = "",
) -> Pace:
    """Let a fresh worker on the measured core take in steady traffic that waits in the log."""
    coming = bench.steady(company, open_sessions=open_sessions, events=events)
    warm = company.log(islice(coming, bench.scale.warm_events), size)
    company.log(islice(coming, bench.scale.events), size)
    took = working.run(Task(str(company.data), company.customers, warm=warm, profile=profile))
    return Pace(took.entries * size, took.seconds, took.cpu_seconds, company.last() - took.entries)


def measure(bench: Bench) -> Iterator[Row]:
    company = bench.company()
    filled = bench.filled()
    yield Row("new customers, one event each", filled.entries / filled.seconds, "customers/s")
    machine.say("steady traffic …")
    usual = pace(bench, company)
    barely = floor.loop_barely(company, usual.after)
    bare = barely.events / barely.seconds
    yield Row(
        "pipeline: log to committed view on one core",
        usual.per_second,
        "events/s",
        30_000,
        floor=against("decode, count in a dict, append the bytes", bare, "events/s"),
        ratio=usual.per_second / bare,
    )
    yield Row("CPU per event", usual.cpu_seconds / usual.events * 1e6, "µs")
    machine.say("the same from browsers, then less and less from the same customers …")
    yield Row("one event a request", pace(bench, company, size=1).per_second, "events/s")
    spread = pace(bench, company, open_sessions=MANY_SESSIONS)
    yield Row("30,000 sessions open at once", spread.per_second, "events/s")
    worst = pace(bench, company, open_sessions=1, events=1)
    yield Row("worst case: every event another customer", worst.per_second, "events/s")

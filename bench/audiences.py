"""Audiences: what they add to each event, filling a new one over everybody, and timers.

Times are of a core's CPU, over an `Evaluator` as a node runs it, in this process; but for the filling, which is by the
clock, of a whole node that takes in events meanwhile.
"""

import gc
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count, islice
from pathlib import Path

from bench import load, machine, traffic
from bench.bench import Bench
from bench.company import ORG, Company
from bench.load import Plan
from bench.row import Row, against
from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.decide_reader import DecideReader
from rapport.adapters.embedded.sqlite import connect, transaction
from rapport.app import embedded
from rapport.app.evaluating import Evaluator
from rapport.app.following import LOOK_SECONDS
from rapport.app.worker import Worker
from rapport.kernel.times import DAY, now
from tests.e2e.running import Node

AUDIENCES = 1_000
EVENTS = 1_000
"""A second, while an audience is filled."""
TOGETHER = 500
"""Events in a commit of the worker."""
MOST_S = 3_600
NEW = "new"
TIMED = 'count("*", days(30)) >= 1'
"""Everybody has done something lately: each is a timer."""


def measure(bench: Bench) -> Iterator[Row]:
    yield from _each_event(bench)
    yield from _timers(bench)
    yield from _filling(bench)


# -- what audiences add to an event


def _each_event(bench: Bench) -> Iterator[Row]:
    """Events of one name can change one audience, or none; each of another customer, and committed some at a time, as
    when they come in one after the other. Two companies take in the same in turns, of which one asks nothing."""
    plain, asking = (Company.at(bench.place("audiences"), bench.scale.few) for _ in range(2))
    _define(asking, {f"a{n}": _expression(n) for n in range(AUDIENCES)})
    for company in (plain, asking):
        company.log(traffic.first_events(0, company.customers))
    with closing(Worker(plain.settings)) as alone, closing(Worker(asking.settings)) as worker:
        _taken_in(alone)
        _taken_in(worker)
        with closing(Evaluator(asking.settings)) as evaluator:
            machine.say(f"filling {AUDIENCES:,} audiences …")
            evaluator.settle()
            time.sleep(2 * LOOK_SECONDS)  # until the worker has seen what is asked
            _taken_in(worker)
            _settled()
            for what, name, target in (("some", "Bench {}", 60), ("none", "Nobody asks", 5)):
                machine.say(f"events that can change {what} of {AUDIENCES:,} audiences …")
                bare, taken, judged = _took(bench, (plain, alone), (asking, worker), name, evaluator)
                added = taken - bare + judged
                yield Row(
                    f"added to an event that can change {what} of {AUDIENCES:,} audiences",
                    added * 1e6,
                    "µs",
                    target,
                    "at most",
                    floor=against("the worker alone, without any audience", bare * 1e6, "µs"),
                    ratio=added / bare,
                )
                yield Row("of which in the evaluator", judged * 1e6, "µs")


Taking = tuple[Company, Worker]


def _took(bench: Bench, plain: Taking, asking: Taking, name: str, evaluator: Evaluator) -> tuple[float, float, float]:
    """Seconds of an event in a worker whom nobody follows, in one who is followed, and in the evaluator."""
    rounds = min(bench.scale.events, 2 * bench.scale.few) // TOGETHER
    seed = bench.seed()
    coming = [_named(company, seed, name) for company, _ in (plain, asking)]
    spent = [0.0, 0.0, 0.0]
    for number in range(rounds + 1):
        for place, (company, worker) in enumerate((plain, asking)):
            company.log(islice(coming[place], TOGETHER))
            spent[place] += _cpu(lambda worker=worker: _taken_in(worker))
        spent[2] += _cpu(evaluator.settle)
        if not number:  # what is cold is made warm
            spent = [0.0, 0.0, 0.0]
    bare, taken, judged = (seconds / rounds / TOGETHER for seconds in spent)
    return bare, taken, judged


def _expression(number: int) -> str:
    """Three in four look at events, each of its own name, half of these in a window; one in four at a trait."""
    if number % 4 == 3:
        return f'traits.mark{number} == "yes"'
    window = ", days(30)" if number % 2 else ""
    return f'count("Bench {number}"{window}) >= 2'


def _named(company: Company, seed: int, name: str) -> Iterator[str]:
    """Events of customers who are known, each of a name that one audience looks at."""
    for number in count():
        who = traffic.customer(number * 7 % company.customers)
        message = f"{seed:08x}-{number:08x}"
        yield traffic.track(who, message, traffic.stamp(), number, name.format(number % AUDIENCES))


# -- timers


def _timers(bench: Bench) -> Iterator[Row]:
    company = bench.company()
    _define(company, {"timed": TIMED})
    with closing(Worker(company.settings)) as worker:
        _taken_in(worker)
    at = [now()]
    with closing(Evaluator(company.settings, lambda: at[0])) as evaluator:
        machine.say(f"setting {company.customers:,} timers …")
        took = _cpu(evaluator.settle)
        file = evaluator.file.db
        (timers,) = file.execute("SELECT count(*) FROM member WHERE due IS NOT NULL").fetchone()
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = (company.data / "decide.db").stat().st_size
        bare = _bare_rows(bench.place("timers") / "rows.db", timers)
        yield Row(
            "1,000,000 pending timers on disk, with who is in and how they came",
            size / timers,
            "MB",
            200,
            "at most",
            floor=against("a row of customer and time in SQLite", bare / timers, "MB"),
            ratio=size / bare,
        )
        yield Row("customers who were asked of a window, a second of a core", timers / took, "customers/s")
        machine.say("letting them fire …")
        at[0] += 31 * DAY
        _settled()
        fired = min(timers, 100_000)
        began, cpu = time.perf_counter(), time.process_time()
        while file.execute("SELECT count(*) FROM member").fetchone()[0] > timers - fired and evaluator.step():
            pass
        left = timers - file.execute("SELECT count(*) FROM member").fetchone()[0]
        clock, cpu = time.perf_counter() - began, time.process_time() - cpu
    synced = _bare_commits(bench.place("commits") / "rows.db", left)
    yield Row(
        "timers fired, each judged anew, moved and synced, a second of a core",
        left / cpu,
        "timers/s",
        5_000,
        floor=against("rows deleted in synced commits as large", left / synced, "timers/s"),
        ratio=synced / cpu,
    )
    yield Row("the same by the clock", left / clock, "timers/s")
    _forget(company, "timed")


def _bare_rows(path: Path, count: int) -> int:
    with closing(_rows(path, count)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.stat().st_size


def _bare_commits(path: Path, count: int) -> float:
    """Seconds of CPU."""
    with closing(_rows(path, count)) as db:
        db.execute("PRAGMA synchronous = FULL")

        def fire() -> None:
            for first in range(0, count, 250):
                with transaction(db):
                    db.execute("DELETE FROM timer WHERE customer >= ? AND customer < ?", (first, first + 250))

        return _cpu(fire)


def _rows(path: Path, count: int) -> sqlite3.Connection:
    db = connect(path, ["CREATE TABLE timer (customer INTEGER PRIMARY KEY, due INTEGER NOT NULL)"], durable=False)
    with transaction(db):
        db.executemany("INSERT INTO timer VALUES (?, ?)", ((number, now() + number) for number in range(count)))
    return db


# -- filling


def _filling(bench: Bench) -> Iterator[Row]:
    company = bench.company()
    node = Node(company.data, fresh=True)
    try:
        alone = _load(bench, company, node)
        machine.say(f"filling an audience of {company.customers:,} customers, at {EVENTS:,} events/s …")
        began = time.perf_counter()
        _define(company, {NEW: 'traits.plan == "1"'})
        beside = _load(bench, company, node)
        with closing(DecideReader(company.data)) as decided:
            while (state := decided.state(ORG, NEW)) is None or state.filling:
                if time.perf_counter() - began > MOST_S:
                    raise machine.Unmeasurable("the audience is not filled in time")
                time.sleep(0.05)
        took = time.perf_counter() - began
    finally:
        node.stop()
    floor = _read_each(company)
    yield Row(
        f"a new audience over {company.customers:,} customers, filled",
        took,
        "s",
        60,
        "at most",
        floor=against("opening each of their records, on one core", floor, "s"),
        ratio=took / floor,
    )
    late, before = load.percentile(beside.fresh, 0.99), load.percentile(alone.fresh, 0.99)
    yield Row(
        f"acknowledged → readable at {EVENTS:,} events/s meanwhile, p99",
        late,
        "ms",
        2 * before,
        "at most",
        floor=against("the same before, p99", before, "ms"),
        ratio=late / before,
    )
    _forget(company, NEW)


def _load(bench: Bench, company: Company, node: Node) -> load.Measured:
    return load.run(
        Plan(
            node.port,
            company.write_key,
            company.token,
            company.customers,
            bench.scale.long_seconds,
            EVENTS,
            marks=30,
            seed=bench.seed(),
        )
    )


def _read_each(company: Company) -> float:
    """Seconds to open every record, one after the other, and to do nothing with it."""
    ledger = embedded.open_ledger(company.settings)
    with closing(ledger), closing(embedded.open_reader(company.settings, embedded.Sources(ledger).by_name)) as reader:
        began, before = time.perf_counter(), 1 << 62
        while True:
            with reader.snapshot():
                numbers = reader.newest_records(ORG, before, 250)
                if not numbers:
                    return time.perf_counter() - began
                reader.found_many(ORG, numbers)
            before = numbers[-1]


# -- parts of the above


def _define(company: Company, expressions: dict[str, str]) -> None:
    ledger = embedded.open_ledger(company.settings)
    with closing(ledger):
        definitions = Definitions(ledger)
        for name, expression in expressions.items():
            definitions.put_audience(ORG, name, expression, "service", "bench")


def _forget(company: Company, name: str) -> None:
    ledger = embedded.open_ledger(company.settings)
    with closing(ledger):
        Definitions(ledger).delete_audience(ORG, name, "bench")


def _taken_in(worker: Worker) -> None:
    while worker.step():
        pass


def _settled() -> None:
    """As `without_collections`, for what was made just now."""
    gc.collect()
    gc.freeze()


def _cpu(work: Callable[[], object]) -> float:
    """Seconds of CPU that something takes."""
    before = time.process_time()
    work()
    return time.process_time() - before

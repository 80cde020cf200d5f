"""Erasing one person is quick, however much others have: rows, evidence, keys and the log's keys, durably."""

import contextlib
import sqlite3
import statistics
import time
from collections.abc import Iterator
from itertools import islice

from bench import machine, traffic, working
from bench.bench import Bench
from bench.company import ORG, Company
from bench.row import Row, against
from bench.traffic import Who
from bench.working import Task
from rapport.app import embedded
from rapport.app.operator import Shred, erasure_entry
from rapport.app.worker import Worker, without_collections
from rapport.profile.erasure import Claim

PEOPLE = 5
EVENTS = 10_000
_BATCH = 20
"""Events in one commit of theirs: a history is not made in one go, and lies in as many blocks."""


def _people(number: int) -> list[Who]:
    """So many who have signed in."""
    signed_in = (who for who in map(traffic.customer, range(10 * number)) if who.user)
    return list(islice(signed_in, number))


def _history(who: Who, events: int, time: str) -> Iterator[str]:
    return (traffic.track(who, f"life-{who.user}-{event:x}", time, event) for event in range(events))


def _lives(company: Company, people: list[Who], events: int) -> None:
    """Histories of these people, beside each other, in many commits."""
    stamp = traffic.stamp()
    lives = [_history(who, events, stamp) for who in people]
    worker = Worker(company.settings)
    with contextlib.closing(worker):
        for _ in range(events // _BATCH):
            last = company.log(event for life in lives for event in islice(life, _BATCH))
            working.drain(worker, last)


def _floor(company: Company, blocks: int) -> float:
    """Seconds to delete the blocks of the one who is left, which lie among the others', and sync it: no evidence,
    no key and no log."""
    path = company.data / "state.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        positions = db.execute("SELECT position FROM timeline ORDER BY position DESC LIMIT ?", (blocks,)).fetchall()
        db.execute("PRAGMA synchronous = FULL")
        started = time.perf_counter()
        db.execute("BEGIN IMMEDIATE")
        db.executemany("DELETE FROM timeline WHERE position = ?", positions)
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return time.perf_counter() - started


def _shreds(company: Company, people: list[Who]) -> list[float]:
    """Seconds that each erasure takes a worker, from reading what asks for it to its being complete and durable."""
    log = embedded.open_log(company.settings)
    worker = Worker(company.settings)
    without_collections()
    took = []
    with contextlib.closing(worker), contextlib.closing(log):
        for who in people:
            claim = Claim(ORG, "user_id", who.user)
            last = log.append([erasure_entry(Shred(f"per_{who.user}", (claim,)))])
            started = time.perf_counter()
            while worker.cursor < last:
                worker.step()
            took.append(time.perf_counter() - started)
    return took


def measure(bench: Bench) -> Iterator[Row]:
    events = min(EVENTS, bench.scale.record_events)
    company = bench.founded("shred")
    machine.say(f"erasing people of {events:,} events …")
    working.run(Task(str(company.data), company.customers, fill=True))
    people = _people(PEOPLE + 1)
    _lives(company, people, events)
    blocks = events // _BATCH
    took = _shreds(company, people[:-1])
    floor = _floor(company, blocks)
    seconds = statistics.median(took)
    yield Row(
        f"erasing a person of {events:,} events",
        seconds,
        "s",
        1,
        "at most",
        floor=against(f"deleting {blocks:,} rows, synced", floor * 1000, "ms"),
        ratio=seconds / floor,
    )
    yield Row("the slowest of them", max(took), "s")

"""The worker alone, in a process of its own on the measured core: `python -m bench.working TASK` prints what it took.

It is the very `Worker` that a node runs, over a real log that was written before.
"""

import os
import subprocess
import sys
import time

import msgspec

from bench import machine, traffic
from bench.company import Company
from rapport.app.supervise import _WORKER_MEMORY
from rapport.app.worker import Worker, without_collections

CHUNK = 50_000


class Task(msgspec.Struct, frozen=True):
    """What to do with a company's data directory.

    `fill`: make customers up to this number known, each by one event. Else take in what is in the log: up to `warm`
    without counting, then up to the end. `profile` is a file to write a cProfile to.
    """

    data: str
    customers: int
    fill: bool = False
    warm: int = 0
    profile: str = ""


class Took(msgspec.Struct, frozen=True):
    """What it took: seconds of wall clock and of this process's CPU, and bytes of memory at the highest."""

    entries: int
    seconds: float
    cpu_seconds: float
    highest_memory: int


def drain(worker: Worker, last: int) -> tuple[float, float]:
    """Let the worker commit everything up to a log position; return seconds of wall clock and of CPU."""
    wall, cpu = time.perf_counter(), time.process_time()
    while worker.step() or worker.cursor < last:
        pass
    return time.perf_counter() - wall, time.process_time() - cpu


def _worker(company: Company) -> Worker:
    """A worker, set up as in a node."""
    worker = Worker(company.settings)
    without_collections()
    return worker


def fill(task: Task) -> Took:
    """Make the customers known, a chunk at a time: what is timed is the worker, not the writing of its log."""
    company = Company.at(task.data, task.customers)
    worker = _worker(company)
    seconds = cpu_seconds = 0.0
    for first in range(0, task.customers, CHUNK):
        last = company.log(traffic.first_events(first, min(task.customers, first + CHUNK)))
        wall, cpu = drain(worker, last)
        seconds, cpu_seconds = seconds + wall, cpu_seconds + cpu
        if task.customers > CHUNK:
            known = min(task.customers, first + CHUNK)
            machine.say(f"{known:,} of {task.customers:,} customers are known ({CHUNK / wall:,.0f} a second)")
    worker.close()
    return Took(task.customers, seconds, cpu_seconds, machine.memory()["VmHWM"])


def catch_up(task: Task) -> Took:
    """Take in what waits in the log."""
    company = Company.at(task.data, task.customers)
    worker = _worker(company)
    while worker.cursor < task.warm:
        worker.step()
    worker.commit()
    first, last = worker.cursor, company.last()
    if first == last:
        raise machine.Unmeasurable("too few events: the warming up took them all")
    if task.profile:
        seconds, cpu_seconds = _profiled(worker, last, task.profile)
    else:
        seconds, cpu_seconds = drain(worker, last)
    worker.close()
    return Took(last - first, seconds, cpu_seconds, machine.memory()["VmHWM"])


def _profiled(worker: Worker, last: int, path: str) -> tuple[float, float]:
    from cProfile import Profile  # noqa: PLC0415 (only where it is asked for)

    with Profile() as profile:
        took = drain(worker, last)
    profile.dump_stats(path)
    return took


def run(task: Task) -> Took:
    """Do a task in a fresh process on the measured core."""
    command = machine.on(machine.MEASURED, sys.executable, "-m", "bench.working", msgspec.json.encode(task).decode())
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env={**os.environ, **_WORKER_MEMORY})
    return msgspec.json.decode(done.stdout, type=Took)


if __name__ == "__main__":
    given = msgspec.json.decode(sys.argv[1], type=Task)
    os.write(1, msgspec.json.encode(fill(given) if given.fill else catch_up(given)))

"""What people ask for themselves: a statement of who used what, and all that is theirs as files.

Each export is made in a process of its own (`python -m bench.own TASK`), so that its memory is its own.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import msgspec

from bench import machine, traffic, working
from bench.bench import Bench
from bench.company import ORG, Company
from bench.row import Row, against
from bench.working import Task
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.app import embedded
from rapport.app.portability import FORMATS, open_portability
from rapport.app.settings import Settings
from rapport.app.statements import Statements, open_statements
from rapport.kernel.times import DAY, rfc3339
from rapport.terms import Ground, Pending, Receipt, Standing
from rapport.terms.declaration import DEFAULT

RECEIPTS = 10_000
"""Receipts that one statement is of."""
DAYS = 730
"""They are spread over so many days."""
FIRST = 1_700_000_000_000_000
ROUNDS = 5
_AT_ONCE = 1_000
_WHO = traffic.customer(0)


class Asked(msgspec.Struct, frozen=True):
    """One export: of whom, from which data directory, to where, in which format."""

    data: str
    person: str
    out: str
    form: str


class Taken(msgspec.Struct, frozen=True):
    """What it took: seconds of wall clock and of CPU, the process's highest memory in bytes, and how many events."""

    seconds: float
    cpu_seconds: float
    highest_memory: int
    events: int


def measure(bench: Bench) -> Iterator[Row]:
    company, events = bench.founded("own"), bench.scale.record_events
    machine.say(f"telling of a customer of {events:,} events …")
    now = traffic.stamp()
    company.log(traffic.track(_WHO, f"own-{number:012x}", now, number % 20_000) for number in range(events))
    working.run(Task(str(company.data), company.customers))
    ledger = embedded.open_ledger(company.settings)
    person = embedded.open_people(company.settings, ledger).add([f"{ORG}:user_id:{_WHO.user}"])
    # (Receipts come after the exports, which have them all in their tables.)
    yield from _exports(bench, company, person.handle, events)
    yield from _statements(company.settings, ledger, person.id, person.handle)


# -- as files


def _exports(bench: Bench, company: Company, person: str, events: int) -> Iterator[Row]:
    for form in FORMATS:
        machine.say(f"exporting it as {form} …")
        out = bench.place("export") / form
        asked = Asked(str(company.data), person, str(out), form)
        command = [sys.executable, "-m", "bench.own", msgspec.json.encode(asked).decode()]
        took = msgspec.json.decode(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout, type=Taken)
        assert took.events == events
        bare, size = _written_again(out)
        yield Row(
            f"export of a customer of {events:,} events, {form}",
            took.seconds,
            "s",
            5,
            "at most",
            floor=against("writing its files' bytes, synced", bare, "s"),
            ratio=took.seconds / bare,
        )
        yield Row("its CPU", took.cpu_seconds, "s")
        yield Row("its highest memory", took.highest_memory / 1e6, "MB")
        yield Row("its files", size / 1e6, "MB")


def _written_again(directory: Path) -> tuple[float, int]:
    """Seconds that the files' bytes take alone, and how many they are."""
    files = [file.read_bytes() for file in sorted(directory.iterdir())]
    started = time.perf_counter()
    for number, raw in enumerate(files):
        with (directory / f"again-{number}").open("wb") as file:
            file.write(raw)
            os.fsync(file.fileno())
    return time.perf_counter() - started, sum(map(len, files))


def _export(asked: Asked) -> Taken:
    exporter = open_portability(Settings(data=asked.data))
    wall, cpu = time.perf_counter(), time.process_time()
    done = asyncio.run(exporter.export(asked.person, Path(asked.out), asked.form))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Taken(wall, cpu, machine.memory()["VmHWM"], done.rows["events"])


# -- as a statement


def _statements(settings: Settings, ledger: LedgerFile, person: int, handle: str) -> Iterator[Row]:
    machine.say(f"stating {RECEIPTS:,} receipts …")
    reader = embedded.open_reader(settings, embedded.Sources(embedded.open_ledger(settings)).by_name)
    with reader.snapshot():
        customer = reader.by_identifier(ORG, "user_id", _WHO.user)[0].number
    pending = [_pending(number, person, customer) for number in range(RECEIPTS)]
    for at in range(0, RECEIPTS, _AT_ONCE):
        ledger.append_receipts([pending[at : at + _AT_ONCE]], lambda *_: True)
    book = open_statements(settings)
    midst = rfc3339(pending[RECEIPTS // 2].receipt.at)[:7]
    for name, month in ((f"statement of {RECEIPTS:,} receipts", None), ("statement of one month of them", midst)):
        seconds, cpu, told = _stated(book, handle, month)
        bare = _read(ledger, person, told)
        yield Row(
            name,
            seconds * 1e3,
            "ms",
            300,
            "at most",
            floor=against(f"reading {told:,} receipts", bare * 1e3, "ms"),
            ratio=seconds / bare,
        )
        yield Row("its CPU", cpu * 1e3, "ms")


def _pending(number: int, person: int, customer: int) -> Pending:
    purpose = ("service", "offers", "personalisation")[number % 3]
    receipt = Receipt(
        f"rcp_own{number:023d}",
        ORG,
        FIRST + number * DAYS * DAY // RECEIPTS,
        purpose,
        "view",
        "refused" if number % 10 == 0 else "permitted",
        "contract",
        "bench",
        fields=("email", "name", "orders", "plan"),
        categories=("contact", "purchases"),
        records=(customer,),
        clauses=("service",),
    )
    return Pending(receipt, Ground(1, ORG, Standing(ORG, DEFAULT, 1, "", 0)), person=person, customer=customer)


def _stated(book: Statements, handle: str, month: str | None) -> tuple[float, float, int]:
    """Seconds of wall clock and CPU, median; and how many uses and refusals it tells."""
    walls, cpus = [], []
    told = book.of(handle, month)
    for _ in range(ROUNDS):
        wall, cpu = time.perf_counter(), time.process_time()
        assert book.of(handle, month) == told
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return median(walls), median(cpus), sum(one["count"] for one in (*told["uses"], *told["refusals"]))


def _read(ledger: LedgerFile, person: int, receipts: int) -> float:
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        assert len(ledger.receipts_of(person, limit=receipts)) == receipts
        times.append(time.perf_counter() - started)
    return median(times)


if __name__ == "__main__":
    os.write(1, msgspec.json.encode(_export(msgspec.json.decode(sys.argv[1], type=Asked))))

"""Memory of the worker and disk of the data directory, with a million customers present."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from bench import machine, working
from bench.bench import Bench
from bench.company import Company
from bench.row import Row, against
from bench.working import Task

_SHOWN = 50
"""Bytes a customer from which on a table is shown."""


def measure(bench: Bench) -> Iterator[Row]:
    company = bench.company()
    machine.say("memory while catching up, disk afterwards …")
    company.log(islice(bench.steady(company), bench.scale.events))
    took = working.run(Task(str(company.data), company.customers))
    bare = _ids_alone(company.customers)
    highest = max(took.highest_memory, bench.filled().highest_memory)
    yield Row(
        f"worker memory at {company.customers:,} customers, highest",
        highest / 1e9,
        "GB",
        1.5,
        "at most",
        floor=against("a dict of their ids", bare / 1e9, "GB"),
        ratio=highest / bare,
    )
    yield from _disk(bench, company)


def _ids_alone(customers: int) -> int:
    """Bytes of memory of a process that knows nothing but a number for each user id."""
    done = subprocess.run([sys.executable, "-m", "bench.memory", str(customers)], stdout=subprocess.PIPE, check=True)
    return int(done.stdout)


def _disk(bench: Bench, company: Company) -> Iterator[Row]:
    tables = _tables(company.data / "state.db")
    tables["keys.db"] = _size(company.data / "keys.db")
    events = tables.pop("timeline", 0)
    rest = sum(tables.values()) / company.customers
    bare = _rows_alone(company, bench.place("rows") / "rows.db") / company.customers
    yield Row(
        "disk per customer beside the events",
        rest / 1000,
        "KB",
        3,
        "at most",
        floor=against("a row of id and first event in SQLite", bare / 1000, "KB"),
        ratio=rest / bare,
    )
    yield Row("timeline, sealed, per customer", events / company.customers / 1000, "KB")
    for table, size in sorted(tables.items(), key=lambda item: -item[1]):
        if size / company.customers >= _SHOWN:
            yield Row(f"{table}, per customer", size / company.customers / 1000, "KB")


def _size(path: Path) -> int:
    """Bytes of a database with what is not yet written back into it."""
    return sum(part.stat().st_size for part in path.parent.glob(f"{path.name}*"))


def _tables(path: Path) -> dict[str, int]:
    """Bytes of each table, its indexes included, by their pages; free pages and the log of the file as `rest`."""
    db = sqlite3.connect(path)
    try:
        owners = dict(db.execute("SELECT name, tbl_name FROM sqlite_schema").fetchall())
        sizes: dict[str, int] = {}
        try:
            pages = db.execute("SELECT name, pgsize FROM dbstat WHERE aggregate = 1").fetchall()
        except (
            sqlite3.OperationalError
        ):  # SQLite was built without dbstat: the timeline by its contents, less its pages' rims
            pages = [("timeline", db.execute("SELECT sum(length(body)) FROM timeline").fetchone()[0] or 0)]
    finally:
        db.close()
    for name, size in pages:
        owner = owners.get(name, "rest")
        sizes[owner] = sizes.get(owner, 0) + size
    sizes["rest"] = sizes.get("rest", 0) + _size(path) - sum(sizes.values())
    return sizes


def _rows_alone(company: Company, path: Path) -> int:
    """Bytes of a plain table with each customer's id and first event."""
    from bench import traffic  # noqa: PLC0415 (the child process that counts ids needs none of it)

    db = sqlite3.connect(path)
    db.execute("CREATE TABLE customer (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID")
    events = enumerate(traffic.first_events(0, company.customers))
    db.executemany("INSERT INTO customer VALUES (?, ?)", ((f"u{number:08d}", event) for number, event in events))
    db.commit()
    db.close()
    return _size(path)


if __name__ == "__main__":
    ids = {f"u{number:08d}": number for number in range(int(sys.argv[1]))}
    print(machine.memory()["VmRSS"])

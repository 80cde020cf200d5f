"""The floors that run beside the product: a bare server, and a bare loop over what the worker takes in."""

import contextlib
import socket
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench import bare, machine
from bench.company import Company
from rapport.app import embedded
from tests.e2e.running import free_port

_ENTRIES_PER_COMMIT = 200


@contextlib.contextmanager
def bare_server(directory: Path, answer: bytes = b"{}") -> Iterator[int]:
    """A bare server on the measured core (see `bare`); answers its port."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / bare.ANSWER).write_bytes(answer)
    port = free_port()
    command = machine.on(machine.MEASURED, sys.executable, "-m", "bench.bare", str(port), str(directory))
    server = subprocess.Popen(command)
    try:
        _wait(port, server)
        yield port
    finally:
        server.terminate()
        server.wait(10)


def _wait(port: int, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 20
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if server.poll() is not None or time.monotonic() > deadline:
            raise machine.Unmeasurable("the bare server did not start")
        time.sleep(0.02)


class Barely(msgspec.Struct, frozen=True):
    """What a bare loop took."""

    events: int
    seconds: float


def loop_barely(company: Company, after: int) -> Barely:
    """Run a bare loop over the log after a position, in a fresh process on the measured core."""
    command = machine.on(
        machine.MEASURED, sys.executable, "-m", "bench.floor", str(company.data), str(company.customers), str(after)
    )
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=Barely)


def _loop(company: Company, after: int) -> Barely:
    """Decode typed, count per customer in a dict, append the same bytes to SQLite as durably as the worker does."""
    log = embedded.open_log(company.settings)
    bodies = [entry.body for _, entry in log.read(after, 1 << 30)]
    db = bare.open_file(company.data / "barely.db")
    db.execute("PRAGMA synchronous = NORMAL")
    decode = msgspec.json.Decoder(bare.Batch).decode
    counts: dict[str | None, int] = defaultdict(int)
    started = time.perf_counter()
    for first in range(0, len(bodies), _ENTRIES_PER_COMMIT):
        some = bodies[first : first + _ENTRIES_PER_COMMIT]
        for body in some:
            for event in decode(body).batch:
                counts[event.user_id or event.anonymous_id] += 1
        _append(db, some)
    seconds = time.perf_counter() - started
    db.close()
    for path in company.data.glob("barely.db*"):
        path.unlink()
    return Barely(sum(counts.values()), seconds)


def _append(db: sqlite3.Connection, bodies: list[bytes]) -> None:
    db.execute("BEGIN IMMEDIATE")
    db.executemany("INSERT INTO log (body) VALUES (?)", [(body,) for body in bodies])
    db.execute("COMMIT")


if __name__ == "__main__":
    data, customers, position = sys.argv[1:]
    sys.stdout.buffer.write(msgspec.json.encode(_loop(Company.at(data, int(customers)), int(position))))

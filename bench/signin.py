"""Signing in with a passkey at a real node, over HTTP: what a core manages, beside what cannot be left out.

A sign-in is a challenge asked for, an assertion over it verified, and a session that is durable when the browser gets
its cookie. Authenticators sign in this process, so that theirs is not in the figure, which is the CPU time of the
node's web process: the machine may have others to serve.
"""

import asyncio
import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from bench import machine
from bench.bench import Bench
from bench.client import Connection
from bench.row import Row, against
from rapport.adapters.embedded.accounts import Accounts
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.people import PeopleFile
from rapport.adapters.embedded.sqlite import connect, transaction
from rapport.app import embedded
from rapport.app.settings import Settings
from rapport.kernel.times import MINUTE, now
from rapport.signin.passkeys import RelyingParty
from tests.e2e.running import Node
from tests.signin.authenticator import Authenticator

BROWSERS = 60
"""Each is at an address of its own: from one, so many sign-ins a minute are taken as there are here of each."""
EACH = 50
ALONE = 50
"""Sign-ins one after the other, with nobody else about."""
ROWS = 1_000
HOST = "localhost"


def measure(bench: Bench) -> Iterator[Row]:
    place = bench.place("signin")
    settings = Settings(data=str(place))
    ledger = embedded.open_ledger(settings)
    people = embedded.open_people(settings, ledger)
    node = Node(place, fresh=True)
    try:
        origin = f"http://{HOST}:{node.port}"
        browsers = [_enrolled(ledger, people, origin) for _ in range(BROWSERS + 1)]
        web = node.children()["web"]
        machine.say(f"{BROWSERS} people sign in by turns, {EACH} times each …")
        asyncio.run(_signed_in(node.port, browsers[-1:], 5))  # what is loaded at the first is loaded once
        waited = asyncio.run(_signed_in(node.port, browsers[-1:], ALONE))
        cpu, clock = machine.cpu(web), time.perf_counter()
        asyncio.run(_signed_in(node.port, browsers[:-1], EACH))
        cpu, clock = machine.cpu(web) - cpu, time.perf_counter() - clock
    finally:
        node.stop()
    (sessions,) = ledger.db.execute("SELECT count(*) FROM own_session WHERE passkey IS NOT NULL").fetchone()
    # (Each browser has one from when its passkey was made.)
    if sessions != BROWSERS * EACH + 5 + ALONE + len(browsers):
        raise machine.Unmeasurable(f"{sessions} sessions were made")
    ledger.close()
    done = BROWSERS * EACH
    verify, commit = machine.verifying(69, ROWS), _commit(place / "bare.db")
    bare = 1 / (verify + commit)
    floor = against("verifying a P-256 signature, committing a row, synced", bare, "/s")
    rate = done / cpu
    yield Row("passkey sign-ins a second of a core", rate, "sign-ins/s", 300, floor=floor, ratio=rate / bare)
    yield Row("by the clock, 60 at once", done / clock, "sign-ins/s")
    yield Row("one after the other, both requests, median", median(waited) * 1e3, "ms")


def _enrolled(ledger: LedgerFile, people: PeopleFile, origin: str) -> Authenticator:
    """Somebody with a passkey."""
    device, accounts, party = Authenticator(origin, HOST), Accounts(ledger), RelyingParty(origin)
    person, challenge = people.add([]).handle, os.urandom(40)
    made = party.made(challenge, device.make(party.enrolling(challenge, person, [])))
    accounts.accept(accounts.invite(person), made, "Mine", "Chrome/1 Linux", (challenge, now() + MINUTE))
    return device


async def _signed_in(port: int, browsers: Sequence[Authenticator], times: int) -> list[float]:
    """Let each sign in so many times, one after the other; all of them at once. Seconds that each sign-in took."""
    took: list[float] = []

    async def come(browser: Authenticator, address: str) -> None:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, "127.0.0.1", port, local_addr=(address, 0))
        for _ in range(times):
            began = time.perf_counter()
            options = json.loads(await _post(connection, browser.origin, "/signin/ask", b""))
            waited = time.perf_counter() - began
            answer = json.dumps(browser.prove(options)).encode()
            began = time.perf_counter()
            await _post(connection, browser.origin, "/signin/prove", answer)
            took.append(waited + time.perf_counter() - began)
        connection.close()

    alone = len(browsers) == 1
    await asyncio.gather(
        *(come(one, "127.0.2.1" if alone else f"127.0.1.{number}") for number, one in enumerate(browsers, 1))
    )
    return took


async def _post(connection: Connection, origin: str, path: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {origin.partition('//')[2]}\r\nOrigin: {origin}\r\n"
        f"User-Agent: Chrome/1 Linux\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    status, answer = await connection.ask(head.encode() + body)
    if status != 200:
        raise machine.Unmeasurable(f"{path} answered {status}: {answer[:200]!r}")
    return answer


def _commit(path: Path) -> float:
    """Seconds of CPU."""
    db = connect(path, ["CREATE TABLE session (hash BLOB PRIMARY KEY, at INTEGER) WITHOUT ROWID"], durable=True)
    began = time.process_time()
    for _ in range(ROWS):
        with transaction(db):
            db.execute("INSERT INTO session VALUES (?, ?)", (os.urandom(32), now()))
    took = (time.process_time() - began) / ROWS
    db.close()
    return took

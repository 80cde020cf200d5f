"""How long it takes from an event until the letter that a decision makes of it is with a mail server."""

import asyncio
import itertools
import json
import multiprocessing
import queue
import smtplib
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from multiprocessing.queues import Queue
from typing import Any, TypeAlias

from bench import load, machine
from bench.bench import Bench
from bench.company import ORG, Company
from bench.load import Plan
from bench.row import Row, against
from rapport.act.mail import Sender
from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.channels import ChannelBook
from rapport.adapters.embedded.manners import MannerBook
from rapport.app import embedded
from rapport.app.settings import Settings
from rapport.decide.actions import Action, Trigger
from rapport.decide.decision import Manner
from rapport.decide.kinds import Units
from tests.e2e.running import Node, http

EVENTS = 1_000
"""A second, that come in beside."""
LETTERS = 10
"""A second, of which each is started by an event of somebody else."""
EVENT = "Boiler Fault"
ACTION = Action(
    ORG,
    "visit",
    "notice",  # so that each event has a letter; choosing among some takes a fraction of a millisecond
    "service",
    {"email": {"en": {"subject": "Your boiler", "text": "We saw a fault. Book a visit, it costs nothing."}}},
    triggers=(Trigger(event=EVENT),),
)
WARM = 5
ATTEMPTS = itertools.count()
KNOWN_WITHIN_S = 120

Came: TypeAlias = "Queue[Any]"
"""What came, as (address, time); before all else the port."""


def measure(bench: Bench) -> Iterator[Row]:
    company = bench.company()
    seconds = bench.scale.long_seconds
    with _mail_server() as (port, came):
        _define(company)
        env = {"RAPPORT_SMTP": f"smtp://127.0.0.1:{port}", "RAPPORT_MAIL_FROM": "node@rapport.example"}
        node = Node(company.data, env=env, fresh=True)
        try:
            seed = bench.seed()
            people = [f"faulty-{seed}-{number}" for number in range(LETTERS * seconds)]
            _make_ready(node, company, people)
            _first_letters(node, company, came, seed)
            plan = Plan(node.port, company.write_key, company.token, company.customers, seconds, EVENTS, seed=seed)
            machine.say(f"waiting for {LETTERS} letters a second, at {EVENTS:,} events/s …")
            sent = _happening(node, company, plan, people)
            took = _waited(sent, came)
        finally:
            node.stop()
        bare = _bare(port)
    if not took:
        raise machine.Unmeasurable("no letter came")
    late, floor = load.percentile(took, 0.99) * 1000, load.percentile(bare, 0.99) * 1000
    yield Row(
        f"event → decision → mail server at {EVENTS:,} events/s, p99",
        late,
        "ms",
        200,
        "at most",
        floor=against("a mail to that server alone, p99", floor, "ms"),
        ratio=late / floor,
    )
    yield Row("p50", load.percentile(took, 0.5) * 1000, "ms")
    yield Row("letters that came", len(took), f"of {len(sent)}")


def _define(company: Company) -> None:
    """An action that waits for an event, and how it is sent."""
    with closing(embedded.open_ledger(Settings(data=str(company.data)))) as ledger:
        actions = ActionBook(ledger)
        actions.put_units(ORG, Units("GBP"), "bench")
        actions.put(ACTION, "bench")
        MannerBook(ledger).put_manner(ORG, Manner(holdout=0), "bench")
        ChannelBook(ledger).put(ORG, "email", Sender("Boilers <hello@boilers.example>"), "bench")


def _make_ready(node: Node, company: Company, people: list[str]) -> None:
    """People who can be reached, known to the node."""
    for person in people:
        _send(node, company, {"type": "identify", "userId": person, "traits": {"email": f"{person}@example.com"}})
    wish = {"id": f"user_id:{people[-1]}", "purpose": "service"}
    deadline = time.time() + KNOWN_WITHIN_S
    while _asked(node, company.token, "POST", "/v1/customers/view", wish).status != 200:
        if time.time() > deadline:
            raise machine.Unmeasurable("who is to be written to is not known in time")
        time.sleep(0.1)


def _first_letters(node: Node, company: Company, came: Came, seed: int) -> None:
    """What is opened once is open."""
    for number in range(WARM):
        person = f"first-{seed}-{number}"
        _send(node, company, {"type": "identify", "userId": person, "traits": {"email": f"{person}@example.com"}})
        _send(node, company, {"type": "track", "event": EVENT, "userId": person})
        with suppress(queue.Empty):
            came.get(timeout=10)


def _asked(node: Node, token: str, method: str, path: str, content: object) -> Any:
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    return http(method, f"{node.url}{path}", json.dumps(content).encode(), headers)


def _send(node: Node, company: Company, event: dict[str, Any]) -> bool:
    event["messageId"] = f"{event['userId']} {next(ATTEMPTS)}"
    return bool(_asked(node, company.write_key, "POST", "/v1/batch", {"batch": [event]}).status == 200)


def _happening(node: Node, company: Company, plan: Plan, people: list[str]) -> dict[str, float]:
    """Address → when the event was sent, beside the plan's load."""
    sent: dict[str, float] = {}
    beside = multiprocessing.get_context("fork").Process(target=load.run, args=(plan,))
    beside.start()
    began = time.time()
    for number, person in enumerate(people):
        at = time.time()
        if _send(node, company, {"type": "track", "event": EVENT, "userId": person}):
            sent[f"{person}@example.com"] = at
        time.sleep(max(0.0, began + (number + 1) / LETTERS - time.time()))
    beside.join()
    return sent


def _waited(sent: dict[str, float], came: Came) -> list[float]:
    """Seconds until each letter was taken."""
    there: dict[str, float] = {}
    quiet_since = time.time()
    while len(there) < len(sent) and time.time() - quiet_since < 10:
        with suppress(queue.Empty):
            address, at = came.get(timeout=0.2)
            there.setdefault(address, at)
            quiet_since = time.time()
    return [max(0.0, there[address] - at) for address, at in sent.items() if address in there]


def _bare(port: int) -> list[float]:
    took = []
    with smtplib.SMTP("127.0.0.1", port) as line:
        for _ in range(300):
            began = time.perf_counter()
            line.sendmail("hello@boilers.example", ["bare@example.com"], "Subject: x\r\n\r\n" + "x" * 600)
            took.append(time.perf_counter() - began)
    return took


@contextmanager
def _mail_server() -> Iterator[tuple[int, Any]]:
    """A mail server in a process of its own: its port, and what came, as (address, time)."""
    fork = multiprocessing.get_context("fork")
    came: Came = fork.Queue()
    process = fork.Process(target=_serve, args=(came,), daemon=True)
    process.start()
    try:
        yield came.get(), came
    finally:
        process.terminate()
        process.join()


def _serve(came: Came) -> None:
    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        to = ""
        while line := (await reader.readline()).decode("latin-1").strip():
            verb = line[:4].upper()
            if verb == "RCPT":
                to = line.partition("<")[2].partition(">")[0]
            if verb == "DATA":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                came.put((to, time.time()))
            writer.write(b"221 bye\r\n" if verb == "QUIT" else b"250 ok\r\n")
            if verb == "QUIT":
                break
        writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(taken, "127.0.0.1", 0)
        came.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())

"""The gate: a decision alone, what it adds to a view, and how many reads a second leave a synced receipt."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from statistics import median
from typing import NamedTuple
from unittest.mock import patch

import cedarpy

from bench import machine, traffic
from bench.bench import Bench
from bench.company import ORG, Company
from bench.row import Row, against
from rapport.adapters.embedded.people import PeopleFile
from rapport.adapters.embedded.reader import StateReader
from rapport.app import embedded
from rapport.app.receipting import LedgerReceipts
from rapport.app.settings import Settings
from rapport.kernel.vocabulary import ALL, CATEGORIES
from rapport.profile import view
from rapport.profile.record import Fact, Record
from rapport.profile.store import Found
from rapport.profile.view import Part
from rapport.terms import (
    Clause,
    Criterion,
    Gate,
    Ground,
    Promise,
    ReceiptBook,
    Request,
    Standing,
    Terms,
    cedar,
    promises,
)
from rapport.terms.clauses import Frequency
from rapport.terms.deciding import Decision
from rapport.terms.declaration import DEFAULT, Benefit, Declaration
from rapport.terms.filtering import let_through
from rapport.terms.policy import Judge

CLAUSES = 50
FACTS = 50
PERSONS = 1_000
"""Customers with a person who has terms of their own; all that is read here is theirs."""
AT_ONCE = 64
"""Requests that wait for their receipt at the same time, as of as many connections."""
ROUNDS = 9

PROMISE = Promise(
    "contract",
    ("everything", "unclassified", "health"),
    retention_days=365,
    recipients=("courier",),
    onward=False,
    place=("EEA",),
    benefits=(Benefit("discount", 5.0, "%"),),
)
_DECLARED = {"purposes": {"service": promises.plain(PROMISE)}}
_OTHERS = ("offers", "personalisation", "analytics", "advertising", "research")
_CRITERIA = (
    Criterion("onward", negated=True),
    Criterion("retention", days=730),
    Criterion("benefit", benefit="discount", amount=5.0, unit="%"),
    Criterion("place", places=("EEA",)),
)


def terms_of(clauses: int) -> Terms:
    """So many clauses that let a company serve with most of what it knows: each kind by a clause with criteria,
    some kinds denied, some clauses about other purposes and companies."""
    kinds = tuple(CATEGORIES)
    made = [
        Clause("no-location", "deny", categories=("location", "device"), data="all"),
        Clause("no-selling", "deny", data="all", when=(Criterion("onward"),)),
    ]
    for number in range(clauses - len(made)):
        purpose = _OTHERS[number % len(_OTHERS)] if number % 3 == 2 else "service"
        made.append(
            Clause(
                f"clause-{number}",
                "allow",
                who=("another",) if number % 7 == 6 else (),
                purposes=(purpose,),
                categories=(kinds[number % len(kinds)],),
                when=_CRITERIA[: number % (len(_CRITERIA) + 1)],
                frequency=Frequency(4, "month") if purpose == "offers" else None,
                quiet="21:00-08:00" if purpose == "offers" else "",
            )
        )
    return Terms("own", tuple(made), zone="Europe/London")


def measure(bench: Bench) -> Iterator[Row]:
    yield from decision()
    company = bench.company(bench.scale.few)
    opened = known(company, min(PERSONS, bench.scale.few // 2))

    async def rows() -> list[Row]:
        return [row async for row in reads(opened)]

    yield from asyncio.run(rows())


# -- a decision alone


def decision() -> Iterator[Row]:
    """Timed is what each read does. Before it, terms are compiled against the promise, once until either changes, and
    Cedar's policies and entities are parsed. Ours decides on all categories and filters facts; Cedar decides on one.
    """
    machine.say(f"deciding under {CLAUSES} clauses …")
    terms, standing = terms_of(CLAUSES), Standing(ORG, Declaration(purposes={"service": PROMISE}), 1, "", 0)
    judge, key, at = Judge(), b"terms", time.time_ns() // 1000
    kinds = tuple(CATEGORIES)
    facts = {f"trait{n}": Fact(n, at, f"event{n}", at, category=kinds[n % len(kinds)]) for n in range(FACTS)}
    part = Part(1, "rec_1", Record(ORG, "shop", "user_id", "u1", facts=facts))

    def ours() -> tuple[Part, int] | None:
        return let_through(part, judge.decide(terms, key, standing, "service", at).collected)

    through = ours()
    assert through is not None
    kept, _ = through
    assert 0 < len(kept.record.facts) < FACTS
    policies = cedarpy.PolicySet.from_str(cedar.policies(terms, PROMISE))
    entities = cedarpy.Entities.from_json_str(json.dumps(cedar.entities()))
    around = json.dumps({**cedar.context(terms, standing, PROMISE, at), "data": "collected"})
    request = {**cedar.request(ORG, "service", "purchases", "collected", {}), "context": around}
    theirs = cedarpy.is_authorized(request, policies, entities)
    assert theirs.allowed
    ours_us, cedar_us = together(ours, lambda: cedarpy.is_authorized(request, policies, entities))
    yield Row(
        f"gate decision, {CLAUSES} clauses and {FACTS} facts",
        ours_us,
        "µs",
        20,
        "at most",
        floor=against("Cedar on one category, prepared handles", cedar_us, "µs"),
        ratio=ours_us / cedar_us,
    )
    yield Row("facts that were let through", len(kept.record.facts), "facts")


def together(first: Callable[[], object], second: Callable[[], object]) -> tuple[float, float]:
    """µs of CPU a call of each, measured in turns; medians."""
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for work, times in ((first, took[0]), (second, took[1])):
            started, calls = time.process_time(), 0
            while time.process_time() - started < 0.1:
                for _ in range(50):
                    work()
                calls += 50
            times.append((time.process_time() - started) / calls * 1e6)
    return median(took[0]), median(took[1])


# -- reads


class Opened(NamedTuple):
    """A company whose first customers are persons with terms of their own, as the web process has it open."""

    settings: Settings
    reader: StateReader
    people: PeopleFile
    customers: Sequence[str]
    records: Sequence[int]

    def gate(self, book: ReceiptBook) -> Gate:
        return Gate(self.reader, self.people, book, secret=b"bench", quiet_s=0)


def known(company: Company, persons: int) -> Opened:
    settings = company.settings
    ledger = embedded.open_ledger(settings)
    embedded.open_promises(settings, ledger).put(ORG, json.dumps(_DECLARED).encode())
    people = embedded.open_people(settings, ledger)
    terms = terms_of(CLAUSES)
    machine.say(f"{persons:,} persons say on what terms …")
    users = [who.user for number in range(2 * persons) if (who := traffic.customer(number)).user][:persons]
    for user in users:
        people.set_terms(people.add([f"{ORG}:user_id:{user}"]).handle, terms)
    reader = embedded.open_reader(settings, embedded.Sources(embedded.open_ledger(settings)).by_name)
    with reader.snapshot():
        found = [reader.by_identifier(ORG, "user_id", user)[0] for user in users]
    numbers = [one.parts[0].number for one in found]
    return Opened(settings, reader, people, [f"user_id:{user}" for user in users], numbers)


async def reads(opened: Opened) -> AsyncIterator[Row]:
    book = LedgerReceipts(lambda: embedded.open_ledger(opened.settings), opened.settings.min_free_mb << 20)
    full: list[Took] = []
    stub: list[Took] = []
    try:
        gate = opened.gate(book)
        machine.say("reading one by one, in bulk, and as if all were permitted …")
        for _ in range(ROUNDS):
            full.append(await one_by_one(gate, opened.customers))
            with _permissive():
                stub.append(await one_by_one(gate, opened.customers))
        bulk = median([await _bulk(gate, opened) for _ in range(ROUNDS)])
    finally:
        book.close()
    each, before = median(took.cpu for took in full), median(took.cpu for took in stub)
    singly = median(1 / took.wall for took in full)
    yield Row(
        "view through the full gate, as a multiple of one with everything permitted (CPU)",
        each / before,
        "×",
        1.3,
        "at most",
        floor=against("everything permitted", before * 1e6, "µs a view"),
        ratio=each / before,
    )
    permissive = median(1 / took.wall for took in stub)
    yield Row(
        f"gated views with synced receipts, {AT_ONCE} at once",
        singly,
        "reads/s",
        1_000,
        floor=against("everything permitted", permissive, "views/s"),
        ratio=singly / permissive,
    )
    yield Row(
        "gated, receipted reads in bulk",
        bulk,
        "reads/s",
        5_000,
        floor=against(f"whole views, {AT_ONCE} at once", singly, "reads/s"),
        ratio=bulk / singly,
    )


class Took(NamedTuple):
    """Seconds of wall clock and of CPU that one read took, over all threads."""

    wall: float
    cpu: float


async def one_by_one(gate: Gate, customers: Sequence[str]) -> Took:
    """Whole views, so many asking at the same time."""
    waiting = iter(customers)

    async def one_connection() -> None:
        for customer in waiting:
            await gate.view(Request(ORG, customer, "service", "bench"))

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(one_connection() for _ in range(AT_ONCE)))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Took(wall / len(customers), cpu / len(customers))


async def _bulk(gate: Gate, opened: Opened) -> float:
    """Traits of many customers a second, as an audience or an export reads them."""

    def customers() -> Sequence[Found]:
        return [found for number in opened.records if (found := opened.reader.found(ORG, number)) is not None]

    request = Request(ORG, "", "service", "bench", action="export")
    started = time.perf_counter()
    read = await gate.each(request, customers, lambda found: view.traits(found.parts), tuple)
    assert len(read) == len(opened.customers)
    return len(read) / (time.perf_counter() - started)


@contextlib.contextmanager
def _permissive() -> Iterator[None]:
    """The gate with its policy switched off: no person is looked up, everything is permitted, nothing is filtered."""
    ground = Ground(0, ORG, Standing(ORG, DEFAULT, 0, "", 0))

    def everything(_: Judge, __: object, parts: Sequence[Part], *___: object, **____: object) -> Decision:
        return Decision((ALL,) * len(parts), "permitted")

    with (
        patch.object(PeopleFile, "ground", lambda *_: ground),
        patch.object(PeopleFile, "snapshot", lambda _: contextlib.nullcontext()),
        patch("rapport.terms.judging.decide", everything),
        patch("rapport.terms.judging.let_through", lambda part, _: (part, ALL)),
        patch("rapport.app.receipting.still_holds", lambda *_: True),
    ):
        yield

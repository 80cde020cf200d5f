"""A whole house without its walls: worker, store and gate over one directory in memory, driven call by call.

Everything is the product's own but for HTTP and processes: what `send` writes to the log, `settle` lets the worker take
in, and views are read through the gate. Cheap enough to be built anew for every example of a property.
"""

import atexit
import contextlib
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.people import PeopleFile
from rapport.adapters.embedded.reader import StateReader
from rapport.app.embedded import Sources, open_ledger, open_log, open_people, open_promises, open_reader
from rapport.app.operator import Assert, Operation, Retract, entry
from rapport.app.settings import Settings
from rapport.app.worker import Worker
from rapport.kernel.ports import LogEntry
from rapport.kernel.times import HOUR, micros, parse_rfc3339, rfc3339
from rapport.profile.store import Found
from rapport.terms import Declaration, Gate, Pending, Receipt, Request
from rapport.terms.promises import canonical

ORG = "shop"
TEN = parse_rfc3339("2026-03-02T10:00:00Z")
"""Ten o'clock of the day on which most of what is told here happened."""

IN_MEMORY = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
SOURCES: dict[str, dict[str, Any]] = {"web": {}, "crm": {"trusted": True, "trust": 1}, "app": {"trust": -1}}

Answer = TypeVar("Answer")


def at(clock: str, day: str = "2026-03-02") -> int:
    """`"10:30"` or `"10:30:15"` of the day, in microseconds."""
    return parse_rfc3339(f"{day}T{clock if clock.count(':') == 2 else clock + ':00'}Z")


def told(time: int | None = None, **fields: Any) -> dict[str, Any]:
    """An event as a client of the Segment API writes it; `time` in microseconds."""
    return fields if time is None else {**fields, "timestamp": rfc3339(time)}


class Receipts:
    """A receipt book in memory."""

    def __init__(self) -> None:
        self.kept: list[Receipt] = []

    async def commit(self, pending: Sequence[Pending]) -> None:
        self.kept += [one.receipt for one in pending]


def at_once(answer: Coroutine[Any, Any, Answer]) -> Answer:
    """The result of a coroutine that waits for nothing."""
    try:
        answer.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    raise AssertionError("it had to wait for something")


_empty: dict[str, Path] = {}


@atexit.register
def _sweep() -> None:
    for directory in _empty.values():
        shutil.rmtree(directory, ignore_errors=True)


def _furnished(sources: dict[str, dict[str, Any]]) -> Path:
    """A directory with one organization and its sources, made once and copied from then on."""
    name = json.dumps(sources, sort_keys=True)
    if name not in _empty:
        directory = Path(tempfile.mkdtemp(prefix="rapport-empty-", dir=IN_MEMORY))
        settings = Settings(data=str(directory))
        ledger = open_ledger(settings)
        ledger.add_org(ORG)
        for source, options in sources.items():
            ledger.add_source(ORG, source, **options)
        ledger.close()
        Worker(settings).close()  # it makes the other files: half of what a house costs
        _empty[name] = directory
    return _empty[name]


class House:
    """One organization's node. Use it as a context: its directory goes when it is left."""

    def __init__(self, sources: dict[str, dict[str, Any]] | None = None, **settings: Any) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="rapport-house-", dir=IN_MEMORY))
        shutil.copytree(_furnished(SOURCES if sources is None else sources), self.directory, dirs_exist_ok=True)
        self.settings = Settings(data=str(self.directory), **settings)
        self.log = open_log(self.settings)
        self.worker = Worker(self.settings)
        self.receipts = Receipts()
        self._reader: StateReader | None = None
        self._people: PeopleFile | None = None
        self._opened: list[LedgerFile | StateReader] = []
        """To be closed with the house."""

    def __enter__(self) -> "House":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.worker.close()
        self.log.close()
        for opened in self._opened:
            opened.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    # -- what comes in

    def send(
        self,
        *events: dict[str, Any],
        source: str = "web",
        received_at: int = TEN + 12 * HOUR,
        sent_at: int | None = None,
        wire: str = "segment",
        path: str = "batch",
    ) -> None:
        """Write a batch to the log, as collection does once it is synced."""
        body: dict[str, Any] = {"batch": list(events)}
        if sent_at is not None:
            body["sentAt"] = rfc3339(sent_at)
        self.append(LogEntry(ORG, source, wire, path, received_at, json.dumps(body).encode()))

    def append(self, *entries: LogEntry) -> None:
        self.log.append(entries)

    async def say(self, entry: LogEntry) -> None:
        """The port `Saying` of `app/correcting`."""
        self.append(entry)
        self.settle()

    def operate(self, *operations: Operation) -> None:
        self.append(*(entry(ORG, operation) for operation in operations))

    def retract(self, *evidence: str) -> None:
        self.operate(*(Retract(item, "eve") for item in evidence))

    def link(self, a: str, b: str, kind: str = "must_link") -> None:
        """An operator's word about two records (`rec_…`)."""
        self.operate(Assert("must_link" if kind == "must_link" else "cannot_link", a, b, "eve"))

    def settle(self) -> "House":
        """Let the worker take in what is in the log, and commit it."""
        last = self.log.last()
        while self.worker.cursor < last:
            self.worker.step()
        return self

    def restart(self) -> "House":
        """Another worker over the same data, as after a kill between two commits."""
        with contextlib.suppress(sqlite3.ProgrammingError):  # it may be closed already
            self.worker.close()
        self.worker = Worker(self.settings)
        return self

    # -- what readers see

    @property
    def reader(self) -> StateReader:
        if self._reader is None:
            self._reader = open_reader(self.settings, Sources(self._open_ledger()).by_name)
            self._opened.append(self._reader)
        return self._reader

    @property
    def gate(self) -> Gate:
        return Gate(self.reader, self.people, self.receipts, quiet_s=0)

    def declare(self, declaration: Declaration, org: str = ORG) -> None:
        """Put an organization's promises."""
        with contextlib.closing(open_ledger(self.settings)) as ledger:
            open_promises(self.settings, ledger).put(org, canonical(declaration), "json")

    def _open_ledger(self) -> LedgerFile:
        ledger = open_ledger(self.settings)
        self._opened.append(ledger)
        return ledger

    @property
    def people(self) -> PeopleFile:
        if self._people is None:
            self._people = open_people(self.settings, self._open_ledger())
        return self._people

    def asked(self, customer: str) -> Request:
        return Request(ORG, customer, "service", "test")

    def view(self, customer: str) -> dict[str, Any]:
        return at_once(self.gate.view(self.asked(customer)))

    def evidence(self, customer: str) -> list[dict[str, Any]]:
        return list(at_once(self.gate.evidence(self.asked(customer), None, 10_000))["evidence"])

    def timeline(self, customer: str, limit: int = 500) -> list[dict[str, Any]]:
        """All events of a customer, page by page."""
        events: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = at_once(self.gate.events(self.asked(customer), cursor, limit))
            events += page["events"]
            cursor = page["next"]
            if cursor is None:
                return events

    def found(self) -> list[Found]:
        """Every customer once."""
        customers: dict[str, Found] = {}
        with self.reader.snapshot():
            for number in self.reader.newest_records(ORG, 1 << 62, 1 << 30):
                found = self.reader.found(ORG, number)
                if found is not None:
                    customers.setdefault(found.customer, found)
        return list(customers.values())

    def customers(self) -> dict[frozenset[str], dict[str, Any]]:
        """Record handles of each customer → all that can be read of it, but for handles of customers, receipts, and
        times of reception."""
        everyone = {}
        for found in self.found():
            view = self.view(found.customer)
            assert view["customer"] == found.customer
            for transient in ("customer", "receipt", "as_of"):
                del view[transient]
            view["timeline"] = [_less(event, "received_at") for event in self.timeline(found.customer)]
            view["evidence"] = sorted(self.evidence(found.customer), key=lambda item: item["id"])
            everyone[frozenset(record["record"] for record in view["records"])] = view
        return everyone

    def rejected(self) -> list[tuple[str, str]]:
        """(code, message) of refused parts, oldest first."""
        with self.reader.snapshot():
            rows = self.reader.rejected(ORG, None, 1 << 62, 1 << 30)
        return [(row.code, row.message) for row in reversed(rows)]


def _less(item: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in names}


def total(views: Iterable[dict[str, Any]]) -> int:
    """Events over all views."""
    return sum(view["events"]["total"] for view in views)


__all__: Sequence[str] = ["ORG", "TEN", "House", "Receipts", "at", "at_once", "micros", "told", "total"]

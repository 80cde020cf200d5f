"""The measured company: its data directory, its log, and a node over it."""

import contextlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

from bench import machine, traffic
from rapport.app import embedded
from rapport.app.settings import Settings
from rapport.kernel.errors import Conflict
from rapport.kernel.ports import LogEntry
from rapport.kernel.times import now
from tests.e2e.running import Node

ORG = "bench"
SOURCE = "shop"
_ENTRIES_AT_ONCE = 100


class Company(msgspec.Struct, frozen=True):
    """A data directory with one organization of so many customers."""

    data: Path
    customers: int
    write_key: str = ""
    token: str = ""

    @classmethod
    def at(cls, data: str | Path, customers: int) -> "Company":
        """The company of a directory, founded if need be."""
        settings = Settings(data=str(data))
        ledger = embedded.open_ledger(settings)
        with contextlib.closing(ledger):
            with contextlib.suppress(Conflict):
                ledger.add_org(ORG)
                ledger.add_source(ORG, SOURCE)
            return cls(Path(data), customers, ledger.source(ORG, SOURCE).write_key, ledger.mint_token(ORG, ["read"]))

    @property
    def settings(self) -> Settings:
        return Settings(data=str(self.data))

    def log(self, events: Iterator[str], size: int = traffic.BATCH) -> int:
        """Write events to the log as the web process would, in bodies of `size`; return the last position."""
        log = embedded.open_log(self.settings)
        bodies = traffic.batches(events, size)
        with contextlib.closing(log):
            while some := list(islice(bodies, _ENTRIES_AT_ONCE)):
                log.append([LogEntry(ORG, SOURCE, "segment", "batch", now(), body) for body in some])
            return log.last()

    def last(self) -> int:
        """The newest position of the log."""
        log = embedded.open_log(self.settings)
        with contextlib.closing(log):
            return log.last()

    @contextlib.contextmanager
    def node(self, *, apart: bool = False) -> Iterator[Node]:
        """A running node. `apart`: its web process alone on the measured core, its worker beside whoever sends."""
        node = Node(self.data, fresh=True)
        try:
            for part, process in node.children().items() if apart else ():
                machine.pin(machine.MEASURED if part == "web" else machine.OTHER, process)
            yield node
        finally:
            node.stop()

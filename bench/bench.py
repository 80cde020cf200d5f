"""One run: how large it is, where its data lies, and the companies that several claims share."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from bench import machine, traffic, working
from bench.company import Company
from bench.working import Task, Took

VAR = Path(__file__).parent / "var"
_BYTES_PER_CUSTOMER = 12_000

FULL_CUSTOMERS = 1_000_000
FEW_CUSTOMERS = 10_000


class Scale(msgspec.Struct, frozen=True):
    """How large a run is. Figures are claims at full scale only."""

    customers: int = FULL_CUSTOMERS
    few: int = FEW_CUSTOMERS
    events: int = 250_000
    warm_events: int = 50_000
    seconds: int = 8
    long_seconds: int = 20
    record_events: int = 100_000
    storm_events: int = 20_000
    rows: int = 541_909

    @property
    def full(self) -> bool:
        return self == Scale()


def quick(customers: int) -> Scale:
    """A run of about a minute, to see that everything works."""
    few = max(1, min(customers // 10, FEW_CUSTOMERS))
    return Scale(customers, few, 20_000, 2_000, 1, 2, 5_000, 2_000, 20_000)


class Bench:
    """What claims measure with. Everything lies in one directory, which goes when the run ends."""

    def __init__(self, scale: Scale) -> None:
        self.scale = scale
        VAR.mkdir(exist_ok=True)
        self.directory = Path(tempfile.mkdtemp(prefix="run-", dir=VAR))
        needed = scale.customers * _BYTES_PER_CUSTOMER + (4 << 30 if scale.full else 0)
        if shutil.disk_usage(VAR).free < needed:
            raise machine.Unmeasurable(f"{VAR} needs {needed / 1e9:.0f} GB of free space")
        self._companies: dict[int, Company] = {}
        self._filled: dict[int, Took] = {}
        self._seed = 0

    def close(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)

    def place(self, name: str) -> Path:
        """A fresh directory for one use."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.directory))

    def company(self, customers: int | None = None) -> Company:
        """A company with so many customers present (or all of the scale's): made once, by the worker itself."""
        number = customers or self.scale.customers
        if number not in self._companies:
            data = self.directory / f"{number}-customers"
            machine.say(f"making {number:,} customers known …")
            self._companies[number] = Company.at(data, number)
            self._filled[number] = working.run(Task(str(data), number, fill=True))
        return self._companies[number]

    def filled(self) -> Took:
        """What it took to make the company known."""
        self.company()
        return self._filled[self.scale.customers]

    def founded(self, name: str) -> Company:
        """A company that knows nobody yet."""
        return Company.at(self.place(name), self.scale.few)

    def steady(
        self, company: Company, *, open_sessions: int = traffic.OPEN_SESSIONS, events: int = traffic.SESSION_EVENTS
    ) -> Iterator[str]:
        """Traffic of a company that was never sent before."""
        self._seed += 1
        sessions = min(open_sessions, company.customers)
        return iter(traffic.Steady(company.customers, self._seed, open_sessions=sessions, events=events))

    def seed(self) -> int:
        """A number never given before: what is sent under it is no repeat."""
        self._seed += 1
        return self._seed


T = TypeVar("T")


def best_of(times: int, measure: Callable[[], T], key: Callable[[T], float]) -> T:
    """The least disturbed of several measurements."""
    return min((measure() for _ in range(times)), key=key)

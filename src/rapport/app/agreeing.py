"""Agreements, reviews and simulations of an embedded node: wiring, and the thread that reviews beside the requests."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from rapport.adapters.embedded.agreements import AgreementBook
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.people import PeopleFile
from rapport.adapters.embedded.populations import Populations
from rapport.adapters.embedded.promises import PromiseBook
from rapport.adapters.embedded.reviewing import Reviewing
from rapport.app.embedded import open_ledger
from rapport.app.ledger_thread import LedgerThread
from rapport.app.settings import Settings
from rapport.kernel.errors import Busy
from rapport.kernel.times import now
from rapport.terms import promises
from rapport.terms.declaration import Declaration
from rapport.terms.mirror import empty
from rapport.terms.simulator import ASKED_PER_DAY, Simulation, simulate

CHECK_S = 2.0
_DAY_S = 86_400.0


class Agreeing(NamedTuple):
    """What agreements need, over one ledger connection of the caller's thread."""

    ledger: LedgerFile
    people: PeopleFile
    promises: PromiseBook
    book: AgreementBook
    populations: Populations


def open_agreeing(settings: Settings, ledger: LedgerFile | None = None) -> Agreeing:
    ledger = ledger or open_ledger(settings)
    keys = ledger.keys
    book = PromiseBook(ledger, keys)
    people = PeopleFile(ledger, keys, book.standing)
    return Agreeing(
        ledger,
        people,
        book,
        AgreementBook(ledger.db, keys, book, people.terms_of),
        Populations(ledger.db, keys, people.terms_of),
    )


def review(settings: Settings, org: str) -> int:
    """Review an organization's agreements now; return how many began or ended. With a node beside it, they share it."""
    ledger = open_ledger(settings)
    try:
        return _reviewing(ledger).review(org)
    finally:
        ledger.close()


def _reviewing(ledger: LedgerFile) -> Reviewing:
    keys = ledger.keys
    book = PromiseBook(ledger, keys)
    return Reviewing(ledger.db, keys, book, PeopleFile(ledger, keys, book.standing).terms_of)


class Reviewer(LedgerThread):
    """Reviews whatever promise has changed, in whichever process."""

    name = "reviewer"
    log = logging.getLogger("rapport.agreeing")
    trouble = "agreements could not be reviewed"

    def __init__(self, settings: Settings, *, check_s: float = CHECK_S) -> None:
        super().__init__(settings, check_s)
        self.begin()

    def watch(self) -> None:
        ledger = open_ledger(self.settings)
        try:
            reviewing = _reviewing(ledger)
            while not self.stopped:
                for org in reviewing.pending():
                    self._review(reviewing, org)
                self.pause()
        finally:
            ledger.close()

    def _review(self, reviewing: Reviewing, org: str) -> None:
        more = True
        while more and not self.stopped:
            started = time.monotonic()
            more, _ = reviewing.step(org)
            time.sleep(max(0.002, (time.monotonic() - started) / 4))


class Simulator:
    """Simulations for those who ask over HTTP: one at a time, and so many a day for each organization."""

    def __init__(self, open_parts: Callable[[], Agreeing], most: int = ASKED_PER_DAY) -> None:
        self._open = open_parts
        self._most = most
        self._running = threading.Lock()
        self._asked: dict[str, deque[tuple[float, str]]] = {}
        self._parts: Agreeing | None = None

    def simulate(self, org: str, body: bytes, form: promises.Format) -> Simulation:
        """Raises BadInput as `put` does, Busy where another is being worked out or too many were asked for. Blocks for
        seconds: for a thread."""
        candidate = promises.parse(body, form)
        if not self._running.acquire(timeout=30):
            raise Busy("another simulation is being worked out: ask again in a moment", retry_after=5)
        try:
            self._count(org, promises.hash_of(candidate))
            if self._parts is None:
                self._parts = self._open()
            return simulated(self._parts, org, candidate)
        finally:
            self._running.release()

    def opened(self, org: str) -> Simulation:
        """What the declaration in force opens (`now` in the answer), against an empty one (`then`). Counts as one
        simulation for each declaration. Raises Busy. Blocks like `simulate`."""
        if not self._running.acquire(timeout=30):
            raise Busy("another simulation is being worked out: ask again in a moment", retry_after=5)
        try:
            if self._parts is None:
                self._parts = self._open()
            standing = self._parts.promises.standing(org)
            self._count(org, f"opened {standing.hash}")
            populations, present = self._parts.populations, now()
            nothing = promises.standing(org, empty(standing.declaration), 0, present, {})
            return simulate(populations.groups(org), standing, nothing, populations.guard, present)
        finally:
            self._running.release()

    def _count(self, org: str, digest: str) -> None:
        present = time.monotonic()
        asked = self._asked.setdefault(org, deque())
        while asked and asked[0][0] < present - _DAY_S:
            asked.popleft()
        if any(digest == earlier for _, earlier in asked):
            return
        if len(asked) >= self._most:
            wait = int(asked[0][0] + _DAY_S - present) + 1
            raise Busy(f"{self._most} declarations were tried within a day: that is enough for today", retry_after=wait)
        asked.append((present, digest))


def simulated(parts: Agreeing, org: str, candidate: Declaration) -> Simulation:
    """What a declaration would change if it were put now. Raises BadInput, NotFound."""
    standing = parts.promises.candidate(org, candidate)
    populations = parts.populations
    return simulate(populations.groups(org), parts.promises.standing(org), standing, populations.guard, now())

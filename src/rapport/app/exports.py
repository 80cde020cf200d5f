"""Exports that the node makes for those who ask over HTTP, or on the console's page.

Each is made in a process of its own: at most one at a time for an organization, two in all. What waits, runs and is
kept is in the ledger, so that a node which starts again goes on: what waited is made, what ran is marked as failed.
"""

import asyncio
import contextlib
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TypeVar

import msgspec

from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.destinations import DestinationBook
from rapport.adapters.embedded.export_files import ExportFiles
from rapport.adapters.embedded.exports import NODE, ExportBook
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.sqlite import translating
from rapport.adapters.files import sealed
from rapport.app.cursors import NEWEST
from rapport.app.destination_files import ask_file
from rapport.app.embedded import open_ledger, open_promises
from rapport.app.export_job import Orders
from rapport.app.ledger_thread import LedgerThread
from rapport.app.membership import check
from rapport.app.settings import Settings
from rapport.kernel import ids
from rapport.kernel.errors import Conflict, Corrupt, NotFound, RapportError
from rapport.kernel.keys import SealKey
from rapport.kernel.times import now
from rapport.terms.exports import Export, Wish, checked

AT_ONCE = 2
BUSY_S, IDLE_S, SWEEP_S, STOP_S = 0.1, 2.0, 30.0, 2.0
STOPPED = "the node was stopped meanwhile: ask again"
DAMAGED = "the node's file of this export is gone or damaged: export again"
NOT_BEGUN = "it could not be begun"

Answer = TypeVar("Answer")


class Exports:
    """What the API and the console ask for; each waits for the disk in a thread."""

    def __init__(self, settings: Settings, wake: Callable[[], None]) -> None:
        self._settings = settings
        self._wake = wake
        self._files = ExportFiles(settings.directory)
        self._turn = threading.Lock()
        self._book: ExportBook | None = None
        self._standing_of = open_promises(settings).standing

    async def ask(self, org: str, wish: Wish) -> Export:
        """Raises BadInput, Busy where too many wait, Conflict where too many are kept."""
        right = checked(wish, self._standing_of(org))
        asked = await self._with_book(lambda book: self._asked(book, org, right))
        self._wake()
        return asked

    def _asked(self, book: ExportBook, org: str, wish: Wish) -> Export:
        check(Definitions(book.ledger), org, wish)
        return book.ask(org, wish, NODE, ids.fresh("exp"))

    async def named(self, org: str, handle: str) -> Export:
        """Raises NotFound."""
        return await self._with_book(lambda book: book.named(handle, org))

    async def page(self, org: str, after: str | None, limit: int) -> list[Export]:
        """The newest first, those after `after`. Raises NotFound where that is none."""

        def page(book: ExportBook) -> list[Export]:
            before = NEWEST if after is None else book.named(after, org).number
            return book.of_org(org, before, limit)

        return await self._with_book(page)

    async def file(self, org: str, handle: str) -> tuple[Export, Iterator[bytes]]:
        """The file, piece by piece, in the clear; it is on record that it was fetched. Raises NotFound."""

        def key_of(book: ExportBook) -> tuple[Export, SealKey]:
            one = book.named(handle, org)
            return one, book.fetch(one)

        one, key = await self._with_book(key_of)
        try:
            file = await asyncio.to_thread(_whole, self._files.sealed(handle), key)
        except (OSError, Corrupt):
            await self._with_book(lambda book: book.end(one, "deleted", DAMAGED))
            raise NotFound(DAMAGED) from None
        return one, _closing(file, sealed.opened(file, key))

    async def delete(self, org: str, handle: str) -> None:
        """Delete the file, or what was to become one. Raises NotFound, Conflict where the node never had it."""

        def delete(book: ExportBook) -> None:
            one = book.named(handle, org)
            if one.place != NODE:
                raise Conflict("this export was written by the command line: the node has no file to delete")
            if one.status in ("waiting", "running", "done"):
                book.end(one, "deleted")

        await self._with_book(delete)
        self._wake()

    async def _with_book(self, work: Callable[[ExportBook], Answer]) -> Answer:
        def worked() -> Answer:
            with self._turn:
                if self._book is None:
                    self._book = ExportBook(open_ledger(self._settings))
                with translating(self._settings.directory / "ledger.db"):
                    return work(self._book)

        return await asyncio.to_thread(worked)


class ExportRunner(LedgerThread):
    """Makes what waits, by processes, and lets go of what is over."""

    name = "exports"
    log = logging.getLogger("rapport.exports")
    trouble = "exports could not be looked after"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, IDLE_S)
        self._files = ExportFiles(settings.directory)
        self._making: dict[str, tuple[Export, subprocess.Popen[bytes]]] = {}
        self.begin()

    def close(self) -> None:
        """End what is being made: it is marked as failed."""
        super().close()
        for _, process in self._making.values():
            process.terminate()
        for _, process in self._making.values():
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
            with process:
                pass

    def watch(self) -> None:
        ledger = open_ledger(self.settings)
        book = ExportBook(ledger)
        swept = None
        try:
            while not self.stopped:
                if swept is None or time.monotonic() - swept > SWEEP_S:
                    book.cut_short(self._files.is_alive, STOPPED)
                    book.sweep(now())
                    book.tidy()
                    self._schedule(ledger, book)
                    swept = time.monotonic()
                self._reap(book)
                self._begin(book)
                self.pause(BUSY_S if self._making else IDLE_S)
        finally:
            ledger.close()

    def _schedule(self, ledger: LedgerFile, book: ExportBook) -> None:
        """Ask for the files of destinations whose time has come."""
        destinations = DestinationBook(ledger)
        for one in destinations.files_due(now()):
            try:
                ask_file(book, destinations, one)
            except RapportError as error:
                self.log.warning("the file of destination %s of %s waits: %s", one.name, one.org, error.message)

    def _reap(self, book: ExportBook) -> None:
        for handle, (asked, process) in list(self._making.items()):
            if process.poll() is None:
                continue
            del self._making[handle]
            if process.stdin is not None:
                process.stdin.close()
            if book.named(handle).status in ("waiting", "running"):  # it had no time to say so itself
                book.fail(asked.number, STOPPED if process.returncode < 0 else NOT_BEGUN)

    def _begin(self, book: ExportBook) -> None:
        busy = {asked.org for asked, _ in self._making.values()}
        for asked in book.waiting():
            if len(self._making) >= AT_ONCE:
                return
            if asked.org not in busy:
                busy.add(asked.org)
                self._making[asked.id] = (asked, self._process(asked))

    def _process(self, asked: Export) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-m", "rapport.app.export_job"], stdin=subprocess.PIPE)
        # Not as an argument: settings may hold a key. And it stays open: where it ends, the process does.
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(msgspec.json.encode(Orders(self.settings, asked.id)) + b"\n")
                process.stdin.flush()
        return process


def _whole(path: Path, key: SealKey) -> IO[bytes]:
    """The file, opened, once all of it was found to be what was written: nobody gets a part of one that is not. Raises
    OSError, Corrupt."""
    with contextlib.ExitStack() as on_error:
        file = on_error.enter_context(path.open("rb"))
        for _ in sealed.opened(file, key):
            pass
        file.seek(0)
        on_error.pop_all()
        return file


def _closing(file: IO[bytes], pieces: Iterator[bytes]) -> Iterator[bytes]:
    with file:
        yield from pieces

"""Group commit: one thread writes and syncs whatever has gathered while it synced the last lot.

Callers wait for a future, so a sync that costs half a millisecond is shared by all who came meanwhile. Waiting bytes
are bounded: above it, and when the disk has no room, the caller is told at once and nothing is kept.
"""

import asyncio
import queue
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from rapport.adapters.embedded.sqlite import translated
from rapport.kernel.errors import Busy, Full, RapportError


class _File(Protocol):
    path: Path


Item = TypeVar("Item")
File = TypeVar("File", bound=_File)

MAX_WAITING_BYTES = 256 << 20
MIN_FREE_BYTES = 64 << 20
_LARGEST_BATCH = 4096
PACE_S = 0.0025
"""At least so long from one commit's start to the next's: on a quick disk every caller would else get a commit of its
own, and the thread that makes them would take the interpreter from those who answer."""
_CROWD = 4
"""From so many in one commit on, those who come next wait for one another a little longer."""


class GroupCommit(Generic[Item, File]):
    """Writes of many callers as few transactions.

    `open_file` is called in the writer thread; `write(file, items)` must keep all items durably and return the sequence
    number of the last, or raise having kept none. `crowded_pace_s`: the pace while many come at once,
    where a commit costs more than what it keeps.
    """

    def __init__(
        self,
        name: str,
        open_file: Callable[[], File],
        write: Callable[[File, Sequence[Item]], int],
        close: Callable[[File], None],
        written: Callable[[], None] = lambda: None,
        *,
        min_free_bytes: int = MIN_FREE_BYTES,
        crowded_pace_s: float = PACE_S,
    ) -> None:
        self._name = name
        self._crowded_pace = crowded_pace_s
        self._open_file = open_file
        self._write_items = write
        self._close_file = close
        self._written = written
        self._min_free = min_free_bytes
        self._waiting = 0
        self._queue: queue.SimpleQueue[tuple[Item, asyncio.Future[int]] | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name=f"{name}-writer", daemon=True)
        self._thread.start()

    async def submit(self, item: Item, size: int) -> int:
        """Return the item's sequence number once it is synced. Raises Busy or Full."""
        if self._waiting + size > MAX_WAITING_BYTES:
            raise Busy(f"too much is waiting to be written to the {self._name}: send again in a moment")
        future: asyncio.Future[int] = self._loop.create_future()
        self._waiting += size
        self._queue.put((item, future))
        try:
            return await future
        finally:
            self._waiting -= size

    def _run(self) -> None:
        try:
            file = self._open_file()
        except RapportError as error:
            while (waiting := self._queue.get()) is not None:
                self._call(_fail, [waiting], error)
            return
        started, pace = 0.0, PACE_S
        while (first := self._queue.get()) is not None:
            time.sleep(max(0.0, started + pace - time.monotonic()))
            started = time.monotonic()
            batch = [first]
            while len(batch) < _LARGEST_BATCH and not self._queue.empty():
                following = self._queue.get()
                if following is None:
                    self._queue.put(None)
                    break
                batch.append(following)
            pace = PACE_S if len(batch) < _CROWD else self._crowded_pace
            self._write(file, batch)
        self._close_file(file)

    def _write(self, file: File, batch: list[tuple[Item, "asyncio.Future[int]"]]) -> None:
        try:
            self._check_place(file.path.parent)
            last = self._write_items(file, [item for item, _ in batch])
        except RapportError as error:
            self._call(_fail, batch, error)
            return
        except sqlite3.Error as error:
            self._call(_fail, batch, translated(error, file.path))
            return
        except OSError as error:
            self._call(_fail, batch, Full(f"the {self._name} cannot be written: {error.strerror}", retry_after=30))
            return
        except Exception as error:  # noqa: BLE001 (whoever waits is told; and the thread goes on for those who come)
            self._call(_fail, batch, error)
            return
        self._written()
        self._call(_settle, batch, last)

    def _check_place(self, directory: Path) -> None:
        if shutil.disk_usage(directory).free < self._min_free:
            raise Full(f"the disk of the {self._name} is full: nothing was kept", retry_after=30)

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)

    def close(self) -> None:
        """Write what waits, then stop."""
        self._queue.put(None)
        self._thread.join()


def _settle(batch: list[tuple[object, "asyncio.Future[int]"]], last: int) -> None:
    for offset, (_, future) in enumerate(reversed(batch)):
        if not future.done():
            future.set_result(last - offset)


def _fail(batch: list[tuple[object, "asyncio.Future[int]"]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)

"""Looks back on decisions that somebody waits for: one at a time for the whole node, each in a process of its own.

Who asks is told what is known, or how far the look is. What was found is fresh for twenty times as long as it took, and
for ten minutes at most; after that it is still told, with the time as of which it holds, while a newer look is under
way. All of it is asked on one event loop.
"""

import asyncio
import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import msgspec

from rapport.app.looking_job import Line, Orders, Tell
from rapport.app.settings import Settings
from rapport.kernel.errors import BadInput, Busy, NotFound
from rapport.kernel.times import MINUTE, now
from rapport.learn.reviewed import Answered, Other, Review
from rapport.web.retrospects import Looked, Progress

MOST: Final = 20_000
"""Decisions, the newest, that the console looks back on; the command line takes more."""
FRESH: Final = 10 * MINUTE
TIMES: Final = 20
AT_ONCE, OF_ONE = 6, 2
"""So many looks are under way or wait, of all organizations and of one: whoever asks beyond comes back."""
MOST_KEPT: Final = 64
WAIT_S: Final = 2.0
"""So long who asks waits for a quick one."""
MOST_S: Final = 600.0
AGAIN_S: Final = 30
"""So long after one broke off, who waits by itself asks again."""
STOP_S: Final = 5.0
_BROKEN: Final = "the look back broke off: ask again"

Found = Review | Answered
Key = tuple[str, Other | None]
Work = Callable[[Orders, Tell], Found]


class _Look:
    """One that is under way. Its numbers are written by the thread that does it, and read by the loop."""

    def __init__(self) -> None:
        self.begun = False
        self.read, self.of = 0, 0
        self.took = 0
        self.done: Future[Found]

    def tell(self, read: int, of: int) -> None:
        self.read, self.of = read, of


class Processes:
    """Does each look in a process of its own, of which there is one at a time."""

    def __init__(self) -> None:
        self._running: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()

    def look(self, orders: Orders, tell: Tell) -> Found:
        """Raises BadInput, NotFound; Busy where it broke off."""
        if self._stopped.is_set():
            raise Busy(_BROKEN, retry_after=AGAIN_S)
        job = [sys.executable, "-m", "rapport.app.looking_job"]
        with subprocess.Popen(job, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603 (our own)
            self._running = process
            if self._stopped.is_set():  # just now: whoever ended it could not see this one yet
                process.kill()
            end = threading.Timer(MOST_S, process.kill)
            end.start()
            try:
                # Not as an argument: settings may hold a key. And it stays open: where it ends, the process does.
                if process.stdin is not None:
                    with contextlib.suppress(BrokenPipeError):
                        process.stdin.write(msgspec.json.encode(orders) + b"\n")
                        process.stdin.flush()
                return _found(process, tell)
            finally:
                end.cancel()
                process.kill()
                self._running = None

    def close(self) -> None:
        self._stopped.set()
        running = self._running  # it may end by itself in this moment
        if running is not None:
            running.kill()


class Retrospects:
    """Over the ledger of an embedded node. `work`: does one look, in a thread of its own."""

    def __init__(self, settings: Settings, work: Work | None = None, *, wait_s: float = WAIT_S) -> None:
        self._settings = settings
        self._processes = Processes()
        self._work = work or self._processes.look
        self._wait_s = wait_s
        self._thread = ThreadPoolExecutor(1, "looking back")
        self._under_way: dict[Key, _Look] = {}
        self._kept: dict[Key, Found] = {}
        self._fresh: dict[Key, int] = {}
        """Until when (µs)."""

    async def look(self, org: str, other: Other | None = None) -> Looked:
        """What is known of an organization's decisions, or of them made another way. Raises BadInput and NotFound for
        what cannot be asked, Busy where too much is being asked."""
        key = (org, other)
        known = self._kept.get(key)
        if known is None or self._fresh[key] < now():
            try:
                look = self._under_way.get(key) or self._begin(key)
            except Busy:
                if known is None:
                    raise
                return Looked(known)
            if known is None:
                return await self._awaited(key, look)
        with contextlib.suppress(Busy):  # what is known is told all the same
            self._end(key)
        return Looked(self._kept.get(key, known), self._progress(key))

    async def _awaited(self, key: Key, look: _Look) -> Looked:
        waited = asyncio.wrap_future(look.done)
        waited.add_done_callback(lambda it: it.cancelled() or it.exception())  # it is raised where it is kept
        await asyncio.wait({waited}, timeout=self._wait_s)
        self._end(key)
        return Looked(self._kept.get(key), self._progress(key))

    def _begin(self, key: Key) -> _Look:
        for one in list(self._under_way):
            if one != key:
                with contextlib.suppress(BadInput, NotFound, Busy):
                    self._end(one)
        of_one = sum(org == key[0] for org, _ in self._under_way)
        if len(self._under_way) >= AT_ONCE or of_one >= OF_ONE:
            raise Busy("other looks back are under way: ask again in a moment", retry_after=5)
        look = _Look()
        orders = Orders(self._settings, *key[:1], MOST, key[1])
        look.done = self._thread.submit(self._carried_out, orders, look)
        self._under_way[key] = look
        return look

    def _carried_out(self, orders: Orders, look: _Look) -> Found:
        look.begun, began = True, now()
        try:
            return self._work(orders, look.tell)
        except (OSError, msgspec.MsgspecError) as error:
            raise Busy(_BROKEN, retry_after=AGAIN_S) from error
        finally:
            look.took = now() - began

    def _end(self, key: Key) -> None:
        """Keep what was found, where it was. Raises what the look raised."""
        look = self._under_way.get(key)
        if look is None or not look.done.done():
            return
        del self._under_way[key]
        found = look.done.result()
        self._kept.pop(key, None)
        self._kept[key], self._fresh[key] = found, now() + min(FRESH, TIMES * look.took)
        while len(self._kept) > MOST_KEPT:
            oldest = next(iter(self._kept))
            del self._kept[oldest], self._fresh[oldest]

    def _progress(self, key: Key) -> Progress | None:
        look = self._under_way.get(key)
        return None if look is None else Progress(look.read, look.of, not look.begun)

    def close(self) -> None:
        self._processes.close()
        self._thread.shutdown(wait=True, cancel_futures=True)


def _found(process: subprocess.Popen[bytes], tell: Tell) -> Found:
    for raw in process.stdout or ():
        line = msgspec.json.decode(raw, type=Line)
        if line.review is not None:
            return line.review
        if line.answer is not None:
            return line.answer
        if line.message:
            error = NotFound if line.absent else BadInput
            raise error(line.message, code=line.code, field=line.field or None)
        tell(line.read, line.of)
    raise Busy(_BROKEN, retry_after=AGAIN_S)

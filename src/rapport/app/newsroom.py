"""News from the worker: kept for a minute for whoever opens the live page, handed on to those who watch it."""

import asyncio
import contextlib
import socket
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from rapport.kernel.times import SECOND, now

_RECENT = 50
_SECONDS = 120
_WATCHERS_MAX = 256


class Newsroom:
    """The web process's end of the feed. Whatever is not read in time is dropped."""

    def __init__(self, feed: socket.socket | None) -> None:
        self.ready = feed is None
        self.cursor = 0
        self.lag_us: int | None = None
        self.accepted = 0
        self.recent: dict[str, deque[dict[str, Any]]] = defaultdict(lambda: deque(maxlen=_RECENT))
        self.rates: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
        self._watchers: dict[str, set[asyncio.Queue[dict[str, Any]]]] = defaultdict(set)
        self._advanced = asyncio.Condition()
        self._feed = feed
        if feed is not None:
            feed.setblocking(False)
            asyncio.get_running_loop().add_reader(feed, self._receive)

    def _receive(self) -> None:
        assert self._feed is not None  # noqa: S101 (registered only with a feed)
        with contextlib.suppress(BlockingIOError, msgspec.DecodeError):
            while True:
                for item in msgspec.msgpack.decode(self._feed.recv(1 << 20)):
                    self._take(item)

    def _take(self, item: dict[str, Any]) -> None:
        kind = item["kind"]
        if kind == "ready":
            self._come_to(item["cursor"])
        elif kind == "pulse":
            self._come_to(item["cursor"])
            self.lag_us = item["lag"]
            self.accepted += item["events"]
            for org, source, events in item["volumes"]:
                per_second = self.rates[org, source]
                second = item["at"] // SECOND
                per_second[second] = per_second.get(second, 0) + events
                for old in [s for s in per_second if s < second - _SECONDS]:
                    del per_second[old]
        else:
            item.setdefault("at", now())
            self.recent[item["org"]].appendleft(item)
            for watcher in self._watchers[item["org"]]:
                if not watcher.full():
                    watcher.put_nowait(item)

    def _come_to(self, cursor: int) -> None:
        """Whatever says how far the worker is says that it works: this process may be the younger of the two."""
        self.ready = True
        self.cursor = cursor
        asyncio.get_running_loop().create_task(self._advance())

    async def _advance(self) -> None:
        async with self._advanced:
            self._advanced.notify_all()

    async def until(self, cursor: int, timeout_s: float = 5.0) -> bool:
        """Wait until the worker has committed up to a log position; return whether it has."""

        async def reached() -> None:
            async with self._advanced:
                await self._advanced.wait_for(lambda: self.cursor >= cursor)

        try:
            await asyncio.wait_for(reached(), timeout_s)
        except TimeoutError:
            return False
        return True

    async def watch(self, org: str, gather_s: float) -> AsyncIterator[list[dict[str, Any]]]:
        """Items of an organization as they come, those of so many seconds together, oldest first."""
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(_WATCHERS_MAX)
        self._watchers[org].add(queue)
        try:
            while True:
                items = [await queue.get()]
                await asyncio.sleep(gather_s)
                while not queue.empty():
                    items.append(queue.get_nowait())
                yield items
        finally:
            self._watchers[org].discard(queue)

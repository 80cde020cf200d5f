"""Back-pressure: when too much of the log still waits for the worker, senders are told to come back later."""

from collections import deque
from collections.abc import Callable

from rapport.kernel.errors import Full
from rapport.kernel.ports import Log, LogEntry


class LimitedLog:
    """A Log that refuses more while over `limit` bytes appended here are not yet committed by the worker.

    `cursor` tells how far the worker is. What was waiting before this process started, or was appended by the command
    line, is not counted: the limit is there to bound a flood, not to account for a disk.
    """

    def __init__(self, log: Log, limit: int, cursor: Callable[[], int]) -> None:
        self._log = log
        self._limit = limit
        self._cursor = cursor
        self._waiting: deque[tuple[int, int]] = deque()
        self._bytes = 0

    async def append(self, entry: LogEntry) -> int:
        cursor = self._cursor()
        while self._waiting and self._waiting[0][0] <= cursor:
            self._bytes -= self._waiting.popleft()[1]
        size = len(entry.body)
        if self._bytes + size > self._limit:
            raise Full("the log is full: the worker is far behind, send again later", retry_after=5)
        seq = await self._log.append(entry)
        self._waiting.append((seq, size))
        self._bytes += size
        return seq

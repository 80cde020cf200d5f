"""Saying something through the log, and waiting until readers see it: in the node, and on the command line."""

from typing import Protocol

from rapport.adapters.embedded.log import GroupCommitLog
from rapport.app import embedded
from rapport.app.newsroom import Newsroom
from rapport.app.settings import Settings
from rapport.app.waiting import wait_for
from rapport.kernel.errors import Busy
from rapport.kernel.ports import LogEntry


class Saying(Protocol):
    async def say(self, entry: LogEntry) -> None:
        """Write to the log; return once readers see it. Raises Busy where that takes too long."""


class NodeSaying:
    """In the web process, beside the worker that takes it in."""

    def __init__(self, entries: GroupCommitLog, newsroom: Newsroom) -> None:
        self._log = entries
        self._newsroom = newsroom

    async def say(self, entry: LogEntry) -> None:
        seq = await self._log.append(entry)
        if not await self._newsroom.until(seq):
            raise Busy("it was taken in and will hold soon, but readers do not see it yet", retry_after=2)


class DirectSaying:
    """On the command line, beside a running node or without one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def say(self, entry: LogEntry) -> None:
        entries = embedded.open_log(self._settings)
        try:
            seq = entries.append([entry])
        finally:
            entries.close()
        wait_for(self._settings, seq)

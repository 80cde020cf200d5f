"""Inboxes that are open in some browser: one look at the ledger for all of them, every LOOK_SECONDS.

Whoever leaves a page open costs the node next to nothing, and no more than so many may: of one person a few pages, of
all of them less than a process may have connections.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Final

from rapport.kernel.errors import Busy, TooMany
from rapport.web.portal.inbox_desk import News

log: Final = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
OF_ONE: Final = 8
OF_ALL: Final = 500
AGAIN_S: Final = 60
"""After so long whoever found no place tries again."""
_AT_ONCE: Final = 32
"""So many persons are asked about before others of this process have their turn."""


class Open:
    """One inbox that is open. `news`: as it was last."""

    def __init__(self, news: News) -> None:
        self.news = news
        self._changed = asyncio.Event()

    async def changed(self, seconds: float) -> None:
        """Wait until there is news, and not longer than this."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)
        self._changed.clear()

    def tell(self, news: News) -> None:
        if news != self.news:
            self.news = news
            self._changed.set()


class OpenInboxes:
    """Of one process, used on its event loop. `news_of`: of a person, by their handle."""

    def __init__(self, news_of: Callable[[str], News]) -> None:
        self._news_of = news_of
        self._open: dict[str, list[Open]] = {}
        self._looking: asyncio.Task[None] | None = None

    def expect_place(self, person: str) -> None:
        """Raises TooMany where this person has too many open, Busy where all have."""
        if len(self._open.get(person, ())) >= OF_ONE:
            message = "Your inbox is open too often: close it in another window. It is kept up to date there."
            raise TooMany(message, retry_after=AGAIN_S)
        if sum(map(len, self._open.values())) >= OF_ALL:
            message = "Too many inboxes are open: this one is not kept up to date. Load it again to see what came."
            raise Busy(message, retry_after=AGAIN_S)

    @contextlib.contextmanager
    def opened(self, person: str) -> Iterator[Open]:
        """Meanwhile, an inbox is open. Raises as `expect_place` does."""
        self.expect_place(person)
        one = Open(self._news_of(person))
        self._open.setdefault(person, []).append(one)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look())
        try:
            yield one
        finally:
            self._open[person].remove(one)
            if not self._open[person]:
                del self._open[person]

    async def _look(self) -> None:
        """As long as any is open."""
        while self._open:
            await asyncio.sleep(LOOK_SECONDS)
            for number, person in enumerate(list(self._open), 1):
                self._tell(person)
                if number % _AT_ONCE == 0:
                    await asyncio.sleep(0)

    def _tell(self, person: str) -> None:
        if person in self._open:
            try:
                news = self._news_of(person)
            except Exception as error:  # noqa: BLE001 (what cannot be read now is read at the next look)
                log.warning("the news of an inbox could not be read: %s", type(error).__name__)
                return
            for one in self._open[person]:
                one.tell(news)

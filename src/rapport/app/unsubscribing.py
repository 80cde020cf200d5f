"""Unsubscribing on a node: it holds at once, for the blinded address alone, and comes back as an event.

The event is told where the customer is still there, is the only one with that address, and none of it was erased; the
stop holds in any case.
"""

import asyncio
import threading
from collections.abc import Callable

from rapport.act.messages import Unsubscribing
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.messages import MessageBook
from rapport.adapters.embedded.people import PeopleFile
from rapport.collect.unsubscribed import Unsubscribed, unsubscribed_entry
from rapport.kernel.errors import Busy
from rapport.kernel.keys import digest16
from rapport.kernel.ports import Log
from rapport.kernel.times import now
from rapport.profile.store import ProfileReader
from rapport.web.unsubscribe.routes import State, absent


class HouseUnsubscribing:
    """The Unsubscribing of an embedded node; `people` and `reader` are of the caller's thread, writing is done in
    others."""

    def __init__(
        self, open_file: Callable[[], LedgerFile], people: PeopleFile, reader: ProfileReader, log: Log
    ) -> None:
        self._open = open_file
        self._people = people
        self._reader = reader
        self._log = log
        self._messages = MessageBook(people.ledger)
        self._turn = threading.Lock()
        self._ledger: LedgerFile | None = None

    async def session(self, token: str) -> None:
        del token

    async def state(self, token: str) -> State:
        said = self._said(token)
        return State(self._people.name_of(said.org), self._messages.is_out(said))

    async def stop(self, token: str) -> State:
        said = self._said(token)
        if await asyncio.to_thread(self._written, MessageBook.unsubscribe, said):
            await self._tell(said)
        return State(self._people.name_of(said.org), stopped=True)

    async def again(self, token: str) -> State:
        said = self._said(token)
        await asyncio.to_thread(self._written, MessageBook.again, said)
        return State(self._people.name_of(said.org), stopped=False)

    def _said(self, token: str) -> Unsubscribing:
        said = self._messages.said(token)
        if said is None or not self._people.ledger.has_org(said.org):
            raise absent()
        return said

    def _written(self, step: Callable[[MessageBook, Unsubscribing], bool], said: Unsubscribing) -> bool:
        with self._turn:
            if self._ledger is None:
                self._ledger = self._open()
            return step(MessageBook(self._ledger), said)

    async def _tell(self, said: Unsubscribing) -> None:
        """Let it be seen on the customer, once each time that it is new."""
        message = self._messages.message(said.org, said.decision)
        if message is None:
            return
        with self._reader.snapshot():
            there = self._reader.by_identifier(said.org, "email", message.to)
        if len(there) != 1:
            return
        at = now()
        name = "uns_" + digest16(said.decision.encode(), at.to_bytes(8, "big")).hex()
        entry = unsubscribed_entry(said.org, Unsubscribed(name, message.to, at, said.decision), at)
        try:
            await self._log.append(entry)
        except Busy:
            # It holds; that nobody reads of it is the lesser evil than to answer that it failed.
            return

    def close(self) -> None:
        with self._turn:
            if self._ledger is not None:
                self._ledger.close()
                self._ledger = None

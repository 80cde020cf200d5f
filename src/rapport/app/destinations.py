"""Destinations, as the API, the console and the command line define and look after them."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from rapport.act import letters
from rapport.act.activation import Delivery, Destination, Health, Tried, Wish, checked
from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.decide_rows import MIGRATIONS
from rapport.adapters.embedded.destination_queue import DestinationQueue
from rapport.adapters.embedded.destinations import DestinationBook
from rapport.adapters.embedded.exports import ExportBook
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.sqlite import connect, translating
from rapport.adapters.http.sending import send
from rapport.app import embedded
from rapport.app.destination_files import MOST_LOOKED_AT, ask_file, health_of_files
from rapport.app.membership import check_audience, check_columns
from rapport.app.settings import Settings
from rapport.kernel import ids
from rapport.kernel.errors import BadInput, Busy, Conflict
from rapport.kernel.times import now
from rapport.terms.exports import Export
from rapport.terms.policy import promise_for

Answer = TypeVar("Answer")
MOST_TRIALS = 2
"""At a time, each of another organization: whoever does not answer holds a thread for ten seconds."""


class Placed(NamedTuple):
    """A destination that was put. `secret`: one that was made for it, told this once; `fresh`: it was not there;
    `warnings`: why nothing may come of it, in words."""

    destination: Destination
    health: Health
    secret: str | None
    fresh: bool
    warnings: tuple[str, ...]


class Destinations:
    """Over one ledger connection and one to decide.db; used by one thread at a time."""

    def __init__(self, settings: Settings, ledger: LedgerFile) -> None:
        self._settings = settings
        self._ledger = ledger
        self._book = DestinationBook(ledger)
        self._definitions = Definitions(ledger)
        self._exports = ExportBook(ledger)
        path = settings.directory / "decide.db"
        self._queue = DestinationQueue(connect(path, MIGRATIONS, durable=True, cache_mb=4), path)

    def put(self, org: str, name: str, wish: Wish) -> Placed:
        """Make a destination, or change it. Raises BadInput, NotFound for an unknown organization, Conflict where there
        are too many."""
        right = checked(name, wish, private=self._settings.private_destinations)
        self._check_audience(org, right)
        warnings = self._check_promise(org, right)
        before = {one.name: one for one in self._book.of_org(org)}.get(name)
        made, secret = self._book.put(org, name, right)
        if before is not None and before.number != made.number:
            self._queue.end(before.number)
        return Placed(made, self._health(made), secret, before is None, warnings)

    def _check_audience(self, org: str, wish: Wish) -> None:
        if wish.audience is not None:
            check_audience(self._definitions, org, wish.audience, wish.purpose)
        if wish.kind == "file":
            check_columns(wish.fields)

    def _check_promise(self, org: str, wish: Wish) -> tuple[str, ...]:
        promise = promise_for(embedded.open_promises(self._settings, self._ledger).standing(org), wish.purpose)
        promised = () if promise is None else promise.recipients or ()
        if wish.recipient and wish.recipient not in promised:
            named = f"it names {', '.join(promised)}" if promised else "it names nobody"
            message = (
                f"the declaration does not name {wish.recipient[:100]!r} as a recipient for {wish.purpose}: {named}"
            )
            raise BadInput(message, code="unknown_recipient", field="recipient")
        if promise is None:
            return (f"your declaration promises nothing for {wish.purpose}: nobody can be read for it",)
        return ()

    def listed(self, org: str) -> list[tuple[Destination, Health]]:
        found = self._book.of_org(org)
        exports = self._exports.of_org(org, limit=MOST_LOOKED_AT) if any(one.kind == "file" for one in found) else []
        return [(one, self._health(one, exports)) for one in found]

    def _health(self, one: Destination, exports: Sequence[Export] | None = None) -> Health:
        if one.kind != "file":
            return self._queue.health(one.number)
        return health_of_files(self._exports.of_org(one.org, limit=MOST_LOOKED_AT) if exports is None else exports, one)

    def named(self, org: str, name: str) -> tuple[Destination, Health]:
        """Raises NotFound."""
        one = self._book.named(org, name)
        return one, self._health(one)

    def remove(self, org: str, name: str) -> None:
        """What waits for it is let go; who was handed over and withdraws later is still deleted there. Raises
        NotFound."""
        self._queue.end(self._book.remove(org, name).number)

    def failures(self, org: str, name: str, cursor: str | None, limit: int) -> tuple[list[Delivery], str | None]:
        """Dead letters, the newest first, and the cursor of the next page. Raises NotFound, BadInput."""
        one = self._book.named(org, name)
        found = self._queue.failures(one.number, cursor, limit + 1)
        following = found[limit - 1].id if len(found) > limit else None
        return found[:limit], following

    def replay(self, org: str, name: str, handle: str | None) -> int:
        """Raises NotFound."""
        return self._queue.replay(self._book.named(org, name).number, handle)

    def address(self, org: str, name: str) -> tuple[Destination, str | None]:
        """A destination that is sent to, with its secret. Raises NotFound, Conflict where it is a file."""
        one = self._book.named(org, name)
        if one.kind == "file":
            raise Conflict("this destination is a file: nothing is sent to it", code="no_address")
        return one, self._book.secret(one.number)

    def trial(self, org: str, name: str) -> Tried:
        """Raises NotFound, Conflict where it is a file."""
        one, secret = self.address(org, name)
        came = sent_trial(self._settings, one, secret)
        self.tried(one, came)
        return came

    def tried(self, one: Destination, came: Tried) -> None:
        """A destination that takes things again rests no longer."""
        if not came.error:
            self._queue.hurry(one.number)

    def audiences(self, org: str) -> list[tuple[str, str]]:
        return [(one.name, one.purpose) for one in self._definitions.audiences(org)]

    def make(self, org: str, name: str) -> Export:
        """Ask for a file. Raises NotFound, Conflict where it is none or too many are kept, Busy where too many wait."""
        one = self._book.named(org, name)
        if one.kind != "file":
            raise Conflict("this destination is sent to: it has no file", code="no_file")
        return ask_file(self._exports, self._book, one)

    def pause(self, org: str, name: str) -> None:
        """Raises NotFound."""
        self._book.pause(self._book.named(org, name).number)

    def resume(self, org: str, name: str) -> None:
        """What waits is tried at once, also where it rests. Raises NotFound."""
        number = self._book.named(org, name).number
        self._book.resume(number)
        self._queue.hurry(number)

    def close(self) -> None:
        self._queue.close()
        self._ledger.close()


def sent_trial(settings: Settings, one: Destination, secret: str | None) -> Tried:
    """Send a message of nobody, as anything else would be sent."""
    at = now()
    dressed = letters.dressed(one, secret, [letters.trial(ids.fresh("msg"), at)], settings.url, at)
    began = time.monotonic()
    answer = send(one.url, dressed.body, dressed.headers, private=settings.private_destinations)
    took = round((time.monotonic() - began) * 1000)
    return Tried(answer.status, took, "" if answer.taken else answer.why_not)


def open_destinations(settings: Settings) -> Destinations:
    return Destinations(settings, embedded.open_ledger(settings))


class HouseDestinations:
    """The same for a process that answers requests: each waits for the disk in a thread, one at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._turn = threading.Lock()
        self._trying: set[str] = set()
        self._destinations: Destinations | None = None

    async def put(self, org: str, name: str, wish: Wish) -> Placed:
        return await self._with(lambda desk: desk.put(org, name, wish))

    async def listed(self, org: str) -> list[tuple[Destination, Health]]:
        return await self._with(lambda desk: desk.listed(org))

    async def named(self, org: str, name: str) -> tuple[Destination, Health]:
        return await self._with(lambda desk: desk.named(org, name))

    async def remove(self, org: str, name: str) -> None:
        await self._with(lambda desk: desk.remove(org, name))

    async def failures(self, org: str, name: str, cursor: str | None, limit: int) -> tuple[list[Delivery], str | None]:
        return await self._with(lambda desk: desk.failures(org, name, cursor, limit))

    async def replay(self, org: str, name: str, handle: str | None) -> int:
        return await self._with(lambda desk: desk.replay(org, name, handle))

    async def trial(self, org: str, name: str) -> Tried:
        one, secret = await self._with(lambda desk: desk.address(org, name))
        if org in self._trying or len(self._trying) >= MOST_TRIALS:
            raise Busy("another destination is being tried: ask again in a moment")
        self._trying.add(org)
        try:
            came = await asyncio.to_thread(sent_trial, self._settings, one, secret)
        finally:
            self._trying.discard(org)
        await self._with(lambda desk: desk.tried(one, came))
        return came

    async def audiences(self, org: str) -> list[tuple[str, str]]:
        return await self._with(lambda desk: desk.audiences(org))

    async def make(self, org: str, name: str) -> Export:
        return await self._with(lambda desk: desk.make(org, name))

    async def pause(self, org: str, name: str) -> None:
        await self._with(lambda desk: desk.pause(org, name))

    async def resume(self, org: str, name: str) -> None:
        await self._with(lambda desk: desk.resume(org, name))

    async def _with(self, work: Callable[[Destinations], Answer]) -> Answer:
        def worked() -> Answer:
            with self._turn:
                if self._destinations is None:
                    self._destinations = open_destinations(self._settings)
                with translating(self._settings.directory / "ledger.db"):
                    return work(self._destinations)

        return await asyncio.to_thread(worked)

    def close(self) -> None:
        with self._turn:
            if self._destinations is not None:
                self._destinations.close()
                self._destinations = None

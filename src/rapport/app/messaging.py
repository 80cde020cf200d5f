"""Sending messages: a thread of the web process that hands over what decisions put in, and notes what came of it.

It alone holds the ledger; what goes out goes in threads of their own, for each organization and way one at a time, so
that a mail server that hangs, or a machine that is gone, delays nothing but its own; what a server puts off for one
address alone delays no other address. Just before anything is handed over it is asked whether it still may
(`reaching`).

Nothing is noted before an answer came, and the next is handed over only once the last is noted: after a kill, at most
the one that was on its way of each organization and way is handed over again, under the same id.
"""

import asyncio
import logging
import queue
import random
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, ClassVar, Final, NamedTuple

from rapport.act.delivery import wait_of
from rapport.act.mail import Sender
from rapport.act.messages import Came, Hook, Message, Step, Way, step
from rapport.adapters.embedded.channels import ChannelBook
from rapport.adapters.embedded.messages import MessageBook, Place
from rapport.adapters.http.posting import HookWay
from rapport.adapters.mail import read_url
from rapport.adapters.mail.posting import MailWay
from rapport.app import embedded
from rapport.app.ledger_thread import LedgerThread
from rapport.app.reaching import SHAPES, Reaching
from rapport.app.receipting import DirectReceipts
from rapport.app.settings import Settings
from rapport.kernel.errors import Busy
from rapport.kernel.times import SECOND, now
from rapport.terms.carrying_out import CarryingOut

CHECK_S: Final = 0.05
TOGETHER: Final = 32
"""Organizations and ways that are sent by at once."""
FOR_THE_WELL: Final = 8
"""Of these so many are kept for those that went well last time: any number that hang cannot take them."""
IDLE_S: Final = 10.0
"""How long a way that nothing waits for is held open."""
SWEEP_S: Final = 3600.0
GOODBYE_S: Final = 0.5
NOT_SET_UP: Final = "this channel is not set up any more"
UNSENT: Final = "this node could not send it"
UNASKED: Final = "this node could not tell whether it still may be sent"
Ways = Callable[[Settings, Place, Any], Way]


class _Rest(NamedTuple):
    """`until`: as `time.monotonic`, which nobody sets."""

    failures: int = 0
    until: float = 0.0


class _Held(NamedTuple):
    """A way that is held open, as its organization set it up."""

    how: Sender | Hook
    way: Way
    used_at: float


def way_of(settings: Settings, place: Place, how: Sender | Hook) -> Way:
    """The way of a channel, as an organization set it up."""
    del place
    if isinstance(how, Hook):
        return HookWay(how, private=settings.private_destinations)
    return MailWay(read_url(settings.smtp), how, settings.url)


class _Desk:
    """What is looked up and noted, over connections of its own."""

    def __init__(self, settings: Settings, ends: ExitStack) -> None:
        ledger = embedded.open_ledger(settings)
        ends.callback(ledger.close)
        receipts = embedded.open_ledger(settings)
        ends.callback(receipts.close)
        reader = embedded.open_reader(settings, embedded.Sources(ledger).by_name)
        ends.callback(reader.close)
        people = embedded.open_people(settings, ledger)
        self.messages = MessageBook(ledger)
        self._channels = ChannelBook(ledger)
        self._reaching = Reaching(settings, people, reader)
        self._use = CarryingOut(reader, people, DirectReceipts(receipts), secret=ledger.keys.secret("asked"))
        self._runner = ends.enter_context(asyncio.Runner())

    def how(self, place: Place) -> Sender | Hook | None:
        return self._channels.read(*place, SHAPES[place[1]])

    def still(self, message: Message) -> Step | None:
        return self._runner.run(self._reaching.still(self._use, message))


class Messenger(LedgerThread):
    """Sends whatever any process decided. What is on its way as it ends is sent again by whoever comes next."""

    name: ClassVar[str] = "messenger"
    log: ClassVar[logging.Logger] = logging.getLogger(__name__)
    trouble: ClassVar[str] = "messages could not be sent"

    def __init__(self, settings: Settings, *, check_s: float = CHECK_S, ways: Ways = way_of) -> None:
        super().__init__(settings, check_s)
        self._ways = ways
        self._busy: set[Place] = set()
        self._held: dict[Place, _Held] = {}
        self._resting: dict[Place, _Rest] = {}
        self._back: queue.SimpleQueue[tuple[Place, Message, Came]] = queue.SimpleQueue()
        self._unnoted: list[tuple[Place, Message, Came]] = []
        """What came back and is still to be noted: where that fails, it is noted in the next round."""
        self._swept: float | None = None
        self.begin()

    def watch(self) -> None:
        with ExitStack() as ends:
            desk = _Desk(self.settings, ends)
            ends.callback(self._let_all_go)
            while not self.stopped:
                self._gather(desk)
                self._start(desk)
                self._let_go()
                if self._swept is None or time.monotonic() - self._swept > SWEEP_S:
                    more = desk.messages.sweep(now())
                    self._swept = None if more else time.monotonic()
                self.pause()

    # -- there

    def _start(self, desk: _Desk) -> None:
        """Begin with whatever is due: first where all is well."""
        at, moment = now(), time.monotonic()
        free = [place for place in desk.messages.places() if place not in self._busy]
        for place in sorted(free, key=lambda one: one in self._resting):
            rest = self._resting.get(place)
            if len(self._busy) >= (TOGETHER if rest is None else TOGETHER - FOR_THE_WELL):
                return
            if rest is None or rest.until <= moment:
                try:
                    self._begin(desk, place, at)
                except Busy:
                    raise
                except Exception as error:  # what nobody thought of keeps no other organization or way waiting
                    self.log.exception("nothing was sent by one way: %s", type(error).__name__)
                    self._rest(place)

    def _begin(self, desk: _Desk, place: Place, at: int) -> None:
        """Hand over the first there that still may leave."""
        while (message := desk.messages.due(place, at)) is not None:
            way = self._way(desk, place)
            if isinstance(way, Step):
                desk.messages.note(message, way, tried=False)
                continue
            if way is None:
                self._rest(place)
                return
            try:
                against = desk.still(message)
            except Busy:  # terms change faster than anybody could read by them: in the next round
                return
            except Exception as error:  # nor any message behind it
                self.log.exception("a message waits longer: %s", type(error).__name__)
                desk.messages.note(message, step(message, Came("later", UNASKED), at, random.random()))
                continue
            if against is None:
                self._busy.add(place)
                one = threading.Thread(target=self._one, args=(place, way, message), name="message", daemon=True)
                one.start()
                return
            desk.messages.note(message, against, tried=False)

    def _way(self, desk: _Desk, place: Place) -> Way | Step | None:
        """The way as it is set up now; what becomes of messages where it is not; None where the node has no server."""
        how = desk.how(place)
        if how is None:
            return Step("failed", NOT_SET_UP)
        if place[1] == "email" and not self.settings.smtp:
            return None
        held = self._held.pop(place, None)
        if held is not None and held.how != how:
            self._close(held.way)
            held = None
        way = self._ways(self.settings, place, how) if held is None else held.way
        self._held[place] = _Held(how, way, time.monotonic())
        return way

    def _one(self, place: Place, way: Way, message: Message) -> None:
        came = Came("later", UNSENT)
        try:
            came = way.send(message)
        except Exception as error:  # noqa: BLE001 (what nobody thought of puts off this message alone, and is told)
            # Without its own message, which may hold an address.
            self.log.error("a message was not sent, and will be tried again: %s", type(error).__name__)  # noqa: TRY400
        finally:
            self._back.put((place, message, came))
            self.wake()

    # -- and back

    def _gather(self, desk: _Desk) -> None:
        while not self._back.empty():
            self._unnoted.append(self._back.get())
        while self._unnoted:
            place, message, came = self._unnoted[0]
            self._note(desk, place, message, came)
            self._unnoted.pop(0)
            self._busy.discard(place)

    def _note(self, desk: _Desk, place: Place, message: Message, came: Came) -> None:
        at = now()
        desk.messages.note(message, step(message, came, at, random.random()))
        if came.ill:
            self._rest(place)
        else:
            self._resting.pop(place, None)

    def _rest(self, place: Place) -> None:
        failures = self._resting.get(place, _Rest()).failures + 1
        self._resting[place] = _Rest(failures, time.monotonic() + wait_of(failures, random.random()) / SECOND)

    def _let_go(self) -> None:
        """Close ways that nothing went by for a while."""
        idle = time.monotonic() - IDLE_S
        for place in [one for one, held in self._held.items() if held.used_at < idle and one not in self._busy]:
            self._close(self._held.pop(place).way)

    def _let_all_go(self) -> None:
        free = [place for place in self._held if place not in self._busy]
        for goodbye in [self._close(self._held.pop(place).way) for place in free]:
            goodbye.join(GOODBYE_S)

    def _close(self, way: Way) -> threading.Thread:
        # A server may take its time to say goodbye.
        goodbye = threading.Thread(target=way.close, name="message", daemon=True)
        goodbye.start()
        return goodbye

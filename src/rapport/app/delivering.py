"""Delivering: a thread of the web process that sends what is in the outbox, and notes what came of it.

It alone holds the ledger; each request runs in a thread of its own, one at a time for a destination, so that whoever is
slow delays nobody but himself. A destination that failed rests, longer each time, with all that waits for it.

Nothing is noted before an answer came: after a kill whatever was on its way is sent again, under the same id.
"""

import logging
import queue
import random
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import msgspec

from rapport.act import demands, sms, webhooks
from rapport.act.delivery import Answer, Delivery, Dressed, wait_of
from rapport.adapters.embedded import agent_requests
from rapport.adapters.embedded.demands import DemandFile
from rapport.adapters.embedded.outbox import AT_ONCE, OutboxFile, Place
from rapport.adapters.embedded.webhooks import WebhookFile
from rapport.adapters.http.sending import send
from rapport.app.agents import StatusLetters
from rapport.app.correction_letters import CorrectionLetters
from rapport.app.demanding import DemandLetters
from rapport.app.embedded import open_ledger
from rapport.app.ledger_thread import LedgerThread
from rapport.app.settings import Settings
from rapport.kernel.errors import Corrupt, NotFound
from rapport.kernel.times import HOUR, now

CHECK_S = 1.0
TOGETHER = 32
"""Requests at once, to as many destinations."""
FOR_THE_WELL = 8
"""Of these so many are kept for destinations that answered last time: any number that hang cannot take them."""


class Send(Protocol):
    def __call__(self, url: str, body: bytes, headers: Mapping[str, str], *, private: bool = False) -> Answer: ...


class _Rest(NamedTuple):
    failures: int
    until: int


class _Desk(NamedTuple):
    """What is done about each kind of delivery, over one ledger connection."""

    outbox: OutboxFile
    dress: Mapping[str, Callable[[Delivery, bytes], Dressed]]
    taken: Mapping[str, Callable[[Delivery, Answer], None]]
    sweep: Callable[[int], None]


def _open_desk(settings: Settings) -> tuple[_Desk, Callable[[], None]]:
    ledger = open_ledger(settings)
    outbox = OutboxFile(ledger)
    asked = DemandFile(ledger, outbox)
    letters = DemandLetters(settings, ledger)
    dress: dict[str, Callable[[Delivery, bytes], Dressed]] = {
        webhooks.KIND: CorrectionLetters(settings, ledger, WebhookFile(ledger, outbox).dress).dress,
        demands.KIND: letters.dress,
        agent_requests.KIND: StatusLetters().dress,
        sms.KIND: lambda delivery, body: sms.dressed(delivery, body, settings.sms_secret, now()),
    }

    def sweep(at: int) -> None:
        outbox.sweep(at)
        asked.sweep(at)

    return _Desk(outbox, dress, {demands.KIND: asked.answered}, sweep), ledger.close


class Deliverer(LedgerThread):
    """Sends whatever any process puts into the outbox. What is on its way as it ends is sent again by whoever comes
    next."""

    name = "deliverer"
    log = logging.getLogger("rapport.delivering")
    trouble = "deliveries could not be sent"

    def __init__(self, settings: Settings, *, check_s: float = CHECK_S, sending: Send = send) -> None:
        super().__init__(settings, check_s)
        self._send = sending
        self._busy: set[Place] = set()
        self._resting: dict[Place, _Rest] = {}
        self._back: queue.SimpleQueue[tuple[Delivery, Answer]] = queue.SimpleQueue()
        self._swept = 0
        self.begin()

    def watch(self) -> None:
        desk, close = _open_desk(self.settings)
        try:
            while not self.stopped:
                self._gather(desk)
                self._start(desk)
                if now() - self._swept > HOUR:
                    desk.sweep(now())
                    self._swept = now()
                self.pause()
        finally:
            close()

    # -- there

    def _start(self, desk: _Desk) -> None:
        """Begin with whatever is due: first where all is well, and there the longest due first."""
        at = now()
        free = [place for place in desk.outbox.places() if place not in self._busy]
        due = [(place, found) for place in free if (found := desk.outbox.due(place, at)) is not None]
        well = _Rest(0, 0)
        for place, delivery in sorted(due, key=lambda one: (one[0] in self._resting, one[1].next_at)):
            rest = self._resting.get(place, well)
            if len(self._busy) >= (TOGETHER if rest is well else TOGETHER - FOR_THE_WELL):
                return
            if rest.until <= at or delivery.next_at == AT_ONCE:
                self._begin(desk, place, delivery)

    def _begin(self, desk: _Desk, place: Place, delivery: Delivery) -> None:
        try:
            body = desk.outbox.body(delivery)
            dressed = None if body is None else desk.dress[delivery.kind](delivery, body)
        except NotFound as error:
            desk.outbox.drop(delivery, error.message)
            return
        except (KeyError, Corrupt, msgspec.MsgspecError):
            # One that cannot be read, or is of a newer version's, must not stop those behind it.
            desk.outbox.fail(delivery, "this node cannot read what it is to send")
            return
        if dressed is None:
            desk.outbox.drop(delivery, "what it told of was erased")
            return
        self._busy.add(place)
        one = threading.Thread(target=self._one, args=(delivery, dressed), name="delivery", daemon=True)
        one.start()

    def _one(self, delivery: Delivery, dressed: Dressed) -> None:
        answer = Answer(0, error="the node could not send it")
        try:
            answer = self._send(delivery.url, dressed.body, dressed.headers, private=self.settings.private_destinations)
        finally:
            self._back.put((delivery, answer))
            self.wake()

    # -- and back

    def _gather(self, desk: _Desk) -> None:
        """Note what came back, together: a disk syncs ten notes as fast as one."""
        back = [self._back.get() for _ in range(min(self._back.qsize(), TOGETHER))]
        self._busy.difference_update((delivery.org, delivery.url) for delivery, _ in back)
        if back:
            with desk.outbox.together():
                for delivery, answer in back:
                    self._note(desk, delivery, answer)

    def _note(self, desk: _Desk, delivery: Delivery, answer: Answer) -> None:
        place = (delivery.org, delivery.url)
        if answer.taken:
            self._resting.pop(place, None)
            taken = desk.taken.get(delivery.kind)
            desk.outbox.done(delivery, lambda: taken(delivery, answer) if taken is not None else None)
            return
        at, luck = now(), random.random()
        failures = self._resting.get(place, _Rest(0, 0)).failures + 1
        self._resting[place] = _Rest(failures, at + wait_of(failures, luck))
        desk.outbox.tried(delivery, answer, at + wait_of(delivery.tries + 1, luck))

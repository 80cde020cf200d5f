"""Activating: a thread that sends what waits in the queues of destinations, and notes what came of it.

It alone holds the queues' and the ledger's connections; each destination's requests run in threads of their own, so
that whoever hangs or fails delays nobody but himself. What a delivery says is read through the gate just before it
leaves: so few are read at a time that the last of them leaves within a quarter of a second, else it is read anew.

Nothing is noted before an answer came, and a destination is sent the next only once what came of the last is on the
disk: after a kill, at most what was on its way is sent again (by default one delivery, or one batch), under the same
id. A second look goes to those who were handed over: whoever may not be read any more is deleted there.
"""

import logging
import queue
import random
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import NamedTuple, Protocol

import msgspec

from rapport.act import letters
from rapport.act.activation import Delivery, Destination
from rapport.act.delivery import GIVE_UP, Answer, Dressed, is_over, wait_of
from rapport.adapters.embedded.decide_rows import MIGRATIONS
from rapport.adapters.embedded.destination_queue import AT_ONCE, DestinationQueue
from rapport.adapters.embedded.sqlite import connect
from rapport.adapters.http.sending import send
from rapport.app.handing import Desk, Paused, Ready
from rapport.app.ledger_thread import LedgerThread
from rapport.app.settings import Settings
from rapport.kernel.errors import Busy, Full, RapportError
from rapport.kernel.times import HOUR, MINUTE, SECOND, now

CHECK_S = 0.05
FRESH_S = 0.25
"""How old what was read may be when it leaves."""
TOGETHER = 48
"""Destinations that are sent to at once."""
FOR_THE_WELL = 16
"""Of these so many are kept for destinations that answered last time: any number that hang cannot take them."""
MOST_READ = 64
RECHECKED = 50
"""How many of those who were handed over are looked at again between two rounds of sending."""
RECHECK_EVERY = 10 * MINUTE
"""How often all of them are, whatever happened: consent may come to its end by time alone."""
MOST_REMEMBERED = 50_000
LONGEST_ASKED_WAIT = HOUR
"""How long a destination may ask us to wait."""
REFUSED_TRIES = 5
"""How often a delivery is tried that the destination calls wrong."""
_GIVEN_UP = "given up: the destination did not take anything for days"
_GONE = "the destination says that it is gone (410): resume it once it is there again"
_WRONG = {400, 409, 413, 415, 422}
"""Answers about what was sent, and not about the destination: others go on."""


class Send(Protocol):
    def __call__(self, url: str, body: bytes, headers: dict[str, str], *, private: bool = False) -> Answer: ...


class _Rest(NamedTuple):
    failures: int
    until: int


class _Pace(NamedTuple):
    """How fast a destination is: seconds that a request took lately, when it may be sent the next (µs), and how many
    deliveries are to be sent one by one, since a batch with them was called wrong."""

    took: float = FRESH_S / 2
    free_at: int = 0
    alone: int = 0


class _Packet(NamedTuple):
    """Deliveries in one request."""

    deliveries: tuple[Delivery, ...]
    dressed: Dressed


class _Came(NamedTuple):
    """What came of a packet; `noted` is set once that is on the disk."""

    destination: Destination
    packet: _Packet
    answer: Answer
    took: float
    noted: threading.Event


class Activator(LedgerThread):
    """Sends whatever any process puts into the queues. What is on its way as it ends is sent again by whoever comes
    next."""

    name = "activator"
    log = logging.getLogger("rapport.activating")
    trouble = "destinations could not be sent to"

    def __init__(self, settings: Settings, *, check_s: float = CHECK_S, sending: Send = send) -> None:
        super().__init__(settings, check_s)
        self._send = sending
        self._busy: set[int] = set()
        self._resting: dict[int, _Rest] = {}
        self._pace: dict[int, _Pace] = {}
        self._back: queue.SimpleQueue[_Came | int] = queue.SimpleQueue()
        self._swept = 0
        self._look = _Look()
        self.begin()

    def watch(self) -> None:
        with ExitStack() as ends:
            path = self.settings.directory / "decide.db"
            box = DestinationQueue(connect(path, MIGRATIONS, durable=True, cache_mb=8), path)
            ends.callback(box.close)
            desk = Desk(self.settings, box, ends)
            while not self.stopped:
                self._gather(desk)
                self._start(desk)
                more = self._look.go_on(desk)
                if now() - self._swept > HOUR:
                    box.sweep(now())
                    desk.book.forget_ended()
                    self._swept = now()
                self.pause(0.0 if more else None)

    # -- there

    def _start(self, desk: Desk) -> None:
        """Begin with whatever is due: first where all is well."""
        at = now()
        free = [number for number in desk.queue.waiting() if number not in self._busy]
        for number in sorted(free, key=lambda one: one in self._resting):
            rest = self._resting.get(number)
            if len(self._busy) >= (TOGETHER if rest is None else TOGETHER - FOR_THE_WELL):
                return
            found = desk.book.numbered(number)
            if found is None:
                desk.queue.end(number)
            elif self._pace.get(number, _Pace()).free_at <= at:
                one, ended = found
                most = 1 if rest is not None else self._most(one)
                due = desk.queue.due(number, at, most, deletions_only=ended or one.paused)
                if rest is not None and rest.until > at:
                    due = [delivery for delivery in due if delivery.next_at == AT_ONCE]
                if due:
                    self._begin(desk, one, due)

    def _most(self, one: Destination) -> int:
        """How many can leave before what was read of them is old."""
        pace = self._pace.get(one.number, _Pace())
        if pace.alone:
            return 1
        if letters.is_batched(one):
            most = letters.MOST_IN_BATCH
        else:
            most = max(1, min(MOST_READ, int(FRESH_S / 2 / max(pace.took, 1e-4)) * one.at_once))
        return most if one.per_second is None else max(1, min(most, one.per_second // 4))

    def _begin(self, desk: Desk, one: Destination, due: Sequence[Delivery]) -> None:
        read_at = time.monotonic()
        try:
            ready = desk.ready(one, due)
        except Paused as why:
            desk.book.pause(one.number, str(why))
            return
        except (Busy, Full):  # there is a next time
            return
        except (RapportError, msgspec.MsgspecError) as error:
            # What cannot be read must not stop what goes to others.
            self.log.warning("what waits for destination %s of %s cannot be read: %s", one.name, one.org, error)
            failures = self._resting.get(one.number, _Rest(0, 0)).failures + 1
            self._resting[one.number] = _Rest(failures, now() + wait_of(failures, random.random()))
            return
        if not ready:
            return
        if one.per_second is not None:
            free_at = now() + len(ready) * SECOND // one.per_second
            self._pace[one.number] = self._pace.get(one.number, _Pace())._replace(free_at=free_at)
        self._busy.add(one.number)
        secret = desk.book.secret(one.number)
        run = threading.Thread(target=self._run_one, args=(one, secret, ready, read_at), name="to a destination")
        run.daemon = True
        run.start()

    def _run_one(self, one: Destination, secret: str | None, ready: Sequence[Ready], read_at: float) -> None:
        """Send what was read, as long as it is fresh and the destination takes it; the rest stays where it is."""
        packets = queue.SimpleQueue[tuple[Ready, ...]]()
        for packet in [tuple(ready)] if letters.is_batched(one) else [(each,) for each in ready]:
            packets.put(packet)
        ill = threading.Event()

        def send_some() -> None:
            first = True
            while not (self.stopped or ill.is_set()) and (first or time.monotonic() - read_at < FRESH_S):
                first = False
                try:
                    packet = packets.get_nowait()
                except queue.Empty:
                    return
                if not self._send_one(one, secret, packet):
                    ill.set()

        try:
            beside = [
                threading.Thread(target=send_some, name="to a destination", daemon=True)
                for _ in range(min(one.at_once, packets.qsize()) - 1)
            ]
            for each in beside:
                each.start()
            send_some()
            for each in beside:
                each.join()
        finally:
            self._back.put(one.number)
            self.wake()

    def _send_one(self, one: Destination, secret: str | None, packet: tuple[Ready, ...]) -> bool:
        """Send, and wait until what came of it is on the disk; whether the destination is well."""
        deliveries = tuple(each.delivery for each in packet)
        dressed = letters.dressed(one, secret, [each.letter for each in packet], self.settings.url, now())
        began = time.monotonic()
        answer = Answer(0, error="the node could not send it")
        noted = threading.Event()
        try:
            answer = self._send(one.url, dressed.body, dressed.headers, private=self.settings.private_destinations)
        finally:
            self._back.put(_Came(one, _Packet(deliveries, dressed), answer, time.monotonic() - began, noted))
            self.wake()
        while not (self.stopped or noted.wait(0.2)):
            pass
        return answer.taken or answer.status in _WRONG

    # -- and back

    def _gather(self, desk: Desk) -> None:
        """Note what came back, what was taken together: a disk syncs ten notes as fast as one."""
        back = [self._back.get() for _ in range(self._back.qsize())]
        came = [one for one in back if isinstance(one, _Came)]
        taken = [delivery for one in came if one.answer.taken for delivery in one.packet.deliveries]
        if taken:
            desk.queue.taken(taken)
        for one in came:
            self._note(desk, one)
            one.noted.set()
        self._busy.difference_update(one for one in back if isinstance(one, int))

    def _note(self, desk: Desk, came: _Came) -> None:
        one, deliveries, answer = came.destination, came.packet.deliveries, came.answer
        pace = self._pace.get(one.number, _Pace())
        self._pace[one.number] = pace._replace(took=(3 * pace.took + came.took) / 4, alone=max(0, pace.alone - 1))
        if answer.taken:
            self._resting.pop(one.number, None)
            for delivery in deliveries:
                desk.uses.pop(delivery.id, None)
                if delivery.what == "deleted":
                    desk.book.given_back(one.number, delivery.customer, now())
        elif answer.final:
            desk.book.pause(one.number, _GONE)
            self._again(desk, one, deliveries, answer)
        elif answer.status in _WRONG and len(deliveries) > 1:
            # One of them is what it does not like: each by itself shows which.
            self._pace[one.number] = self._pace[one.number]._replace(alone=len(deliveries))
        else:
            self._again(desk, one, deliveries, answer)
        if len(desk.uses) > MOST_REMEMBERED:
            desk.uses.clear()

    def _again(self, desk: Desk, one: Destination, deliveries: Sequence[Delivery], answer: Answer) -> None:
        """It is tried again later: just these, or all for a destination that is ill."""
        at, luck = now(), random.random()
        is_wrong = answer.status in _WRONG
        asked = _asked_wait(answer)
        if not is_wrong:
            failures = self._resting.get(one.number, _Rest(0, 0)).failures + 1
            self._resting[one.number] = _Rest(failures, at + max(asked, wait_of(failures, luck)))
        for delivery in deliveries:
            tries = delivery.tries + 1
            over = is_over(delivery.since, at) or (is_wrong and tries >= REFUSED_TRIES)
            # What an ill destination did not take is due as soon as it has rested, and keeps its place.
            next_at = at + wait_of(tries, luck) if is_wrong else at
            desk.queue.failed(delivery, answer.why_not, None if over else next_at)
            if over and not is_wrong:
                desk.queue.overdue(one.number, at - GIVE_UP, _GIVEN_UP)


def _asked_wait(answer: Answer) -> int:
    """How long the destination asks us to wait (µs)."""
    said = answer.headers.get("retry-after", "")
    if not (said.isascii() and said.isdigit() and len(said) <= 6):
        return 0
    return min(int(said) * SECOND, LONGEST_ASKED_WAIT)


class _Look:
    """The second look at those who were handed over: at once at those who are named, at all once anything changed on
    which decisions rest, and now and then."""

    def __init__(self) -> None:
        self._epoch = -1
        self._dirty = True
        self._began = 0
        self._left: list[int] = []
        self._after = 0

    def go_on(self, desk: Desk) -> bool:
        """Look at a few; whether there are more."""
        self._named(desk)
        epoch = desk.book.epoch()
        if epoch != self._epoch or now() - self._began > RECHECK_EVERY:
            self._epoch, self._dirty = epoch, True
        if not self._left and self._dirty:
            self._dirty, self._began, self._after = False, now(), 0
            self._left = desk.book.owing()
        if not self._left:
            return False
        found = desk.book.numbered(self._left[0])
        customers = () if found is None else desk.book.handed_after(self._left[0], self._after, RECHECKED)
        if found is not None and customers:
            desk.recheck(found[0], customers)
            self._after = customers[-1]
        else:
            self._left.pop(0)
            self._after = 0
        return bool(self._left) or self._dirty

    def _named(self, desk: Desk) -> None:
        rows = desk.queue.rechecks(RECHECKED)
        for _, org, customer in rows:
            if customer is None:
                self._dirty = True
                continue
            for number in desk.book.holding(org, customer):
                found = desk.book.numbered(number)
                if found is not None:
                    desk.recheck(found[0], [customer])
        if rows:
            desk.queue.rechecked(rows[-1][0])

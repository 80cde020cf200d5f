"""Activating: a thread that sends what waits in the queues of destinations, and notes what came of it.

It alone holds the queues' and the ledger's connections; each destination's requests run in threads of their own, as
many as it takes at once, so that whoever hangs or fails delays nobody but himself: not the other destinations, and of
one that takes several at once not the other customers. Of one customer the next leaves once the last is noted. What a
delivery says is read through the gate just before it leaves: so few are read at a time that the last of them leaves
within a quarter of a second, else it is read anew.

Nothing is noted before an answer came, and a destination is sent the next only once what came of the last is on the
disk: after a kill, at most what was on its way is sent again (by default one delivery, or one batch), under the same
id. A second look goes to those who were handed over: whoever may not be read any more is deleted there.
"""

import logging
import queue
import random
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from typing import NamedTuple, Protocol

import msgspec

from rapport.act import letters
from rapport.act.activation import Delivery, Destination
from rapport.act.delivery import GIVE_UP, Answer, is_over, wait_of
from rapport.adapters.embedded.decide_rows import MIGRATIONS
from rapport.adapters.embedded.destination_queue import AT_ONCE, DestinationQueue
from rapport.adapters.embedded.sqlite import connect
from rapport.adapters.http.sending import send
from rapport.app.handing import Desk, Paused, Ready
from rapport.app.ledger_thread import LedgerThread
from rapport.app.second_look import SecondLook
from rapport.app.settings import Settings
from rapport.kernel.errors import Busy, Full, RapportError
from rapport.kernel.times import HOUR, SECOND, now

CHECK_S = 0.05
FRESH_S = 0.25
"""How old what was read may be when it leaves."""
TOGETHER = 48
"""Destinations that are sent to at once."""
FOR_THE_WELL = 16
"""Of these so many are kept for destinations that answered last time, and soon: any number that hang, or take
everything as slowly as they may, cannot take them."""
MOST_OF_ONE = 40
"""Destinations of one organization that are sent to at once: however many hang for the first time, others go on."""
SLOW_S = 2.0
MOST_READ = 64
MOST_BATCHES = 2
"""How much is read at a time, so that it is fresh as it leaves: deliveries, or batches of them."""
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


class _Lane(NamedTuple):
    """A thread that is done with a destination, and the customers whose deliveries it leaves unsent."""

    number: int
    left: tuple[int, ...]


class _Came(NamedTuple):
    """What came of the deliveries of one request; `noted` is set once that is on the disk."""

    destination: Destination
    deliveries: tuple[Delivery, ...]
    answer: Answer
    took: float
    noted: threading.Event


class _Run:
    """What was read for a destination at one moment, for the threads that send it."""

    def __init__(self, one: Destination, secret: str | None, read_at: float) -> None:
        self.one = one
        self.secret = secret
        self.packets = queue.SimpleQueue[tuple[Ready, ...]]()
        self.ill = False
        self._read_at = read_at

    def following(self) -> tuple[Ready, ...] | None:
        try:
            return self.packets.get_nowait()
        except queue.Empty:
            return None

    def is_fresh(self) -> bool:
        return time.monotonic() - self._read_at < FRESH_S


class Activator(LedgerThread):
    """Sends whatever any process puts into the queues. What is on its way as it ends is sent again by whoever comes
    next."""

    name = "activator"
    log = logging.getLogger("rapport.activating")
    trouble = "destinations could not be sent to"

    def __init__(self, settings: Settings, *, check_s: float = CHECK_S, sending: Send = send) -> None:
        super().__init__(settings, check_s)
        self._send = sending
        self._lanes: dict[int, int] = {}
        """Threads that are sending to a destination."""
        self._of: dict[int, str] = {}
        """Whose destinations these are."""
        self._on_way: dict[int, set[int]] = {}
        """Customers of whom something is on its way to it: what is next of them waits."""
        self._resting: dict[int, _Rest] = {}
        self._pace: dict[int, _Pace] = {}
        self._back: queue.SimpleQueue[_Came | _Lane] = queue.SimpleQueue()
        self._unnoted: deque[_Came | _Lane] = deque()
        """What came back and is still to be noted: where that fails, it is noted in the next round."""
        self._swept = 0
        self._look = SecondLook()
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
        for number in sorted(desk.queue.waiting(), key=self._is_ill):
            most = TOGETHER - FOR_THE_WELL if self._is_ill(number) else TOGETHER
            if number not in self._lanes and len(self._lanes) >= most:
                return
            if self._pace.get(number, _Pace()).free_at > at:
                continue
            found = desk.book.numbered(number)
            if found is None:
                desk.queue.end(number)
                continue
            one, ended = found
            lanes = self._free(one)
            if lanes and (number in self._lanes or list(self._of.values()).count(one.org) < MOST_OF_ONE):
                due = self._due(desk, one, at, lanes, deletions_only=ended or one.paused)
                if due:
                    self._begin(desk, one, due, lanes)

    def _is_ill(self, number: int) -> bool:
        return number in self._resting or self._pace.get(number, _Pace()).took > SLOW_S

    def _free(self, one: Destination) -> int:
        """How many more threads may send to it. Few are not worth reading for: half of all, at least."""
        all_of_them = 1 if one.number in self._resting else one.at_once
        free = all_of_them - self._lanes.get(one.number, 0)
        return free if free * 2 >= all_of_them else 0

    def _due(self, desk: Desk, one: Destination, at: int, lanes: int, *, deletions_only: bool) -> list[Delivery]:
        rest = self._resting.get(one.number)
        on_way = self._on_way.get(one.number, set())
        most = 1 if rest is not None else self._most(one, lanes)
        due = desk.queue.due(one.number, at, most + len(on_way), deletions_only=deletions_only)
        due = [delivery for delivery in due if delivery.customer not in on_way][:most]
        if rest is not None and rest.until > at:
            return [delivery for delivery in due if delivery.next_at == AT_ONCE]
        return due

    def _most(self, one: Destination, lanes: int) -> int:
        """How many can leave before what was read of them is old."""
        pace = self._pace.get(one.number, _Pace())
        if pace.alone:
            return 1
        if letters.is_batched(one):
            most = letters.MOST_IN_BATCH * min(lanes, MOST_BATCHES)
        else:
            most = max(1, min(MOST_READ, int(FRESH_S / 2 / max(pace.took, 1e-4)) * lanes))
        return most if one.per_second is None else max(1, min(most, one.per_second // 4))

    def _begin(self, desk: Desk, one: Destination, due: Sequence[Delivery], lanes: int) -> None:
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
        size = letters.MOST_IN_BATCH if letters.is_batched(one) else 1
        run = _Run(one, desk.book.secret(one.number), read_at)
        for start in range(0, len(ready), size):
            run.packets.put(tuple(ready[start : start + size]))
        self._on_way.setdefault(one.number, set()).update(each.delivery.customer for each in ready)
        for _ in range(min(lanes, run.packets.qsize())):
            thread = threading.Thread(target=self._send_some, args=(run,), name="to a destination", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the machine has no room for it: what nobody takes is read again when there is
                break
            self._lanes[one.number] = self._lanes.get(one.number, 0) + 1
            self._of[one.number] = one.org
        if one.number not in self._lanes:
            del self._on_way[one.number]

    def _send_some(self, run: _Run) -> None:
        """Send what was read, as long as it is fresh and the destination takes it; the rest stays where it is."""
        left: list[int] = []
        try:
            is_first = True
            while packet := run.following():
                if self.stopped or run.ill or not (is_first or run.is_fresh()):
                    left += [each.delivery.customer for each in packet]
                elif not self._send_one(run.one, run.secret, packet):
                    run.ill = True
                is_first = False
        finally:
            self._back.put(_Lane(run.one.number, tuple(left)))
            self.wake()

    def _send_one(self, one: Destination, secret: str | None, packet: tuple[Ready, ...]) -> bool:
        """Send, and wait until what came of it is on the disk; whether the destination is well."""
        deliveries = tuple(each.delivery for each in packet)
        began = time.monotonic()
        answer = Answer(0, error="the node could not send it")
        noted = threading.Event()
        try:
            dressed = letters.dressed(one, secret, [each.letter for each in packet], self.settings.url, now())
            answer = self._send(one.url, dressed.body, dressed.headers, private=self.settings.private_destinations)
        finally:
            self._back.put(_Came(one, deliveries, answer, time.monotonic() - began, noted))
            self.wake()
        while not (self.stopped or noted.wait(0.2)):
            pass
        return answer.taken or answer.status in _WRONG

    # -- and back

    def _gather(self, desk: Desk) -> None:
        """Note what came back, what was taken together: a disk syncs ten notes as fast as one."""
        self._unnoted.extend(self._back.get() for _ in range(self._back.qsize()))
        came = [one for one in self._unnoted if isinstance(one, _Came)]
        taken = [delivery for one in came if one.answer.taken for delivery in one.deliveries]
        if taken:
            desk.queue.taken(taken)
        while self._unnoted:
            one = self._unnoted[0]
            if isinstance(one, _Came):
                self._note(desk, one)
                on_way = self._on_way[one.destination.number]
                on_way.difference_update(delivery.customer for delivery in one.deliveries)
                one.noted.set()
            else:
                self._ended(one)
            self._unnoted.popleft()

    def _ended(self, lane: _Lane) -> None:
        self._on_way[lane.number].difference_update(lane.left)
        self._lanes[lane.number] -= 1
        if not self._lanes[lane.number]:
            del self._lanes[lane.number], self._on_way[lane.number], self._of[lane.number]

    def _note(self, desk: Desk, came: _Came) -> None:
        one, deliveries, answer = came.destination, came.deliveries, came.answer
        pace = self._pace.get(one.number, _Pace())
        self._pace[one.number] = pace._replace(took=(3 * pace.took + came.took) / 4, alone=max(0, pace.alone - 1))
        if answer.taken:
            self._resting.pop(one.number, None)
            for delivery in deliveries:
                desk.uses.pop(delivery.id, None)
                desk.recalled.discard(delivery.id)
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
        if len(desk.recalled) > MOST_REMEMBERED:
            desk.recalled.clear()

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

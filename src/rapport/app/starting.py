"""Starting decisions that nobody asked for: a thread that takes what was noticed of customers, and decides.

What waits of one customer is decided together, for one purpose and on one channel: senders take turns (`decide.turns`),
and whoever's turn it is says which; all else that waits for that purpose and speaks there joins in. The candidates are
the actions that were started, and silence. The channel is the first of CHANNELS on which any of them speaks, that is
set up, and by which the customer can be reached.

A decision, its receipt and message, and that what it is made of waits no more, are one transaction: nothing is decided
twice, whatever is killed when. What may not be read, is not there or was erased goes silently; what is quiet now waits.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from typing import ClassVar, Final

from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.noticed import Noticed, NoticedBook
from rapport.app import embedded
from rapport.app.deciding import STARTED, HouseDecisions
from rapport.app.ledger_thread import LedgerThread
from rapport.app.making import Beginning, Begun
from rapport.app.reaching import Reaching
from rapport.app.receipting import DirectReceipts
from rapport.app.rounds import Rounds
from rapport.app.settings import Settings
from rapport.decide.actions import Action
from rapport.decide.channels import interrupts
from rapport.decide.triggers import STALE, Start
from rapport.decide.turns import Waiting, in_turn
from rapport.kernel.errors import BadInput, Busy, Conflict, NotFound, RapportError
from rapport.kernel.times import HOUR, SECOND, now
from rapport.profile.store import Found
from rapport.terms import Gate, Request
from rapport.terms.carrying_out import CarryingOut
from rapport.terms.filtering import permitted_event
from rapport.web.decisions import DecisionWish

log: Final = logging.getLogger(__name__)

CHECK_S: Final = 1.0
CHANNELS: Final = ("inbox", "email", "webhook")
"""The order in which they are tried: what interrupts nobody first; last a machine, of which nobody knows what it
does."""
TOGETHER: Final = 24
"""Customers of one step to whom something happened; beside them SLOWLY of those whose time came, which has no haste."""
SLOWLY: Final = 8
_SWEPT: Final = 1_000
_LOOKED_AT: Final = 1_000
"""Events of a record that are looked through for the one that was noticed: it is among the last."""


class Starting:
    """What the thread does, one step at a time; all of it is of one thread."""

    def __init__(
        self, settings: Settings, clock: Callable[[], int] = now, on_message: Callable[[], None] = lambda: None
    ) -> None:
        self._ends = ExitStack()
        self._clock = clock
        ledger, receipts = embedded.open_ledger(settings), embedded.open_ledger(settings)
        for opened in (ledger, receipts):
            self._ends.callback(opened.close)
        self._reader = embedded.open_reader(settings, embedded.Sources(ledger).by_name)
        self._ends.callback(self._reader.close)
        people = embedded.open_people(settings, ledger)
        # Nobody waits for an answer here from whose time they could tell anything.
        secret = ledger.keys.secret("asked")
        gate = Gate(self._reader, people, DirectReceipts(receipts), secret=secret, quiet_s=0)
        self._hours = CarryingOut(self._reader, people, DirectReceipts(receipts), secret=secret)
        self._loop = asyncio.new_event_loop()
        self._ends.callback(self._loop.close)
        self._decisions = self._ends.enter_context(
            contextlib.closing(HouseDecisions(settings, people, self._reader, gate, on_message))
        )
        self._reaching = Reaching(settings, people, self._reader)
        self._actions = ActionBook(ledger)
        self._book = NoticedBook(ledger)
        self._sweep_at = 0
        self._rounds = Rounds(ledger, self._reader, gate, self._loop, self._decisions.zone)

    def step(self) -> bool:
        """Decide for some customers, and go through some for what a time starts; return whether there may be more."""
        at = self._clock()
        waiting = [*self._book.due(at, TOGETHER, timed=False), *self._book.due(at, SLOWLY, timed=True)]
        seen: set[tuple[str, int]] = set()
        for org, record in waiting:
            try:
                self._of(org, record, at, seen)
            except Busy:
                raise
            except Exception as error:  # what nobody thought of stops nothing behind it: it waits for an hour
                log.exception("a decision could not be started, and will be tried again: %s", type(error).__name__)
                self._book.put_off_of(record, at, at + HOUR)
        more = self._rounds.step(at)
        if at >= self._sweep_at and not self._book.sweep(at, _SWEPT):
            self._sweep_at = at + HOUR
        return bool(waiting) or more

    def settle(self) -> None:
        """Until nothing is left that can be dealt with now."""
        while self.step():
            pass

    def next_due(self) -> int | None:
        """When there is more to do, if nothing happens."""
        return min((one for one in (self._book.next_due(), self._rounds.next_due()) if one is not None), default=None)

    def close(self) -> None:
        self._ends.close()

    # -- one customer

    def _of(self, org: str, record: int, at: int, seen: set[tuple[str, int]]) -> None:
        """Deal with what waits of one record, unless its customer was `seen` in this step."""
        found = self._customer(org, record)
        if found is None:
            self._book.drop_of(record)
        elif (org, found.number) not in seen:
            seen.add((org, found.number))
            self._decide(found, at)

    def _customer(self, org: str, record: int) -> Found | None:
        with self._reader.snapshot():
            return self._reader.found(org, record)

    def _decide(self, found: Found, at: int) -> None:
        """Make one decision of what waits of a customer; what else does, waits on."""
        waiting = self._book.of(found.org, [part.number for part in found.parts], at)
        actions = {one.id: one for one in self._named(found.org, waiting)}
        over = [one.seq for one in waiting if at - one.at > STALE or not actions.keys() & set(one.actions)]
        self._book.drop(over)
        waiting = [one for one in waiting if one.seq not in over]
        if not waiting:
            return
        first = self._first(waiting)
        for channel in self._channels(found, [actions[name] for name in first.actions if name in actions]):
            some = [one for one in waiting if one.purpose == first.purpose and _speaks(one, actions, channel)]
            if self._made(found, some, channel, at):
                return
        self._book.drop([first.seq])  # by nothing that it says something in can they be reached

    def _named(self, org: str, waiting: Collection[Noticed]) -> list[Action]:
        """The actions that are waited with, of those in force."""
        found = []
        for name in sorted({name for one in waiting for name in one.actions}):
            with contextlib.suppress(NotFound):
                found.append(self._actions.action(org, name))
        return found

    def _first(self, waiting: Sequence[Noticed]) -> Noticed:
        """Whose turn it is. What starts something is who sends it: whatever a loud one does, who waited longer is
        first."""
        by_id = {str(one.seq): one for one in waiting}
        turns = [Waiting(str(one.seq), f"{one.start.how} {one.start.name}", one.at) for one in waiting]
        return by_id[in_turn(turns, {})[0].decision]

    def _channels(self, found: Found, actions: Collection[Action]) -> list[str]:
        """Where any of them speaks and something can be sent from here, in the order in which they are tried."""
        channels = []
        for channel in CHANNELS:
            if any(channel in one.content for one in actions) and (
                channel != "inbox" or self._reaching.is_claimed(found)
            ):
                with contextlib.suppress(BadInput):
                    self._reaching.check(found.org, channel)
                    channels.append(channel)
        return channels

    def _made(self, found: Found, some: Sequence[Noticed], channel: str, at: int) -> bool:
        """Decide of these, on a channel; False where the customer is to be reached by another."""
        seqs = [one.seq for one in some]
        wish = DecisionWish(found.customer, some[0].purpose, channel, deliver=True)
        beginning = Beginning(lambda opened: self._begun(opened, some))
        try:
            self._loop.run_until_complete(self._decisions.start(found.org, wish, beginning))
        except Busy:
            raise
        except NotFound:  # not to be read, or not there any more: nobody is to learn which
            asked = Request(found.org, found.customer, wish.purpose, STARTED, reaching_out=interrupts(channel))
            opens = self._hours.opens_at(asked)
            if opens is None:
                self._book.drop(seqs)
            else:
                self._book.put_off(seqs, max(opens, at + SECOND))
            return True
        except RapportError:  # not to be decided
            self._book.drop(seqs)
            return True
        if beginning.unreachable:
            return False
        if beginning.until:
            self._book.put_off(seqs, max(beginning.until, at + SECOND))
        return True

    def _begun(self, opened: Found, some: Sequence[Noticed]) -> Begun:
        """What of it may be seen. Raises Conflict (`withheld`)."""
        known = [one for one in some if one.start.how != "event" or self._is_seen(opened, one)]
        if not known:
            raise Conflict("what started it may not be seen for this purpose", code="withheld")

        def still(ledger: LedgerFile) -> bool:
            return NoticedBook(ledger).wait(some)

        def done(ledger: LedgerFile, chosen: str, at: int) -> None:
            NoticedBook(ledger).take(opened.org, some, chosen, at)

        return Begun(frozenset(name for one in known for name in one.actions), _starts(known), still, done)

    def _is_seen(self, opened: Found, one: Noticed) -> bool:
        """Whether an event is one that the gate lets through."""
        part = next((part for part in opened.parts if part.number == one.record), None)
        position, looked = 0 if part is None else part.record.head, 0
        while part is not None and position and looked < _LOOKED_AT:
            block = self._reader.block_of(part, position)
            for event in block.events:
                if event.message_id == one.message:
                    return permitted_event(part, event) is not None
            looked, position = looked + len(block.events), block.previous
        return False


def _speaks(one: Noticed, actions: dict[str, Action], channel: str) -> bool:
    return any(name in actions and channel in actions[name].content for name in one.actions)


def _starts(some: Collection[Noticed]) -> tuple[Start, ...]:
    """What started it, the first first."""
    return tuple(sorted({one.start for one in some}, key=lambda start: (start.at, start.how, start.name)))


class Starter(LedgerThread):
    """Woken at once where something is noticed in this process."""

    name: ClassVar[str] = "starter"
    log: ClassVar[logging.Logger] = log
    trouble: ClassVar[str] = "decisions could not be started"

    def __init__(self, settings: Settings, on_message: Callable[[], None] = lambda: None) -> None:
        super().__init__(settings, CHECK_S)
        self._on_message = on_message
        self.begin()

    def watch(self) -> None:
        with contextlib.closing(Starting(self.settings, on_message=self._on_message)) as starting:
            while not self.stopped:
                if starting.step():
                    continue
                due = starting.next_due()
                self.pause(CHECK_S if due is None else min(CHECK_S, max(0.0, (due - now()) / SECOND)))

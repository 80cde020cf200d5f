"""What destinations are told of customers: read through the gate, and put on record, just before it leaves."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

from rapport.act import letters
from rapport.act.activation import Delivery, Destination
from rapport.act.letters import Letter
from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.destination_queue import DestinationQueue, Told
from rapport.adapters.embedded.destinations import DestinationBook, Handed
from rapport.app import embedded
from rapport.app.fields import Fields
from rapport.app.receipting import DirectReceipts
from rapport.app.settings import Settings
from rapport.collect import Event
from rapport.kernel import ids
from rapport.kernel.errors import NotFound
from rapport.kernel.times import now
from rapport.profile import paging
from rapport.profile.store import Found, ProfileReader
from rapport.profile.view import Part
from rapport.terms import Request
from rapport.terms.filtering import permitted_event
from rapport.terms.handing import Before, Handover, Meant

CALLER, ACTION = "node", "destination"
MOST_KEYS = 20
"""Under which a destination may know one customer."""
OTHER_PURPOSE = "the audience is for another purpose than the destination now"
NO_AUDIENCE = "there is no such audience any more"


class Said(NamedTuple):
    """What a customer's letter says; `about`: what of the customer it tells, as the receipt names it."""

    about: str
    fields: dict[str, Any]
    event: dict[str, Any] | None


class Ready(NamedTuple):
    """A delivery with what it says now."""

    delivery: Delivery
    letter: Letter


class Paused(Exception):
    """Nothing may be sent there until somebody looks at it; says why."""


class Desk:
    """What is sent to destinations, over connections of its own; used by one thread at a time."""

    def __init__(self, settings: Settings, queue: DestinationQueue, ends: ExitStack) -> None:
        self.queue = queue
        self._ledger = embedded.open_ledger(settings)
        ends.callback(self._ledger.close)
        receipts = embedded.open_ledger(settings)
        ends.callback(receipts.close)
        self.book = DestinationBook(self._ledger)
        self._definitions = Definitions(self._ledger)
        self._keys = self._ledger.keys
        self._sources = embedded.Sources(self._ledger)
        self._reader = embedded.open_reader(settings, self._sources.by_name)
        ends.callback(self._reader.close)
        people = embedded.open_people(settings, self._ledger)
        self._handover = Handover(self._reader, people, DirectReceipts(receipts), secret=self._keys.secret("asked"))
        self._runner = ends.enter_context(asyncio.Runner())
        self.uses: dict[str, Before] = {}
        """By delivery, the receipt of an earlier try that failed."""
        self.recalled: set[str] = set()
        """Deletions that are on record, and were not taken yet."""

    # -- what leaves

    def ready(self, one: Destination, deliveries: Sequence[Delivery]) -> list[Ready]:
        """What of these may be sent now, each with its receipt, and on record as handed over. What may not be told is
        withdrawn from whoever was handed it before. Raises Paused."""
        deletions = [delivery for delivery in deliveries if delivery.what == "deleted"]
        others = [delivery for delivery in deliveries if delivery.what != "deleted"]
        done = [Ready(delivery, self._deletion(one, delivery)) for delivery in deletions]
        if others:
            self._check(one)
            done += self._opened(one, others)
        return done

    def _check(self, one: Destination) -> None:
        if one.audience is None:
            return
        try:
            audience = self._definitions.audience(one.org, one.audience)
        except NotFound:
            raise Paused(NO_AUDIENCE) from None
        if audience.purpose != one.purpose:
            raise Paused(OTHER_PURPOSE)

    def _opened(self, one: Destination, deliveries: Sequence[Delivery]) -> list[Ready]:
        reading = _Reading(self._reader, self._definitions, one)
        nothing = [delivery for delivery in deliveries if self._never_knew(one, delivery)]
        deliveries = [delivery for delivery in deliveries if delivery not in nothing]
        meant: list[Meant[Said]] = []
        for delivery in deliveries:
            told = self._event(one, delivery) if delivery.what == "event" else None
            record = delivery.customer if told is None else told.record
            meant.append(Meant(record, reading.of(delivery, told), self.uses.get(delivery.id)))
        request = request_of(one)
        handed = self._runner.run(self._handover.hand(request, meant, reading.names_of))
        ready, refused, given = [], [], []
        for delivery, handing in zip(deliveries, handed, strict=True):
            if handing.refused:
                refused.append(delivery)
            elif handing.content is None or handing.use is None:
                nothing.append(delivery)
            else:
                content = handing.content
                # An event is told of whoever it is of now, whatever was joined or parted since it came in.
                customer = handing.shown if delivery.what == "event" else delivery.customer
                handle = self.handle(one.org, customer)
                known = self._known_as(one, customer, content.fields)
                letter = Letter(
                    delivery.id, delivery.what, handle, delivery.at, content.fields, handing.use.receipt.id,
                    content.event, known, _audience(one, delivery),
                )  # fmt: skip
                ready.append(Ready(delivery, letter))
                given.append(Handed(one.number, customer, now(), known))
                self.uses[delivery.id] = handing.use
        if given:
            self.book.hand(one.org, given)
        if refused or nothing:
            self.queue.withheld([*refused, *nothing])
            for delivery in refused:
                self.recall(one, delivery.customer)
        return ready

    def _never_knew(self, one: Destination, delivery: Delivery) -> bool:
        """Whether it tells a destination that somebody left an audience, that it is not given any more, of whom it was
        never told."""
        earlier = delivery.what == "left" and _audience(one, delivery) != one.audience
        return earlier and self.book.handed(one.org, one.number, delivery.customer) is None

    def _known_as(self, one: Destination, customer: int, fields: dict[str, Any]) -> tuple[dict[str, str], ...]:
        """Every key under which a destination knows a customer once it has these fields, if not by the handle."""
        if not letters.has_keys(one):
            return ()
        before = self.book.handed(one.org, one.number, customer)
        known = () if before is None else before.known_as
        keys = letters.keys_of(one, fields)
        return (*(each for each in known if each != keys), keys)[-MOST_KEYS:] if keys else known

    def _event(self, one: Destination, delivery: Delivery) -> Told | None:
        return self.queue.event(delivery, lambda record: self._keys.record(one.org, record))

    def _deletion(self, one: Destination, delivery: Delivery) -> Letter:
        """It says the handle, and nothing else of them; it is on record, once however often it is tried."""
        if delivery.id not in self.recalled:
            self._runner.run(self._handover.taken_back(request_of(one), delivery.customer))
            self.recalled.add(delivery.id)
        handed = self.book.handed(one.org, one.number, delivery.customer)
        known = () if handed is None else handed.known_as
        return Letter(delivery.id, "deleted", self.handle(one.org, delivery.customer), delivery.at, known_as=known)

    def handle(self, org: str, customer: int) -> str:
        return ids.handle(self._keys.handles(org), ids.CUSTOMER, customer)

    # -- what is taken back

    def recall(self, one: Destination, customer: int) -> None:
        """Where a customer was handed over, have them deleted."""
        if self.book.handed(one.org, one.number, customer) is not None:
            self.queue.recall(one.number, customer, now())

    def recheck(self, one: Destination, customers: Sequence[int]) -> None:
        """Have those deleted who may not be read any more for what they were handed over for."""
        for customer in self._handover.refused(request_of(one), customers):
            self.recall(one, customer)


def request_of(one: Destination) -> Request:
    """The use that a destination is."""
    recipients = one.recipients or None
    return Request(one.org, "", one.purpose, CALLER, ACTION, recipients=recipients, systems=one.systems)


def _audience(one: Destination, delivery: Delivery) -> str | None:
    """Which audience was entered or left."""
    return None if delivery.what == "event" else delivery.audience or one.audience


class _Reading:
    """What a destination's letters say of a customer whom the gate opened."""

    def __init__(self, reader: ProfileReader, definitions: Definitions, one: Destination) -> None:
        self._reader = reader
        self._one = one
        self._fields = Fields(reader, definitions, one.org, one.fields)

    def names_of(self, said: Said) -> tuple[str, ...]:
        """As a receipt has it."""
        return tuple(dict.fromkeys([said.about, *self._fields.names]))

    def of(self, delivery: Delivery, told: Told | None) -> Callable[[Found], Said | None]:
        about = "events" if delivery.what == "event" else f"audience {_audience(self._one, delivery)}"

        def said(found: Found) -> Said | None:
            if delivery.what != "event" and found.number != delivery.customer:
                # They were joined to another since: under this handle nothing is said of who they are now.
                return None if delivery.what == "entered" else Said(about, dict.fromkeys(self._one.fields), None)
            if delivery.what != "event":
                return Said(about, self._fields.of(found), None)
            event = None if told is None else self._event(found, told)
            return None if event is None else Said(about, self._fields.of(found), event)

        return said

    def _event(self, found: Found, told: Told) -> dict[str, Any] | None:
        """An event as the timeline shows it, of what it may say."""

        def the_one(part: Part, event: Event) -> Event | None:
            return permitted_event(part, event) if event.message_id == told.message_id else None

        parts = [part for part in found.parts if part.number == told.record]
        events, _ = paging.newest_first(parts, self._reader.block_of, None, 1, the_one)
        if not events or events[0][1].name != told.name:
            return None
        shown = paging.shown(*events[0])
        return {name: shown[name] for name in ("event", "type", "name", "time", "properties")}

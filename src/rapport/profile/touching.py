"""Touches: which records of which organizations became another since the last commit, and in what.

Whoever answers changes (audiences, destinations) is told of records and names only, never a value. Where it is not
known what of a record changed, or its customer may be another now, it is all of it. Nothing is noted of an organization
in whose records nobody is interested, nor of an event of which nobody asks anything.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from rapport.collect import Event
from rapport.kernel.expressions import ANY_EVENT
from rapport.kernel.times import HOUR
from rapport.profile.store import Touch
from rapport.profile.working_set import Held


class Interest(msgspec.Struct, frozen=True, array_like=True):
    """What anybody asks of an organization's customers: names of events (ANY_EVENT: of all) and of traits."""

    events: frozenset[str] = frozenset()
    traits: frozenset[str] = frozenset()

    def touches(self, event: Event) -> bool:
        """Whether an event can change what somebody asks, by itself. (An identifier that is new always can.)"""
        if event.name in self.events or ANY_EVENT in self.events:
            return True
        return not (self.traits.isdisjoint(event.traits) and self.traits.isdisjoint(event.traits_once))


LATE = HOUR
"""What is told later than this after it happened (µs) is no news, such as what is imported of a past."""
_MOST_NAMES = 200
"""Of one record: above it, it is all of it."""


class Touches:
    """What is gathered between two commits. `orgs`: those in whose records anybody is interested; `wanted`: names of
    events of which each is told one by one; `interests`: what is asked of an organization's customers, where that is
    known: else it may be anything."""

    def __init__(self) -> None:
        self.orgs: Collection[str] = frozenset()
        self.interests: Mapping[str, Interest] = {}
        self.wanted: Mapping[str, Collection[str]] = {}
        self._of: dict[str, dict[int, Touch]] = {}
        self._noted: dict[int, int] = {}
        self._moved: set[int] = set()

    def event(self, held: Held, event: Event) -> None:
        """An event was folded into its record."""
        org = held.record.org
        if org not in self.orgs:
            return
        self._noted[held.number] = self._noted.get(held.number, 0) + 1
        consents = event.consent is not None or event.context.get("gpc") is True
        interest = self.interests.get(org)
        is_told = event.name in self.wanted.get(org, ())
        if not (interest is None or consents or is_told or held.added or interest.touches(event)):
            return
        touch = self._touch(org, held.number)
        touch.events.add(event.name)
        if is_told:
            touch.happened.append((event.name, event.message_id))
            if event.time is not None and event.received_at - event.time <= LATE:
                # A client's clock may be ahead: nothing happens after it was taken in.
                touch.fresh[event.message_id] = min(event.time, event.received_at)
        if event.kind != "group":
            touch.traits.update(event.traits)
            touch.traits.update(event.traits_once)
        touch.identifiers.update(link.partition(":")[0] for link in held.added)
        if consents:
            touch.all = True

    def wholly(self, org: str, numbers: Iterable[int]) -> None:
        """Anything of these records may be another, or their customers, or they are gone."""
        if org in self.orgs:
            for number in numbers:
                self._touch(org, number).all = True

    def moved(self, numbers: Iterable[int]) -> None:
        """The same, where it is not known whose records they are."""
        if self.orgs:
            self._moved.update(numbers)

    def settled(self, changed: Iterable[Held]) -> None:
        """Before what changed is folded anew and written: where that is more, or less, than the events that were noted,
        nobody knows what it was; a record that is new may be anything to those who were never asked about it."""
        if not self.orgs:
            return
        for held in changed:
            if held.record.org in self.orgs:
                noted = self._noted.get(held.number, 0)
                if held.refold or not noted or noted != len(held.fresh) or noted == held.record.all.count:
                    self._touch(held.record.org, held.number).all = True

    def take(self, org_of: Callable[[int], str | None]) -> dict[str, list[Touch]]:
        """What was gathered, by organization and record; nothing is left. `org_of`: None where there is no such
        record any more."""
        for number in self._moved:
            org = org_of(number)
            if org is not None:
                self.wholly(org, (number,))
        self._moved.clear()
        taken, self._of = self._of, {}
        self._noted.clear()
        for touches in taken.values():
            for touch in touches.values():
                if touch.all or len(touch.traits) + len(touch.events) > _MOST_NAMES:
                    touch.all = True
                    touch.traits, touch.events, touch.identifiers = set(), set(), set()
        return {org: [touches[number] for number in sorted(touches)] for org, touches in taken.items()}

    def _touch(self, org: str, number: int) -> Touch:
        touches = self._of.setdefault(org, {})
        touch = touches.get(number)
        if touch is None:
            touch = touches[number] = Touch(number)
        return touch

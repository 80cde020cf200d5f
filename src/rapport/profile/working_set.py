"""The working set: the records that the worker holds in memory between two commits, and how an event finds its own."""

import os
from collections.abc import Iterable, Iterator

import msgspec

from rapport.collect import Event
from rapport.profile import record as records
from rapport.profile import timeline
from rapport.profile.record import Record
from rapport.profile.search import says_new_words
from rapport.profile.store import ProfileStore
from rapport.profile.timeline import Fresh, NewBlock

BLOCK_EVENTS = 64
"""At most so many events in one block: a reader of one event opens no more."""


class Held:
    """One record in memory.

    `fresh` are events folded in but not yet in a block; `added` and `dropped` the links that evidence does not know of
    yet; `refold` says that the fold must be made anew from the
    chain. `said` are the identifiers of the event folded in last: a session's events mostly say the same ones. `calm`
    remembers that those name no shared device.
    """

    __slots__ = (
        "added",
        "calm",
        "changed",
        "dropped",
        "fresh",
        "node",
        "number",
        "record",
        "refold",
        "said",
        "words",
    )

    def __init__(self, number: int, node: bytes, record: Record) -> None:
        self.number = number
        self.node = node
        self.record = record
        self.fresh: list[Fresh] = []
        self.added: dict[str, int] = {}
        self.dropped: dict[str, int] = {}
        self.changed = False
        self.refold = False
        self.said: tuple[object, ...] | None = None
        self.calm: tuple[object, object] | None = None
        self.words = False

    def empty(self) -> None:
        """Be as before the first event: all that there were went elsewhere."""
        self.record = records.blank(self.record)
        self.added, self.dropped, self.fresh, self.said = {}, {}, [], None
        self.refold, self.changed = False, True


def links_of(event: Event) -> Iterator[tuple[str, int]]:
    """The links an event gives its record: `type:value` and how (OWN, ALIAS)."""
    if event.user_id is not None:
        yield "user_id:" + event.user_id, records.OWN
    if event.anonymous_id is not None:
        yield "anonymous_id:" + event.anonymous_id, records.OWN
    for kind, value in event.identifiers:
        yield f"{kind}:{value}", records.OWN
    if event.previous_id is not None:
        yield "anonymous_id:" + event.previous_id, records.ALIAS
    if event.key is not None:
        yield f"{event.key[0]}:{event.key[1]}", records.OWN


def fold(held: Held, event: Event) -> None:
    """Fold one event into a held record, noting links that are new to it, and whether search gets new words."""
    record = held.record
    held.words = held.words or says_new_words(record, event)
    said = (event.user_id, event.anonymous_id, event.identifiers, event.previous_id, event.key)
    if said != held.said:
        held.said = said
        links = record.links
        for link, how in links_of(event):
            known = links.get(link, 0)
            if not known & how:
                links[link] = known | how
                held.added[link] = held.added.get(link, 0) | how
    records.apply(record, event)
    held.changed = True


class WorkingSet:
    """Held records by number, bounded: what is not needed is let go after a commit."""

    def __init__(self, store: ProfileStore, limit: int = 40_000) -> None:
        self.store = store
        self._limit = limit
        self._held: dict[int, Held] = {}
        self._numbers: dict[bytes, int] = {}
        self.homes: dict[tuple[str, str, str, str], Held] = {}
        """(organization, source, key type, key value) → the record its events go to, as long as that needs no thought.
        """

    def find(self, lookup: bytes) -> Held | None:
        """The record with this lookup node, loaded if need be."""
        number = self._numbers.get(lookup)
        if number is not None:
            return self.get(number)
        found = self.store.find(lookup)
        if found is None:
            return None
        number, node, record = found
        self._numbers[lookup] = number
        held = self._held.get(number)
        if held is None:
            held = self._held[number] = Held(number, node, record)
        return held

    def load_many(self, lookups: list[bytes]) -> None:
        """Load the records of these lookup nodes that are there and not yet held."""
        unknown = [lookup for lookup in lookups if lookup not in self._numbers]
        for lookup, number, node, record in self.store.find_many(unknown):
            self._numbers[lookup] = number
            if number not in self._held:
                self._held[number] = Held(number, node, record)

    def get(self, number: int) -> Held | None:
        """The record of this number, or None where its key is destroyed."""
        held = self._held.get(number)
        if held is None:
            loaded = self.store.load(number)
            if loaded is None:
                return None
            node, record = loaded
            held = self._held[number] = Held(number, node, record)
        return held

    def create(self, lookup: bytes, node: bytes, record: Record) -> Held:
        number = self.store.create(record.org, lookup, node)
        held = self._held[number] = Held(number, node, record)
        self._numbers[lookup] = number
        held.changed = True
        return held

    def rename(self, held: Held, old_lookup: bytes, lookup: bytes, node: bytes) -> None:
        """Give a record other nodes. Where one of them finds another, that is an emptied slice, and makes room."""
        for taken in {lookup, node}:
            other = self.find(taken)
            if other is not None and other is not held:
                nowhere = os.urandom(16)
                self.store.rename(other.number, nowhere, nowhere)
                del self._numbers[taken]
        self.store.rename(held.number, lookup, node)
        if self._numbers.get(old_lookup) == held.number:
            del self._numbers[old_lookup]
        self._numbers[lookup] = held.number
        held.node = node
        held.changed = True

    def changed(self) -> list[Held]:
        """Held records that differ from what is stored, by number, so that pages are written in order."""
        changed = [held for held in self._held.values() if held.changed or held.fresh]
        return sorted(changed, key=lambda held: held.number)

    def events(self, held: Held) -> Iterator[Event]:
        """All events of a held record, stored and fresh."""
        yield from timeline.events(held.record.head, self.reader(held))
        for fresh in held.fresh:
            yield fresh.event()

    def reader(self, held: Held) -> timeline.ReadBlock:
        org, number, store = held.record.org, held.number, self.store
        return lambda position: store.block(org, number, position)

    def write_blocks(self, held: Held, places: dict[int, tuple[int, int]]) -> None:
        """Append a record's fresh events to its chain; note for each (by identity) its record and its block."""
        record, fresh = held.record, held.fresh
        for start in range(0, len(fresh), BLOCK_EVENTS):
            some = fresh[start : start + BLOCK_EVENTS]
            block = NewBlock(record.head, record.newest, [msgspec.Raw(item.raw) for item in some])
            record.head = self.store.append_block(record.org, held.number, block)
            record.newest = max(record.newest, newest(some))
            place = (held.number, record.head)
            for item in some:
                places[id(item)] = place
        held.fresh = []

    def drop(self, gone: Iterable[Held]) -> None:
        """Forget records that are erased."""
        numbers = {held.number for held in gone}
        for number in numbers:
            self._held.pop(number, None)
        self._numbers = {lookup: number for lookup, number in self._numbers.items() if number not in numbers}
        self.homes.clear()

    def let_go(self) -> None:
        """After a commit: keep the working set within its bound, the records met last."""
        surplus = len(self._held) - self._limit
        if surplus > 0:
            # Dicts keep the order of insertion: the first ones were met longest ago.
            for number in list(self._held)[: surplus + self._limit // 4]:
                del self._held[number]
            self.homes.clear()
        if len(self._numbers) > 2 * self._limit:
            self._numbers = {lookup: number for lookup, number in self._numbers.items() if number in self._held}


def newest(events: Iterable[Fresh]) -> int:
    """The greatest known time among events; below every known time when there is none."""
    greatest = timeline.UNKNOWN
    for event in events:
        if event.time is not None and event.time > greatest:
            greatest = event.time
    return greatest

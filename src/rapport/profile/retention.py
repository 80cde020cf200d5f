"""Retention: what an organization promised to keep no longer is deleted by the node itself.

In come promises as plain numbers, and events; out comes what is left of them. A datum goes once it is older than the
longest time that any promise covering its category gives it. Where such a promise names no time, it stays. Age counts
from when an event happened, or, where that is unknown, from when it was received: never from when it was looked at, so
that order does not matter.

An event that is past its time leaves nothing, unless it carried traits that may stay: of those, and of nothing else, it
goes on speaking, as an `identify` under the same message id. Copies that come late are copies still.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from rapport.collect import Event
from rapport.kernel import vocabulary
from rapport.profile import record as records
from rapport.profile.assemble import Assembler
from rapport.profile.devices import TYPES
from rapport.profile.erasure import Graph, Rows, happened
from rapport.profile.links import Links
from rapport.profile.record import Record
from rapport.profile.search import words, words_of
from rapport.profile.timeline import Block, blocks
from rapport.profile.working_set import Held

Covered = tuple[int, int | None]
"""(mask of categories, how long at most, in µs; None: no time is named)"""
Limit = tuple[int, int]
"""(mask of categories, how long at most, in µs), masks of which no two overlap"""


def limits_of(promises: Iterable[Covered]) -> list[Limit]:
    """How long data may be kept, from what each promise covers; what no promise covers has no limit here."""
    ages: dict[int, int | None] = {}
    for mask, age in promises:
        rest = mask
        while rest:
            bit = rest & -rest
            rest ^= bit
            known = ages.get(bit, 0)
            ages[bit] = None if known is None or age is None else max(known, age)
    limits: dict[int, int] = {}
    for bit, longest in ages.items():
        if longest is not None:
            limits[longest] = limits.get(longest, 0) | bit
    return [(mask, age) for age, mask in sorted(limits.items())]


def past(limits: Sequence[Limit], age: int) -> int:
    """The mask of categories whose data of this age (µs) must go."""
    mask = 0
    for covered, longest in limits:
        if age > longest:
            mask |= covered
    return mask


def left_of(event: Event, limits: Sequence[Limit], at: int) -> Event | None:
    """What may be kept of an event at a time (µs): the event itself where all of it may, None where nothing may."""
    gone = past(limits, at - happened(event))
    if not gone:
        return event
    expired = _is_in(vocabulary.category_of_event(event.name), gone)
    traits, once = _left(event, event.traits, gone), _left(event, event.traits_once, gone)
    if expired and not traits and not once:
        return None
    identifiers = tuple(
        pair for pair in event.identifiers if not _is_in(vocabulary.category_of_identifier(pair[0]), gone)
    )
    surroundings = expired or _is_in("device", gone) or _is_in("location", gone)
    context: dict[str, Any] = {} if surroundings else event.context
    if (traits, once, identifiers, context) == (event.traits, event.traits_once, event.identifiers, event.context):
        return event
    left = msgspec.structs.replace(event, traits=traits, traits_once=once, identifiers=identifiers, context=context)
    return _said_only(left) if expired and event.kind != "group" else left


def _said_only(event: Event) -> Event:
    """What an event says of its customer, without what happened."""
    return msgspec.structs.replace(event, kind="identify", name="identify", properties={})


def _left(event: Event, traits: Mapping[str, Any], gone: int) -> dict[str, Any]:
    return {
        trait: value
        for trait, value in traits.items()
        if not _is_in(event.categories.get(trait) or vocabulary.category_of(trait), gone)
    }


def _is_in(category: str, mask: int) -> bool:
    return bool(vocabulary.bit(category) & mask)


_Device = tuple[str, str, str, str]
"""(organization, source, key type, key value) that the slices of a device at a source have in common"""


def _device(held: Held) -> _Device:
    record = held.record
    return record.org, record.source, record.key_type, record.key_value


class RetainingStore(Protocol):
    def load(self, number: int) -> tuple[bytes, Record] | None: ...

    def block(self, org: str, number: int, position: int) -> Block: ...

    def rewrite_block(self, org: str, number: int, position: int, block: Block) -> None: ...

    def remove(self, org: str, rows: Rows) -> None:
        """Delete these rows with the next commit, and note that the records' keys are to be destroyed after it."""


class Retainer:
    """Keeps one worker's records to what was promised. Call it when everything taken in is committed; after all records
    that are looked at together, call `keep_moved_to`, and commit."""

    def __init__(self, store: RetainingStore, assembler: Assembler, links: Links, graph: Graph) -> None:
        self._store = store
        self._assembler = assembler
        self._links = links
        self._graph = graph

    def keep_to(self, number: int, limits: Sequence[Limit], at: int) -> int:
        """Delete of one record what is past its time; return of how many events something went."""
        loaded = self._store.load(number)  # past the working set: nearly all records are looked at for nothing
        if loaded is None:
            return 0
        org = loaded[1].org
        changes: list[tuple[Event, Event | None]] = []
        places: list[int] = []
        for position, block in blocks(loaded[1].head, lambda position: self._store.block(org, number, position)):
            places.append(position)
            pairs = [(event, left_of(event, limits, at)) for event in block.events]
            changed = [pair for pair in pairs if pair[0] is not pair[1]]
            if changed:
                changes += changed
                rest = Block(block.previous, block.newest_before, [left for _, left in pairs if left is not None])
                self._store.rewrite_block(org, number, position, rest)
        held = self._assembler.held.get(number) if changes else None
        if held is not None:
            words_gone = {word for event, _ in changes for word in words_of(event)}
            gone = sum(left is None for _, left in changes)
            # The fold does not know yet of events that moved here, or away, as other records were looked at.
            if not (held.fresh or held.refold) and held.record.all.count == gone:
                self._remove(held, places, words_gone)
            else:
                self._thin(held, changes, words_gone)
                if held.record.all.count == 0:
                    self._remove(held, places, words_gone)
        elif loaded[1].all.count == 0:
            self._clear(number, loaded[0], places)
        return len(changes)

    def _clear(self, number: int, node: bytes, places: list[int]) -> None:
        """A slice whose events all went elsewhere still bears the names of its device and user: it goes, unless
        something came to it just now, or an operator spoke of it."""
        held = self._assembler.held.get(number)
        if held is not None and not (held.fresh or held.record.all.count or self._graph.edges_of_record(node)):
            self._assembler.touches.wholly(held.record.org, (number,))
            self._store.remove(held.record.org, Rows((number,), places, ()))
            self._assembler.held.drop([held])

    def keep_moved_to(self, limits: Mapping[str, Sequence[Limit]], at: int) -> None:
        """Call it before the commit, when no more records are looked at. What went changes whose a device was, so that
        events move between its slices, and maybe to one that was looked at before: what is past its time of those goes
        too. `limits` by organization."""
        devices = self._assembler.devices
        devices.reslice()
        words_gone: dict[_Device, set[str]] = {}
        thinned: set[int] = set()
        for name, (held, item) in list(devices.moved.items()):
            event = item.event()
            words_gone.setdefault(_device(held), set()).update(words_of(event))
            left = left_of(event, limits[held.record.org], at)
            if left is event:
                continue
            thinned.add(held.number)
            held.refold = True
            if left is not None:
                item.become(left)
            else:
                held.fresh = [other for other in held.fresh if other is not item]
                del devices.moved[name]
        for held in self._assembler.held.changed() if words_gone else []:
            if _device(held) in words_gone:
                self._settle(held, words_gone[_device(held)], may_go=held.number in thinned)

    def _settle(self, held: Held, words_gone: set[str], *, may_go: bool) -> None:
        """A slice gave events away, or got some of which not all stayed."""
        if held.refold:
            self._assembler.fold_anew(held)
        if may_go and held.record.all.count == 0:
            chain = blocks(held.record.head, self._assembler.held.reader(held))
            self._remove(held, [position for position, _ in chain], words_gone)
        else:
            self._unfind(held, words_gone)

    def _thin(self, held: Held, changes: list[tuple[Event, Event | None]], words_gone: set[str]) -> None:
        """A record lost events, or parts of them: its fold, its evidence, its marks on devices, what finds it."""
        devices = self._assembler.devices
        for event, _ in changes:
            devices.unmark(held, event)
        self._assembler.fold_anew(held)
        for _, left in changes:
            if left is not None:
                devices.mark(held, left)
        self._unfind(held, words_gone)

    def _unfind(self, held: Held, words_gone: set[str]) -> None:
        """A record is found no more by words that it does not say any longer."""
        found_by = {(word, held.number) for word in words_gone.difference(words(held.record))}
        self._store.remove(held.record.org, Rows((), (), found_by))

    def _remove(self, held: Held, places: list[int], words_gone: set[str]) -> None:
        """Nothing is left of a record: it goes as if it had never been. New events of its key make a new one."""
        self._links.withdraw_record(held)
        self._graph.untie(held.node)
        found_by = {(word, held.number) for word in words_gone}
        self._assembler.touches.wholly(held.record.org, (held.number,))
        self._store.remove(held.record.org, Rows((held.number,), places, found_by))
        self._assembler.held.drop([held])
        for link, how in held.record.links.items():
            kind, _, value = link.partition(":")
            if kind in TYPES and how & records.OWN & ~held.record.unlinked.get(link, 0):
                self._assembler.devices.unlinked(held, kind, value)

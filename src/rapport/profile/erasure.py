"""Erasure: every record that holds a claimed identifier goes, with all that was derived from it.

In comes what a person claimed, and what laws oblige the organizations to keep; it is carried out between two commits of
the worker, so that every other log entry is wholly before it or after it. What always holds: customers that remain are
exactly what the remaining evidence gives; what is erased can be told by nobody, and comes in again by no way until the
person lifts it.

What is *found* is found by evidence, active or taken back. Records that were only joined to what is found (a guess, or
a word of an operator's) may be another's: they go to a review, and stay as they are until somebody has looked.
"""

import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from rapport.collect import Event
from rapport.kernel import ids, vocabulary
from rapport.kernel.errors import BadInput, Corrupt
from rapport.kernel.times import DAY
from rapport.profile import record as records
from rapport.profile import timeline
from rapport.profile.assemble import Assembler
from rapport.profile.barring import Bar, Gone, Pair, content_node, named, says_its_time
from rapport.profile.devices import TYPES
from rapport.profile.links import Links
from rapport.profile.record import Record
from rapport.profile.search import words_of
from rapport.profile.working_set import Held
from rapport.resolve import record_node

REVIEW_DAYS = 30
"""How long an organization may take to look at a record that was only joined to an erased one (GDPR article 12.3: one
month)."""


class Claim(NamedTuple):
    """A verified identifier of the person at an organization, normalised."""

    org: str
    type: str
    value: str


class Legal(msgspec.Struct, frozen=True):
    """What a law obliges an organization to keep, by its declaration."""

    org: str
    purposes: tuple[str, ...]
    categories: tuple[str, ...]
    law: str
    retention_days: int


class Carve(NamedTuple):
    """Events that a law keeps, until a time (µs)."""

    org: str
    law: str
    purposes: Sequence[str]
    categories: Sequence[str]
    until: int
    events: Sequence[Event]


class Carved(msgspec.Struct, frozen=True):
    """A carve as everybody concerned may see it: what law, which categories, how many events, until when (µs)."""

    org: str
    law: str
    categories: tuple[str, ...]
    purposes: tuple[str, ...]
    events: int
    until: int


class Review(msgspec.Struct, frozen=True):
    """A record that was only joined to an erased one, and waits to be looked at until `deadline` (µs)."""

    org: str
    record: int
    handle: str
    source: str
    why: str
    deadline: int
    id: int = 0


class Erased(msgspec.Struct, frozen=True):
    """What an erasure came to: how many records and events are gone, how many identifiers come in no more (for a lift:
    do again), how many rejected parts that named them went, what laws keep, and what waits to be looked at."""

    records: int = 0
    events: int = 0
    identifiers: int = 0
    rejected: int = 0
    carved: tuple[Carved, ...] = ()
    reviews: tuple[Review, ...] = ()


class Rows(NamedTuple):
    """Everything that is stored of some records."""

    numbers: Collection[int]
    blocks: Collection[int]
    words: Collection[tuple[str, int]]


class Erasures(Gone, Protocol):
    """The book of erasures; part of the worker's transaction."""

    def former(self, node: bytes) -> list[int]:
        """Numbers of records that may once have named an identifier, or name it without effect."""

    def bury(self, person: str, org: str, nodes: Collection[bytes]) -> None: ...

    def carve(self, person: str, carve: Carve) -> None: ...

    def add_reviews(self, person: str, reviews: Iterable[Review]) -> None: ...


class ErasingStore(Protocol):
    @property
    def erasures(self) -> Erasures: ...

    def erase(self, org: str, person: str, rows: Rows) -> None:
        """Delete these rows with the next commit, and note that the records' keys are to be destroyed after it."""

    def erase_rejected(self, org: str, values: Collection[str]) -> int:
        """Delete kept rejected parts that say any of these values; return how many."""


class Graph(Protocol):
    """The evidence, as an eraser asks it."""

    def known(self, node: bytes) -> int | None: ...

    def group_of(self, record: bytes) -> bytes: ...

    def members(self, group: bytes) -> Collection[bytes]: ...

    def edges_of_record(self, record: bytes) -> Sequence[Any]: ...

    def untie(self, node: bytes) -> None:
        """Forget what operators tied to a node."""


class _Found(NamedTuple):
    """All that is known of the records that are to go."""

    helds: dict[int, Held]
    pairs: set[Pair]
    events: list[tuple[Held, Event]]
    blocks: list[int]


class Eraser:
    """One worker's erasing. Call it when everything taken in is committed, and commit after it."""

    def __init__(self, store: ErasingStore, assembler: Assembler, links: Links, graph: Graph) -> None:
        self._store = store
        self._assembler = assembler
        self._links = links
        self._graph = graph
        self._node = Bar(store.erasures).node

    def shred(self, person: str, claims: Iterable[Claim], legal: Iterable[Legal], at: int) -> Erased:
        """Erase what holds a claimed identifier; `at` (µs) is when the person asked."""
        by_org: dict[str, set[Pair]] = {}
        for claim in claims:
            by_org.setdefault(claim.org, set()).add((claim.type, claim.value))
        laws = list(legal)
        total = Erased()
        for org, claimed in sorted(by_org.items()):
            numbers = {number for pair in claimed for number in self._holders(org, pair, emptied=True)}
            total = _sum(total, self._erase(person, org, numbers, claimed, laws, at))
        return total

    def erase_reviewed(self, person: str, reviewed: Mapping[int, str], legal: Iterable[Legal], at: int) -> Erased:
        """Erase records (number → organization) that were looked at and found to be the person's."""
        laws = list(legal)
        total = Erased()
        for org in sorted(set(reviewed.values())):
            numbers = {number for number, where in reviewed.items() if where == org}
            total = _sum(total, self._erase(person, org, numbers, set(), laws, at))
        return total

    # -- one organization

    def _erase(
        self, person: str, org: str, numbers: set[int], claimed: set[Pair], legal: list[Legal], at: int
    ) -> Erased:
        found = self._found(numbers, claimed)
        reviews = self._joined(found, org, at)
        buried = {pair for pair in found.pairs if pair in claimed or not self._elsewhere(org, pair, found.helds)}
        found.helds.update(self._emptied(org, buried, found.helds))
        carved = self._carve(person, org, found, legal, at)
        nodes = {self._node(org, *pair) for pair in buried}
        contents = {
            content_node(org, held.record.source, event)
            for held, event in found.events
            if says_its_time(event) and not any(self._node(org, *pair) in nodes for pair in named(event))
        }
        self._store.erasures.bury(person, org, nodes | contents)
        self._store.erasures.add_reviews(person, reviews)
        self._remove(person, org, found)
        rejected = self._store.erase_rejected(org, {value for _, value in buried})
        return Erased(len(found.helds), len(found.events), len(buried), rejected, tuple(carved), tuple(reviews))

    def _found(self, numbers: Iterable[int], claimed: set[Pair]) -> _Found:
        found = _Found({}, set(claimed), [], [])
        for number in sorted(numbers):
            held = self._assembler.held.get(number)
            if held is not None:
                found.helds[number] = held
                found.pairs.update(pairs_of(held.record))
                with contextlib.suppress(Corrupt):  # what is behind a damaged block goes with the record's key
                    for position, block in timeline.blocks(held.record.head, self._assembler.held.reader(held)):
                        found.blocks.append(position)
                        found.events.extend((held, event) for event in block.events)
        return found

    def _holders(self, org: str, pair: Pair, *, emptied: bool) -> set[int]:
        """Numbers of the records that hold an identifier by any evidence, be it taken back; with those whose events all
        went elsewhere, if wanted."""
        node = self._node(org, *pair)
        numbers = set(self._links.holders(node))
        for number in self._store.erasures.former(node):
            held = self._assembler.held.get(number)
            if held is not None and pair in pairs_of(held.record) and (emptied or held.record.all.count):
                numbers.add(number)
        return numbers

    def _elsewhere(self, org: str, pair: Pair, going: Mapping[int, Held]) -> bool:
        """Whether a record that stays holds an identifier."""
        return not self._holders(org, pair, emptied=False) <= going.keys()

    def _emptied(self, org: str, buried: Iterable[Pair], going: Mapping[int, Held]) -> dict[int, Held]:
        """Slices that hold nothing any more but such an identifier in their own name."""
        numbers = {n for pair in buried for n in self._store.erasures.former(self._node(org, *pair))}
        helds = ((number, self._assembler.held.get(number)) for number in numbers - going.keys())
        return {number: held for number, held in helds if held is not None and not held.record.all.count}

    def _joined(self, found: _Found, org: str, at: int) -> list[Review]:
        """The records that were only joined to these."""
        shared = {self._node(org, *pair): pair[0] for pair in found.pairs}
        reviews: dict[int, Review] = {}
        for held in found.helds.values():
            for node in self._graph.members(self._graph.group_of(held.node)):
                number = self._graph.known(node)
                other = None if number is None or number in found.helds else self._assembler.held.get(number)
                if other is not None and other.node == node and other.number not in reviews:
                    kinds = {shared[edge.other] for edge in self._graph.edges_of_record(node) if edge.other in shared}
                    said = ", ".join(sorted(kinds)).replace("_", " ")
                    why = (
                        f"it names the same {said} as an erased record"
                        if kinds
                        else "others joined it to an erased one"
                    )
                    handle = ids.text_of("rec", _lookup(other))
                    source, deadline = other.record.source, at + REVIEW_DAYS * DAY
                    reviews[other.number] = Review(org, other.number, handle, source, why, deadline)
        return list(reviews.values())

    def _carve(self, person: str, org: str, found: _Found, legal: list[Legal], at: int) -> list[Carved]:
        carved = []
        for law in legal:
            carve = carve_of(law, [event for _, event in found.events], at) if law.org == org else None
            if carve is not None:
                self._store.erasures.carve(person, carve)
                count = len(carve.events)
                carved.append(Carved(org, law.law, law.categories, law.purposes, count, carve.until))
        return carved

    def _words(self, found: _Found) -> set[tuple[str, int]]:
        """What search finds these records by; and other slices of their devices, of which an event may once have been.
        Those are indexed anew."""
        words: set[tuple[str, int]] = set()
        beside: dict[int, list[Held]] = {}
        for held, event in found.events:
            for word in words_of(event):
                if held.number not in beside:
                    beside[held.number] = self._beside(held, found.helds)
                words.update((word, other.number) for other in (held, *beside[held.number]))
        return words

    def _beside(self, held: Held, going: Mapping[int, Held]) -> list[Held]:
        record = held.record
        if record.key_type not in TYPES:
            return []
        slices = self._assembler.devices.slices(record.org, record.key_type, record.key_value)
        others = [other for other in slices if other.number not in going]
        for other in others:
            other.words = other.changed = True
        return others

    def _remove(self, person: str, org: str, found: _Found) -> None:
        """Take the evidence back, delete the rows, forget the records, and slice anew the devices they marked."""
        for held in found.helds.values():
            self._links.withdraw_record(held)
            self._graph.untie(held.node)
        self._assembler.touches.wholly(org, found.helds)
        self._store.erase(org, person, Rows(found.helds.keys(), found.blocks, self._words(found)))
        self._assembler.held.drop(found.helds.values())
        for held in found.helds.values():
            for link, how in held.record.links.items():
                kind, _, value = link.partition(":")
                if kind in TYPES and how & records.OWN & ~held.record.unlinked.get(link, 0):
                    self._assembler.devices.unlinked(held, kind, value)


def _lookup(held: Held) -> bytes:
    """The node by which a record is looked up: nobody's slice as long as its device is not shared."""
    record = held.record
    if record.key_type in TYPES and not record.shared:
        return record_node(record.org, record.source, record.key_type, record.key_value, None)
    return held.node


def pairs_of(record: Record) -> set[Pair]:
    """The identifiers that a record holds by any evidence, active or taken back."""
    found: set[Pair] = {(record.key_type, record.key_value)}
    if record.user is not None:
        found.add(("user_id", record.user))
    for link in (*record.links, *record.unlinked):
        kind, _, value = link.partition(":")
        found.add((kind, value))
        if (record.links.get(link, 0) | record.unlinked.get(link, 0)) & records.ALIAS:
            found.add(("user_id", value))
    return found


def carve_of(law: Legal, events: Iterable[Event], at: int) -> Carve | None:
    """What a law keeps of these events: those of its categories, and of others the traits of its categories, each until
    its time is over. None where that is nothing."""
    mask = 0
    for category in law.categories:
        with contextlib.suppress(BadInput):  # unknown to this version: whoever asked was told
            mask |= vocabulary.below(category)
    life = law.retention_days * DAY
    kept = [part for event in events if happened(event) + life > at and (part := part_within(event, mask)) is not None]
    if not kept:
        return None
    until = max(map(happened, kept)) + life
    return Carve(law.org, law.law, law.purposes, law.categories, until, kept)


def happened(event: Event) -> int:
    """When an event happened, or else was received (µs)."""
    return event.received_at if event.time is None else event.time


def part_within(event: Event, mask: int) -> Event | None:
    """What of an event is of the categories of a mask: all it says of itself, where it is one of them; and traits."""
    of_event = bool(vocabulary.bit(vocabulary.category_of_event(event.name)) & mask)
    traits = _traits_within(event, event.traits, mask)
    once = _traits_within(event, event.traits_once, mask)
    if not (of_event or traits or once):
        return None
    named_within = tuple(
        (kind, value)
        for kind, value in event.identifiers
        if vocabulary.bit(vocabulary.category_of_identifier(kind)) & mask
    )
    properties = event.properties if of_event else {}
    return msgspec.structs.replace(
        event,
        traits=traits,
        traits_once=once,
        properties=properties,
        context={},
        consent=None,
        identifiers=named_within,
    )


def _traits_within(event: Event, traits: Mapping[str, Any], mask: int) -> dict[str, Any]:
    return {
        trait: value
        for trait, value in traits.items()
        if vocabulary.bit(event.categories.get(trait) or vocabulary.category_of(trait)) & mask
    }


def _sum(one: Erased, another: Erased) -> Erased:
    return Erased(
        one.records + another.records,
        one.events + another.events,
        one.identifiers + another.identifiers,
        one.rejected + another.rejected,
        one.carved + another.carved,
        one.reviews + another.reviews,
    )

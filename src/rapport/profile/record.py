"""A record: everything one source knows under one of its own keys, as the running fold of its events.

Every part of the fold is a join (a maximum, a minimum, a sum over distinct events, the smallest N of a set), so that
the order and batching of events do not matter. Facts are last-writer-wins by the time of the event; `$set_once` facts
are first-writer-wins and yield to any ordinary fact.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from rapport.collect import Event
from rapport.profile.timeline import UNKNOWN

MAX_NAMES = 10_000
MAX_TRAITS = 2_000
OTHER = "other"

OWN = 1
ALIAS = 2


class Fact(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One value with its provenance. `time` is µs or None (unknown); `event` the message id that said it."""

    value: Any
    time: int | None
    event: str
    received_at: int
    once: bool = False
    category: str | None = None


class Tally(msgspec.Struct, array_like=True, gc=False):
    """How often, first and last (µs; None while no event of known time was counted)."""

    count: int = 0
    first: int | None = None
    last: int | None = None

    def add(self, time: int | None) -> None:
        self.count += 1
        if time is None:
            return
        if self.first is None or time < self.first:
            self.first = time
        if self.last is None or time > self.last:
            self.last = time

    def join(self, other: "Tally") -> None:
        """Count in what `other` counted: of different events, so that counts add."""
        count = self.count + other.count
        self.add(other.first)
        self.add(other.last)
        self.count = count


class Record(msgspec.Struct, array_like=True):
    """The fold of one record. `links` maps `type:value` to how the record came by it (OWN | ALIAS bits);
    `unlinked` holds the links whose evidence was retracted. `head` is the newest timeline block, `newest` the greatest
    known time in the chain. `user` is the one this slice of a device is attributed to; `shared` says that the device
    has more than one slice. `gpc`: an event carried the Global Privacy Control signal."""

    org: str
    source: str
    key_type: str
    key_value: str
    user: str | None = None
    shared: bool = False
    links: dict[str, int] = msgspec.field(default_factory=dict)
    unlinked: dict[str, int] = msgspec.field(default_factory=dict)
    facts: dict[str, Fact] = msgspec.field(default_factory=dict)
    groups: dict[str, dict[str, Fact]] = msgspec.field(default_factory=dict)
    names: dict[str, Tally] = msgspec.field(default_factory=dict)
    other: Tally = msgspec.field(default_factory=Tally)
    all: Tally = msgspec.field(default_factory=Tally)
    consent: Fact | None = None
    head: int = 0
    newest: int = UNKNOWN
    gpc: bool = False


def rank(fact: Fact) -> tuple[bool, bool, int, str]:
    """What a fact is worth against another of the same trait and record: greater wins; never by arrival."""
    time = fact.time
    if time is None:
        return (not fact.once, False, 0, fact.event)
    return (not fact.once, True, -time if fact.once else time, fact.event)


def put(facts: dict[str, Fact], trait: str, fact: Fact) -> None:
    """Join one fact into a set of facts, of which the MAX_TRAITS smallest names are kept."""
    known = facts.get(trait)
    if known is None:
        facts[trait] = fact
        if len(facts) > MAX_TRAITS:
            del facts[max(facts)]
    elif rank(fact) > rank(known):
        facts[trait] = fact


def _put_all(facts: dict[str, Fact], traits: Mapping[str, Any], event: Event, *, once: bool) -> None:
    for trait, value in traits.items():
        category = event.categories.get(trait) if event.categories else None
        put(facts, trait, Fact(value, event.time, event.message_id, event.received_at, once, category))


def apply(record: Record, event: Event) -> None:
    """Fold one event into its record; the caller has made sure that it was not folded in before."""
    time = event.time
    record.all.add(time)
    tally = record.names.get(event.name)
    if tally is None:
        tally = record.names[event.name] = Tally()
        if len(record.names) > MAX_NAMES:
            # The greatest name goes, whichever it is: the names kept are the smallest N of all seen, in any order.
            last = max(record.names)
            if last == event.name:
                tally = record.other
                del record.names[last]
            else:
                record.other.join(record.names.pop(last))
    tally.add(time)
    _put_facts(record, event)
    if event.context.get("gpc") is True:
        record.gpc = True
    if event.consent is not None:
        fact = Fact(event.consent, time, event.message_id, event.received_at)
        if record.consent is None or rank(fact) > rank(record.consent):
            record.consent = fact


def _put_facts(record: Record, event: Event) -> None:
    if event.kind == "group":
        if event.group_id is not None:
            facts = record.groups.setdefault(event.group_id, {})
            _put_all(facts, event.traits, event, once=False)
            put(facts, "", Fact(None, event.time, event.message_id, event.received_at))
    else:
        if event.traits_once:
            _put_all(record.facts, event.traits_once, event, once=True)
        if event.traits:
            _put_all(record.facts, event.traits, event, once=False)


def blank(record: Record) -> Record:
    """The same record before its first event, for folding it again from its timeline; retractions and chain stay."""
    return Record(
        record.org,
        record.source,
        record.key_type,
        record.key_value,
        record.user,
        record.shared,
        unlinked=record.unlinked,
        head=record.head,
        newest=record.newest,
    )

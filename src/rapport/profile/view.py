"""The view: the fold of a customer's records. Derived at every read, never stored.

The fold is associative, commutative and idempotent over the set of records. Of several values of a trait one is shown,
chosen by the trust of its source, then by observed time, then by a stable key; all others are kept beside it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from rapport.kernel.times import rfc3339
from rapport.kernel.vocabulary import category_of
from rapport.profile.record import MAX_NAMES, OTHER, Fact, Record, Tally
from rapport.profile.timeline import UNKNOWN

_stable = msgspec.json.Encoder(order="deterministic").encode


class Part(msgspec.Struct, frozen=True):
    """One record of a customer, as the fold needs it: its number, its handle (`rec_…`, the same on every node), and the
    trust and category overrides of its source (`trusted`: a system of the organization's own).

    `mask`: the categories that the gate lets through; None: all there is. Only the gate makes parts with a mask.
    """

    number: int
    handle: str
    record: Record
    trust: int = 0
    categories: Mapping[str, str] = msgspec.field(default_factory=dict)
    trusted: bool = False
    mask: int | None = None

    def category(self, trait: str, fact: Fact) -> str:
        return fact.category or self.categories.get(trait) or category_of(trait)


def identifiers(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """All identifiers with active evidence, with the sources that said them, in a stable order."""
    sources: dict[tuple[str, str], set[str]] = {}
    for part in parts:
        record = part.record
        for link, how in record.links.items():
            if how & ~record.unlinked.get(link, 0):
                kind, _, value = link.partition(":")
                sources.setdefault((kind, value), set()).add(record.source)
    return [
        {"type": kind, "value": value, "verified": False, "sources": sorted(names)}
        for (kind, value), names in sorted(sources.items())
    ]


def traits(parts: Iterable[Part]) -> dict[str, Any]:
    """Every trait with its chosen value, provenance, category and the other values."""
    candidates: dict[str, list[tuple[Part, Fact]]] = {}
    for part in parts:
        for trait, fact in part.record.facts.items():
            candidates.setdefault(trait, []).append((part, fact))
    folded: dict[str, Any] = {}
    for trait in sorted(candidates):
        ranked = sorted(candidates[trait], key=_preference, reverse=True)
        # None says "no longer known": it hides its own record's value and never another's.
        shown = [_shown(trait, part, fact) for part, fact in ranked if fact.value is not None]
        if shown:
            folded[trait] = {**shown[0], "others": shown[1:]}
    return folded


def bare(parts: Sequence[Part], names: Iterable[str]) -> dict[str, Any]:
    """The values that `traits` shows for some names, without their provenance."""
    found: dict[str, Any] = {}
    for name in names:
        facts = [(part, fact) for part in parts if (fact := part.record.facts.get(name)) and fact.value is not None]
        if facts:
            found[name] = facts[0][1].value if len(facts) == 1 else max(facts, key=_preference)[1].value
    return found


def _preference(candidate: tuple[Part, Fact]) -> tuple[Any, ...]:
    part, fact = candidate
    time = UNKNOWN if fact.time is None else fact.time
    return (not fact.once, part.trust, time, fact.event, part.record.source, part.handle)


def _shown(trait: str, part: Part, fact: Fact) -> dict[str, Any]:
    return {
        "value": fact.value,
        "source": part.record.source,
        "record": part.handle,
        "observed_at": None if fact.time is None else rfc3339(fact.time),
        "event": fact.event,
        "category": part.category(trait, fact),
    }


def counted(tally: Tally) -> dict[str, Any]:
    return {
        "count": tally.count,
        "first_at": None if tally.first is None else rfc3339(tally.first),
        "last_at": None if tally.last is None else rfc3339(tally.last),
    }


def events(parts: Iterable[Part]) -> dict[str, Any]:
    """How often, first and last, in all and by name; beyond MAX_NAMES names the greatest ones are `other`."""
    total, other = Tally(), Tally()
    names: dict[str, Tally] = {}
    for part in parts:
        total.join(part.record.all)
        other.join(part.record.other)
        for name, tally in part.record.names.items():
            names.setdefault(name, Tally()).join(tally)
    shown = sorted(names)[:MAX_NAMES]
    for name in names.keys() - shown:
        other.join(names[name])
    by_name = {name: counted(names[name]) for name in shown}
    if other.count:
        if OTHER in by_name:
            other.join(names[OTHER])  # an event may be called so
        by_name[OTHER] = counted(other)
    head = counted(total)
    return {"total": head.pop("count"), **head, "by_name": by_name}


def groups(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """The groups (accounts, households, companies) that the customer was said to belong to, with their traits."""
    by_id: dict[str, list[tuple[Part, dict[str, Fact]]]] = {}
    for part in parts:
        for group, facts in part.record.groups.items():
            by_id.setdefault(group, []).append((part, facts))
    folded = []
    for group in sorted(by_id):
        as_parts = [_with_facts(part, facts) for part, facts in by_id[group]]
        sources = sorted({part.record.source for part, _ in by_id[group]})
        folded.append({"id": group, "traits": traits(as_parts), "sources": sources})
    return folded


def _with_facts(part: Part, facts: dict[str, Fact]) -> Part:
    """A part that knows a group's facts alone; the fact named "" only says that the group was named."""
    named = {trait: fact for trait, fact in facts.items() if trait}
    return msgspec.structs.replace(part, record=Record(part.record.org, part.record.source, "", "", facts=named))


def consent(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """What each record's source was told about consent; it attaches to the record that carried it."""
    return [
        {
            "source": part.record.source,
            "record": part.handle,
            "consent": part.record.consent.value,
            "observed_at": None if part.record.consent.time is None else rfc3339(part.record.consent.time),
        }
        for part in sorted(parts, key=lambda part: part.handle)
        if part.record.consent is not None
    ]


def fold(parts: Sequence[Part], why: Mapping[str, str], elsewhere: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """The whole view, in the shape of the contract (design §7) less `customer`, `receipt` and `as_of`."""
    ordered = sorted(parts, key=lambda part: (part.record.source, part.handle))
    return {
        "identifiers": identifiers(ordered),
        "traits": traits(ordered),
        "events": events(ordered),
        "records": [{"source": p.record.source, "record": p.handle, "why": why[p.handle]} for p in ordered],
        "groups": groups(ordered),
        "consent": consent(ordered),
        "elsewhere": list(elsewhere),
    }


def same(left: dict[str, Any], right: dict[str, Any]) -> bool:
    """Whether two views are the same, byte for byte."""
    return _stable(left) == _stable(right)

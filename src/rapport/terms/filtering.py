"""What the gate lets through of a record: facts, identifiers, events and groups whose category is permitted."""

from collections.abc import Mapping
from copy import copy
from functools import lru_cache
from typing import Any

import msgspec

from rapport.collect import Event
from rapport.kernel.vocabulary import UNCLASSIFIED, bit, category_of, category_of_event, category_of_identifier
from rapport.profile.record import Fact, Record, Tally
from rapport.profile.view import Part
from rapport.terms.consent import preferences

_ACCOUNT = bit("account")
_BEHAVIOUR = bit("behaviour")
_CONTEXT = {
    "ip": "location",
    "location": "location",
    "timezone": "location",
    "locale": "language",
    "device": "device",
    "os": "device",
    "userAgent": "device",
    "userAgentData": "device",
    "screen": "device",
    "network": "device",
    "app": "device",
    "library": "device",
    "page": "behaviour",
    "referrer": "behaviour",
    "campaign": "behaviour",
    "sessionId": "behaviour",
    "externalIds": "account",
    "groupId": "account",
}
"""Where a client's surroundings belong; what is named nowhere counts as unclassified."""
_SIGNALS = {"consent", "gpc"}


def categories_in(part: Part) -> int:
    """The mask of all categories that a record holds anything of."""
    mask = _rest_in(part) | _grouped_in(part)
    said = part.categories.get
    for category in {fact.category or said(trait) or category_of(trait) for trait, fact in part.record.facts.items()}:
        mask |= bit(category)
    return mask


def _rest_in(part: Part) -> int:
    """The mask of all but its facts and its groups."""
    record = part.record
    mask = 0
    for link in record.links:
        mask |= _bit_of_link(link.partition(":")[0])
    for name in record.names:
        mask |= _bit_of_event(name)
    if record.other.count:
        mask |= _BEHAVIOUR
    return mask


def _grouped_in(part: Part) -> int:
    """The mask of its groups, which are told to nobody who may not know of accounts."""
    mask = 0
    for facts in part.record.groups.values():
        mask |= _ACCOUNT
        for trait, own in zip(facts, _bits(part, facts), strict=True):
            mask |= own if trait else 0
    return mask


def _bits(part: Part, facts: Mapping[str, Fact]) -> list[int]:
    """The bit of each fact's category, in their order. (`Part.category` says the same of one.)"""
    if not part.categories:
        return [bit(fact.category) if fact.category else _bit_of_trait(trait) for trait, fact in facts.items()]
    said = part.categories.get
    return [bit(fact.category or said(trait) or category_of(trait)) for trait, fact in facts.items()]


@lru_cache(maxsize=4096)
def _bit_of_trait(trait: str) -> int:
    return bit(category_of(trait))


@lru_cache(maxsize=4096)
def _bit_of_event(name: str) -> int:
    return bit(category_of_event(name))


@lru_cache(maxsize=4096)
def _bit_of_link(kind: str) -> int:
    return bit(category_of_identifier(kind))


def let_through(part: Part, mask: int) -> tuple[Part, int] | None:
    """The record as far as its categories are permitted, with the mask of those that are in it; or None where nothing
    of it is left."""
    record = part.record
    bits = _bits(part, record.facts)
    held, grouped = _rest_in(part), _grouped_in(part)
    for own in bits:
        held |= own
    held |= grouped if _ACCOUNT & mask else 0
    if not held & mask:
        return None
    if not (held | grouped) & ~mask:
        # Its events may say more than the record holds (where they came from, in what mood): the mask goes with it.
        whole = _consenting(record, mask)
        return Part(part.number, part.handle, whole, part.trust, part.categories, part.trusted, mask), held
    names = {name: tally for name, tally in record.names.items() if bit(category_of_event(name)) & mask}
    other = record.other if _BEHAVIOUR & mask else Tally()
    total = Tally()
    for tally in (*names.values(), other):
        if tally.count:
            total.join(tally)
    kept = copy(_consenting(record, mask))
    kept.links = {
        link: how for link, how in record.links.items() if bit(category_of_identifier(link.partition(":")[0])) & mask
    }
    kept.facts = {trait: fact for (trait, fact), own in zip(record.facts.items(), bits, strict=True) if own & mask}
    groups = record.groups if _ACCOUNT & mask else {}
    kept.groups = {name: _permitted_facts(part, facts, mask) for name, facts in groups.items()}
    kept.names, kept.other, kept.all = names, other, total
    return Part(part.number, part.handle, kept, part.trust, part.categories, part.trusted, mask), held & mask


def _consenting(record: Record, mask: int) -> Record:
    """The record with no more of its consent than what was given and refused: sources may put anything beside it."""
    if record.consent is None or mask & UNCLASSIFIED:
        return record
    plain = copy(record)
    plain.consent = msgspec.structs.replace(record.consent, value=_said(record.consent.value))
    return plain


def _said(consent: Any) -> dict[str, Any]:
    return {"categoryPreferences": preferences(consent)}


def _permitted_facts(part: Part, facts: Mapping[str, Fact], mask: int) -> dict[str, Fact]:
    own = zip(facts.items(), _bits(part, facts), strict=True)
    return {trait: fact for (trait, fact), bit_of_it in own if not trait or bit_of_it & mask}


def permitted_event(part: Part, event: Event) -> Event | None:
    """An event of a record's timeline as far as its categories are permitted, or None where nothing may be told."""
    mask = part.mask
    if mask is None:
        return event
    own = bool(bit(category_of_event(event.name)) & mask)
    traits = {name: value for name, value in event.traits.items() if bit(_category(part, event, name)) & mask}
    if not own and not traits:
        return None
    context = {
        name: value
        for name, value in event.context.items()
        if name in _SIGNALS or bit(_CONTEXT.get(name, "unclassified")) & mask
    }
    if "consent" in context and not mask & UNCLASSIFIED:
        context["consent"] = _said(context["consent"])
    if own:
        return msgspec.structs.replace(event, traits=traits, context=context)
    return msgspec.structs.replace(event, name=event.kind, traits=traits, properties={}, context=context)


def _category(part: Part, event: Event, trait: str) -> str:
    explicit: Any = event.categories.get(trait) if event.categories else None
    return part.category(trait, Fact(None, None, "", 0, category=explicit))


def veils(part: Part) -> bool:
    """Whether the keys by which a source knows the customer must not be told."""
    return part.mask is not None and not part.mask & _ACCOUNT

"""What the gate lets through of a record: facts, identifiers, events and groups whose category is permitted."""

from collections.abc import Mapping
from typing import Any

import msgspec

from rapport.collect import Event
from rapport.kernel.vocabulary import bit, category_of_event, category_of_identifier
from rapport.profile.record import Fact, Tally
from rapport.profile.view import Part

_ACCOUNT = bit("account")
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
    record = part.record
    mask = 0
    for trait, fact in record.facts.items():
        mask |= bit(part.category(trait, fact))
    for link in record.links:
        mask |= bit(category_of_identifier(link.partition(":")[0]))
    for name in record.names:
        mask |= bit(category_of_event(name))
    for facts in record.groups.values():
        mask |= _ACCOUNT
        for trait, fact in facts.items():
            if trait:
                mask |= bit(part.category(trait, fact))
    if record.other.count:
        mask |= bit("behaviour")
    return mask


def permitted(part: Part, mask: int) -> Part | None:
    """The record as far as its categories are permitted, or None where nothing of it is left."""
    held = categories_in(part)
    if not held & mask:
        return None
    if not held & ~mask:
        return part
    record = part.record
    names = {name: tally for name, tally in record.names.items() if bit(category_of_event(name)) & mask}
    other = record.other if bit("behaviour") & mask else Tally()
    total = Tally()
    for tally in (*names.values(), other):
        if tally.count:
            total.join(tally)
    account = bool(_ACCOUNT & mask)
    kept = msgspec.structs.replace(
        record,
        links={
            link: how
            for link, how in record.links.items()
            if bit(category_of_identifier(link.partition(":")[0])) & mask
        },
        facts=_permitted_facts(part, record.facts, mask),
        groups={name: _permitted_facts(part, facts, mask) for name, facts in record.groups.items()} if account else {},
        names=names,
        other=other,
        all=total,
    )
    return msgspec.structs.replace(part, record=kept, mask=mask)


def _permitted_facts(part: Part, facts: Mapping[str, Fact], mask: int) -> dict[str, Fact]:
    return {trait: fact for trait, fact in facts.items() if not trait or bit(part.category(trait, fact)) & mask}


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
    if own:
        return msgspec.structs.replace(event, traits=traits, context=context)
    return msgspec.structs.replace(event, name=event.kind, traits=traits, properties={}, context=context)


def _category(part: Part, event: Event, trait: str) -> str:
    explicit: Any = event.categories.get(trait) if event.categories else None
    return part.category(trait, Fact(None, None, "", 0, category=explicit))


def veils(part: Part) -> bool:
    """Whether the keys by which a source knows the customer must not be told."""
    return part.mask is not None and not part.mask & _ACCOUNT

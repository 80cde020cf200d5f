"""How the console's desk tells what it found: rows, nodes and sentences made of customers, evidence and refusals."""

from collections.abc import Sequence
from typing import Any

import msgspec

from rapport.adapters.embedded.reader import RejectedRow
from rapport.adapters.embedded.state_rows import KEEP_REJECTED
from rapport.collect import Event
from rapport.kernel.vocabulary import bit, category_of_identifier
from rapport.profile import view
from rapport.profile.devices import TYPES
from rapport.profile.masking import mask
from rapport.profile.search import tokens
from rapport.profile.store import Found
from rapport.profile.view import Part
from rapport.terms.filtering import veils
from rapport.web.console import desk as ask

TELLING = ("email", "user_id", "phone", "loyalty_id", "anonymous_id", "device_id")
"""Types of identifiers, those that a reader recognises most easily first."""


def masked(parts: Sequence[Part]) -> tuple[tuple[str, str], ...]:
    """A few identifiers with their types, by which who knows them recognises a customer."""
    identifiers = {(i["type"], i["value"]) for i in view.identifiers(parts)}
    telling = sorted(identifiers, key=lambda i: (TELLING.index(i[0]) if i[0] in TELLING else 9, i[1]))
    return tuple((kind, mask(kind, value)) for kind, value in telling[:4])


def hit(found: Found) -> ask.Hit:
    names: dict[str, int] = {}
    for part in found.parts:
        for name, tally in part.record.names.items():
            names[name] = max(names.get(name, 0), tally.last or 0)
    counted = view.events(found.parts)
    last = max((part.record.all.last for part in found.parts if part.record.all.last is not None), default=None)
    return ask.Hit(
        found.customer,
        masked(found.parts),
        tuple(sorted(names, key=lambda name: -names[name])[:3]),
        counted["total"],
        last,
        tuple(sorted({part.record.source for part in found.parts})),
    )


def has_word(found: Found, word: str) -> bool:
    """Whether a customer's present traits hold a word; the index remembers earlier ones too."""
    values = (trait["value"] for trait in view.traits(found.parts).values())
    return any(token.startswith(word) for value in values if isinstance(value, str) for token in tokens(value))


def happened(part: Part, event: Event) -> ask.Happened:
    """An event that was let through, less the ids that it carried where these may not be told."""
    if part.mask is not None:
        identifiers = tuple(pair for pair in event.identifiers if bit(category_of_identifier(pair[0])) & part.mask)
        event = msgspec.structs.replace(event, identifiers=identifiers, traits_once={}, consent=None)
    if veils(part):
        event = msgspec.structs.replace(event, user_id=None, anonymous_id=None, group_id=None, previous_id=None)
    return ask.Happened(event, part.record.source, part.handle)


def record_node(part: Part) -> ask.Node:
    record = part.record
    if veils(part):
        return ask.Node(part.handle, "record", "record", "•••", record.source)
    slice_of = (record.user or "nobody") if record.key_type in TYPES and (record.shared or record.user) else ""
    return ask.Node(part.handle, "record", record.key_type, record.key_value, record.source, slice_of)


def edge(item: dict[str, Any]) -> ask.Evidence:
    identifier = item["identifier"]
    return ask.Evidence(
        id=item["id"],
        record=item["record"],
        other=f"{identifier['type']}:{identifier['value']}" if identifier else item["other"],
        kind=item["kind"],
        type=identifier["type"] if identifier else "",
        rule=item["rule"],
        origin=item["origin"],
        level=item["level"],
        verified=item["verified"],
        used=item["used"],
        reason=item["why"],
    )


def party(found: Found) -> ask.Party:
    events = sum(part.record.all.count for part in found.parts)
    return ask.Party(found.customer, tuple(record_node(part) for part in found.parts), events)


def sentences(item: dict[str, Any], customers: int, rule: str) -> tuple[str, ...]:
    named = item["identifier"]
    what = f"its {named['type'].replace('_', ' ')} {named['value']}" if named else "the operator's link"
    first = f"The record of {item['source']} will no longer count {what} as evidence of who it is."
    second = f"This customer becomes {customers} customers." if customers > 1 else "The same records stay one customer."
    third = (
        ("Anonymous events on this device are attributed anew, as if this user had not been seen on it.",)
        if named and named["type"] in TYPES and rule == "named"
        else ()
    )
    return (first, second, *third, "No event and no value is moved or deleted.")


def refusal(row: RejectedRow) -> ask.Refusal:
    return ask.Refusal(str(row.id), row.at, row.source, row.code, row.message, row.at + KEEP_REJECTED)

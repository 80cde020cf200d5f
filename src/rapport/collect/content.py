"""What is the same in every wire format: an event's digest and id, its time, and the identifiers it mentions."""

import math
import sys
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import msgspec

from rapport.collect import times
from rapport.collect.errors import Code, Refused
from rapport.collect.event import Event
from rapport.kernel.identifiers import MAX_LENGTH, email, normalise, phone, type_name, usable

Id = str | int | None
"""An identifier as clients send it: text, or a whole number, which is read as its decimal text."""

_canonical = msgspec.msgpack.Encoder(order="deterministic")
_LARGEST = 2**63 - 1


class Reception(msgspec.Struct, frozen=True, gc=False):
    """What holds for every event of one body."""

    received_at: int
    sent_at: Any = None
    gpc: bool = False
    """The request carried `Sec-GPC: 1` (https://w3c.github.io/gpc/): the person objects to selling and sharing."""


def complete(
    reception: Reception,
    index: int,
    *,
    kind: str,
    name: str,
    sent_id: Id,
    user_id: str | None,
    anonymous_id: str | None,
    key: tuple[str, str] | None,
    own: int | None,
    stamp: int | str | None,
    sent_at: Any,
    traits: dict[str, Any],
    traits_once: dict[str, Any],
    properties: dict[str, Any],
    context: dict[str, Any],
    group_id: str | None,
    previous_id: str | None,
    identifiers: tuple[tuple[str, str], ...],
    categories: dict[str, str],
) -> Event:
    """The event, with all that follows from what the client said.

    `own` is the client's time in microseconds, `stamp` what stays the same of it when the event is sent again. The
    body's `sent_at` speaks for the client's clock before the event's own: a relay may have left an older one there.
    """
    said = [
        kind,
        name,
        user_id,
        anonymous_id,
        key,
        stamp,
        traits,
        traits_once,
        properties,
        context,
        group_id,
        previous_id,
    ]
    try:
        digest = fingerprint([*said, categories])
    except OverflowError:
        traits, traits_once, properties, context = (
            bounded(part) for part in (traits, traits_once, properties, context)
        )
        said[6:10] = traits, traits_once, properties, context
        digest = fingerprint([*said, categories])
    clock = times.glance(sent_at if reception.sent_at is None else reception.sent_at)
    time, corrected = times.happened_at(own, clock, reception.received_at)
    consent = context.get("consent")
    if reception.gpc:
        context = {**context, "gpc": True}
    return Event(
        kind=kind,
        name=name,
        message_id=message_id(sent_id, digest, own is not None, reception.received_at, index),
        user_id=user_id,
        anonymous_id=anonymous_id,
        key=key,
        time=time,
        corrected=corrected,
        received_at=reception.received_at,
        traits=traits,
        traits_once=traits_once,
        properties=properties,
        context=context,
        group_id=group_id,
        previous_id=previous_id,
        identifiers=tuple(dict.fromkeys(identifiers)) if len(identifiers) > 1 else identifiers,
        consent=consent if isinstance(consent, dict) else None,
        categories=categories,
        digest=digest,
    )


def fingerprint(content: list[Any]) -> bytes:
    """8 bytes, equal for equal content whatever the order of keys. OverflowError for what `bounded` would change."""
    return blake2b(_canonical.encode(content), digest_size=8).digest()


def bounded(value: Any) -> Any:
    """The value with every whole number that no database or wire holds (64 bits and a sign) as a decimal one."""
    if isinstance(value, int) and not -_LARGEST <= value <= 2 * _LARGEST + 1:
        return float(value) if value.bit_length() < 1024 else math.copysign(sys.float_info.max, value)
    if isinstance(value, dict):
        return {key: bounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [bounded(inner) for inner in value]
    return value


def message_id(sent: Id, content: bytes, timed: bool, received_at: int, index: int) -> str:
    """The event's own id, or one made of its content where it has none.

    A client that repeats an event without id but with a time gets the same id, so the repeat counts once. Without a
    time either, two equal events cannot be told from one repeated: they are counted as two.
    """
    own = usable(sent)
    if own is not None:
        return own
    return f"content-{content.hex()}" if timed else f"content-{content.hex()}-{received_at}-{index}"


def not_too_long(**values: Any) -> None:
    """Raise Refused(too_long) for the first text that is longer than an identifier may be."""
    for name, value in values.items():
        if isinstance(value, str) and len(value) > MAX_LENGTH:
            raise Refused(Code.TOO_LONG, f"{name} is {len(value):,} characters; the limit is {MAX_LENGTH:,}")


def contacts(traits: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """E-mail and phone among traits, as identifiers."""
    address = email(_id(traits.get("email")))
    if address:
        yield "email", address
    number = phone(_id(traits.get("phone")))
    if number:
        yield "phone", number


def mentioned(context: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The identifiers in `context.externalIds` and `context.device.id`; what has another shape is no identifier."""
    listed = context.get("externalIds")
    if isinstance(listed, list):
        for item in listed:
            pair = _external(item) if isinstance(item, dict) else None
            if pair:
                yield pair
    device = context.get("device")
    if isinstance(device, dict):
        value = usable(_id(device.get("id")))
        if value:
            yield "device_id", value


def _external(item: dict[str, Any]) -> tuple[str, str] | None:
    kind, encoding = item.get("type"), item.get("encoding")
    name = type_name(kind) if isinstance(kind, str) else None
    if name is None or item.get("collection", "users") not in {"users", "user", None}:
        return None
    if isinstance(encoding, str) and encoding not in {"none", ""}:
        # A hashed address is an identifier of its own kind: it equals no plain one.
        name = type_name(f"{name}_{encoding}")
        value = usable(_id(item.get("id")))
    else:
        value = normalise(name, _id(item.get("id")))
    return (name, value) if name and value else None


def _id(value: Any) -> Id:
    return value if isinstance(value, str | int) else None

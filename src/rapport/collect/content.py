"""What is the same in every wire format: an event's digest and id, its time, and the identifiers it mentions."""

import sys
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
_usable_once = usable.__wrapped__
"""Message ids do not come again, so remembering them would only push out the ids that do."""


class Reception(msgspec.Struct, frozen=True, gc=False):
    """What holds for every event of one body."""

    received_at: int
    sent_at: int | None = None
    """What the client's clock said when it sent the body, in microseconds, where the body says so."""
    gpc: bool = False
    """The request carried `Sec-GPC: 1` (https://w3c.github.io/gpc/): the person objects to selling and sharing."""


def complete(
    reception: Reception,
    index: int,
    kind: str,
    name: str,
    sent_id: Id,
    user_id: str | None,
    anonymous_id: str | None,
    key: tuple[str, str] | None,
    own: int | None,
    stamp: int | None,
    sent_at: Any,
    traits: dict[str, Any],
    traits_once: dict[str, Any],
    properties: dict[str, Any],
    context: dict[str, Any],
    group_id: str | None,
    previous_id: str | None,
    identifiers: list[tuple[str, str]],
    categories: dict[str, str],
) -> Event:
    """The event, with all that follows from what the client said.

    `own` is the client's time in microseconds, `stamp` what stays the same of it when the event is sent again. The
    body's `sent_at` speaks for the client's clock before the event's own: a relay may have left an older one there.

    It is called, and calls `Event`, by position: by name each of the two calls would cost 0.7 µs, as much as reading
    the event's JSON.
    """
    names = (kind, name, user_id, anonymous_id, key, stamp, group_id, previous_id, categories)
    try:
        digest = fingerprint((names, traits, traits_once, properties, context))
    except OverflowError:
        traits, traits_once = bounded(traits), bounded(traits_once)
        properties, context = bounded(properties), bounded(context)
        digest = fingerprint((names, traits, traits_once, properties, context))
    clock = reception.sent_at
    if clock is None and sent_at is not None:
        clock = times.glance(sent_at)
    time, corrected = times.happened_at(own, clock, reception.received_at)
    consent = context.get("consent")
    if reception.gpc:
        context = {**context, "gpc": True}
    return Event(
        kind,
        name,
        message_id(sent_id, digest, own is not None, reception.received_at, index),
        user_id,
        anonymous_id,
        key,
        time,
        corrected,
        reception.received_at,
        traits,
        traits_once,
        properties,
        context,
        group_id,
        previous_id,
        tuple(dict.fromkeys(identifiers)) if identifiers else (),
        consent if isinstance(consent, dict) else None,
        categories,
        digest,
    )


def fingerprint(content: tuple[Any, ...]) -> bytes:
    """8 bytes, equal for equal content whatever the order of keys. OverflowError for what `bounded` would change."""
    return blake2b(_canonical.encode(content), digest_size=8).digest()


def bounded(value: Any) -> Any:
    """The value with every whole number that no database or wire holds (64 bits and a sign) as a decimal one."""
    if isinstance(value, int) and not -_LARGEST - 1 <= value <= 2 * _LARGEST + 1:
        if value.bit_length() < 1024:
            return float(value)
        return sys.float_info.max if value > 0 else -sys.float_info.max
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
    own = _usable_once(sent)
    if own is not None:
        return own
    return f"content-{content.hex()}" if timed else f"content-{content.hex()}-{received_at}-{index}"


def not_too_long(**values: Any) -> None:
    """Raise Refused(too_long) for the first text that is longer than an identifier may be."""
    for name, value in values.items():
        if isinstance(value, str) and len(value) > MAX_LENGTH:
            raise Refused(Code.TOO_LONG, f"{name} is {len(value):,} characters; the limit is {MAX_LENGTH:,}")


def mentioned(traits: dict[str, Any], context: dict[str, Any]) -> list[tuple[str, str]]:
    """The identifiers among traits (`email`, `phone`) and in `context.externalIds` and `context.device.id`.

    What has another shape than an identifier's is none.
    """
    found = []
    if "email" in traits and (value := email(_id(traits["email"]))):
        found.append(("email", value))
    if "phone" in traits and (value := phone(_id(traits["phone"]))):
        found.append(("phone", value))
    if "externalIds" in context and isinstance(listed := context["externalIds"], list):
        found += [pair for item in listed if isinstance(item, dict) and (pair := _external(item))]
    if (
        "device" in context
        and isinstance(device := context["device"], dict)
        and (value := usable(_id(device.get("id"))))
    ):
        found.append(("device_id", value))
    return found


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
    return value if isinstance(value, (str, int)) else None

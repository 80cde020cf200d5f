"""What destinations are sent: one body for several letters where their kind takes batches, else one for each.

- *webhook*: Standard Webhooks; `{"type", "timestamp", "data"}` under `webhook-id`, signed.
- *cloudevents*: CloudEvents 1.0 over HTTP, structured mode; the secret as a bearer token.
- *segment*: a batch of Segment's HTTP tracking API; the secret as the user name of basic authentication. There is no
  message for a deletion in that API, so it is an `identify` that empties every field, and a `track` that says so.
"""

import base64
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from rapport import __version__
from rapport.act import webhooks
from rapport.act.activation import Destination, What
from rapport.act.delivery import Dressed
from rapport.kernel.times import rfc3339

MOST_IN_BATCH = 100
Subject = What | Literal["test"]
"""What a letter is about: `test` is of nobody, to see whether it arrives."""
TYPES: dict[Subject, str] = {
    "entered": "audience.entered",
    "left": "audience.left",
    "event": "event",
    "deleted": "customer.deleted",
    "test": "test",
}
_TRACKED: dict[Subject, str] = {
    "entered": "Audience Entered",
    "left": "Audience Exited",
    "deleted": "Customer Deleted",
    "test": "Rapport Test",
}
NOBODY = "rapport-test"
"""As whom a Segment-compatible endpoint gets to know a test: it takes nothing that is of nobody."""
USER, ANONYMOUS = "userId", "anonymousId"
"""Fields of these names say under which key a Segment-compatible endpoint knows the customer; else it is the handle."""


class Letter(msgspec.Struct, frozen=True):
    """What a delivery says, as it leaves. `customer`: the handle; `event`: as the timeline shows it, of what it may
    say; `known_as`: every key under which the customer was sent before, if not under the handle, the last one last;
    `audience`: that which was entered or left."""

    id: str
    what: Subject
    customer: str
    at: int
    fields: dict[str, Any] = {}
    receipt: str = ""
    event: dict[str, Any] | None = None
    known_as: tuple[dict[str, str], ...] = ()
    audience: str | None = None


def trial(name: str, at: int) -> Letter:
    """A letter of nobody."""
    return Letter(name, "test", "", at)


def keys_of(one: Destination, fields: dict[str, Any]) -> dict[str, str]:
    """Under which keys a destination gets to know a customer with these fields; none: under the handle."""
    if not has_keys(one):
        return {}
    return {name: str(fields[name]) for name in (USER, ANONYMOUS) if fields.get(name)}


def has_keys(one: Destination) -> bool:
    """Whether it knows customers by keys of its own, and not by their handles."""
    return one.kind == "segment" and not one.fields.keys().isdisjoint({USER, ANONYMOUS})


def is_batched(one: Destination) -> bool:
    return one.kind == "segment"


def dressed(one: Destination, secret: str | None, letters: Sequence[Letter], origin: str, at: int) -> Dressed:
    """Letters as they are sent now; more than one only where they are batched."""
    if one.kind == "segment":
        return _segment(one, secret, letters, at)
    (letter,) = letters
    data = _data(one, letter)
    if one.kind == "webhook":
        body = webhooks.message(TYPES[letter.what], data, letter.at)
        return webhooks.dressed(letter.id, body, secret or "", at)
    event = {
        "specversion": "1.0",
        "id": letter.id,
        "source": f"{origin}/{one.org}/destinations/{one.name}",
        "type": f"rapport.{TYPES[letter.what]}",
        "time": rfc3339(letter.at),
        **({"subject": letter.customer} if letter.customer else {}),  # an empty one is none, by the specification
        "datacontenttype": "application/json",
        "data": data,
    }
    headers = {"content-type": "application/cloudevents+json; charset=utf-8"}
    if secret:
        headers["authorization"] = f"Bearer {secret}"
    return Dressed(msgspec.json.encode(event), headers)


def _data(one: Destination, letter: Letter) -> dict[str, Any]:
    data: dict[str, Any] = {"organization": one.org, "destination": one.name}
    if letter.what == "test":
        return {**data, "at": rfc3339(letter.at)}
    data = {"customer": letter.customer, **data}
    if letter.what == "deleted":
        return {**data, "at": rfc3339(letter.at)}
    if letter.event is not None:
        data["event"] = letter.event
    else:
        data["audience"] = letter.audience
    return {
        **data,
        "purpose": one.purpose,
        "fields": letter.fields,
        "at": rfc3339(letter.at),
        "receipt": letter.receipt,
    }


def _segment(one: Destination, secret: str | None, letters: Sequence[Letter], at: int) -> Dressed:
    batch = [message for letter in letters for message in _messages(one, letter)]
    body = msgspec.json.encode({"batch": batch, "sentAt": rfc3339(at)})
    headers = {}
    if secret:
        headers["authorization"] = f"Basic {base64.b64encode(f'{secret}:'.encode()).decode()}"
    return Dressed(body, headers)


def _messages(one: Destination, letter: Letter) -> list[dict[str, Any]]:
    if letter.what == "test":
        return [_track(letter, {ANONYMOUS: NOBODY}, {})]
    if letter.what == "deleted":
        # Whoever is known there under several keys is deleted under each.
        known = letter.known_as or ({USER: letter.customer},)
        return [message for place, keys in enumerate(known) for message in _told(one, letter, keys, place)]
    keys = keys_of(one, letter.fields) or (letter.known_as[-1] if letter.known_as else {USER: letter.customer})
    return _told(one, letter, keys, 0)


def _told(one: Destination, letter: Letter, keys: dict[str, str], place: int) -> list[dict[str, Any]]:
    traits = {name: value for name, value in letter.fields.items() if name not in {USER, ANONYMOUS}}
    if letter.what == "deleted":
        traits = {name: None for name in one.fields if name not in {USER, ANONYMOUS}}
    audience = one.audience if letter.what == "deleted" else letter.audience
    if audience is not None:
        traits[audience] = letter.what == "entered" if letter.what != "deleted" else None
    properties = {"audience": audience} if audience is not None else {}
    track = _track(letter, keys, properties, place)
    if not traits:
        return [track]
    identify = {**_common(letter, keys), "type": "identify", "traits": traits}
    return [{**identify, "messageId": f"{track['messageId']}-traits"}, track]


def _track(letter: Letter, keys: dict[str, str], properties: dict[str, Any], place: int = 0) -> dict[str, Any]:
    event = _TRACKED.get(letter.what, "")
    if letter.event is not None:
        event, properties = letter.event["name"], letter.event["properties"]
    name = f"{letter.id}-{place + 1}" if place else letter.id
    return {**_common(letter, keys), "type": "track", "event": event, "properties": properties, "messageId": name}


def _common(letter: Letter, keys: dict[str, str]) -> dict[str, Any]:
    return {
        **keys,
        "timestamp": rfc3339(letter.at),
        "context": {"library": {"name": "rapport", "version": __version__}},
    }

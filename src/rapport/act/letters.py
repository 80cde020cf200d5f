"""What destinations are sent: one body for several letters where their kind takes batches, else one for each.

- *webhook*: Standard Webhooks; `{"type", "timestamp", "data"}` under `webhook-id`, signed.
- *cloudevents*: CloudEvents 1.0 over HTTP, structured mode; the secret as a bearer token.
- *segment*: a batch of Segment's HTTP tracking API; the secret as the user name of basic authentication. There is no
  message for a deletion in that API, so it is an `identify` that empties every field, and a `track` that says so.
"""

import base64
from collections.abc import Sequence
from typing import Any

import msgspec

from rapport import __version__
from rapport.act import webhooks
from rapport.act.activation import Destination, What
from rapport.act.delivery import Dressed
from rapport.kernel.times import rfc3339

MOST_IN_BATCH = 100
MOST_BYTES = 400_000
"""Of one batch: the HTTP API takes 500 KB."""
TYPES: dict[What, str] = {
    "entered": "audience.entered",
    "left": "audience.left",
    "event": "event",
    "deleted": "customer.deleted",
}
_TRACKED: dict[What, str] = {
    "entered": "Audience Entered",
    "left": "Audience Exited",
    "deleted": "Customer Deleted",
}
USER, ANONYMOUS = "userId", "anonymousId"
"""Fields of these names say under which key a Segment-compatible endpoint knows the customer; else it is the handle."""


class Letter(msgspec.Struct, frozen=True):
    """What a delivery says, as it leaves. `customer`: the handle; `event`: as the timeline shows it, of what it may
    say; `known_as`: under which keys it was sent before, if not under the handle."""

    id: str
    what: What
    customer: str
    at: int
    fields: dict[str, Any] = {}
    receipt: str = ""
    event: dict[str, Any] | None = None
    known_as: dict[str, str] = {}


def keys_of(one: Destination, fields: dict[str, Any]) -> dict[str, str]:
    """Under which keys a destination gets to know a customer with these fields; none: under the handle."""
    if one.kind != "segment":
        return {}
    return {name: str(fields[name]) for name in (USER, ANONYMOUS) if fields.get(name)}


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
        "subject": letter.customer,
        "datacontenttype": "application/json",
        "data": data,
    }
    headers = {"content-type": "application/cloudevents+json; charset=utf-8"}
    if secret:
        headers["authorization"] = f"Bearer {secret}"
    return Dressed(msgspec.json.encode(event), headers)


def _data(one: Destination, letter: Letter) -> dict[str, Any]:
    data: dict[str, Any] = {"customer": letter.customer, "organization": one.org, "destination": one.name}
    if letter.what == "deleted":
        return {**data, "at": rfc3339(letter.at)}
    if letter.event is not None:
        data["event"] = letter.event
    else:
        data["audience"] = one.audience
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
    traits = {name: value for name, value in letter.fields.items() if name not in {USER, ANONYMOUS}}
    if letter.what == "deleted":
        traits = {name: None for name in one.fields if name not in {USER, ANONYMOUS}}
    if one.audience is not None:
        traits[one.audience] = letter.what == "entered" if letter.what != "deleted" else None
    common: dict[str, Any] = {
        **(keys_of(one, letter.fields) or letter.known_as or {USER: letter.customer}),
        "timestamp": rfc3339(letter.at),
        "context": {"library": {"name": "rapport", "version": __version__}},
    }
    if letter.event is not None:
        name, properties = letter.event["name"], letter.event["properties"]
        track = {**common, "type": "track", "event": name, "properties": properties, "messageId": letter.id}
        return [_identify(common, letter, traits), track] if traits else [track]
    properties = {"audience": one.audience} if one.audience is not None else {}
    event = _TRACKED[letter.what]
    track = {**common, "type": "track", "event": event, "properties": properties, "messageId": letter.id}
    return [_identify(common, letter, traits), track]


def _identify(common: dict[str, Any], letter: Letter, traits: dict[str, Any]) -> dict[str, Any]:
    return {**common, "type": "identify", "traits": traits, "messageId": f"{letter.id}-traits"}

"""Destinations: where an organization has what happens to its customers sent, of which it is told what, and for what.

A destination takes one *delivery* at a time for a customer, in the order in which things happened. A delivery is only a
name until it leaves: who it is about, and what happened. What it says of the customer is read, for the destination's
purpose, at the moment it is sent, so that terms that changed meanwhile hold.
"""

from collections.abc import Mapping
from typing import Any, Literal, get_args

import msgspec

from rapport.act import webhooks
from rapport.act.destinations import usable
from rapport.decide.traits import name_of
from rapport.kernel.errors import BadInput
from rapport.kernel.expressions import ExpressionError, Kind, compile_expression
from rapport.kernel.times import rfc3339
from rapport.kernel.vocabulary import purpose as known_purpose
from rapport.terms.exports import FORMATS

Form = Literal["webhook", "segment", "cloudevents", "file"]
FORMS: tuple[str, ...] = get_args(Form)
What = Literal["entered", "left", "event", "deleted"]
"""What a delivery tells: that a customer entered or left the audience, that an event happened, that the customer's data
must be deleted."""

MOST_FIELDS, MOST_EVENTS, LONGEST_NAME, LONGEST_SECRET, MOST_PER_SECOND, MOST_AT_ONCE = 50, 50, 200, 500, 10_000, 16
MOST_HOURS = 8_760
"""A year."""
_LEAST_SECRET, _MOST_SECRET = 24, 64
"""Bytes of a secret that signs, by the specification of Standard Webhooks."""


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A destination as it is asked for. `fields`: name → expression. `recipient`: who beyond the organization has what
    is sent, as the declaration names them ("": a system of its own). `at_once`: how many deliveries to it are on their
    way at a time, each of another customer. Of a file: its `format`, and how often it is made (None: when it is asked
    for)."""

    kind: str
    purpose: str
    url: str = ""
    secret: str | None = None
    audience: str | None = None
    events: tuple[str, ...] = ()
    fields: dict[str, str] = {}
    recipient: str = ""
    per_second: int | None = None
    at_once: int = 1
    format: str | None = None
    every_hours: int | None = None


class Destination(msgspec.Struct, frozen=True):
    """A destination as it is kept. Of its secret, only whether there is one. `paused`: nothing is sent but deletions;
    `why`: why it was, where the node did so itself."""

    number: int
    org: str
    name: str
    kind: Form
    url: str
    purpose: str
    made_at: int
    audience: str | None = None
    events: tuple[str, ...] = ()
    fields: dict[str, str] = {}
    recipient: str = ""
    per_second: int | None = None
    at_once: int = 1
    format: str | None = None
    every_hours: int | None = None
    paused: bool = False
    why: str = ""
    has_secret: bool = False

    @property
    def recipients(self) -> tuple[str, ...]:
        return (self.recipient,) if self.recipient else ()

    @property
    def systems(self) -> tuple[str, ...]:
        """As a receipt names it, where it is the organization's own."""
        return () if self.recipient else (f"the destination “{self.name}”",)


class Delivery(msgspec.Struct, frozen=True):
    """Something that is to reach a destination. `customer` is the number of the record whose handle the customer showed
    then; `since`: when it was put in or asked for again; `id`: what tells a copy, the same each time; `audience`: that
    which was entered or left, where it is noted. Times in µs."""

    seq: int
    id: str
    destination: int
    customer: int
    what: What
    at: int
    since: int
    next_at: int
    tries: int = 0
    dead: bool = False
    error: str = ""
    audience: str | None = None


class Health(msgspec.Struct, frozen=True):
    """How a destination fares: how much `waits`, since when (µs), how much was given up, sent, and not sent since it
    may not be."""

    waiting: int = 0
    oldest: int | None = None
    dead: int = 0
    sent: int = 0
    withheld: int = 0
    sent_at: int | None = None
    error: str = ""
    failed_at: int | None = None


class Tried(msgspec.Struct, frozen=True):
    """What came of a message of nobody: the answer's status (0: there was none), how long it took, and why it was not
    taken, "" where it was."""

    status: int
    took_ms: int
    error: str = ""


def checked(name: str, wish: Wish, *, private: bool) -> Wish:
    """A wish that a destination can be made of. Raises BadInput, naming the field."""
    name_of(name, "a destination")
    if wish.kind not in FORMS:
        raise BadInput(f"kind must be one of {', '.join(FORMS)}", code="bad_kind", field="kind")
    if wish.kind == "file":
        _check_file(wish)
    else:
        usable(wish.url, private=private)
        if wish.format is not None or wish.every_hours is not None:
            raise BadInput("format and every_hours belong to the kind file", code="bad_kind", field="format")
    _check_trigger(wish)
    check_fields(wish.fields)
    if len(wish.recipient) > LONGEST_NAME:
        raise BadInput("a recipient's name is too long", code="unknown_recipient", field="recipient")
    if wish.per_second is not None and not 1 <= wish.per_second <= MOST_PER_SECOND:
        raise BadInput(f"per_second must be from 1 to {MOST_PER_SECOND:,}", code="bad_limit", field="per_second")
    if not 1 <= wish.at_once <= MOST_AT_ONCE:
        raise BadInput(f"at_once must be from 1 to {MOST_AT_ONCE}", code="bad_limit", field="at_once")
    secret = None if wish.secret is None else _secret(wish.kind, wish.secret)
    return msgspec.structs.replace(wish, purpose=known_purpose(wish.purpose), secret=secret)


def _check_file(wish: Wish) -> None:
    """A file is of an audience, kept by the node until somebody fetches it."""
    if wish.url or wish.secret is not None:
        message = "a file is fetched from the node: it has no url and no secret"
        raise BadInput(message, code="bad_kind", field="url" if wish.url else "secret")
    if wish.audience is None:
        raise BadInput("a file is of the members of an audience: name it", code="bad_trigger", field="audience")
    if wish.format not in FORMATS:
        raise BadInput(f"format must be one of {', '.join(FORMATS)}", code="bad_kind", field="format")
    if wish.every_hours is not None and not 1 <= wish.every_hours <= MOST_HOURS:
        raise BadInput(f"every_hours must be from 1 to {MOST_HOURS:,}", code="bad_limit", field="every_hours")


def _check_trigger(wish: Wish) -> None:
    if (wish.audience is None) == (not wish.events):
        message = "name either an audience, or the events that are sent"
        raise BadInput(message, code="bad_trigger", field="audience" if wish.audience is not None else "events")
    if len(wish.events) > MOST_EVENTS or any(not 0 < len(one) <= LONGEST_NAME for one in wish.events):
        message = f"at most {MOST_EVENTS} events, each with a name of at most {LONGEST_NAME} characters"
        raise BadInput(message, code="bad_trigger", field="events")


def check_fields(fields: Mapping[str, str]) -> None:
    """Raises BadInput where these are no fields that can be worked out."""
    # What breaks lines, or turns round what is read behind it, stands in no head of a table and on no page.
    if len(fields) > MOST_FIELDS or any(not (0 < len(name) <= LONGEST_NAME and name.isprintable()) for name in fields):
        message = (
            f"at most {MOST_FIELDS} fields, each with a name of at most {LONGEST_NAME} characters that can be seen"
        )
        raise BadInput(message, code="bad_fields", field="fields")
    for name, text in fields.items():
        try:
            compile_expression(text, Kind.ANY)
        except ExpressionError as error:
            raise BadInput(f"{name}: {error.message}", code=error.code, field=f"fields.{name}") from None


def _secret(kind: str, secret: str) -> str:
    """A secret that this kind can use. Raises BadInput, which says nothing of it."""
    if not (secret.isascii() and secret.isprintable() and 0 < len(secret) <= LONGEST_SECRET):
        message = f"a secret is 1 to {LONGEST_SECRET} plain ASCII characters"
        raise BadInput(message, code="bad_secret", field="secret")
    if kind != "webhook":
        return secret
    size = webhooks.key_size(secret)
    if size is None or not _LEAST_SECRET <= size <= _MOST_SECRET:
        message = (
            f"a webhook's secret is 'whsec_' and base64 of {_LEAST_SECRET} to {_MOST_SECRET} bytes; "
            "leave it out, and one is made and answered once"
        )
        raise BadInput(message, code="bad_secret", field="secret")
    return secret


def told(one: Destination, health: Health) -> dict[str, Any]:
    """A destination as JSON; its secret is never told."""
    return {
        "name": one.name,
        "kind": one.kind,
        "url": one.url or None,
        "purpose": one.purpose,
        "audience": one.audience,
        "events": list(one.events),
        "fields": one.fields,
        "recipient": one.recipient or None,
        "per_second": one.per_second,
        "at_once": one.at_once,
        "format": one.format,
        "every_hours": one.every_hours,
        "has_secret": one.has_secret,
        "paused": one.paused,
        "why": one.why or None,
        "made_at": rfc3339(one.made_at),
        "health": {
            "waiting": health.waiting,
            "oldest_at": _time(health.oldest),
            "failed": health.dead,
            "sent": health.sent,
            "withheld": health.withheld,
            "sent_at": _time(health.sent_at),
            "error": health.error or None,
            "error_at": _time(health.failed_at),
        },
    }


def told_delivery(one: Delivery) -> dict[str, Any]:
    """A delivery as JSON: never who it is about, nor what it says."""
    return {
        "id": one.id,
        "what": one.what,
        "happened_at": rfc3339(one.at),
        "tries": one.tries,
        "state": "failed" if one.dead else "waiting",
        "next_at": None if one.dead else rfc3339(max(one.next_at, one.since)),
        "error": one.error or None,
    }


def told_trial(one: Tried) -> dict[str, Any]:
    """What came of a trial as JSON."""
    return {
        "delivered": not one.error,
        "status": one.status or None,
        "took_ms": one.took_ms,
        "error": one.error or None,
    }


def wish_of(one: Destination) -> Wish:
    """A destination as it would be asked for; its secret stays."""
    return msgspec.convert(one, Wish, from_attributes=True, strict=False)


def _time(at: int | None) -> str | None:
    return None if at is None else rfc3339(at)

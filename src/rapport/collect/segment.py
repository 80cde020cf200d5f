"""Events of the Segment tracking API (https://segment.com/docs/connections/spec/), as Segment's and RudderStack's
SDKs send them.

Import from files has the same shape with three more fields, which it alone may use: `key`, `identifiers`, `categories`.
"""

from typing import Annotated, Any

import msgspec

from rapport.collect import content, times
from rapport.collect.content import Id, Reception
from rapport.collect.errors import Code, Refused
from rapport.collect.event import Event
from rapport.collect.times import Sent
from rapport.kernel.identifiers import normalise, type_name, usable

KINDS = frozenset({"track", "identify", "page", "screen", "group", "alias"})

# PHP writes an empty map as an empty list.
_Nothing = Annotated[list[Any], msgspec.Meta(max_length=0)]
_Map = dict[str, Any] | _Nothing | None


class _Object(msgspec.Struct):
    """Any JSON object; nothing in it is kept."""


_Shape = _Object | _Nothing | None


class _Common(msgspec.Struct, rename="camel", gc=False):
    type: str | None = None
    event: str | None = None
    message_id: Id = None
    user_id: Id = None
    anonymous_id: Id = None
    group_id: Id = None
    previous_id: Id = None
    timestamp: Sent = None
    original_timestamp: Sent = None
    sent_at: Any = None
    name: Any = None
    category: Any = None


class Outline(_Common, gc=False):
    """What decides whether an event is taken. Maps are only seen to be maps, which halves the cost of looking."""

    traits: _Shape = None
    properties: _Shape = None
    context: _Shape = None


class Full(_Common, gc=False):
    """The whole event."""

    traits: _Map = None
    properties: _Map = None
    context: _Map = None


class ImportOutline(Outline, gc=False):
    """As Outline, for rows of files."""

    key: tuple[str, Id] | None = None
    identifiers: list[tuple[str, Id]] = []
    categories: dict[str, str] = {}


class ImportFull(Full, gc=False):
    """As Full, for rows of files."""

    key: tuple[str, Id] | None = None
    identifiers: list[tuple[str, Id]] = []
    categories: dict[str, str] = {}


_IMPORTED = (ImportOutline, ImportFull)


def measure(sent: _Common) -> None:
    """Raise Refused(too_long) where an identifier or the name is. Only an event of more bytes can have one."""
    content.not_too_long(
        userId=sent.user_id,
        anonymousId=sent.anonymous_id,
        messageId=sent.message_id,
        event=sent.event,
        groupId=sent.group_id,
        previousId=sent.previous_id,
    )


def judge(sent: _Common, kind: str | None) -> None:
    """Raise Refused where the event cannot be taken. `kind` is the path's (`/v1/track`), None in a batch."""
    kind = kind or sent.type
    if kind not in KINDS:
        what = "missing" if kind is None else "unknown"
        raise Refused(
            Code.UNKNOWN_TYPE, f"type is {what}; it must be one of track, identify, page, screen, group, alias"
        )
    if usable(sent.user_id) is None and (kind == "alias" or usable(sent.anonymous_id) is None) and _key(sent) is None:
        raise Refused(Code.MISSING_ID, "no usable userId" if kind == "alias" else "no usable userId or anonymousId")
    if kind == "track":
        if not sent.event or not sent.event.strip():
            raise Refused(Code.MISSING_EVENT, "a track event needs a name in `event`")
    elif kind == "group" and usable(sent.group_id) is None:
        raise Refused(Code.MISSING_GROUP, "no usable groupId")
    elif kind == "alias" and usable(sent.previous_id) is None:
        raise Refused(Code.MISSING_PREVIOUS, "no usable previousId")
    times.check(_time(sent))


def build(sent: Full, kind: str | None, reception: Reception, index: int) -> Event:
    """The event in full, of what passed `judge`."""
    kind = kind or sent.type or ""
    context = _map(sent.context)
    traits, about = _map(sent.traits), context.get("traits")
    if not isinstance(about, dict):
        about = {}
    elif kind != "group":
        del context["traits"]
        traits = {**about, **traits}
    own = times.read(_time(sent))
    # A relay such as Segment's recomputes `timestamp` whenever it sends, and keeps the client's beside it.
    stamp = own if sent.original_timestamp is None else times.glance(sent.original_timestamp)
    # A group's traits are the group's; what is said of the customer is then in the context alone.
    identifiers = content.mentioned(about if kind == "group" else traits, context)
    key: tuple[str, str] | None = None
    categories: dict[str, str] = {}
    if isinstance(sent, ImportFull):
        key, categories = _key(sent), sent.categories
        identifiers += _listed(sent)
    return content.complete(
        reception,
        index,
        kind,
        (sent.event or "").strip() if kind == "track" else kind,
        sent.message_id,
        usable(sent.user_id),
        usable(sent.anonymous_id),
        key,
        own,
        stamp,
        sent.sent_at,
        traits,
        {},
        _properties(sent, kind),
        context,
        usable(sent.group_id) if kind == "group" else None,
        usable(sent.previous_id) if kind == "alias" else None,
        identifiers,
        categories,
    )


def _map(sent: dict[str, Any] | list[Any] | None) -> dict[str, Any]:
    return sent if isinstance(sent, dict) else {}


def _properties(sent: Full, kind: str) -> dict[str, Any]:
    properties = _map(sent.properties)
    if kind in {"page", "screen"}:
        for field, value in (("name", sent.name), ("category", sent.category)):
            if value is not None:
                properties.setdefault(field, value)
    return properties


def _time(sent: _Common) -> Sent:
    return sent.original_timestamp if sent.timestamp is None or sent.timestamp == "" else sent.timestamp


def _key(sent: _Common) -> tuple[str, str] | None:
    if not isinstance(sent, _IMPORTED) or sent.key is None:
        return None
    kind = type_name(sent.key[0])
    value = normalise(kind, sent.key[1]) if kind else None
    return (kind, value) if kind and value else None


def _listed(sent: ImportFull) -> list[tuple[str, str]]:
    named = ((type_name(name), given) for name, given in sent.identifiers)
    return [(kind, value) for kind, given in named if kind and (value := normalise(kind, given))]

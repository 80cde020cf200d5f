"""PostHog's events (https://posthog.com/docs/api/capture), as its SDKs send them, in the words of this house.

`distinct_id` is one field for two things: the id of a user and that of a browser nobody signed in to. It is the latter
where the event says so: it equals `$device_id` or `$anon_distinct_id`, `$is_identified` is false, or the SDK made it up
for an event without a profile. Else it is a `user_id`.
"""

import re
from typing import Annotated, Any

import msgspec

from rapport.collect import content, times
from rapport.collect.content import Id, Reception
from rapport.collect.errors import Code, Refused
from rapport.collect.event import Event
from rapport.collect.times import Sent
from rapport.kernel.identifiers import usable

KINDS = {
    "$identify": "identify",
    "$set": "identify",
    "$set_once": "identify",
    "$pageview": "page",
    "$screen": "screen",
    "$groupidentify": "group",
    "$create_alias": "alias",
}
"""PostHog's own events that are more than a track."""

_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_Nothing = Annotated[list[Any], msgspec.Meta(max_length=0)]


class _Hints(
    msgspec.Struct,
    gc=False,
    rename={"anonymous": "$anon_distinct_id", "group_key": "$group_key", "lib": "$lib"},
):
    """The properties that decide whether an event is taken. Their types are judged by name, with the event."""

    distinct_id: Any = None
    alias: Any = None
    anonymous: Any = None
    group_key: Any = None
    lib: Any = None


class _Common(msgspec.Struct, gc=False):
    event: str | None = None
    distinct_id: Id = None
    uuid: Id = None
    timestamp: Sent = None
    offset: Any = None
    sent_at: Any = None


class Outline(_Common, gc=False):
    """What decides whether an event is taken."""

    properties: _Hints | _Nothing | None = None


class Full(_Common, gc=False, rename={"set": "$set", "set_once": "$set_once"}):
    """The whole event."""

    properties: dict[str, Any] | _Nothing | None = None
    set: Any = None
    set_once: Any = None


def measure(sent: Outline | Full) -> None:
    """Raise Refused(too_long) where an identifier or the name is. Only an event of more bytes can have one."""
    hints = _hints(sent)
    content.not_too_long(distinct_id=_distinct(sent, hints), uuid=sent.uuid, event=sent.event, alias=hints.alias)
    content.not_too_long(anon_distinct_id=hints.anonymous, group_key=hints.group_key)


def judge(sent: Outline | Full, _kind: str | None) -> None:
    """Raise Refused where the event cannot be taken. No path of PostHog's says the kind."""
    if not sent.event or not sent.event.strip():
        raise Refused(Code.MISSING_EVENT, "the event needs a name in `event`")
    hints = _hints(sent)
    kind = KINDS.get(sent.event)
    if kind == "alias":
        user, previous = _aliased(sent, hints)
        if usable(_id("alias and distinct_id", user)) is None:
            raise Refused(Code.MISSING_ID, "$create_alias names no usable user")
        if usable(_id("alias and distinct_id", previous)) is None:
            raise Refused(Code.MISSING_PREVIOUS, "$create_alias names no usable second id")
    elif (
        usable(_id("distinct_id", _distinct(sent, hints))) is None
        and usable(_id("$anon_distinct_id", hints.anonymous)) is None
    ):
        raise Refused(Code.MISSING_ID, "no usable distinct_id")
    if kind == "group" and usable(_id("$group_key", hints.group_key)) is None:
        raise Refused(Code.MISSING_GROUP, "$groupidentify has no usable $group_key")
    times.check(sent.timestamp)


def build(sent: Full, _kind: str | None, reception: Reception, index: int) -> Event:
    """The event in full, of what passed `judge`."""
    hints = _hints(sent)
    name = (sent.event or "").strip()
    kind = KINDS.get(sent.event or "", "track")
    properties = sent.properties if isinstance(sent.properties, dict) else {}
    for key in ("distinct_id", "token"):
        properties.pop(key, None)
    user_id, anonymous_id, previous_id = _who(sent, hints, properties, kind)
    traits, once = _traits(sent, properties, kind)
    own = times.read(sent.timestamp)
    stamp = own
    if own is None and isinstance(sent.offset, int | float):
        # posthog-js sends how long ago it was instead, which differs each time the event is sent.
        own = reception.received_at - min(max(round(sent.offset), 0), 10**13) * 1000
    if properties.get("$ignore_sent_at") is True:
        reception = Reception(reception.received_at, reception.received_at, reception.gpc)
    found = content.mentioned({**once, **traits} if kind != "group" else {}, {})
    device = usable(_maybe(properties.get("$device_id")))
    if device:
        found.append(("device_id", device))
    return content.complete(
        reception,
        index,
        kind,
        name if kind == "track" else kind,
        sent.uuid if sent.uuid is not None else _maybe(properties.get("$insert_id")),
        user_id,
        anonymous_id,
        None,
        own,
        stamp,
        sent.sent_at,
        traits,
        once,
        properties,
        {},
        usable(_maybe(hints.group_key)) if kind == "group" else None,
        previous_id,
        found,
        {},
    )


def _who(sent: Full, hints: _Hints, properties: dict[str, Any], kind: str) -> tuple[str | None, str | None, str | None]:
    """(user, anonymous, previous) ids."""
    if kind == "alias":
        user, previous = _aliased(sent, hints)
        return usable(_maybe(user)), None, usable(_maybe(previous))
    distinct, anonymous = usable(_maybe(_distinct(sent, hints))), usable(_maybe(hints.anonymous))
    if distinct is None or distinct == anonymous or _nobody(distinct, hints, properties, kind):
        return None, distinct or anonymous, None
    return distinct, anonymous, None


def _nobody(distinct: str, hints: _Hints, properties: dict[str, Any], kind: str) -> bool:
    """Whether the `distinct_id` is that of a browser or of nothing at all, not a user's."""
    if kind == "group" and distinct == f"${properties.get('$group_type')}_{hints.group_key}":
        return True  # posthog-node's stand-in where a group is described and no user given
    return (
        distinct == usable(_maybe(properties.get("$device_id")))
        or properties.get("$is_identified") is False
        or (properties.get("$process_person_profile") is False and _UUID.fullmatch(distinct) is not None)
    )


def _aliased(sent: Outline | Full, hints: _Hints) -> tuple[Any, Any]:
    """(user, previous). PostHog's SDK for Python documents `alias` as the new id, its others as the old one."""
    distinct = _distinct(sent, hints)
    return (hints.alias, distinct) if hints.lib == "posthog-python" else (distinct, hints.alias)


def _traits(sent: Full, properties: dict[str, Any], kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(traits, traits_once), taken out of the properties."""
    if kind == "group":
        return _map(properties.pop("$group_set", None)), {}
    traits = {**_map(sent.set), **_map(properties.pop("$set", None))}
    once = {**_map(sent.set_once), **_map(properties.pop("$set_once", None))}
    unset = properties.pop("$unset", None)
    if isinstance(unset, list):
        traits.update((name, None) for name in unset if isinstance(name, str))
    return traits, once


def _hints(sent: Outline | Full) -> _Hints:
    properties = sent.properties
    if isinstance(properties, _Hints):
        return properties
    if not isinstance(properties, dict):
        return _NO_HINTS
    get = properties.get
    return _Hints(get("distinct_id"), get("alias"), get("$anon_distinct_id"), get("$group_key"), get("$lib"))


_NO_HINTS = _Hints()


def _distinct(sent: Outline | Full, hints: _Hints) -> Any:
    return hints.distinct_id if sent.distinct_id is None else sent.distinct_id


def _id(name: str, value: Any) -> Id:
    if value is None or (isinstance(value, (str, int)) and not isinstance(value, bool)):
        return value
    raise Refused(Code.BAD_TYPE, f"{name} must be text or a whole number")


def _maybe(value: Any) -> Id:
    return value if isinstance(value, (str, int)) and not isinstance(value, bool) else None


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}

"""Reading a body twice: quickly, to answer the one who sent it, and later in full, to keep what it says.

`validate` and `decode` come to the same verdict on every event of every body, since both cut the body by the same
rules and let the same function judge each event. They differ in how much they read: to judge, msgspec walks over the
inside of properties and traits without building them.
"""

import json
import math
import sys
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from rapport.collect import posthog, segment
from rapport.collect.content import Reception
from rapport.collect.envelope import Parts, first_text, mended, split, too_deep
from rapport.collect.errors import Code, Refused, Rejected, Rejection
from rapport.collect.event import Event
from rapport.collect.limits import LIMITS, MAX_DEPTH, Limits
from rapport.collect.times import glance
from rapport.kernel.identifiers import MAX_LENGTH
from rapport.kernel.ports import LogEntry

NOTE = "note"
"""The path of a log entry that only tells of a body too large to keep."""


class Validated(msgspec.Struct, frozen=True, gc=False):
    """What is answered: how many events were taken, and why each of the others was not."""

    accepted: int
    rejected: list[Rejection]


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """What is kept: the events in their order in the body, and the parts that were refused."""

    events: list[Event]
    rejected: list[Rejected]


class Wire(msgspec.Struct, frozen=True):
    """How one wire format is read."""

    outline: Callable[[bytes], Any]
    full: msgspec.json.Decoder[Any]
    measure: Callable[[Any], None]
    judge: Callable[[Any, str | None], None]
    build: Callable[[Any, str | None, Reception, int], Event]


def _wire(module: Any, outline: type, full: type) -> Wire:
    return Wire(
        outline=msgspec.json.Decoder(outline).decode,
        full=msgspec.json.Decoder(full),
        measure=module.measure,
        judge=module.judge,
        build=module.build,
    )


WIRES: Mapping[str, Wire] = {
    "segment": _wire(segment, segment.Outline, segment.Full),
    "posthog": _wire(posthog, posthog.Outline, posthog.Full),
    "import": _wire(segment, segment.ImportOutline, segment.ImportFull),
}


def validate(wire: str, path: str, body: bytes, limits: Mapping[str, Limits] = LIMITS) -> Validated:
    """Judge every event of an inflated body. Never raises for anything in the body.

    `wire` is "segment", "posthog" or "import"; `path` the last part of the request's path, such as "track" or "batch".
    """
    limit, read, kind = limits[wire], WIRES[wire], _kind(path)
    try:
        events = _parts(wire, kind, body, limit).events
    except Refused as refused:
        return Validated(0, [Rejection(None, refused.code, refused.message)])
    clean, judge = _is_utf8(body), read.judge
    rejected = []
    for index, raw in enumerate(events):
        try:
            judge(_outline(read, raw, limit, clean), kind)
        except Refused as refused:
            rejected.append(Rejection(index, refused.code, refused.message))
    return Validated(len(events) - len(rejected), rejected)


def decode(entry: LogEntry, limits: Mapping[str, Limits] = LIMITS) -> Decoded:
    """Everything a log entry says: its events, normalised, and its refused parts. Never raises for anything in it."""
    if entry.path == NOTE:
        return Decoded([], [_note.decode(entry.body)])
    limit, read, kind = limits[entry.wire], WIRES[entry.wire], _kind(entry.path)
    try:
        parts = _parts(entry.wire, kind, entry.body, limit)
    except Refused as refused:
        return Decoded([], [Rejected(None, refused.code, refused.message, entry.body[: limit.event])])
    clean, reception = _is_utf8(entry.body), Reception(entry.received_at, glance(parts.sent_at), entry.gpc)
    events, rejected = [], []
    for index, raw in enumerate(parts.events):
        try:
            sent = _full(read, raw, limit, clean)
            if not entry.sound:
                read.judge(sent, kind)
            events.append(read.build(sent, kind, reception, index))
        except Refused as refused:
            rejected.append(Rejected(index, refused.code, refused.message, raw[: limit.event]))
    return Decoded(events, rejected)


def write_key(wire: str, path: str, body: bytes, limits: Mapping[str, Limits] = LIMITS) -> str | None:
    """The write key a body carries for itself, for clients that send none in a header."""
    try:
        parts = _parts(wire, _kind(path), body, limits[wire])
        if parts.write_key:
            return parts.write_key
        keys = _keys.decode(mended(parts.events[0]))
        inner = keys.properties.token if keys.properties else None
        return first_text(keys.write_key, keys.api_key, keys.token, inner)
    except (Refused, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def note(code: str, message: str, head: bytes) -> bytes:
    """The body of a log entry, under the path NOTE, about a request whose own body was too large to keep."""
    return msgspec.msgpack.encode(Rejected(None, code, message, head))


class _TokenIn(msgspec.Struct):
    token: Any = None


class _Keys(msgspec.Struct, rename={"write_key": "writeKey"}):
    write_key: Any = None
    api_key: Any = None
    token: Any = None
    properties: _TokenIn | None = None


_keys = msgspec.json.Decoder(_Keys)
_note = msgspec.msgpack.Decoder(Rejected)


def _kind(path: str) -> str | None:
    return path if path in segment.KINDS else None


def _parts(wire: str, kind: str | None, body: bytes, limit: Limits) -> Parts:
    # A PostHog client may send an event, a list of them or a batch to any of its paths.
    return split(body, limit, batch=None if wire == "posthog" else kind is None)


def _is_utf8(body: bytes) -> bool:
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _inspect(raw: bytes, limit: Limits, clean: bool) -> None:
    if len(raw) > limit.event:
        raise Refused(Code.TOO_LARGE, f"the event is {len(raw):,} bytes; the limit is {limit.event:,}")
    if not clean and not _is_utf8(raw):
        raise Refused(Code.BAD_JSON, "the event is not valid JSON: text is not UTF-8")
    if too_deep(raw):
        raise Refused(Code.TOO_DEEP, f"the event nests more than {MAX_DEPTH} levels deep")


def _outline(read: Wire, raw: bytes, limit: Limits, clean: bool) -> Any:
    """What decides about an event, or raise Refused."""
    _inspect(raw, limit, clean)
    try:
        sent = read.outline(raw)
    except msgspec.ValidationError as error:
        raise Refused(Code.BAD_TYPE, f"a field has the wrong type: {error}") from None
    except msgspec.DecodeError:
        sent = _mended_outline(read, raw)
    if len(raw) > MAX_LENGTH:
        read.measure(sent)
    return sent


def _mended_outline(read: Wire, raw: bytes) -> Any:
    try:
        return read.outline(mended(raw))
    except msgspec.ValidationError as error:
        raise Refused(Code.BAD_TYPE, f"a field has the wrong type: {error}") from None
    except msgspec.DecodeError as error:
        raise Refused(Code.BAD_JSON, f"the event is not valid JSON: {error}") from None


def _full(read: Wire, raw: bytes, limit: Limits, clean: bool) -> Any:
    """The whole event, or raise Refused where `_outline` would."""
    _inspect(raw, limit, clean)
    try:
        sent = read.full.decode(raw)
    except msgspec.DecodeError:
        _outline(read, raw, limit, clean)
        return _leniently(read, raw)
    if len(raw) > MAX_LENGTH:
        read.measure(sent)
    return sent


def _leniently(read: Wire, raw: bytes) -> Any:
    """An event whose outline is sound, but with lone surrogates, or numbers that no double holds, in its maps."""
    values = json.loads(mended(raw), parse_int=_whole, parse_float=_decimal)
    return msgspec.convert(values, read.full.type)


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) < 300 else _decimal(digits)


def _decimal(digits: str) -> float:
    """The nearest double; the largest one for what is beyond it."""
    value = float(digits)
    return value if math.isfinite(value) else math.copysign(sys.float_info.max, value)

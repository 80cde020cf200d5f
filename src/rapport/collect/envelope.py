"""From the bytes of a body to the bytes of each event in it.

Every event is cut out before it is read, so that its size is exact and one bad event costs no other. Where the JSON
around the events is sound (nearly always) msgspec cuts it. Where it is not, because one event holds a `NaN`, half of a
surrogate pair or a thousand brackets, a small scanner finds where each event begins and ends without understanding it.
The scanner costs ten times as much and is never needed twice by honest clients.
"""

import re
from typing import Any

import msgspec

from rapport.collect.errors import Code, Refused
from rapport.collect.limits import MAX_DEPTH, Limits

MAX_SCANNED = 4 * 1024 * 1024
"""Bytes of malformed JSON that are scanned for sound events; a larger malformed body is refused as a whole."""

_BOM = b"\xef\xbb\xbf"
# A string without an end reaches to the end of the body: were it skipped, scanning could take quadratic time.
_STRUCTURE = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)
_BRACKETS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


class Around(msgspec.Struct, rename={"write_key": "writeKey", "sent_at_": "sentAt"}):
    """What surrounds the events of a batch, in the spellings of every wire format.

    Nothing here can make a body unusable, so nothing but `batch` has a type.
    """

    batch: list[msgspec.Raw] | None = None
    write_key: Any = None
    api_key: Any = None
    token: Any = None
    sent_at_: Any = None
    sent_at: Any = None


class Parts(msgspec.Struct, frozen=True):
    """The events of a body, as bytes, and what was said for all of them."""

    events: list[bytes]
    write_key: str | None
    sent_at: str | int | float | None


_around = msgspec.json.Decoder(Around)
_list = msgspec.json.Decoder(list[msgspec.Raw])


def split(body: bytes, limits: Limits, *, batch: bool | None) -> Parts:
    """Cut a body into its events.

    `batch` says whether the body must be a batch (`{"batch": […]}`), a single event, or (None) whichever it looks
    like, a bare list included. Raises Refused where the body as a whole cannot be used.
    """
    body = body.removeprefix(_BOM)
    if len(body) > limits.body:
        raise Refused(Code.TOO_LARGE, f"the body is {len(body):,} bytes; the limit is {limits.body:,}")
    if batch is False:
        return Parts([body], None, None)
    around = _read_list(body) if batch is None and body.lstrip()[:1] == b"[" else _read(body)
    if around.batch is None:
        if batch:
            raise Refused(Code.BAD_TYPE, "a batch is an object with a list of events in `batch`")
        return Parts([body], first_text(around.write_key, around.api_key, around.token), _sent(around))
    if not around.batch:
        raise Refused(Code.EMPTY_BATCH, "the batch holds no events")
    if len(around.batch) > limits.events:
        raise Refused(Code.TOO_LARGE, f"the batch holds {len(around.batch):,} events; the limit is {limits.events:,}")
    events = [bytes(event) for event in around.batch]
    return Parts(events, first_text(around.write_key, around.api_key, around.token), _sent(around))


def too_deep(event: bytes) -> bool:
    """Whether objects and lists in the event nest more than MAX_DEPTH levels; malformed JSON gets a defined answer."""
    # A level takes two bytes in a list and five in an object, so nearly every event is settled by its length, and
    # nearly every other by counting brackets. Counting costs as much as reading the event, hence the trouble.
    size = len(event)
    if size <= 2 * MAX_DEPTH or (size <= 5 * MAX_DEPTH and event.find(b"[") < 0):
        return False
    if event.count(b"{") + event.count(b"[") <= MAX_DEPTH:
        return False
    level = 0
    for token in _BRACKETS.finditer(event):
        first = event[token.start()]
        if first in b"[{":
            level += 1
            if level > MAX_DEPTH:
                return True
        elif first in b"]}":
            level -= 1
    return False


def mended(event: bytes) -> bytes:
    r"""The event with each lone surrogate (`"\ud83d"`, half an emoji cut off by a client) as U+FFFD."""
    return _ESCAPE.sub(lambda escape: b"\\ufffd" if escape["lone"] else escape[0], event)


def _read(body: bytes) -> Around:
    try:
        return _around.decode(body)
    except msgspec.ValidationError as error:
        raise Refused(Code.BAD_TYPE, f"the batch cannot be read: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _rescue(body, error)


def _read_list(body: bytes) -> Around:
    try:
        return Around(batch=_list.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _rescue(b'{"batch":' + body + b"}", error)


def _rescue(body: bytes, error: Exception) -> Around:
    """What is sound in a body that is not valid JSON, or raise Refused."""
    too_deep = isinstance(error, RecursionError)
    events, rest = _scan(body) if too_deep or len(body) <= MAX_SCANNED else ([], body)
    around = Around()
    try:
        around = _around.decode(rest)
    except RecursionError:
        # How deep is too deep for msgspec depends on its caller's stack, and both the one who answers and the one who
        # stores must come to the same verdict: so this decides nothing, and the rule about depth decides by event.
        pass
    except (msgspec.DecodeError, UnicodeDecodeError) as rest_error:
        raise Refused(Code.BAD_JSON, _malformed(error if events else rest_error)) from None
    if events:
        around.batch = [msgspec.Raw(event) for event in events]
    return around


def _scan(body: bytes) -> tuple[list[bytes], bytes]:
    """The events of the outermost `batch` list and the body without them; no events where there is no such list."""
    events: list[bytes] = []
    opened = start = level = 0
    key = b""
    for token in _STRUCTURE.finditer(body):
        first = body[token.start() : token.start() + 1]
        if first in b"[{":
            level += 1
            if level == 2 and first == b"[" and key == b'"batch"' and not opened:
                opened = start = token.end()
        elif first in b"]}":
            level -= 1
            if level == 1 and opened:
                events.append(body[start : token.start()].strip())
                return [event for event in events if event], body[:opened] + body[token.start() :]
        elif first == b"," and level == 2 and opened:
            events.append(body[start : token.start()].strip())
            start = token.end()
        elif first == b'"' and level == 1:
            key = token[0]
    return [], body


def _malformed(error: Exception) -> str:
    text = str(error) if isinstance(error, msgspec.DecodeError) else "text is not UTF-8"
    return f"the body is not valid JSON: {text}"


def first_text(*values: Any) -> str | None:
    """The first that is a text and not empty."""
    return next((value for value in values if isinstance(value, str) and value), None)


def _sent(around: Around) -> str | int | float | None:
    sent_at = around.sent_at_ if around.sent_at is None else around.sent_at
    return sent_at if isinstance(sent_at, str | int | float) else None

"""Pages of what can be long: lists by key, and the timeline newest first over all of a customer's records."""

import base64
import binascii
import heapq
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import msgspec

from rapport.collect import Event
from rapport.kernel.errors import BadInput
from rapport.kernel.times import rfc3339
from rapport.profile.timeline import Block, order
from rapport.profile.view import Part

MAX_LIMIT = 500
MAX_BLOCKS = 50


class _Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a timeline page ended: the order of its last event, and per record the block to go on from."""

    time: int
    message_id: str
    record: str
    blocks: dict[str, Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]]


_BAD = "the cursor is not one that this list gave out"


def _token(value: object) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(value)).decode().rstrip("=")


def _untoken(cursor: str) -> bytes:
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadInput(_BAD, code="bad_cursor", field="cursor") from None


def page_of(keys: Sequence[str], cursor: str | None, limit: int) -> tuple[Sequence[str], str | None]:
    """The page of sorted keys behind a cursor, and the cursor of the next page or None."""
    start = 0
    if cursor is not None:
        try:
            start = bisect_right(keys, msgspec.msgpack.decode(_untoken(cursor), type=str))
        except msgspec.DecodeError:
            raise BadInput(_BAD, code="bad_cursor", field="cursor") from None
    page = keys[start : start + limit]
    return page, _token(page[-1]) if start + limit < len(keys) else None


def newest_first(
    parts: Sequence[Part],
    block_of: Callable[[Part, int], Block],
    cursor: str | None,
    limit: int,
    let_through: Callable[[Part, Event], Event | None] = lambda _, event: event,
) -> tuple[list[tuple[Part, Event]], str | None]:
    """The newest events before a cursor, over all parts, by event time; and the cursor of the next page or None.

    Each chain is read only as far back as can hold one of them: the blocks' `newest_before` tells. `let_through` makes
    of an event what may be told of it, or None.
    """
    place = _place(cursor)
    below = None if place is None else (place.time, place.message_id, place.record)
    # A heap of what may come next, greatest first: events read but not given, and chains by the best they can still
    # hold.
    waiting: list[tuple[_Descending, int, int, Part, Event | None]] = []
    for part in parts:
        start = part.record.head if place is None else place.blocks.get(part.handle, part.record.head)
        if start:
            best = (1 << 62, "", "")
            heapq.heappush(waiting, (_Descending(best), len(waiting), start, part, None))
    ticket = len(parts)
    page: list[tuple[Part, Event]] = []
    while waiting and len(page) < limit:
        _, _, position, part, event = heapq.heappop(waiting)
        if event is not None:
            page.append((part, event))
            continue
        block = block_of(part, position)
        for member in block.events:
            key = (*order(member), part.handle)
            told = let_through(part, member) if below is None or key < below else None
            if told is not None:
                ticket += 1
                heapq.heappush(waiting, (_Descending(key), ticket, position, part, told))
        if block.previous:
            ticket += 1
            # Just above every event of that time: a chain is opened before an event that it might precede.
            best = (block.newest_before, "\U0010ffff", "")
            heapq.heappush(waiting, (_Descending(best), ticket, block.previous, part, None))
    if not waiting or not page:
        return page, None
    last_part, last = page[-1]
    blocks = {part.handle: 0 for part in parts}
    for _, _, position, part, _ in waiting:
        blocks[part.handle] = max(blocks.get(part.handle, 0), position)
    # A customer of very many records gets a short cursor, and pays by reading from the heads again.
    return page, _token(_Place(*order(last), last_part.handle, blocks if len(blocks) <= MAX_BLOCKS else {}))


class _Descending:
    """Turns heapq's least-first into greatest-first for tuples."""

    __slots__ = ("key",)

    def __init__(self, key: tuple[int, str, str]) -> None:
        self.key = key

    def __lt__(self, other: "_Descending") -> bool:
        return self.key > other.key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and self.key == other.key

    __hash__ = None  # type: ignore[assignment]  # only ever compared


def _place(cursor: str | None) -> _Place | None:
    if cursor is None:
        return None
    try:
        return msgspec.msgpack.decode(_untoken(cursor), type=_Place)
    except msgspec.DecodeError:
        raise BadInput(_BAD, code="bad_cursor", field="cursor") from None


def shown(part: Part, event: Event) -> dict[str, Any]:
    """An event of the timeline as it is answered."""
    return {
        "event": event.message_id,
        "type": event.kind,
        "name": event.name,
        "time": None if event.time is None else rfc3339(event.time),
        "received_at": rfc3339(event.received_at),
        "source": part.record.source,
        "record": part.handle,
        "properties": event.properties,
        "traits": event.traits,
        "context": event.context,
    }

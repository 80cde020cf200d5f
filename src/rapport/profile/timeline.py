"""The timeline: each record's events as a chain of blocks, newest block first, appended and never indexed.

Random page writes are the budget of the worker, so a block points to the record's previous one and the head is kept in
the record's row, which is rewritten anyway. Blocks lie in order of arrival; `newest_before` is the greatest event time
anywhere behind a block, so a reader that wants events by time knows when it has gone back far enough, however late
events came. The price: an event that claimed to be up to a day ahead makes readers go back that day.
"""

from collections.abc import Callable, Iterator

import msgspec

from rapport.collect import Event

UNKNOWN = -1 << 62
"""Where an event of unknown time sorts: below every known time."""


class Fresh(msgspec.Struct, gc=False):
    """An event that is not in a block yet, as it will lie there: encoded while it was hot, so that a busy worker keeps
    bytes between two commits and no trees of dicts."""

    message_id: str
    time: int | None
    digest: bytes
    may_move: bool
    """Whether an exact copy may say another time: this one's was corrected, or is too far ahead to be believed."""
    raw: bytes

    def event(self) -> Event:
        return _decode(self.raw)

    def become(self, event: Event) -> None:
        """Be the same event at another time."""
        self.time, self.raw = event.time, _encode(event)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Event).decode


def fresh(event: Event) -> Fresh:
    may_move = event.corrected or event.time is None
    return Fresh(event.message_id, event.time, event.digest, may_move, _encode(event))


class Block(msgspec.Struct, array_like=True):
    """Some events of one record, in order of arrival. `previous` is the position of the block before, 0 for none."""

    previous: int
    newest_before: int
    events: list[Event]


class NewBlock(msgspec.Struct, array_like=True):
    """A block as it is written: the same on disk, its events encoded already."""

    previous: int
    newest_before: int
    events: list[msgspec.Raw]


ReadBlock = Callable[[int], Block]
"""Position → block of one record."""


def order(event: Event) -> tuple[int, str]:
    """The place of an event in its timeline: by time, then message id."""
    return (UNKNOWN if event.time is None else event.time, event.message_id)


def blocks(head: int, read: ReadBlock) -> Iterator[tuple[int, Block]]:
    """All blocks of a chain with their positions, newest arrival first."""
    position = head
    while position:
        block = read(position)
        yield position, block
        position = block.previous


def events(head: int, read: ReadBlock) -> Iterator[Event]:
    """All events of a chain, in no promised order."""
    for _, block in blocks(head, read):
        yield from block.events


def since(head: int, read: ReadBlock, time: int) -> Iterator[tuple[int, Block]]:
    """The blocks of a chain that can hold events at or after `time` (µs)."""
    for position, block in blocks(head, read):
        yield position, block
        if block.newest_before < time:
            return

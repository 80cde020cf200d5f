"""Bringing together the lines of a file that are one event, however far apart they stand, in bounded memory.

Groups are kept in a dict until they weigh more than the budget. From then on every line goes by a hash of its group's
key into one of 64 partitions on disk, and at the end each partition is grouped alone. So a file of any size needs the
budget, or a sixty-fourth of the file, whichever is more. Sorting would give the same and cost more: what is wanted is
who belongs together, not an order. The order that comes out is fixed by the file alone: groups stand where their first
line stood, within each partition.
"""

import zlib
from array import array
from collections.abc import Iterator
from typing import Any, Protocol

import msgspec

from rapport.collect.refusals import Reason, Unreadable

BUDGET = 192 * 1024 * 1024
"""Bytes of lines and their bookkeeping that are kept in memory."""

MAX_GROUP = 32 * 1024 * 1024
"""Bytes of lines in one group; one event cannot come near it."""

PARTITIONS = 64
_CHUNK = 128 * 1024
_LINE_OVERHEAD = 60
_GROUP_OVERHEAD = 400

Key = tuple[Any, ...]
"""What the lines of one event share."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[tuple[Key, int, bytes]]).decode


class Spill(Protocol):
    """A place for what does not fit in memory, which is gone when the process is."""

    def write(self, partition: int, chunk: bytes) -> None: ...

    def read(self, partition: int) -> Iterator[bytes]:
        """The partition's chunks, in the order they were written."""


class Group:
    """The lines of one event: where each stood, and its encoded values. Lines of a group too large are let go."""

    __slots__ = ("lines", "places", "size")

    def __init__(self) -> None:
        self.places = array("q")
        self.lines: list[bytes] = []
        self.size = 0

    def add(self, place: int, line: bytes) -> None:
        self.places.append(place)
        self.size += len(line)
        if self.size <= MAX_GROUP:
            self.lines.append(line)
        else:
            self.lines.clear()

    def check(self) -> None:
        """Raise Unreadable where the group was too large to keep."""
        if self.size > MAX_GROUP:
            lines = f"{len(self.places):,} lines of {self.size:,} bytes"
            raise Unreadable(Reason.TOO_LARGE, f"its group has {lines}; the limit is {MAX_GROUP:,} bytes")


class Groups:
    """Lines in, groups out. Add all lines first."""

    def __init__(self, spill: Spill, budget: int = BUDGET) -> None:
        self._spill = spill
        self._budget = budget
        self._groups: dict[Key, Group] = {}
        self._size = 0
        self._waiting: list[list[tuple[Key, int, bytes]]] = [[] for _ in range(PARTITIONS)]
        self._waiting_size = [0] * PARTITIONS
        self._spilled = False
        self._too_large: dict[Key, Group] = {}

    def add(self, key: Key, place: int, line: bytes) -> None:
        if self._spilled:
            self._add_to_disk(key, place, line)
            return
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group()
            self._size += _GROUP_OVERHEAD
        group.add(place, line)
        self._size += _LINE_OVERHEAD + len(line)
        if self._size > self._budget:
            self._spill_all()

    def drain(self) -> Iterator[tuple[Key, Group]]:
        """Every group by its key, with its lines in the order they were added; empties the store."""
        if not self._spilled:
            yield from _emptied(self._groups)
            return
        for partition in range(PARTITIONS):
            groups: dict[Key, Group] = {}
            for chunk in self._chunks(partition):
                for key, place, line in chunk:
                    group = groups.get(key)
                    if group is None:
                        group = groups[key] = Group()
                    group.add(place, line)
            yield from _emptied(groups)
        yield from _emptied(self._too_large)

    def _spill_all(self) -> None:
        self._spilled = True
        for key in list(self._groups):
            group = self._groups.pop(key)
            if group.size > MAX_GROUP:
                self._too_large[key] = group
                continue
            for place, line in zip(group.places, group.lines, strict=True):
                self._put(key, place, line)

    def _add_to_disk(self, key: Key, place: int, line: bytes) -> None:
        if key in self._too_large:
            self._too_large[key].add(place, line)
        else:
            self._put(key, place, line)

    def _put(self, key: Key, place: int, line: bytes) -> None:
        partition = zlib.crc32(_encode(key)) % PARTITIONS
        waiting = self._waiting[partition]
        waiting.append((key, place, line))
        self._waiting_size[partition] += len(line) + _LINE_OVERHEAD
        if self._waiting_size[partition] > _CHUNK:
            self._spill.write(partition, _encode(waiting))
            waiting.clear()
            self._waiting_size[partition] = 0

    def _chunks(self, partition: int) -> Iterator[list[tuple[Key, int, bytes]]]:
        for chunk in self._spill.read(partition):
            yield _decode(chunk)
        yield self._waiting[partition]
        self._waiting[partition] = []


def _emptied(groups: dict[Key, Group]) -> Iterator[tuple[Key, Group]]:
    """The groups in their order; each is let go once the next is asked for."""
    for key in list(groups):
        yield key, groups.pop(key)

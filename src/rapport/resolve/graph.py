"""What resolution asks of storage, what it tells storage to change, and a store in memory.

The store holds two things. Evidence: every active edge, found by its record and, in order of level, by its identifier;
and the ids that were retracted, for good. Groups: to which each record belongs; a record of which nothing is stored is
a group of its own. A group's handle is content too: the node of its user id, else the smallest of its records' nodes.
"""

from bisect import insort
from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from rapport.resolve.evidence import Edge


class Mark(StrEnum):
    """What must be remembered of a user id's node beside its edges, because it could not be read off a few of them."""

    POPULAR = "popular"
    """It is on more records than a user can have, and so labels none."""
    GUARDED = "guarded"
    """What it would join breaks a guard, and is held apart."""


class Move(msgspec.Struct, frozen=True, gc=False):
    """A record changes its group; both are handles."""

    record: bytes
    before: bytes
    after: bytes


class Change(msgspec.Struct):
    """What a store is to do, all of it or nothing; nothing in it depends on what the store did before but evidence."""

    counted: list[Edge] = []
    """Active edges that count, be they new, formerly set aside, or stronger than what was known under their id."""
    set_aside: list[Edge] = []
    """Active edges that do not count, because their record names too many identifiers: new, or formerly counted."""
    dropped: list[Edge] = []
    """Edges that are no longer active."""
    retracted: list[bytes] = []
    """Ids of edges that never become active again."""
    moves: list[Move] = []
    marks: list[tuple[Mark, bytes, bool]] = []
    too_connected: int = 0
    """For the alarm: how many of the recomputed blocks had evidence set aside as too connected."""

    def __bool__(self) -> bool:
        return bool(self.counted or self.set_aside or self.dropped or self.retracted or self.moves or self.marks)


class EvidenceStore(Protocol):
    """One writer's view of evidence and groups: what it wrote, it reads. Returned sequences must not be changed."""

    def edges_of_record(self, record: bytes) -> Sequence[Edge]:
        """The counted edges of a record, at whichever end it is, in any order: few identifiers, and its links."""

    def edges_of_identifier(self, node: bytes, limit: int) -> Sequence[Edge]:
        """Counted edges to an identifier, those of the lowest level first, and no more than `limit` of them."""

    def edges_set_aside(self, record: bytes) -> Sequence[Edge]:
        """The active edges of a record that do not count. Asked when a record of too many identifiers loses one."""

    def edge(self, edge_id: bytes) -> Edge | None:
        """An active edge, counted or not. Asked for what is to go, and for records of too many identifiers."""

    def is_retracted(self, edge_id: bytes) -> bool:
        """Whether an id was retracted; asked for every new edge, so it should answer from memory."""

    def popularity(self, user: bytes) -> int:
        """On how many records a user id is by counted edges of level 0. Asked rarely: what was learned is kept."""

    def marked(self, mark: Mark, node: bytes) -> bool:
        """Whether a node bears a mark; asked often, and marked nodes are few, so it should answer from memory."""

    def group_of(self, record: bytes) -> bytes:
        """The handle of a record's group: the record itself where nothing else was written."""

    def members(self, group: bytes) -> Collection[bytes]:
        """The records of a group; where its handle is a record, that record is one of them."""

    def write(self, change: Change) -> None: ...


class MemoryStore:
    """Evidence and groups in plain dicts: for tests and simulations, and the reference for other stores."""

    def __init__(self) -> None:
        self._of_record: dict[bytes, list[Edge]] = {}
        self._of_identifier: dict[bytes, list[Edge]] = {}
        self._aside: dict[bytes, dict[bytes, Edge]] = {}
        self._retracted: set[bytes] = set()
        self._marks: set[tuple[Mark, bytes]] = set()
        self._group_of: dict[bytes, bytes] = {}
        self._members: dict[bytes, set[bytes]] = {}
        self._edges: dict[bytes, Edge] = {}

    def edges_of_record(self, record: bytes) -> Sequence[Edge]:
        return self._of_record.get(record, ())

    def edges_of_identifier(self, node: bytes, limit: int) -> Sequence[Edge]:
        edges = self._of_identifier.get(node, ())
        return edges if len(edges) <= limit else edges[:limit]

    def edges_set_aside(self, record: bytes) -> Sequence[Edge]:
        return list(self._aside.get(record, {}).values())

    def edge(self, edge_id: bytes) -> Edge | None:
        return self._edges.get(edge_id)

    def is_retracted(self, edge_id: bytes) -> bool:
        return edge_id in self._retracted

    def popularity(self, user: bytes) -> int:
        return len({edge.record for edge in self._of_identifier.get(user, ()) if edge.level == 0})

    def marked(self, mark: Mark, node: bytes) -> bool:
        return (mark, node) in self._marks

    def group_of(self, record: bytes) -> bytes:
        return self._group_of.get(record, record)

    def members(self, group: bytes) -> Collection[bytes]:
        others = self._members.get(group)
        if others is None:
            return (group,)
        return {*others, group} if group in self._of_record and group not in self._group_of else others

    def write(self, change: Change) -> None:
        for edge in change.dropped:
            self._forget(edge.id)
        for edge in change.set_aside:
            self._forget(edge.id)
            self._edges[edge.id] = edge
            self._aside.setdefault(edge.record, {})[edge.id] = edge
        for edge in change.counted:
            self._count(edge)
        self._retracted.update(change.retracted)
        for move in change.moves:
            self._move(move)
        for mark, node, on in change.marks:
            (self._marks.add if on else self._marks.discard)((mark, node))

    def records(self) -> Iterable[bytes]:
        """All records that have evidence."""
        return self._of_record.keys()

    def _count(self, edge: Edge) -> None:
        self._forget(edge.id)
        self._edges[edge.id] = edge
        self._of_record.setdefault(edge.record, []).append(edge)
        if edge.kind != "identifies":
            self._of_record.setdefault(edge.other, []).append(edge)
            return
        known = self._of_identifier.get(edge.other)
        if known is None:
            self._of_identifier[edge.other] = [edge]
        else:
            insort(known, edge, key=_level)

    def _forget(self, edge_id: bytes) -> None:
        edge = self._edges.pop(edge_id, None)
        if edge is None:
            return
        aside = self._aside.get(edge.record)
        if aside is not None and aside.pop(edge_id, None) is not None:
            if not aside:
                del self._aside[edge.record]
            return
        _remove(self._of_record, edge.record, edge)
        _remove(self._of_record if edge.kind != "identifies" else self._of_identifier, edge.other, edge)

    def _move(self, move: Move) -> None:
        before = self._members.get(move.before)
        if before is not None:
            before.discard(move.record)
            if not before:
                del self._members[move.before]
        if move.after == move.record:
            self._group_of.pop(move.record, None)
            return
        self._group_of[move.record] = move.after
        self._members.setdefault(move.after, set()).add(move.record)


def _level(edge: Edge) -> int:
    return edge.level


def _remove(index: dict[bytes, list[Edge]], node: bytes, edge: Edge) -> None:
    edges = index[node]
    edges.remove(edge)
    if not edges:
        del index[node]

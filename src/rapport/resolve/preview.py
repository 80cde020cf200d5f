"""What a change means in groups of records, before it is written: for "this would split into …", and for live news."""

from collections.abc import Iterable

import msgspec

from rapport.resolve.graph import Change, EvidenceStore
from rapport.resolve.incremental import Resolver
from rapport.resolve.rules import Rules


class Regrouped(msgspec.Struct, frozen=True):
    """Groups of records before and after, as far as they have to do with each other."""

    before: tuple[frozenset[bytes], ...]
    after: tuple[frozenset[bytes], ...]


def preview_retract(store: EvidenceStore, rules: Rules, edge_id: bytes) -> tuple[Regrouped, ...]:
    """What retracting a piece of evidence would do; nothing is changed."""
    return regrouped(store, Resolver(store, rules).plan(retracted=[edge_id]))


def regrouped(store: EvidenceStore, change: Change) -> tuple[Regrouped, ...]:
    """The groups that a change breaks up or brings together, to be asked before the change is written.

    Whole groups are read, so this is for people's eyes rather than for every event.
    """
    named = {edge.other for edge in change.counted if edge.kind == "identifies"}
    handles = dict.fromkeys(handle for move in change.moves for handle in (move.before, move.after))
    before = {handle: _members(store, handle, named) for handle in handles}
    after = {handle: set(members) for handle, members in before.items()}
    for move in change.moves:
        after[move.before].discard(move.record)
        after[move.after].add(move.record)
    return tuple(
        Regrouped(_groups(before, cluster), _groups(after, cluster))
        for cluster in _clusters((move.before, move.after) for move in change.moves)
    )


def _members(store: EvidenceStore, handle: bytes, named: set[bytes]) -> frozenset[bytes]:
    """The records of a group as stored: none, where it comes into being only now."""
    if store.group_of(handle) != handle:
        return frozenset()
    if handle in named or any(edge.kind == "identifies" for edge in store.edges_of_identifier(handle, 1)):
        return frozenset(store.members(handle)) - {handle}
    return frozenset(store.members(handle)) if store.edges_of_record(handle) else frozenset()


def _groups(
    of: dict[bytes, frozenset[bytes]] | dict[bytes, set[bytes]], cluster: Iterable[bytes]
) -> tuple[frozenset[bytes], ...]:
    groups = (frozenset(of[handle]) for handle in cluster)
    return tuple(sorted(filter(None, groups), key=min))


def _clusters(pairs: Iterable[tuple[bytes, bytes]]) -> list[set[bytes]]:
    clusters: dict[bytes, set[bytes]] = {}
    for one, another in pairs:
        both = clusters.get(one, {one}) | clusters.get(another, {another})
        clusters |= dict.fromkeys(both, both)
    return list({id(cluster): cluster for cluster in clusters.values()}.values())

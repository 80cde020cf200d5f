"""Guards: what must not be one customer, however well the evidence joins it (design §4.6).

What a user's records and the pieces of their blocks make together, or a piece without a user, is a *base*. One that
breaks a guard is joined again inside, by the same evidence, with all guards.

A user's base may be large, and one event more must not cost a look at all of it. So what the user's own group, its
*main* group, takes of the limited types is remembered, with the place in the order of evidence where it took it. A
piece that brings it nothing of a limited type then falls apart in the same way whatever else there is, and changes
nothing else: all of the user's records are in the main group before any other evidence counts. This holds as long as no
two records of the base must be apart; where some must, the base is looked at whole.
"""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from rapport.resolve.evidence import USER, Edge, SortKey, sort_key
from rapport.resolve.joining import Forest, block_edges, join_block
from rapport.resolve.reasons import Reason
from rapport.resolve.rules import Rules
from rapport.resolve.view import NEVER, Block, Piece, View

Groups = dict[bytes, list[bytes]]
"""Groups of records by their handles."""


class Main(NamedTuple):
    """What a guarded user's main group holds of limited types; only where no records of the base must be apart."""

    taken: tuple[tuple[SortKey, dict[str, int]], ...]
    """How many of each type it took, and by which evidence, in order."""
    nodes: frozenset[bytes]
    """The identifiers of limited types that it holds."""
    totals: dict[str, int]
    """How many of each limited type there are in the whole base."""

    def held_before(self, key: SortKey, name: str) -> int:
        """How many of a type it has taken by evidence that is stronger than this."""
        return sum(number.get(name, 0) for taken, number in self.taken if taken < key)


def base_of_user(view: View, user: bytes) -> Piece:
    """All that a user's records join."""
    records = [record for record in view.records_of_user(user) if view.label(record) == user]
    identifiers: dict[bytes, str] = {}
    looked_at: set[int] = set()
    for wall in list(records):
        for block in rim_blocks(view, wall):
            if id(block) not in looked_at:
                looked_at.add(id(block))
                for piece in join_block(view, block):
                    if piece.label == user:
                        records += piece.records
                        identifiers |= piece.identifiers
    return Piece(user, records, identifiers)


def rim_blocks(view: View, wall: bytes) -> Iterator[Block]:
    """The blocks on whose rim a labelled record is."""
    for edge in view.edges(wall):
        if edge.kind == "cannot_link" or edge.type == USER:
            continue
        if edge.kind == "identifies":
            if edge.level < view.shared_at(edge.other):
                block = view.block_of_identifier(edge.other, edge.type)
                if edge.level < block.cut:
                    yield block
        else:
            other = edge.other if edge.record == wall else edge.record
            if view.label(other) is None:
                block = view.block_of_record(other)
                if edge.level < block.cut:
                    yield block


def breaks_guard(view: View, base: Piece) -> bool:
    """Whether a base holds records that must be apart, or too many identifiers of a type."""
    counts = limited(view.rules, base.identifiers)
    if any(counts[name] > view.rules.of(name).per_customer for name in counts):
        return True
    inside: set[bytes] | None = None
    for record in base.records:
        for edge in view.edges(record):
            if edge.kind == "cannot_link":
                inside = set(base.records) if inside is None else inside
                if edge.record in inside and edge.other in inside:
                    return True
    return False


def split_base(view: View, base: Piece, reasons: dict[bytes, Reason] | None = None) -> tuple[Groups, Main | None]:
    """The groups of records that a base falls into under its guards, and what a user's main group took."""
    nodes = {*base.records, *base.identifiers}
    if base.label is not None:
        nodes.add(base.label)
    guards = _Guards(view.rules, base.identifiers)
    apart = _keep_apart(view, base, guards)
    forest = Forest(nodes)
    taken: list[tuple[SortKey, dict[str, int]]] = []
    edges = {edge.id: edge for record in base.records for edge in _inside(view, record, nodes)}
    for edge in sorted(edges.values(), key=sort_key):
        one, another = forest.find(edge.record), forest.find(edge.other)
        reason = Reason.CONFIRMS if one == another else guards.forbid(forest, one, another) or Reason.USED
        if reason is Reason.USED:
            if base.label is not None and (brought := _brought(guards, forest.find(base.label), one, another)):
                taken.append((sort_key(edge), brought))
            forest.join(*guards.merge(one, another))
        if reasons is not None:
            reasons[edge.id] = reason
    groups = _name_groups(forest, set(base.records), base.label)
    if base.label is None or apart:
        return groups, None
    main = forest.find(base.label)
    held = frozenset(n for n, name in base.identifiers.items() if guards.limits.get(name) and forest.find(n) == main)
    return groups, Main(tuple(taken), held, limited(view.rules, base.identifiers))


def split_piece(view: View, block: Block, piece: Piece, main: Main) -> Groups | None:
    """The groups that a guarded user's piece falls into beside the main group; None where it would bring that more."""
    user = piece.label
    guards = _Guards(view.rules, piece.identifiers)
    forest = Forest((*piece.records, *piece.identifiers, *(() if user is None else (user,))))
    edges = {found[0].id: found for found in block_edges(view, block) if found[1] in forest and found[2] in forest}
    for edge, end, other_end in sorted(edges.values(), key=lambda found: sort_key(found[0])):
        one, another = forest.find(end), forest.find(other_end)
        if one == another:
            continue
        if user is not None and forest.find(user) in {one, another}:
            brought = _brought(guards, forest.find(user), one, another)
            if brought:
                key = sort_key(edge)
                if any(main.held_before(key, name) + brought[name] > guards.limits[name] for name in brought):
                    continue
                return None
        elif guards.forbid(forest, one, another):
            continue
        forest.join(*guards.merge(one, another))
    return _name_groups(forest, set(piece.records), user)


def limited(rules: Rules, identifiers: dict[bytes, str]) -> dict[str, int]:
    """How many identifiers there are of each type of which a customer may have only so many."""
    return {name: n for name, n in Counter(identifiers.values()).items() if rules.of(name).per_customer}


def _brought(guards: "_Guards", main: bytes, one: bytes, another: bytes) -> dict[str, int]:
    """What of limited types one of two components brings to the main one, which is the other."""
    if main not in {one, another}:
        return {}
    return dict(guards.held.get(another if one == main else one, {}))


def _name_groups(forest: Forest, records: set[bytes], user: bytes | None) -> Groups:
    groups = {}
    for component in forest.components().values():
        group = [node for node in component if node in records]
        if group:
            groups[user if user is not None and user in component else min(group)] = group
    return groups


def group_handle(base: Piece) -> bytes:
    """The handle of a base that is a group as it is: its user, or else its smallest record."""
    return min(base.records) if base.label is None else base.label


def _inside(view: View, record: bytes, nodes: set[bytes]) -> Iterator[Edge]:
    """The edges of a record by which the base may hold together."""
    for edge in view.edges(record):
        if edge.kind == "cannot_link" or edge.record not in nodes or edge.other not in nodes:
            continue
        if edge.level == 0:
            yield edge
        elif edge.kind == "identifies":
            if (
                edge.type != USER
                and edge.level < view.shared_at(edge.other)
                and edge.level < view.block_of_identifier(edge.other, edge.type).cut
            ):
                yield edge
        elif edge.level < min(_cut(view, edge.record), _cut(view, edge.other)):
            yield edge


def _cut(view: View, record: bytes) -> int:
    return view.block_of_record(record).cut if view.label(record) is None else NEVER


class _Guards:
    """What each component holds of the types that are limited, and from which records it must be apart."""

    def __init__(self, rules: Rules, identifiers: dict[bytes, str]) -> None:
        names = set(identifiers.values())
        self.limits = {name: limit for name in names if (limit := rules.of(name).per_customer)}
        self.held = {node: {name: 1} for node, name in identifiers.items() if name in self.limits}
        self._apart: dict[bytes, set[bytes]] = {}

    def keep_apart(self, one: bytes, another: bytes) -> None:
        self._apart.setdefault(one, set()).add(another)
        self._apart.setdefault(another, set()).add(one)

    def forbid(self, forest: Forest, one: bytes, another: bytes) -> Reason | None:
        """Why two components, given by their roots, must not become one."""
        apart, other = self._apart.get(one), self._apart.get(another)
        if apart and other and any(forest.find(record) == another for record in apart):
            return Reason.CANNOT_LINK
        held, more = self.held.get(one), self.held.get(another)
        if held and more and any(held[name] + more.get(name, 0) > self.limits[name] for name in held):
            return Reason.TOO_MANY_OF_A_TYPE
        return None

    def merge(self, one: bytes, another: bytes) -> tuple[bytes, bytes]:
        """Note that two components become one; return the root that goes under, and the one that stays."""
        if len(self._apart.get(one, ())) > len(self._apart.get(another, ())):
            one, another = another, one
        if (apart := self._apart.pop(one, None)) is not None:
            self._apart.setdefault(another, set()).update(apart)
        if (held := self.held.pop(one, None)) is not None:
            more = self.held.setdefault(another, {})
            for name, number in held.items():
                more[name] = more.get(name, 0) + number
        return one, another


def _keep_apart(view: View, base: Piece, guards: _Guards) -> bool:
    """Tell guards which records of a base must be apart; returns whether any must."""
    inside = set(base.records)
    found = False
    for record in base.records:
        for edge in view.edges(record):
            if edge.kind == "cannot_link" and edge.record in inside and edge.other in inside:
                guards.keep_apart(edge.record, edge.other)
                found = True
    return found

"""Joining like Kruskal: in the order of the evidence, skipping what must not meet (design §4.5 and §4.6).

Blocks are joined with users as terminals. What a user's records and their blocks' pieces make together, or a piece
without a user, is a *base*; one that breaks a guard is joined again inside, by the same evidence with all guards.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from rapport.resolve.evidence import USER, Edge, sort_key
from rapport.resolve.reasons import Reason
from rapport.resolve.view import Block, Piece, View


class Forest:
    """Union–find over nodes; what a component must not join is kept by its root."""

    __slots__ = ("_parent",)

    def __init__(self, nodes: Iterable[bytes]) -> None:
        self._parent = {node: node for node in nodes}

    def find(self, node: bytes) -> bytes:
        parent = self._parent
        root = parent[node]
        while root != parent[root]:
            root = parent[root]
        while node != root:
            parent[node], node = root, parent[node]
        return root

    def join(self, fewer: bytes, more: bytes) -> None:
        """Put one root under another."""
        self._parent[fewer] = more

    def components(self) -> dict[bytes, list[bytes]]:
        """Root → its nodes."""
        found: dict[bytes, list[bytes]] = {}
        for node in self._parent:
            found.setdefault(self.find(node), []).append(node)
        return found


# -- blocks


def block_edges(view: View, block: Block) -> Iterator[tuple[Edge, bytes, bytes]]:
    """Usable edges of a block and to its rim, with their ends; a labelled end is given as the user's node."""
    for record in block.records:
        for edge in view.edges(record):
            if edge.level >= block.cut or edge.kind == "cannot_link":
                continue
            if edge.kind == "identifies":
                if edge.type != USER and edge.level < view.shared_at(edge.other):
                    yield edge, record, edge.other
            else:
                other = edge.other if edge.record == record else edge.record
                yield edge, record, view.label(other) or other
    for node in block.identifiers:
        for edge in view.usable(node):
            if edge.level < block.cut and (label := view.label(edge.record)) is not None:
                yield edge, label, node


def join_block(view: View, block: Block, reasons: dict[bytes, Reason] | None = None) -> list[Piece]:
    """The pieces of a block, each of one user or of none; `reasons`, where given, takes what became of its edges."""
    if block.pieces is None:
        if len(block.labels) > 1 or reasons is not None:
            block.pieces = _kruskal(view, block, reasons)
        else:
            block.pieces = [Piece(next(iter(block.labels), None), block.records, block.identifiers)]
    elif reasons is not None:
        _kruskal(view, block, reasons)
    return block.pieces


def piece_of(view: View, block: Block, node: bytes) -> Piece:
    """The piece of a block that holds one of its nodes."""
    return next(p for p in join_block(view, block) if node in p.identifiers or node in p.records)


def _kruskal(view: View, block: Block, reasons: dict[bytes, Reason] | None) -> list[Piece]:
    forest = Forest((*block.records, *block.identifiers, *block.labels))
    label = {user: user for user in block.labels}
    edges = {edge.id: (edge, one, another) for edge, one, another in block_edges(view, block)}
    for edge, one, another in sorted(edges.values(), key=lambda found: sort_key(found[0])):
        root, other = forest.find(one), forest.find(another)
        if root == other:
            reason = Reason.CONFIRMS
        elif root in label and other in label:
            reason = Reason.TWO_USERS
        else:
            reason = Reason.USED
            fewer, more = (root, other) if other in label else (other, root)
            forest.join(fewer, more)
        if reasons is not None:
            reasons[edge.id] = reason
    free = set(block.records)
    pieces = []
    for root, nodes in forest.components().items():
        identifiers = {node: block.identifiers[node] for node in nodes if node in block.identifiers}
        records = [node for node in nodes if node in free]
        if records or identifiers:
            pieces.append(Piece(label.get(root), records, identifiers))
    return pieces


# -- bases


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
    counts = Counter(base.identifiers.values())
    if any(0 < view.rules.of(name).per_customer < counts[name] for name in counts):
        return True
    inside: set[bytes] | None = None
    for record in base.records:
        for edge in view.edges(record):
            if edge.kind == "cannot_link":
                inside = set(base.records) if inside is None else inside
                if edge.record in inside and edge.other in inside:
                    return True
    return False


def split_base(view: View, base: Piece, reasons: dict[bytes, Reason] | None = None) -> dict[bytes, list[bytes]]:
    """The groups of records that a base falls into under its guards, by their handles."""
    nodes = {*base.records, *base.identifiers}
    if base.label is not None:
        nodes.add(base.label)
    guards = _Guards(view, base)
    forest = Forest(nodes)
    edges = {edge.id: edge for record in base.records for edge in _inside(view, record, nodes, base.label)}
    for edge in sorted(edges.values(), key=sort_key):
        one, another = forest.find(edge.record), forest.find(edge.other)
        reason = Reason.CONFIRMS if one == another else guards.forbid(forest, one, another) or Reason.USED
        if reason is Reason.USED:
            fewer, more = guards.merge(one, another)
            forest.join(fewer, more)
        if reasons is not None:
            reasons[edge.id] = reason
    records = set(base.records)
    groups = {}
    for component in forest.components().values():
        group = [node for node in component if node in records]
        if group:
            groups[base.label if base.label is not None and base.label in component else min(group)] = group
    return groups


def group_handle(base: Piece) -> bytes:
    """The handle of a base that is a group as it is: its user, or else its smallest record."""
    return min(base.records) if base.label is None else base.label


def _inside(view: View, record: bytes, nodes: set[bytes], label: bytes | None) -> Iterator[Edge]:
    """The edges of a record by which the base may hold together."""
    for edge in view.edges(record):
        if edge.kind == "cannot_link" or edge.record not in nodes or edge.other not in nodes:
            continue
        if edge.level == 0:
            if edge.other == label:
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
    return view.block_of_record(record).cut if view.label(record) is None else 1 << 30


class _Guards:
    """What each component holds of the types that are limited, and from which records it must be apart."""

    def __init__(self, view: View, base: Piece) -> None:
        self._limits = {
            name: limit for name in set(base.identifiers.values()) if (limit := view.rules.of(name).per_customer)
        }
        self._held: dict[bytes, Counter[str]] = {
            node: Counter((name,)) for node, name in base.identifiers.items() if name in self._limits
        }
        self._apart: dict[bytes, set[bytes]] = {}
        inside = set(base.records)
        for record in base.records:
            for edge in view.edges(record):
                if edge.kind == "cannot_link" and edge.record in inside and edge.other in inside:
                    self._apart.setdefault(edge.record, set()).add(edge.other)
                    self._apart.setdefault(edge.other, set()).add(edge.record)

    def forbid(self, forest: Forest, one: bytes, another: bytes) -> Reason | None:
        apart, other = self._apart.get(one), self._apart.get(another)
        if apart and other and any(forest.find(record) == another for record in apart):
            return Reason.CANNOT_LINK
        held, more = self._held.get(one), self._held.get(another)
        if held and more and any(held[name] + more[name] > self._limits[name] for name in held):
            return Reason.TOO_MANY_OF_A_TYPE
        return None

    def merge(self, one: bytes, another: bytes) -> tuple[bytes, bytes]:
        """Note that two components become one; return the root that goes under, and the one that stays."""
        if len(self._apart.get(one, ())) > len(self._apart.get(another, ())):
            one, another = another, one
        if (apart := self._apart.pop(one, None)) is not None:
            self._apart.setdefault(another, set()).update(apart)
        if (held := self._held.pop(one, None)) is not None:
            self._held.setdefault(another, Counter()).update(held)
        return one, another

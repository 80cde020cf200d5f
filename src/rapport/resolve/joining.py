"""Joining a block like Kruskal: in the order of evidence, with users as terminals that never meet (design §4.5)."""

from collections.abc import Iterable, Iterator

from rapport.resolve.evidence import USER, Edge, sort_key
from rapport.resolve.reasons import Reason
from rapport.resolve.view import Block, Piece, View


class Forest:
    """Union–find over nodes."""

    __slots__ = ("_parent",)

    def __init__(self, nodes: Iterable[bytes]) -> None:
        self._parent = {node: node for node in nodes}

    def __contains__(self, node: bytes) -> bool:
        return node in self._parent

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

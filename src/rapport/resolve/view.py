"""Evidence seen from any of its nodes: labels, shared identifiers, and the blocks of free nodes (design §4.3 to §4.5).

A `View` reads lazily and remembers what it read, so it serves one question and is thrown away. Changes that are planned
but not written are laid over it, which is how the state before and the state after are compared, or previewed.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rapport.resolve.evidence import EMAIL, USER, Edge, sort_key
from rapport.resolve.graph import EvidenceStore, Mark
from rapport.resolve.rules import Rules, TypeRules

NEVER: Final = 1 << 30
"""A level above all levels."""

A_FEW: Final = 32
"""How many edges of an identifier are read at first: mostly that is all there are."""

ALL: Final = 1 << 62
"""A limit that is none."""


class Reads:
    """Each record and identifier is read from the store once, however many views look at it."""

    __slots__ = ("_identifiers", "_records", "marks", "store")

    def __init__(self, store: EvidenceStore) -> None:
        self.store = store
        self.marks: dict[tuple[Mark, bytes], bool] = {}
        self._records: dict[bytes, Sequence[Edge]] = {}
        self._identifiers: dict[bytes, tuple[Sequence[Edge], int]] = {}

    def record(self, record: bytes) -> Sequence[Edge]:
        edges = self._records.get(record)
        if edges is None:
            edges = self._records[record] = self.store.edges_of_record(record)
        return edges

    def identifier(self, node: bytes, limit: int) -> tuple[Sequence[Edge], bool]:
        """Edges of the lowest levels, and whether they are all there are; if not, then at least `limit` of them."""
        known = self._identifiers.get(node)
        if known is None or len(known[0]) >= known[1] < limit:
            known = self._identifiers[node] = (self.store.edges_of_identifier(node, limit), limit)
        return known[0], len(known[0]) < known[1]

    def marked(self, mark: Mark, node: bytes) -> bool:
        known = self.marks.get((mark, node))
        if known is None:
            known = self.marks[mark, node] = self.store.marked(mark, node)
        return known


class Overlay:
    """Changes laid over what is stored: whole edge lists of records, and what identifiers gained and lost."""

    __slots__ = ("gained", "lost", "popular", "records")

    def __init__(self) -> None:
        self.records: dict[bytes, Sequence[Edge]] = {}
        self.gained: dict[bytes, list[Edge]] = {}
        self.lost: dict[bytes, set[bytes]] = {}
        self.popular: dict[bytes, bool] = {}


class Block:
    """Free nodes that hang together over usable evidence of levels below `cut`, and the users at its rim."""

    __slots__ = ("cut", "identifiers", "labels", "pieces", "records")

    def __init__(self, records: list[bytes], identifiers: dict[bytes, str], cut: int, labels: set[bytes]) -> None:
        self.records = records
        self.identifiers = identifiers
        """Identifier → its type."""
        self.cut = cut
        self.labels = labels
        self.pieces: list[Piece] | None = None


class Piece:
    """Nodes that hang together before guards: of one block, or all that is a user's. `label` is None without a user."""

    __slots__ = ("identifiers", "label", "records")

    def __init__(self, label: bytes | None, records: list[bytes], identifiers: dict[bytes, str]) -> None:
        self.label = label
        self.records = records
        self.identifiers = identifiers


class View:
    """Evidence as stored, or as it will be with an overlay."""

    def __init__(self, reads: Reads, rules: Rules, overlay: Overlay | None = None) -> None:
        self.rules = rules
        self._reads = reads
        self._overlay = overlay
        self._labels: dict[bytes, Edge | None] = {}
        self._usable: dict[bytes, tuple[int, Sequence[Edge]]] = {}
        self._blocks: dict[bytes, Block] = {}
        self._too_big: dict[bytes, int] = {}

    # -- evidence

    def edges(self, record: bytes) -> Sequence[Edge]:
        """The counted edges of a record."""
        if self._overlay is not None:
            changed = self._overlay.records.get(record)
            if changed is not None:
                return changed
        return self._reads.record(record)

    def identifier_edges(self, node: bytes, limit: int) -> tuple[Sequence[Edge], bool]:
        """Edges to an identifier by level, and whether they are all there are."""
        overlay = self._overlay
        lost = overlay.lost.get(node) if overlay is not None else None
        edges, complete = self._reads.identifier(node, limit if lost is None else limit + len(lost))
        gained = overlay.gained.get(node) if overlay is not None else None
        if lost is None and gained is None:
            return edges, complete
        ceiling = NEVER if complete else edges[-1].level
        kept = [edge for edge in edges if lost is None or edge.id not in lost]
        kept += [edge for edge in gained or () if edge.level <= ceiling]
        kept.sort(key=_level)
        return kept, complete

    def records_of_user(self, user: bytes) -> list[bytes]:
        """Every record that a level-0 edge says is this user's, be it labelled so or not."""
        edges, _ = self.identifier_edges(user, ALL)
        return list(dict.fromkeys(edge.record for edge in edges if edge.level == 0))

    def is_popular(self, user: bytes) -> bool:
        """Whether a user id is on so many records that it labels none."""
        if self._overlay is not None:
            changed = self._overlay.popular.get(user)
            if changed is not None:
                return changed
        return self._reads.marked(Mark.POPULAR, user)

    # -- labels

    def label_edge(self, record: bytes) -> Edge | None:
        """The first level-0 edge of a record to a user who is not on too many records."""
        try:
            return self._labels[record]
        except KeyError:
            first = None
            for edge in self.edges(record):
                if (
                    edge.level == 0
                    and (first is None or sort_key(edge) < sort_key(first))
                    and not self.is_popular(edge.other)
                ):
                    first = edge
            self._labels[record] = first
            return first

    def label(self, record: bytes) -> bytes | None:
        """The node of the user whose record it is. Labelled records are walls."""
        edge = self.label_edge(record)
        return None if edge is None else edge.other

    # -- shared identifiers

    def shared_at(self, node: bytes) -> int:
        """The lowest level, of those at which it has edges, where an identifier is generic; NEVER if it is not."""
        return self._usable_edges(node)[0]

    def usable(self, node: bytes) -> Sequence[Edge]:
        """The edges of an identifier that may join: those of levels where it is not generic."""
        return self._usable_edges(node)[1]

    def _usable_edges(self, node: bytes) -> tuple[int, Sequence[Edge]]:
        known = self._usable.get(node)
        if known is None:
            known = self._usable[node] = self._look_at(node)
        return known

    def _look_at(self, node: bytes) -> tuple[int, Sequence[Edge]]:
        limit = A_FEW
        while True:
            edges, complete = self.identifier_edges(node, limit)
            if not edges:
                return NEVER, edges
            of = self.rules.of(edges[0].type)
            level = self._first_shared_level(edges, of, complete)
            if level is not None:
                return level, edges if level == NEVER else [edge for edge in edges if edge.level < level]
            limit = max(limit * 4, of.shared_above * 2)

    def _first_shared_level(self, edges: Sequence[Edge], of: TypeRules, complete: bool) -> int | None:
        """The first level at which edges, given in order of level, are too many or contradict; None: read more."""
        last = edges[-1].level
        if complete and len(edges) == 1 and not of.one_email:
            return NEVER
        records: set[bytes] = set()
        for level, found in _by_level(edges):
            records.update(found)
            if len(records) > of.shared_above:
                return level
            if level == last and not complete:
                return None
            if self._contradict(records, level, of.one_email):
                return level
        return NEVER

    def _contradict(self, records: Iterable[bytes], level: int, one_email: bool) -> bool:
        users: set[bytes] = set()
        emails: set[bytes] = set()
        for record in records:
            user = self.label(record)
            if user is not None:
                users.add(user)
            if one_email:
                emails.update(edge.other for edge in self.edges(record) if edge.type == EMAIL and edge.level <= level)
        return len(users) > 1 or len(emails) > 1

    # -- blocks

    def block_of_record(self, record: bytes) -> Block:
        """The block of a record that is not labelled."""
        return self._blocks.get(record) or self._make_block(record, None)

    def block_of_identifier(self, node: bytes, identifier_type: str) -> Block:
        """The block of an identifier that is no user id."""
        return self._blocks.get(node) or self._make_block(node, identifier_type)

    def _make_block(self, start: bytes, identifier_type: str | None) -> Block:
        block = None if start in self._too_big else self._reach(start, identifier_type)
        if block is None:
            block = self._reach_by_level(start, identifier_type)
        for node in block.records:
            self._blocks[node] = block
        for node in block.identifiers:
            self._blocks[node] = block
        return block

    def _note_too_big(self, nodes: Iterable[bytes], level: int) -> None:
        """What these reach at a level is too much. Noted, so that it is found out once and not for every node."""
        for node in nodes:
            self._too_big[node] = min(level, self._too_big.get(node, NEVER))

    def neighbours(self, node: bytes, is_record: bool) -> Iterator[tuple[bytes, str | None, int, bytes | None]]:
        """What a free node is tied to by usable edges: (node, type of an identifier or None, level, label)."""
        if not is_record:
            for edge in self.usable(node):
                yield edge.record, None, edge.level, self.label(edge.record)
            return
        for edge in self.edges(node):
            if edge.kind == "identifies":
                if edge.type != USER and edge.level < self.shared_at(edge.other):
                    yield edge.other, edge.type, edge.level, None
            elif edge.kind != "cannot_link":
                other = edge.other if edge.record == node else edge.record
                yield other, None, edge.level, self.label(other)

    def _reach(self, start: bytes, identifier_type: str | None) -> Block | None:
        """All that a free node reaches, or None where that is too much."""
        records: list[bytes] = []
        identifiers: dict[bytes, str] = {}
        labels: set[bytes] = set()
        seen = {start}
        waiting: list[tuple[bytes, str | None]] = [(start, identifier_type)]
        while waiting:
            if len(seen) > self.rules.too_connected:
                self._note_too_big(seen, NEVER)
                return None
            node, kind = waiting.pop()
            if kind is None:
                records.append(node)
            else:
                identifiers[node] = kind
            for other, other_kind, _, label in self.neighbours(node, kind is None):
                if label is not None:
                    labels.add(label)
                elif other in self._too_big:
                    # What it reaches is reached from here as well.
                    self._note_too_big(seen, NEVER)
                    return None
                elif other not in seen:
                    seen.add(other)
                    waiting.append((other, other_kind))
        return Block(records, identifiers, NEVER, labels)

    def _reach_by_level(self, start: bytes, identifier_type: str | None) -> Block:
        """What a free node reaches up to the highest level at which that is not too much."""
        inside: dict[bytes, str | None] = {start: identifier_type}
        waiting: dict[int, dict[bytes, str | None]] = {}

        def look_from(node: bytes, kind: str | None) -> None:
            for other, other_kind, level, label in self.neighbours(node, kind is None):
                if label is None and other not in inside:
                    waiting.setdefault(level, {})[other] = other_kind

        look_from(start, identifier_type)
        while True:
            # Everything within reach at this level, and at lower ones that it leads to, before the next level.
            cut = min(waiting)
            taken: dict[bytes, str | None] = {}
            too_big = self._too_big.get(start, NEVER) <= cut
            while not too_big and waiting and min(waiting) <= cut:
                for node, kind in waiting.pop(min(waiting)).items():
                    if node not in inside and node not in taken:
                        taken[node] = kind
                        too_big = too_big or self._too_big.get(node, NEVER) <= cut
                        look_from(node, kind)
                too_big = too_big or len(inside) + len(taken) > self.rules.too_connected
            if too_big:
                self._note_too_big((*inside, *taken), cut)
                return self._cut_off(inside, cut)
            inside |= taken

    def _cut_off(self, inside: dict[bytes, str | None], cut: int) -> Block:
        labels: set[bytes] = set()
        for node, kind in inside.items():
            ties = self.neighbours(node, kind is None)
            labels.update(label for _, _, level, label in ties if label is not None and level < cut)
        identifiers = {node: kind for node, kind in inside.items() if kind is not None}
        return Block([node for node in inside if node not in identifiers], identifiers, cut, labels)


def _level(edge: Edge) -> int:
    return edge.level


def _by_level(edges: Sequence[Edge]) -> Iterator[tuple[int, list[bytes]]]:
    """Records by level, from edges in order of level."""
    level = edges[0].level
    records: list[bytes] = []
    for edge in edges:
        if edge.level != level:
            yield level, records
            level, records = edge.level, []
        records.append(edge.record)
    yield level, records

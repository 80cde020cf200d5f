"""Why records are together, or not, and what a retraction would do: worked out when asked, never stored.

Only nodes are spoken of; whoever asks knows the values, and shows them masked or in the clear as they may.
"""

from collections import deque
from collections.abc import Iterable

import msgspec

from rapport.resolve.evidence import USER, Edge, sort_key
from rapport.resolve.graph import EvidenceStore, Mark
from rapport.resolve.guards import base_of_user, breaks_guard, split_base
from rapport.resolve.joining import join_block, piece_of
from rapport.resolve.reasons import Reason, sentence
from rapport.resolve.rules import Rules
from rapport.resolve.view import A_FEW, Block, Piece, Reads, View


class Finding(msgspec.Struct, frozen=True):
    """An edge and what became of it, with a plain sentence."""

    edge: Edge
    reason: Reason
    sentence: str


class Together(msgspec.Struct, frozen=True):
    """The answer to "why are these two records together, or why not?"

    Together: `findings` is the path of used edges from one to the other. Apart: the links between records of the one's
    group and the other's, and what both groups say of identifiers that they have in common; empty if nothing ties them.
    """

    together: bool
    findings: tuple[Finding, ...]


class Explainer:
    """Explanations over a store as it stands; make a new one after a change."""

    def __init__(self, store: EvidenceStore, rules: Rules) -> None:
        self._store = store
        self._rules = rules
        self._reads = Reads(store)
        self._view = View(self._reads, rules)
        self._of_block: dict[int, dict[bytes, Reason]] = {}
        self._of_base: dict[bytes | int, dict[bytes, Reason]] = {}

    # -- customers

    def evidence(self, record: bytes) -> tuple[Finding, ...]:
        """All active evidence of one record, strongest first, with what became of it."""
        return self._findings([*self._view.edges(record), *self._store.edges_set_aside(record)])

    def why(self, one: bytes, another: bytes) -> Together:
        """Why two records are together, or why not."""
        group, other_group = self._store.group_of(one), self._store.group_of(another)
        if group == other_group:
            return Together(True, self._path(one, another))
        return Together(False, self._between(group, other_group))

    def _findings(self, edges: Iterable[Edge]) -> tuple[Finding, ...]:
        distinct = {edge.id: edge for edge in edges}
        return tuple(self.finding(edge) for edge in sorted(distinct.values(), key=sort_key))

    def _between(self, group: bytes, other_group: bytes) -> tuple[Finding, ...]:
        sides = [self._edges_by_end(group), self._edges_by_end(other_group)]
        common = sides[0].keys() & sides[1].keys()
        return self._findings(edge for side in sides for node in common for edge in side[node])

    def _edges_by_end(self, group: bytes) -> dict[bytes, list[Edge]]:
        """A group's evidence by the nodes it leads to; a link to a record also by itself, as both sides have it."""
        found: dict[bytes, list[Edge]] = {}
        for member in self._store.members(group):
            for edge in self._view.edges(member):
                end = edge.other if edge.kind == "identifies" else edge.id
                found.setdefault(end, []).append(edge)
        return found

    def _path(self, one: bytes, another: bytes) -> tuple[Finding, ...]:
        """Used edges from one record to the other; in a forest there is just this path."""
        there, back = self._used_from(one), self._used_from(another)
        meet = next(node for node in there if node in back)
        path = []
        for steps in (there, back):
            node = meet
            half = []
            while (step := steps[node]) is not None:
                edge, node = step
                half.append(self.finding(edge))
            path.append(half)
        return (*reversed(path[0]), *path[1])

    def _used_from(self, record: bytes) -> dict[bytes, tuple[Edge, bytes] | None]:
        """What used edges lead to: node → the edge and the node it was reached by. User ids are not looked beyond.

        A path crosses a user id at most once, and from both sides it is reached without that; the id may be on
        thousands of records.
        """
        steps: dict[bytes, tuple[Edge, bytes] | None] = {record: None}
        waiting = deque([(record, True)])
        while waiting:
            node, is_record = waiting.popleft()
            for edge in self._view.edges(node) if is_record else self._view.usable(node):
                other = edge.other if edge.record == node else edge.record
                if other not in steps and self.reason(edge) is Reason.USED:
                    steps[other] = (edge, node)
                    if edge.level:
                        waiting.append((other, edge.kind != "identifies" or not is_record))
        return steps

    # -- reasons

    def finding(self, edge: Edge) -> Finding:
        """What became of an active edge, in words."""
        reason = self.reason(edge)
        return Finding(edge, reason, sentence(reason, edge, self._rules))

    def reason(self, edge: Edge) -> Reason:
        """What became of an active edge."""
        if edge.kind == "cannot_link":
            return Reason.KEEPS_APART
        if edge not in self._view.edges(edge.record):
            return Reason.TOO_MANY_IDENTIFIERS
        if edge.level == 0:
            return self._of_user_id(edge)
        if edge.type == USER:
            return Reason.TWO_USERS if self._view.records_of_user(edge.other) else Reason.NOT_A_USER
        if edge.kind == "identifies" and (why := self._why_shared(edge)) is not None:
            return why
        return self._in_block(edge)

    def _of_user_id(self, edge: Edge) -> Reason:
        if self._view.is_popular(edge.other):
            return Reason.USER_OF_TOO_MANY
        first = self._view.label_edge(edge.record)
        if first is None or first.other != edge.other:
            return Reason.TWO_USERS
        return self._guarded(edge, edge.other, Reason.USED if first == edge else Reason.CONFIRMS)

    def _why_shared(self, edge: Edge) -> Reason | None:
        if edge.level < self._view.shared_at(edge.other):
            return None
        above = self._rules.of(edge.type).shared_above
        limit = A_FEW
        while True:
            edges, complete = self._view.identifier_edges(edge.other, limit)
            records = {other.record for other in edges if other.level <= edge.level}
            if len(records) > above:
                return Reason.SHARED_BY_RECORDS
            if complete:
                break
            limit *= 4
        users = {self._view.label(record) for record in records} - {None}
        return Reason.SHARED_BY_USERS if len(users) > 1 else Reason.SHARED_BY_EMAILS

    def _in_block(self, edge: Edge) -> Reason:
        """What became of an edge with a free end, or between two labelled records."""
        one, another = self._view.label(edge.record), self._view.label(edge.other)
        if edge.kind == "identifies":
            block = self._view.block_of_identifier(edge.other, edge.type)
            free = edge.other
        elif one is None or another is None:
            free = edge.record if one is None else edge.other
            block = self._view.block_of_record(free)
        elif one != another:
            return Reason.TWO_USERS
        else:
            return self._guarded(edge, one, Reason.CONFIRMS)
        if edge.level >= block.cut:
            return Reason.TOO_CONNECTED
        reason = self._block_reasons(block)[edge.id]
        if reason is Reason.TWO_USERS:
            return reason
        piece = piece_of(self._view, block, free)
        if piece.label is not None:
            return self._guarded(edge, piece.label, reason)
        if id(piece) not in self._of_base:
            self._of_base[id(piece)] = self._split_reasons(piece) if breaks_guard(self._view, piece) else {}
        return self._of_base[id(piece)].get(edge.id, reason)

    def _guarded(self, edge: Edge, user: bytes, reason: Reason) -> Reason:
        """The reason after guards, where a user's are broken."""
        if not self._reads.marked(Mark.GUARDED, user):
            return reason
        if user not in self._of_base:
            self._of_base[user] = self._split_reasons(base_of_user(self._view, user))
        return self._of_base[user][edge.id]

    def _split_reasons(self, base: Piece) -> dict[bytes, Reason]:
        reasons: dict[bytes, Reason] = {}
        split_base(self._view, base, reasons)
        return reasons

    def _block_reasons(self, block: Block) -> dict[bytes, Reason]:
        reasons = self._of_block.get(id(block))
        if reasons is None:
            reasons = self._of_block[id(block)] = {}
            join_block(self._view, block, reasons)
        return reasons

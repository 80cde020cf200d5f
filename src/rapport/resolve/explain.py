"""Why records are together, or not, and what a retraction would do: worked out when asked, never stored.

Only nodes are spoken of; whoever asks knows the values, and shows them masked or in the clear as they may.
"""

import msgspec

from rapport.resolve.evidence import USER, Edge
from rapport.resolve.graph import EvidenceStore, Mark
from rapport.resolve.joining import base_of_user, breaks_guard, join_block, piece_of, split_base
from rapport.resolve.reasons import Reason, sentence
from rapport.resolve.rules import Rules
from rapport.resolve.view import A_FEW, Block, Piece, Reads, View


class Finding(msgspec.Struct, frozen=True):
    """An edge and what became of it, with a plain sentence."""

    edge: Edge
    reason: Reason
    sentence: str


class Together(msgspec.Struct, frozen=True):
    """The answer to "why are these two records together, or not?"

    Together: `findings` is the path of used edges from one to the other. Apart: the edges between their groups, or
    between them and the same identifier, that were not used, with their reasons; none if nothing ties them.
    """

    together: bool
    findings: tuple[Finding, ...]


class Regrouped(msgspec.Struct, frozen=True):
    """Groups of records before and after, as far as they changed and have to do with each other."""

    before: tuple[frozenset[bytes], ...]
    after: tuple[frozenset[bytes], ...]


class Explainer:
    """Explanations over a store as it stands; make a new one after a change."""

    def __init__(self, store: EvidenceStore, rules: Rules) -> None:
        self._store = store
        self._rules = rules
        self._reads = Reads(store)
        self._view = View(self._reads, rules)
        self._of_block: dict[int, dict[bytes, Reason]] = {}
        self._of_base: dict[bytes | int, dict[bytes, Reason]] = {}

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

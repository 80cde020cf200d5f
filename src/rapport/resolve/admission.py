"""Which evidence is active, and which of it counts: retractions are final, and a record names only so many identifiers.

Both are functions of the set of what was said: of two assertions under one id the stronger counts, and of too many
identifiers the first in the order of evidence. So the order in which a batch is worked through makes no difference,
but for withdrawals, which come first: what is withdrawn and asserted in one batch is active.
"""

from collections.abc import Iterable

from rapport.resolve.evidence import Edge, sort_key
from rapport.resolve.rules import Rules
from rapport.resolve.view import Overlay, Reads


class Admission:
    """One batch of assertions, retractions and withdrawals, laid over what is stored."""

    def __init__(self, reads: Reads, rules: Rules) -> None:
        self._reads = reads
        self._limit = rules.identifiers_per_record
        self._counted: dict[bytes, dict[bytes, Edge]] = {}
        self._aside: dict[bytes, Edge] = {}
        self._gone: dict[bytes, Edge] = {}
        self.retracted: dict[bytes, None] = {}

    def retract(self, edge_id: bytes) -> None:
        """End an edge for good, even if it was never asserted."""
        if not self._reads.store.is_retracted(edge_id):
            self.retracted[edge_id] = None
        self.withdraw(edge_id)

    def withdraw(self, edge_id: bytes) -> None:
        """End an edge that nothing supports any more; it may be asserted again."""
        edge = None if edge_id in self._gone else self._reads.store.edge(edge_id)
        if edge is None:
            return
        self._gone[edge_id] = edge
        counted = self._of(edge.record)
        if counted.pop(edge_id, None) is None:
            return
        if edge.kind != "identifies":
            self._of(edge.other).pop(edge_id, None)
        elif _identifiers(counted) + 1 >= self._limit:
            self._promote(edge.record, counted)

    def _promote(self, record: bytes, counted: dict[bytes, Edge]) -> None:
        aside = self._reads.store.edges_set_aside(record)
        waiting = [edge for edge in aside if edge.id not in self._gone and edge.id not in counted]
        if waiting:
            first = min(waiting, key=sort_key)
            counted[first.id] = first

    def assert_edge(self, edge: Edge) -> None:
        """Make an edge active, unless its id was retracted or is known as strong."""
        if edge.id in self.retracted or self._reads.store.is_retracted(edge.id):
            return
        counted = self._of(edge.record)
        known = counted.get(edge.id)
        if known is None and edge.kind == "identifies" and len(counted) >= self._limit <= _identifiers(counted):
            self._assert_to_full(edge, counted)
        elif known is None or sort_key(edge) < sort_key(known):
            counted[edge.id] = edge
            if edge.kind != "identifies":
                self._of(edge.other)[edge.id] = edge

    def _assert_to_full(self, edge: Edge, counted: dict[bytes, Edge]) -> None:
        known = self._aside.get(edge.id) or (None if edge.id in self._gone else self._reads.store.edge(edge.id))
        if known is not None and sort_key(known) <= sort_key(edge):
            return
        last = max((other for other in counted.values() if other.kind == "identifies"), key=sort_key)
        if sort_key(edge) > sort_key(last):
            self._aside[edge.id] = edge
            return
        del counted[last.id]
        self._aside[last.id] = last
        counted[edge.id] = edge

    def _of(self, record: bytes) -> dict[bytes, Edge]:
        counted = self._counted.get(record)
        if counted is None:
            counted = self._counted[record] = {edge.id: edge for edge in self._reads.record(record)}
        return counted

    def outcome(self) -> "Outcome":
        """What the batch comes to."""
        gained: dict[bytes, Edge] = {}
        lost: dict[bytes, Edge] = {}
        overlay = Overlay()
        for record, counted in self._counted.items():
            new, old = counted, {}
            if self._reads.record(record):
                before = {edge.id: edge for edge in self._reads.record(record)}
                new = {edge.id: edge for edge in counted.values() if before.get(edge.id) != edge}
                old = {edge.id: edge for edge in before.values() if counted.get(edge.id) != edge}
            if new or old:
                overlay.records[record] = list(counted.values())
                gained |= new
                lost |= old
        for edge in gained.values():
            if edge.kind == "identifies":
                overlay.gained.setdefault(edge.other, []).append(edge)
        for edge in lost.values():
            if edge.kind == "identifies":
                overlay.lost.setdefault(edge.other, set()).add(edge.id)
        aside = [edge for edge in self._aside.values() if edge.id not in self._of(edge.record)]
        active = {edge.id for edge in aside}
        dropped = [e for e in self._gone.values() if e.id not in active and e.id not in self._of(e.record)]
        return Outcome(list(gained.values()), list(lost.values()), aside, dropped, overlay)


class Outcome:
    """Counted edges gained and lost, edges set aside and dropped, and the overlay that shows the state after."""

    __slots__ = ("dropped", "gained", "lost", "overlay", "set_aside")

    def __init__(
        self, gained: list[Edge], lost: list[Edge], set_aside: list[Edge], dropped: list[Edge], overlay: Overlay
    ) -> None:
        self.gained = gained
        self.lost = lost
        self.set_aside = set_aside
        self.dropped = dropped
        self.overlay = overlay


def _identifiers(edges: dict[bytes, Edge]) -> int:
    return sum(edge.kind == "identifies" for edge in edges.values())


def admit(
    reads: Reads, rules: Rules, asserted: Iterable[Edge], retracted: Iterable[bytes], withdrawn: Iterable[bytes]
) -> tuple[Outcome, list[bytes]]:
    """The outcome of a batch, and the ids that it retracts for the first time."""
    admission = Admission(reads, rules)
    for edge_id in retracted:
        admission.retract(edge_id)
    for edge_id in withdrawn:
        admission.withdraw(edge_id)
    for edge in asserted:
        admission.assert_edge(edge)
    return admission.outcome(), list(admission.retracted)

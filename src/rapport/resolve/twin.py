"""The rule of resolution, as plainly as it can be written: all evidence in, all customers out (design §4.1 to §4.7).

It shares nothing with `incremental`, which must always agree with it, and it is as slow as it is plain.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from rapport.resolve.evidence import EMAIL, USER, Edge, sort_key
from rapport.resolve.reasons import Reason
from rapport.resolve.rules import Rules


class Partition(NamedTuple):
    """Which records are together, and what became of each edge, by its id."""

    groups: frozenset[frozenset[bytes]]
    reasons: dict[bytes, Reason]


def partition(edges: Iterable[Edge], records: Iterable[bytes], rules: Rules) -> Partition:
    """Join records by active evidence; `records` names those that may have none."""
    return _Twin(edges, records, rules).partition()


class _Components:
    """Sets of nodes that grow together."""

    def __init__(self, nodes: Iterable[bytes]) -> None:
        self.of = {node: {node} for node in nodes}

    def together(self, edge: Edge) -> bool:
        return self.of[edge.record] is self.of[edge.other]

    def join(self, edge: Edge) -> None:
        fewer, more = sorted((self.of[edge.record], self.of[edge.other]), key=len)
        if fewer is not more:
            more |= fewer
            self.of |= dict.fromkeys(fewer, more)

    def all(self) -> list[set[bytes]]:
        return list({id(nodes): nodes for nodes in self.of.values()}.values())


class _Twin:
    def __init__(self, edges: Iterable[Edge], records: Iterable[bytes], rules: Rules) -> None:
        self.rules = rules
        self.reasons: dict[bytes, Reason] = {}
        distinct: dict[bytes, Edge] = {}
        for edge in edges:
            distinct[edge.id] = min(edge, distinct.get(edge.id, edge), key=sort_key)
        every = sorted(distinct.values(), key=sort_key)
        self.records = {*records, *(e.record for e in every), *(e.other for e in every if e.kind != "identifies")}
        apart = [e for e in every if self.refuse(e, e.kind == "cannot_link", Reason.KEEPS_APART)]
        self.cannot = [(e.record, e.other) for e in apart]
        self.edges = self.counted([e for e in every if e.kind != "cannot_link"])
        self.types = {e.other: e.type for e in self.edges if e.kind == "identifies"}
        self.at: dict[bytes, list[Edge]] = defaultdict(list)
        for edge in self.edges:
            self.at[edge.record].append(edge)
            self.at[edge.other].append(edge)
        self.label = self.labels()

    def refuse(self, edge: Edge, condition: bool, reason: Reason) -> bool:
        if condition:
            self.reasons[edge.id] = reason
        return condition

    def counted(self, edges: Sequence[Edge]) -> list[Edge]:
        """Without those beyond the number of identifiers that one record may name."""
        identifiers: Counter[bytes] = Counter()
        kept = []
        for edge in edges:
            identifiers[edge.record] += edge.kind == "identifies"
            over = edge.kind == "identifies" and identifiers[edge.record] > self.rules.identifiers_per_record
            if not self.refuse(edge, over, Reason.TOO_MANY_IDENTIFIERS):
                kept.append(edge)
        return kept

    def labels(self) -> dict[bytes, bytes]:
        """Record → the user of its first level-0 edge, among users that are not on too many records."""
        records: dict[bytes, set[bytes]] = defaultdict(set)
        for edge in self.edges:
            if edge.level == 0:
                records[edge.other].add(edge.record)
        self.users = {user for user in records if len(records[user]) <= self.rules.records_per_user}
        self.named = set(records)
        label: dict[bytes, bytes] = {}
        for edge in self.edges:
            if edge.level == 0 and edge.other in self.users:
                label.setdefault(edge.record, edge.other)
        return label

    def why_shared(self, identifier: bytes, level: int) -> Reason | None:
        """Whether an identifier is generic at a level, and why."""
        of = self.rules.of(self.types[identifier])
        records = {e.record for e in self.at[identifier] if e.level <= level}
        if len(records) > of.shared_above:
            return Reason.SHARED_BY_RECORDS
        if len({self.label[record] for record in records if record in self.label}) > 1:
            return Reason.SHARED_BY_USERS
        named = (e for record in records for e in self.at[record])
        emails = {e.other for e in named if e.type == EMAIL and e.level <= level}
        return Reason.SHARED_BY_EMAILS if of.one_email and len(emails) > 1 else None

    def usable(self) -> list[Edge]:
        """The edges that may join, before it is known where too much hangs together."""
        usable = []
        for edge in self.edges:
            if edge.level == 0:
                user = self.label.get(edge.record)
                refused = self.refuse(edge, edge.other not in self.users, Reason.USER_OF_TOO_MANY) or self.refuse(
                    edge, edge.other != user, Reason.TWO_USERS
                )
            elif edge.type == USER:
                refused = self.refuse(edge, True, Reason.TWO_USERS if edge.other in self.named else Reason.NOT_A_USER)
            elif edge.kind == "identifies":
                why = self.why_shared(edge.other, edge.level)
                refused = why is not None and self.refuse(edge, True, why)
            else:
                refused = False
            if not refused:
                usable.append(edge)
        return usable

    def not_too_connected(self, usable: Sequence[Edge]) -> list[Edge]:
        """Without the edges above the highest level at which what their free ends reach is small enough."""
        users = {e.other for e in usable if e.level == 0}

        def free(node: bytes) -> bool:
            return node not in self.label and node not in users

        highest: dict[bytes, int] = {}
        nodes = {node for e in usable for node in (e.record, e.other) if free(node)}
        for level in sorted({0, *(e.level for e in usable)}):
            reach = _Components(nodes)
            for edge in usable:
                if edge.level <= level and free(edge.record) and free(edge.other):
                    reach.join(edge)
            highest |= {node: level for node in nodes if len(reach.of[node]) <= self.rules.too_connected or level == 0}
        return [
            edge
            for edge in usable
            if not self.refuse(
                edge,
                any(free(node) and highest[node] < edge.level for node in (edge.record, edge.other)),
                Reason.TOO_CONNECTED,
            )
        ]

    def joined(self, nodes: Iterable[bytes], edges: Sequence[Edge], forbidden: "Forbidden") -> list[set[bytes]]:
        """Join like Kruskal, in the order of the evidence, skipping what is forbidden."""
        components = _Components(nodes)
        for edge in edges:
            if components.together(edge):
                self.reasons[edge.id] = Reason.CONFIRMS
                continue
            reason = forbidden(components.of[edge.record] | components.of[edge.other])
            self.reasons[edge.id] = reason or Reason.USED
            if reason is None:
                components.join(edge)
        return components.all()

    def two_users(self, nodes: set[bytes]) -> Reason | None:
        return Reason.TWO_USERS if len({self.label[node] for node in nodes if node in self.label}) > 1 else None

    def broken_guard(self, nodes: set[bytes]) -> Reason | None:
        if any(one in nodes and another in nodes for one, another in self.cannot):
            return Reason.CANNOT_LINK
        types = Counter(self.types[node] for node in nodes if node in self.types)
        most = {name: self.rules.of(name).per_customer for name in types}
        return Reason.TOO_MANY_OF_A_TYPE if any(0 < most[name] < types[name] for name in types) else None

    def partition(self) -> Partition:
        edges = self.not_too_connected(self.usable())
        nodes = {*self.records, *self.types}
        groups = []
        for group in self.joined(nodes, edges, self.two_users):
            if self.broken_guard(group):
                inside = [e for e in edges if e.record in group and e.other in group]
                groups += self.joined(group, inside, self.broken_guard)
            else:
                groups.append(group)
        customers = (frozenset(group & self.records) for group in groups)
        return Partition(frozenset(filter(None, customers)), self.reasons)


Forbidden = Callable[[set[bytes]], Reason | None]


class Said(msgspec.Struct, frozen=True):
    """One entry of an append-only book of evidence: an assertion, a retraction, or the end of what supported it."""

    what: str
    """"assert", "retract" (final for that id, even when it comes first) or "withdraw" (until it is asserted again)."""
    edge: Edge


def active(book: Iterable[Said]) -> list[Edge]:
    """The edges that hold after a book of evidence: asserted − retracted."""
    held: dict[bytes, list[Edge]] = defaultdict(list)
    retracted = set()
    for said in book:
        if said.what == "assert":
            held[said.edge.id].append(said.edge)
            continue
        held.pop(said.edge.id, None)
        if said.what == "retract":
            retracted.add(said.edge.id)
    return [edge for known, edges in held.items() if known not in retracted for edge in edges]

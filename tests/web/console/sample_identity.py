"""The part of the sample desk that is about evidence: which records are one customer, why, and how that is taken back.

Its resolution is a small stand-in (edges in order of level, two users never meet); the product's is `rapport.resolve`.
"""

# ruff: noqa: ARG002 (a desk is told who asks, and this one answers everybody alike)

from collections.abc import Iterable
from itertools import count
from typing import Any

from rapport.kernel.errors import Conflict, NotFound
from rapport.kernel.times import now
from rapport.profile.masking import mask
from rapport.web.console import desk as told
from tests.web.console.sample_people import Known

REASONS = {
    "user_id": "this user id joins them",
    "email": "this e-mail address joins them",
    "device_id": "this device joins them",
}


class Edge:
    """Evidence with what became of it."""

    def __init__(
        self, number: int, record: int, type_: str, value: str, level: int, at: int, kind: str = "identifies"
    ) -> None:
        self.id = f"evd{number:04}"
        self.record, self.type, self.value, self.level, self.at, self.kind = record, type_, value, level, at, kind
        self.used = False
        self.reason = ""
        self.retracted: told.Retraction | None = None
        self.before_retraction: tuple[str, ...] = ()

    @property
    def end(self) -> tuple[str, Any]:
        return ("record", int(self.value)) if self.kind != "identifies" else (self.type, self.value)


class SampleIdentity:
    """`refused`: the purposes for which nobody may be seen."""

    refused: set[str]

    def set_people(self, people: Iterable[Known]) -> None:
        self.records = [*people]
        self.edges: list[Edge] = []
        number = count(1)
        for i, record in enumerate(self.records):
            for link in record.links:
                self.edges.append(Edge(next(number), i, link.type, link.value, link.level, link.at))
        self._resolve()

    def _resolve(self) -> None:
        """Groups of records: edges in order of level, two users never meet, an e-mail of two users joins nobody."""
        self.parent = list(range(len(self.records)))
        self.label = [record.user for record in self.records]
        first: dict[tuple[str, Any], int] = {}
        users: dict[tuple[str, Any], set[str]] = {}
        for edge in self.edges:
            if not edge.retracted and edge.level > 0 and (user := self.records[edge.record].user):
                users.setdefault(edge.end, set()).add(user)
        for edge in sorted(self.edges, key=lambda edge: (edge.level, edge.id)):
            if edge.retracted:
                edge.used = False
                continue
            if len(users.get(edge.end, ())) > 1:
                thing = edge.type.replace("_", " ").replace("email", "e-mail address")
                edge.used, edge.reason = False, f"this {thing} is on records of more than one user id"
                continue
            other = int(edge.value) if edge.kind == "must_link" else first.setdefault(edge.end, edge.record)
            one, two = self._root(edge.record), self._root(other)
            labels = {self.label[one], self.label[two]} - {None}
            edge.used = len(labels) < 2
            edge.reason = REASONS.get(
                edge.type, f"this {edge.type.replace('_', ' ') or 'link by an operator'} joins them"
            )
            if not edge.used:
                edge.reason = f"this {edge.type.replace('_', ' ')} would join two user ids"
            elif one != two:
                self.parent[max(one, two)] = min(one, two)
                self.label[min(one, two)] = next(iter(labels), None)

    def _root(self, record: int) -> int:
        while self.parent[record] != record:
            record = self.parent[record]
        return record

    def _handle(self, record: int) -> str:
        return f"rec_{record:026}"

    def _shown(self, record: int) -> str:
        return f"cus_{self._root(record):026}"

    def _records(self, customer: str) -> list[int]:
        number = customer.removeprefix("cus_")
        if not (
            customer.startswith("cus_") and len(number) == 26 and number.isdigit() and int(number) < len(self.records)
        ):
            return []
        return [i for i in range(len(self.records)) if self._root(i) == self._root(int(number))]

    def _record_node(self, i: int, mine: list[int]) -> told.Node:
        record = self.records[i]
        if i in mine:
            return told.Node(self._handle(i), "record", *record.key, record.source, record.slice)
        kind, value = record.key
        return told.Node(self._handle(i), "record", kind, mask(kind, value), record.source, "", self._shown(i))

    def _other_node(self, edge: Edge, mine: list[int]) -> told.Node:
        if edge.kind == "must_link":
            return self._record_node(int(edge.value), mine)
        return told.Node(f"{edge.type}:{edge.value}", "identifier", edge.type, edge.value)

    def _told(self, edge: Edge) -> told.Evidence:
        origin = "operator" if edge.kind == "must_link" else self.records[edge.record].source
        rule = "link by an operator" if edge.kind == "must_link" else "named by the source"
        other = self._handle(int(edge.value)) if edge.kind == "must_link" else f"{edge.type}:{edge.value}"
        kind: Any = edge.kind
        return told.Evidence(
            edge.id,
            self._handle(edge.record),
            other,
            kind,
            edge.type,
            rule,
            origin,
            edge.level,
            edge.level < 3,
            edge.used,
            edge.reason,
            edge.at,
        )

    def _identity(self, mine: list[int]) -> told.Identity:
        active = [edge for edge in self.edges if not edge.retracted]
        own = [edge for edge in active if edge.record in mine]
        ends = {edge.end for edge in own}
        near = [edge for edge in active if edge.record not in mine and edge.end in ends]
        nodes = {node.id: node for i in mine for node in [self._record_node(i, mine)]}
        for edge in own + near:
            for node in (self._record_node(edge.record, mine), self._other_node(edge, mine)):
                nodes.setdefault(node.id, node)
        return told.Identity(tuple(nodes.values()), tuple(self._told(edge) for edge in own + near))

    def _parties(self, roots: Iterable[int]) -> tuple[told.Party, ...]:
        parties = []
        for root in sorted(set(roots)):
            mine = [i for i in range(len(self.records)) if self._root(i) == root]
            links = dict.fromkeys(
                (e.type, e.value) for e in self.edges if e.record in mine and e.kind == "identifies" and not e.retracted
            )
            nodes = [self._record_node(i, mine) for i in mine]
            nodes += [told.Node(f"{t}:{v}", "identifier", t, v) for t, v in links]
            parties.append(told.Party(self._shown(root), tuple(nodes), sum(len(self.records[i].events) for i in mine)))
        return tuple(parties)

    def _edge(self, evidence: str) -> Edge | None:
        return next((edge for edge in self.edges if edge.id == evidence), None)

    async def preview_retract(self, session: told.Session, evidence: str) -> told.Preview | None:
        edge = self._edge(evidence)
        if edge is None or session.purpose in self.refused:
            return None
        mine = [i for i in range(len(self.records)) if self._root(i) == self._root(edge.record)]
        shown = (self._told(edge), self._record_node(edge.record, mine), self._other_node(edge, []))
        if edge.retracted:
            roots = {self._root(i) for i in range(len(self.records)) if self._handle(i) in edge.before_retraction}
            after = self._parties(roots)
            back = (
                (
                    self._handle(edge.record),
                    self._handle(next(r for r in sorted(roots) if r != self._root(edge.record))),
                )
                if len(after) > 1
                else None
            )
            return told.Preview(*shown, _sentences(len(after)), (), after, edge.retracted, back)
        before = self._parties([self._root(edge.record)])
        edge.retracted = told.Retraction(0, "", "")
        self._resolve()
        after = self._parties(self._root(i) for i in mine)
        edge.retracted = None
        self._resolve()
        return told.Preview(*shown, _sentences(len(after)), before, after)

    async def retract(self, session: told.Session, evidence: str, why: str) -> None:
        edge = self._edge(evidence)
        if edge is None:
            raise NotFound("there is no such evidence")
        root = self._root(edge.record)
        edge.before_retraction = tuple(self._handle(i) for i in range(len(self.records)) if self._root(i) == root)
        edge.retracted = told.Retraction(now(), session.operator, why)
        self._resolve()

    async def link(self, session: told.Session, one: str, another: str, why: str) -> None:
        first, second = (int(handle.removeprefix("rec_")) for handle in (one, another))
        if len({self.records[first].user, self.records[second].user} - {None}) > 1:
            raise Conflict("The two records have different user ids; a link does not override them.")
        self.edges.append(Edge(len(self.edges) + 1, first, "", str(second), 1, now(), "must_link"))
        self._resolve()


def _sentences(parties: int) -> tuple[str, ...]:
    if parties == 1:
        return (
            "Nothing comes apart: other evidence holds the same records together.",
            "The identifier stays where others said it.",
        )
    return (
        f"One customer becomes {parties}.",
        "Each keeps its own records with their events and values; nothing is deleted.",
        "Old handles go on answering, and say that the customer was split.",
    )

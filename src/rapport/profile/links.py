"""From links to evidence: what a record names becomes edges, told to resolution at every commit."""

from collections.abc import Callable, Iterator
from typing import Protocol

from rapport.kernel import ids
from rapport.kernel.errors import BadInput
from rapport.kernel.ports import Source
from rapport.profile import record as records
from rapport.profile.devices import TYPES
from rapport.profile.record import Record
from rapport.profile.working_set import Held
from rapport.resolve import Edge, EvidenceStore, Resolver, Rules, alias, identifier_node, names

EVERY = 1 << 40
PREFIX = 14
"""Bytes of an evidence id that its handle carries, beside the 16 of its record's lookup node."""


class NumberedEvidence(EvidenceStore, Protocol):
    """An evidence store that also knows the numbers of records."""

    def announce(self, node: bytes, number: int) -> None: ...

    def announce_edge(self, edge: Edge, number: int) -> None: ...

    def number(self, node: bytes) -> int: ...

    def forget(self) -> None: ...


def edges_of(
    record: Record, node: bytes, links: dict[str, int], source: Source, rules: Rules
) -> Iterator[tuple[str, Edge]]:
    """The edges of some of a record's links, each with the link it comes from ("" for a slice's attribution)."""
    org, origin = record.org, record.source
    own = f"{record.key_type}:{record.key_value}"
    for link, how in links.items():
        kind, _, value = link.partition(":")
        level = rules.level(kind, trusted=source.trusted, trust=source.trust)
        if how & records.OWN:
            rule = "key" if link == own else "named"
            yield link, names(org, node, kind, identifier_node(org, kind, value), level=level, rule=rule, origin=origin)
        if how & records.ALIAS:
            for edge in alias(org, node, value, level=level, origin=origin):
                yield link, edge
    if record.user is not None and own in links and record.key_type in TYPES:
        user = identifier_node(org, "user_id", record.user)
        yield "", names(org, node, "user_id", user, level=0, rule="attribution", origin=origin)


def evidence_handle(lookup: bytes, edge: Edge) -> str:
    """`evi_…`: the record's lookup node and the start of the evidence's content hash, so that no index is needed."""
    return ids.text_of("evi", lookup + edge.id[:PREFIX])


def split_handle(handle: str) -> tuple[bytes, bytes]:
    """(lookup node, start of the evidence id); raises BadInput."""
    content = ids.bytes_of("evi", handle)
    if content is None or len(content) != 16 + PREFIX:
        raise BadInput("this is no evidence id: it starts with evi_", code="bad_id", field="id")
    return content[:16], content[16:]


class Links:
    """The worker's bridge between its records and resolution."""

    def __init__(
        self, store: NumberedEvidence, resolver: Resolver, rules: Rules, source_of: Callable[[str, str], Source]
    ) -> None:
        self._store = store
        self._resolver = resolver
        self._rules = rules
        self._source_of = source_of
        self._asserted: dict[bytes, Edge] = {}
        self._asserted_of: dict[bytes, list[Edge]] = {}
        self._withdrawn: dict[bytes, Edge] = {}
        self._retracted: dict[bytes, Edge] = {}

    def _edges(self, held: Held, links: dict[str, int]) -> Iterator[tuple[str, Edge]]:
        source = self._source_of(held.record.org, held.record.source)
        self._store.announce(held.node, held.number)
        for link, edge in edges_of(held.record, held.node, links, source, self._rules):
            self._store.announce_edge(edge, held.number)
            yield link, edge

    def edges(self, held: Held) -> list[tuple[str, Edge]]:
        """All evidence of a record's own links, each with its link."""
        return list(self._edges(held, held.record.links))

    def assert_links(self, held: Held, links: dict[str, int]) -> dict[str, int]:
        never: dict[str, int] = {}
        for link, edge in self._edges(held, links):
            if self._store.is_retracted(edge.id):
                never[link] = never.get(link, 0) | (records.ALIAS if edge.rule == "alias" else records.OWN)
            else:
                self.add(edge)
        return never

    def withdraw_links(self, held: Held, links: dict[str, int]) -> None:
        for _, edge in self._edges(held, links):
            self._withdraw(edge)

    def withdraw_node(self, node: bytes) -> None:
        pending = [edge for edge in self._asserted.values() if edge.record == node]
        stored = [*self._store.edges_of_record(node), *self._store.edges_set_aside(node)]
        for edge in [*pending, *stored]:
            if edge.kind == "identifies" and edge.record == node:
                self._withdraw(edge)

    def _withdraw(self, edge: Edge) -> None:
        self._withdrawn[edge.id] = edge
        self._asserted.pop(edge.id, None)

    def holders(self, node: bytes) -> list[int]:
        edges = {edge.id: edge for edge in self._store.edges_of_identifier(node, EVERY)}
        edges.update((e.id, e) for e in self._asserted_of.get(node, ()) if e.id in self._asserted)
        active = (e for e in edges.values() if e.id not in self._withdrawn and e.id not in self._retracted)
        return list(dict.fromkeys(self._store.number(edge.record) for edge in active))

    def retract(self, edge: Edge) -> None:
        """Retract evidence for good, known or not yet known."""
        self._retracted[edge.id] = edge
        self._asserted.pop(edge.id, None)

    def add(self, edge: Edge) -> None:
        """Assert evidence: a link's, or an operator's, which no link carries."""
        if edge.id not in self._asserted:
            self._asserted_of.setdefault(edge.other, []).append(edge)
        self._asserted[edge.id] = edge
        self._withdrawn.pop(edge.id, None)

    def settle(self) -> int:
        """Regroup what was touched; return how many records changed their group."""
        changed = 0
        if self._withdrawn or self._asserted or self._retracted:
            change = self._resolver.apply(
                list(self._asserted.values()),
                withdrawn=list(self._withdrawn),
                retracted=list(self._retracted),
            )
            changed = len(change.moves)
            self._asserted.clear()
            self._asserted_of.clear()
            self._withdrawn.clear()
            self._retracted.clear()
        self._store.forget()
        return changed

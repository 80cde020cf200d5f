"""A small company's evidence, told in sentences; whatever it is asked, product and twin must answer alike."""

from collections.abc import Callable, Iterable

from rapport.resolve import (
    Edge,
    Explainer,
    MemoryStore,
    Reason,
    Resolver,
    Rules,
    alias,
    cannot_link,
    default_rules,
    identifier_node,
    must_link,
    names,
    record_node,
)
from rapport.resolve.graph import EvidenceStore
from rapport.resolve.twin import Partition, partition

ORG = "shop"


class World:
    """Records by short names, and what is said of them, in order. By default under the rules that Rapport ships."""

    def __init__(self, of: Rules | None = None, store: EvidenceStore | None = None) -> None:
        self.rules = of or default_rules()
        self.store = store or MemoryStore()
        self.resolver = Resolver(self.store, self.rules)
        self.active: dict[bytes, Edge] = {}
        self.names: dict[bytes, str] = {}

    def node(self, record: str) -> bytes:
        node = record_node(ORG, "web", "anonymous_id", record)
        self.names[node] = record
        return node

    def said(self, record: str, *, trusted: bool = False, trust: int = 0, rule: str = "named", **values: str) -> Edge:
        """A record names identifiers (`email="…"`); the last of the edges is returned."""
        edges = []
        for kind, value in values.items():
            level = self.rules.level(kind, trusted=trusted, trust=trust)
            node = identifier_node(ORG, kind, value)
            edges.append(names(ORG, self.node(record), kind, node, level=level, rule=rule, origin="web"))
        self.assert_edges(edges)
        return edges[-1]

    def aliased(self, record: str, previous: str) -> tuple[Edge, Edge]:
        edges = alias(ORG, self.node(record), previous, level=3, origin="web")
        self.assert_edges(edges)
        return edges

    def linked(self, one: str, another: str) -> Edge:
        return self._between(must_link, one, another)

    def kept_apart(self, one: str, another: str) -> Edge:
        return self._between(cannot_link, one, another)

    def _between(self, link: Callable[..., Edge], one: str, another: str) -> Edge:
        edge = link(ORG, self.node(one), self.node(another), operator="eve")
        self.assert_edges([edge])
        return edge

    def assert_edges(self, edges: Iterable[Edge]) -> None:
        for edge in edges:
            self.active[edge.id] = edge
            self.resolver.apply([edge])

    def retracted(self, edge: Edge) -> None:
        self.active.pop(edge.id, None)
        self.resolver.apply(retracted=[edge.id])

    # -- questions

    def answers(self) -> Partition:
        """Groups and reasons; product and twin agree on them."""
        expected = partition(self.active.values(), self.names, self.rules)
        explainer = Explainer(self.store, self.rules)
        groups = frozenset(frozenset(self.store.members(self.store.group_of(node))) for node in self.names)
        found = Partition(groups, {edge.id: explainer.reason(edge) for edge in self.active.values()})
        assert found == expected
        return found

    def customers(self) -> set[str]:
        """Each customer's records in alphabetical order: {"a b", "c"}."""
        return {" ".join(sorted(self.names[node] for node in group)) for group in self.answers().groups}

    def reason(self, edge: Edge) -> Reason:
        return self.answers().reasons[edge.id]

    def sentence(self, edge: Edge) -> str:
        return Explainer(self.store, self.rules).finding(edge).sentence

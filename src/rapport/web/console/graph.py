"""The identity graph as a drawing: records on the left, identifiers on the right, evidence between them.

A relationship has two sides, and so has its graph: what the company's systems hold, and what the person goes by. Two
columns need no simulation of forces, are drawn the same every time, keep every label whole and read from top to bottom.
To have few lines cross, each side is sorted a few times by where its neighbours are (the barycenter heuristic of
Sugiyama, Tagawa and Toda, 1981). Evidence between two records bends through the left margin.

The price: a customer of very many records becomes tall. Beyond `MOST` nodes only those with the strongest evidence are
drawn; the table beside the drawing holds all.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from rapport.kernel.ports import YOU
from rapport.web.console.desk import Evidence, Identity, Node
from rapport.web.words import kind, source

MOST: Final = 60
_SWEEPS: Final = 6


class Shape(msgspec.Struct, frozen=True):
    """Sizes in SVG units, which are CSS pixels where there is room."""

    name: Literal["wide", "narrow"]
    width: int
    node_width: int
    margin: int
    """At the left, where there is evidence between records."""
    node_height: int = 46
    row: int = 62
    letters: int = 30
    """How many fit a node's line."""


WIDE: Final = Shape("wide", 1080, 340, 84, letters=38)
NARROW: Final = Shape("narrow", 344, 132, 24, node_height=44, row=56, letters=16)


class Placed(msgspec.Struct, frozen=True):
    node: Node
    x: int
    y: int
    head: str
    text: str


class Drawn(msgspec.Struct, frozen=True):
    edge: Evidence
    path: str
    said: str
    """The edge as a sentence, for who cannot see the line."""


class Drawing(msgspec.Struct, frozen=True):
    shape: Shape
    height: int
    nodes: tuple[Placed, ...]
    edges: tuple[Drawn, ...]
    left_out: int
    """Nodes of the identity that are not drawn."""


def draw(identity: Identity, shape: Shape) -> Drawing:
    """Place the nodes and bend the edges; the same identity gives the same drawing."""
    edges = [edge for edge in identity.edges if edge.record != edge.other]
    kept = _strongest(identity.nodes, edges)
    known = {node.id: node for node in identity.nodes if node.id in kept}
    edges = [edge for edge in edges if edge.record in known and edge.other in known]
    if all(known[edge.other].kind == "identifier" for edge in edges):
        shape = msgspec.structs.replace(shape, margin=2)
    left, right = _columns(list(known.values()), edges)
    tall = max(len(left), len(right), 1) * shape.row
    places: dict[str, Placed] = {}
    for column, x in ((left, shape.margin), (right, shape.width - shape.node_width - 2)):
        gap = tall / max(1, len(column))
        for i, node in enumerate(column):
            y = round(gap * (i + 0.5) - shape.node_height / 2)
            places[node.id] = Placed(node, x, y, _cut(head(node, shape), shape), _cut(node.value or "–", shape))
    drawn = tuple(Drawn(edge, _path(edge, places, shape), said(edge, known)) for edge in _unused_first(edges))
    return Drawing(shape, tall, tuple(places.values()), drawn, len(identity.nodes) - len(known))


def head(node: Node, shape: Shape) -> str:
    """A node's first line: whose record, or what sort of identifier."""
    if node.kind == "identifier":
        return kind(node.type)
    if node.customer is not None:
        return f"{source(node.source)} · another{'' if shape.name == 'narrow' else ' customer'}’s"
    told = [source(node.source), kind(node.type)] if shape.name == "wide" else [source(node.source)]
    return " · ".join(told + ([f"slice of {node.slice}"] if node.slice else []))


def said(edge: Evidence, nodes: Mapping[str, Node]) -> str:
    """`web’s record a1b2 has the e-mail ada@example.com: this e-mail address joins them`."""
    record, other = nodes[edge.record], nodes[edge.other]
    if other.kind == "identifier":
        between = f"{_whose(record)} record {record.value} has the {kind(other.type)} {other.value}"
    else:
        between = f"{_whose(record)} record {record.value} and {_whose(other)} record {other.value}"
    return f"{'Used' if edge.used else 'Not used'}: {between}; {edge.reason}"


def _whose(record: Node) -> str:
    return "the customer’s own" if record.source == YOU else f"{record.source}’s"


def _cut(text: str, shape: Shape) -> str:
    text = " ".join(text.split())
    return text if len(text) <= shape.letters else f"{text[: shape.letters - 1]}…"


def _strongest(nodes: Sequence[Node], edges: Sequence[Evidence]) -> set[str]:
    """Ids of the nodes to draw: along the edges from the strongest on, then the rest in order."""
    if len(nodes) <= MOST:
        return {node.id for node in nodes}
    kept: dict[str, None] = {}
    for edge in sorted(edges, key=lambda edge: (not edge.used, edge.level, edge.id)):
        kept |= {edge.record: None, edge.other: None}
    kept |= dict.fromkeys(node.id for node in nodes)
    return set([*kept][:MOST])


def _columns(nodes: Sequence[Node], edges: Sequence[Evidence]) -> tuple[list[Node], list[Node]]:
    """Records and identifiers, in an order in which few edges cross."""
    near: dict[str, list[str]] = {node.id: [] for node in nodes}
    for edge in edges:
        near[edge.record].append(edge.other)
        near[edge.other].append(edge.record)
    left = sorted((n for n in nodes if n.kind == "record"), key=lambda n: (n.customer is not None, n.source, n.id))
    right = sorted((n for n in nodes if n.kind == "identifier"), key=lambda n: (n.type, n.value, n.id))
    for _ in range(_SWEEPS):
        right = _by_neighbours(right, left, near)
        left = _by_neighbours(left, right, near)
    return left, right


def _by_neighbours(column: list[Node], facing: list[Node], near: dict[str, list[str]]) -> list[Node]:
    where = {node.id: (i + 0.5) / len(facing) for i, node in enumerate(facing)}
    own = {node.id: (i + 0.5) / len(column) for i, node in enumerate(column)}

    def centre(node: Node) -> float:
        seen = [where[other] for other in near[node.id] if other in where]
        # Exactly, for what is added in another order must not come to another sum.
        return math.fsum(seen) / len(seen) if seen else own[node.id]

    return sorted(column, key=centre)


def _unused_first(edges: Sequence[Evidence]) -> list[Evidence]:
    """So that the lines that join are on top."""
    return sorted(edges, key=lambda edge: (edge.used, -edge.level, edge.id))


def _path(edge: Evidence, places: Mapping[str, Placed], shape: Shape) -> str:
    one, another = places[edge.record], places[edge.other]
    if one.x == another.x:
        start = end = one.x
        bend = max(2, round(one.x - shape.margin * 0.9 - abs(one.y - another.y) * 0.02))
    else:
        start, end = one.x + shape.node_width, another.x
        bend = (start + end) // 2
    high, low = one.y + shape.node_height // 2, another.y + shape.node_height // 2
    return f"M{start} {high}C{bend} {high} {bend} {low} {end} {low}"

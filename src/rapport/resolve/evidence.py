"""Evidence: edges of a graph whose nodes are records and identifiers, all named by what they are, never by arrival.

A node is 16 bytes: an unkeyed BLAKE2b hash of its content, so that any worker on any machine orders ties alike. Such
hashes of personal data can be guessed: they live in memory only, and an adapter blinds them before they touch a disk.

Content is written as a tag and fields with their lengths before hashing (`r4:demo3:web…`), so that no two different
contents hash the same bytes. Lone surrogates, which normalised values never hold, would hash too rather than fail.
"""

from enum import Enum
from hashlib import blake2b
from typing import Final, Literal

import msgspec

USER: Final = "user_id"
EMAIL: Final = "email"

Kind = Literal["identifies", "must_link", "cannot_link", "match"]


class Whole(Enum):
    """The record of a device that is not sliced, as opposed to its slice for a user or for nobody."""

    WHOLE = "whole"


WHOLE: Final = Whole.WHOLE


def record_node(org: str, source: str, key_type: str, value: str, slice_user: str | Whole | None = WHOLE) -> bytes:
    """The node of a record: everything one source knows under one of its own keys.

    `slice_user` names a slice of a shared device: that of a user, or with None that of nobody.
    """
    tail = "" if slice_user is WHOLE else "-" if slice_user is None else f"+{slice_user}"
    content = f"r{len(org)}:{org}{len(source)}:{source}{len(key_type)}:{key_type}{len(value)}:{value}{tail}"
    return blake2b(content.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def identifier_node(org: str, identifier_type: str, value: str) -> bytes:
    """The node of an identifier: one for the whole organization, whichever source sent it."""
    content = f"i{len(org)}:{org}{len(identifier_type)}:{identifier_type}{value}"
    return blake2b(content.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class Edge(msgspec.Struct, frozen=True, gc=False):
    """One piece of evidence: a record names an identifier, or two records are (or are not) the same customer's.

    `id` is 16 bytes and hashes what is claimed and by whom; level, verification and weight say how far it is believed.
    Of two assertions of one id, the stronger (the smaller `sort_key`) counts.
    """

    id: bytes
    kind: Kind
    record: bytes
    other: bytes
    """The identifier's node; for evidence between two records, the greater of their nodes."""
    type: str
    """The identifier's type; "" between two records."""
    level: int
    """0 is a user id, 1 a link by an operator; the higher, the weaker."""
    verified: bool
    weight: float
    rule: str
    origin: str
    """The source or the operator that said so."""


SortKey = tuple[int, bool, float, bytes, tuple[str, bytes, bytes, str, str, str]]


def sort_key(edge: Edge) -> SortKey:
    """The one order in which evidence counts: (level, verified first, −weight, hash, content), nothing from arrival."""
    content = (edge.kind, edge.record, edge.other, edge.type, edge.rule, edge.origin)
    return (edge.level, not edge.verified, -edge.weight, edge.id, content)


def edge_id(org: str, kind: Kind, record: bytes, other: bytes, rule: str, origin: str) -> bytes:
    """The content hash that names a piece of evidence (16 bytes)."""
    content = f"{len(org)}:{org}{len(rule)}:{rule}{len(origin)}:{origin}{kind}"
    return blake2b(b"e" + record + other + content.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def names(
    org: str,
    record: bytes,
    identifier_type: str,
    node: bytes,
    *,
    level: int,
    rule: str,
    origin: str,
    verified: bool = False,
    weight: float = 1.0,
) -> Edge:
    """Evidence that a record names an identifier. `level` is that of `Rules.level`."""
    known = edge_id(org, "identifies", record, node, rule, origin)
    return Edge(known, "identifies", record, node, identifier_type, level, verified, weight, rule, origin)


def alias(org: str, record: bytes, previous_id: str, *, level: int, origin: str) -> tuple[Edge, Edge]:
    """Evidence of `alias`: the record of its `userId` was known before by `previous_id`.

    The first edge links it as an `anonymous_id`. The second says that it might have been a user's: such an edge never
    joins, and is kept so that the refusal to join two users can be shown.
    """
    anonymous = identifier_node(org, "anonymous_id", previous_id)
    user = identifier_node(org, USER, previous_id)
    return (
        names(org, record, "anonymous_id", anonymous, level=level, rule="alias", origin=origin),
        names(org, record, USER, user, level=level, rule="alias", origin=origin),
    )


def must_link(org: str, one: bytes, another: bytes, *, operator: str, rule: str = "operator") -> Edge:
    """Evidence by an operator that two records are of one customer."""
    return _between(org, "must_link", one, another, rule, operator)


def cannot_link(org: str, one: bytes, another: bytes, *, operator: str, rule: str = "operator") -> Edge:
    """Evidence by an operator that two records are of different customers."""
    return _between(org, "cannot_link", one, another, rule, operator)


def _between(org: str, kind: Kind, one: bytes, another: bytes, rule: str, origin: str) -> Edge:
    if one == another:
        raise ValueError("evidence between two records needs two different records")
    record, other = (one, another) if one < another else (another, one)
    known = edge_id(org, kind, record, other, rule, origin)
    return Edge(known, kind, record, other, "", 1, True, 1.0, rule, origin)

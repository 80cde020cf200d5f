"""What an operator says of evidence: it goes through the log like everything else, and the worker applies it here."""

from typing import Literal

import msgspec

from rapport.adapters.embedded.evidence_tables import EvidenceTables
from rapport.kernel import ids
from rapport.kernel.ports import LogEntry
from rapport.kernel.times import now
from rapport.profile import Assembler, Links
from rapport.profile.erasure import Claim, Legal
from rapport.profile.links import carried, split_handle
from rapport.profile.working_set import Held
from rapport.resolve import cannot_link, must_link


class Retract(msgspec.Struct, frozen=True, tag="retract"):
    """Retract a piece of evidence for good."""

    evidence: str
    by: str
    why: str = ""


class Assert(msgspec.Struct, frozen=True, tag="assert"):
    """Say of two records (`rec_…`) that they are, or are not, the same customer's."""

    kind: Literal["must_link", "cannot_link"]
    a: str
    b: str
    by: str
    why: str = ""


class Shred(msgspec.Struct, frozen=True, tag="shred"):
    """Erase everything that holds what a person claimed, at all organizations at once, but for what laws keep."""

    person: str
    claims: tuple[Claim, ...]
    legal: tuple[Legal, ...] = ()


class Settle(msgspec.Struct, frozen=True, tag="settle"):
    """Records that were only joined to erased ones were looked at: erase them too, or keep them. `reviews` are ids."""

    person: str
    reviews: tuple[int, ...]
    erase: bool
    legal: tuple[Legal, ...] = ()


class Lift(msgspec.Struct, frozen=True, tag="lift"):
    """Let what a person had erased come in again."""

    person: str


Operation = Retract | Assert
Erasure = Shred | Settle | Lift
ERASURE = "erasure"
"""The path of entries that concern erasures. They are of no organization, or of all."""

_decode = msgspec.json.Decoder(Operation).decode
_decode_erasure = msgspec.json.Decoder(Erasure).decode


def entry(org: str, operation: Operation) -> LogEntry:
    """The log entry that carries an operation."""
    return LogEntry(org, "operator", "operator", "evidence", now(), msgspec.json.encode(operation))


def erasure_entry(erasure: Erasure) -> LogEntry:
    """The log entry that asks for an erasure, or takes it back."""
    return LogEntry("", "operator", "operator", ERASURE, now(), msgspec.json.encode(erasure))


def is_erasure(entry: LogEntry) -> bool:
    return entry.wire == "operator" and entry.path == ERASURE


def erasure_of(entry: LogEntry) -> Erasure:
    found: Erasure = _decode_erasure(entry.body)
    return found


class Operations:
    """Applies operations within the worker's transaction. What cannot be applied any more changes nothing."""

    def __init__(self, assembler: Assembler, links: Links, tables: EvidenceTables) -> None:
        self._assembler = assembler
        self._links = links
        self._tables = tables

    def apply(self, entry: LogEntry) -> None:
        operation = _decode(entry.body)
        if isinstance(operation, Retract):
            self._retract(entry.org, operation)
        else:
            self._assert(entry.org, operation)

    def _held(self, org: str, lookup: bytes | None) -> Held | None:
        held = None if lookup is None else self._assembler.held.find(lookup)
        return held if held is not None and held.record.org == org else None

    def _retract(self, org: str, operation: Retract) -> None:
        node, edge_id = split_handle(operation.evidence)
        if self._tables.is_retracted(edge_id):
            return
        number = self._tables.known(node)
        held = None if number is None else self._assembler.held.get(number)
        if held is None or held.record.org != org:
            self._links.retract_unknown(edge_id)
            return
        if held.node == node:
            for link, edge in self._links.edges(held):
                if edge.id == edge_id:
                    if link and edge.rule != "key":
                        self._links.retract(edge, held.number)
                        self._assembler.unlink(held, link, carried(edge))
                    return
        # What was said of two records stays with the node it was said of, also where its record goes by another now.
        for edge in self._tables.edges_of_record(node):
            if edge.id == edge_id and (edge.kind != "identifies" or held.node == node):
                self._links.retract(edge, held.number)
                return
        self._links.retract_unknown(edge_id)

    def _assert(self, org: str, operation: Assert) -> None:
        one = self._held(org, ids.bytes_of("rec", operation.a))
        another = self._held(org, ids.bytes_of("rec", operation.b))
        if one is None or another is None or one is another:
            return
        make = must_link if operation.kind == "must_link" else cannot_link
        edge = make(org, one.node, another.node, operator=operation.by)
        for held in (one, another):
            self._tables.adopt(held.node, held.number)
        self._links.add(edge, one.number if edge.record == one.node else another.number)

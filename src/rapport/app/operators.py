"""Operators' words about evidence: checked here, appended to the log, and answered once readers see them.

Whoever works on evidence looks at customers, so every word passes the gate, for `service`, with its receipt: what a
person's terms or lock hide cannot be linked or taken back, and answers like what was never there.
"""

from rapport.adapters.embedded.log import GroupCommitLog
from rapport.adapters.embedded.reader import StateReader
from rapport.app.newsroom import Newsroom
from rapport.app.operator import Assert, Operation, Retract, entry
from rapport.app.saying import NodeSaying
from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.kernel.identifiers import normalise
from rapport.kernel.ports import OWN_WORD
from rapport.profile.links import evidence_handle, split_handle
from rapport.profile.store import Found
from rapport.profile.view import Part
from rapport.resolve import Edge, cannot_link, must_link
from rapport.terms import Gate, Request
from rapport.web.api.evidence import Said

PURPOSE = "service"
NO_EVIDENCE = "there is no such evidence"
NO_END = "there is no such record or customer"
OWN_RECORD = "this is what the customer said themself: it goes with its identifier, so link the records of systems"
NOBODY = "cus_nobody"
"""In place of the handle of a customer whom nothing names: the gate answers absent, as late as it answers refused."""


class LogOperators:
    """The Operators port over the log. `retract` and `assert_link` return when the worker has committed them."""

    def __init__(self, reader: StateReader, gate: Gate, log: GroupCommitLog, newsroom: Newsroom) -> None:
        self._reader = reader
        self._gate = gate
        self._saying = NodeSaying(log, newsroom)

    async def assert_link(self, org: str, kind: str, a: str, b: str, by: str, why: str) -> Said:
        one, another = await self._end(org, a, by), await self._end(org, b, by)
        if one.number == another.number:
            raise BadInput("both ends are the same record", code="same_record", field="b")
        nodes = self._reader.node_of(one), self._reader.node_of(another)
        make = must_link if kind == "must_link" else cannot_link
        edge = make(org, *nodes, operator=by)
        if self._reader.evidence_tables.is_retracted(edge.id):
            raise Conflict("this very evidence was retracted before, which is final", code="retracted")
        await self._say(
            org, Assert("must_link" if kind == "must_link" else "cannot_link", one.handle, another.handle, by, why)
        )
        with self._reader.snapshot():
            finding = self._reader.finding(edge)
        return Said(evidence_handle(edge), finding.reason.joins or kind == "cannot_link", finding.sentence)

    async def retract(self, org: str, evidence: str, by: str, why: str) -> None:
        node, _ = split_handle(evidence)
        with self._reader.snapshot():
            there = self._reader.by_node(org, node)
        request = Request(org, there[0].customer if there is not None else NOBODY, PURPOSE, by, "retraction")
        try:
            _, (edge,), _ = await self._gate.read(request, lambda found: self._seen(found, evidence), _fields)
        except NotFound:
            raise NotFound(NO_EVIDENCE) from None
        if edge is None:
            return  # it was retracted before
        _check(edge)
        await self._say(org, Retract(evidence, by, why))

    def _seen(self, found: Found, evidence: str) -> tuple[Edge | None] | None:
        """The edge behind a handle, None in its place where it was retracted; None where there is nothing to see."""
        node, edge_id = split_handle(evidence)
        if not any(self._reader.node_of(part) == node for part in found.parts):
            return None
        if self._reader.evidence_tables.is_retracted(edge_id):
            return (None,)
        _, _, edge = self.locate(found.org, evidence)
        shown = edge is not None and any(item["id"] == evidence for item in self._reader.evidence(found))
        return (edge,) if shown else None

    def locate(self, org: str, evidence: str) -> tuple[Found | None, Part | None, Edge | None]:
        """The customer, record and edge behind an evidence handle, within a snapshot."""
        node, edge_id = split_handle(evidence)
        there = self._reader.by_node(org, node)
        if there is None:
            return None, None, None
        edges = (edge for _, edge in self._reader.edges(there[1]))
        return *there, next((edge for edge in edges if edge.id == edge_id), None)

    async def _end(self, org: str, named: str, by: str) -> Part:
        """The record an end names: itself, or the oldest of the customer that an id names, as far as they may be
        seen. Raises NotFound, BadInput for an unusable id, Conflict where it is on several customers."""
        customer = named
        if named.startswith("rec_"):
            with self._reader.snapshot():
                owner = self._reader.by_record(org, named)
            customer = owner.customer if owner is not None else NOBODY
        elif not named.startswith("cus_"):
            kind, colon, raw = named.partition(":")
            if not colon or normalise(kind, raw) is None:
                raise BadInput("an end is rec_…, cus_… or type:value", code="bad_id")

        def part(found: Found) -> Part | None:
            parts = [part for part in found.parts if part.handle == named or not named.startswith("rec_")]
            of_systems = [part for part in parts if part.trust < OWN_WORD]
            if parts and not of_systems:
                raise Conflict(OWN_RECORD, code="own_word")
            return min(of_systems, key=lambda part: part.number, default=None)

        try:
            _, end, _ = await self._gate.read(Request(org, customer, PURPOSE, by, "link"), part, _fields)
        except NotFound:
            raise NotFound(NO_END) from None
        return end

    async def _say(self, org: str, operation: Operation) -> None:
        await self._saying.say(entry(org, operation))


def _fields(_: object) -> tuple[str, ...]:
    return ("evidence",)


def _check(edge: Edge) -> None:
    if edge.rule in ("key", "attribution"):
        message = (
            "this identifier is the record's own key: retract what ties another record to it instead"
            if edge.rule == "key"
            else "this follows from a user seen on the device: retract that the user's record names the device"
        )
        raise Conflict(message, code="own_key")

"""Operators' words about evidence: checked here, appended to the log, and answered once readers see them."""

from rapport.adapters.embedded.log import GroupCommitLog
from rapport.adapters.embedded.reader import StateReader
from rapport.app.newsroom import Newsroom
from rapport.app.operator import Assert, Operation, Retract, entry
from rapport.kernel.errors import BadInput, Busy, Conflict, NotFound
from rapport.kernel.identifiers import normalise
from rapport.profile.links import evidence_handle, split_handle
from rapport.profile.store import Found
from rapport.profile.view import Part
from rapport.resolve import Edge, cannot_link, must_link
from rapport.web.api.evidence import Said


class LogOperators:
    """The Operators port over the log. `retract` and `assert_link` return when the worker has committed them."""

    def __init__(self, reader: StateReader, log: GroupCommitLog, newsroom: Newsroom) -> None:
        self._reader = reader
        self._log = log
        self._newsroom = newsroom

    async def assert_link(self, org: str, kind: str, a: str, b: str, by: str, why: str) -> Said:
        with self._reader.snapshot():
            one, another = self._part(org, a), self._part(org, b)
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
        node, edge_id = split_handle(evidence)
        with self._reader.snapshot():
            if self._reader.evidence_tables.is_retracted(edge_id) and self._reader.by_node(org, node) is not None:
                return
            self._check(org, evidence)
        await self._say(org, Retract(evidence, by, why))

    def _check(self, org: str, evidence: str) -> None:
        found, part, edge = self.locate(org, evidence)
        if found is None or part is None or edge is None:
            raise NotFound("there is no such evidence")
        if edge.rule in ("key", "attribution"):
            message = (
                "this identifier is the record's own key: retract what ties another record to it instead"
                if edge.rule == "key"
                else "this follows from a user seen on the device: retract that the user's record names the device"
            )
            raise Conflict(message, code="own_key")

    def locate(self, org: str, evidence: str) -> tuple[Found | None, Part | None, Edge | None]:
        """The customer, record and edge behind an evidence handle, within a snapshot."""
        node, edge_id = split_handle(evidence)
        there = self._reader.by_node(org, node)
        if there is None:
            return None, None, None
        edges = (edge for _, edge in self._reader.edges(there[1]))
        return *there, next((edge for edge in edges if edge.id == edge_id), None)

    def _part(self, org: str, named: str) -> Part:
        """The record an end names: itself, or the oldest of the customer that an id names."""
        if named.startswith("rec_"):
            found = self._reader.by_record(org, named)
            part = next((p for p in found.parts if p.handle == named), None) if found is not None else None
        else:
            found = self._customer(org, named)
            part = min(found.parts, key=lambda p: p.number) if found is not None else None
        if part is None:
            raise NotFound("there is no such record or customer")
        return part

    def _customer(self, org: str, named: str) -> Found | None:
        if named.startswith("cus_"):
            return self._reader.by_handle(org, named)
        kind, colon, raw = named.partition(":")
        value = normalise(kind, raw) if colon else None
        if value is None:
            raise BadInput("an end is rec_…, cus_… or type:value", code="bad_id")
        found = self._reader.by_identifier(org, kind, value)
        if len(found) > 1:
            raise Conflict(f"this {kind} is on {len(found)} customers: name a record", code="ambiguous")
        return found[0] if found else None

    async def _say(self, org: str, operation: Operation) -> None:
        seq = await self._log.append(entry(org, operation))
        if not await self._newsroom.until(seq):
            raise Busy("it was taken in and will hold soon, but readers do not see it yet", retry_after=2)

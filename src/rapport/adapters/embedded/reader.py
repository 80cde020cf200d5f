"""state.db, the readers' side: what the gate asks for, from committed state, in one snapshot at a time.

Whom a read is about is found by `customers`; here is why it is so, and what is told beside customers.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from rapport.adapters.embedded.customers import CustomerReader
from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.state_rows import KEEP_REJECTED
from rapport.adapters.embedded.touched import sightings_of
from rapport.kernel import ids
from rapport.kernel.ports import Source
from rapport.kernel.times import DAY, MINUTE, now
from rapport.profile.links import edges_of, evidence_handle
from rapport.profile.sightings import Sightings
from rapport.profile.store import Found
from rapport.profile.view import Part
from rapport.resolve import Edge, Explainer, Finding, Rules, preview_retract, sort_key
from rapport.terms.filtering import veils


class RejectedRow(NamedTuple):
    """A refused part as it is kept."""

    id: int
    source: str
    at: int
    code: str
    message: str
    body: bytes


class StateReader(CustomerReader):
    """The gate's ProfileReader. One instance per thread; `source_of` tells how far a source is trusted."""

    def __init__(self, data: Path, keys: Keyring, rules: Rules, source_of: Callable[[str, str], Source]) -> None:
        super().__init__(data, keys, source_of)
        self._rules = rules

    # -- what the console shows beside views

    def volumes(self, org: str, since_minute: int) -> list[tuple[str, int, int, int]]:
        """(source, minute, accepted, rejected) since a minute."""
        query = "SELECT source, minute, accepted, rejected FROM volume WHERE org = ? AND minute >= ?"
        return self._db.execute(query, (org, since_minute)).fetchall()

    def sightings(self, org: str) -> Sightings:
        """Names of the traits, events and properties that an organization's sources sent so far."""
        return sightings_of(self._db, self._keys, org)

    def last_seen(self, org: str) -> dict[str, int]:
        """Source → the minute (µs) in which it last sent anything."""
        query = "SELECT source, max(minute) FROM volume WHERE org = ? GROUP BY source"
        return {source: minute * MINUTE for source, minute in self._db.execute(query, (org,)).fetchall()}

    def rejected(self, org: str, code: str | None, before: int, limit: int) -> list[RejectedRow]:
        """Refused parts, newest first."""
        query = "SELECT id, source, at, code, body FROM rejected WHERE org = ? AND id < ?"
        parameters: list[object] = [org, before]
        if code is not None:
            query += " AND code = ?"
            parameters.append(code)
        rows = self._db.execute(query + " ORDER BY id DESC LIMIT ?", (*parameters, limit)).fetchall()
        return [self._rejected_row(org, row) for row in rows]

    def rejected_row(self, org: str, number: int) -> RejectedRow | None:
        query = "SELECT id, source, at, code, body FROM rejected WHERE org = ? AND id = ?"
        row = self._db.execute(query, (org, number)).fetchone()
        return None if row is None else self._rejected_row(org, row)

    def _rejected_row(self, org: str, row: tuple[int, str, int, str, bytes]) -> RejectedRow:
        message, body = msgspec.msgpack.decode(self._keys.org(org).open(row[4], b"rejected"), type=tuple[str, bytes])
        return RejectedRow(row[0], row[1], row[2], row[3], message, body)

    def rejected_codes(self, org: str) -> list[tuple[str, int]]:
        """How much was refused lately, by code; of what was `erased` the count alone is kept."""
        query = "SELECT code, count(*) FROM rejected WHERE org = ? GROUP BY code ORDER BY code"
        codes: list[tuple[str, int]] = self._db.execute(query, (org,)).fetchall()
        query = "SELECT coalesce(sum(count), 0) FROM refused WHERE org = ? AND day >= ?"
        (erased,) = self._db.execute(query, (org, (now() - KEEP_REJECTED) // DAY)).fetchone()
        return sorted([*codes, ("erased", erased)]) if erased else codes

    # -- explaining

    def edges(self, part: Part) -> Iterator[tuple[str, Edge]]:
        """A record's active evidence, each with its link (`type:value`; "" where it carries none).

        What operators said of two records is evidence of both.
        """
        source, node = self._source_of(part.record.org, part.record.source), self.node_of(part)
        for link, edge in edges_of(part.record, node, part.record.links, source, self._rules):
            if not self.evidence_tables.is_retracted(edge.id):
                yield link, edge
        for edge in self.evidence_tables.edges_of_record(node):
            if edge.kind != "identifies":
                yield "", edge

    def evidence(self, found: Found) -> list[dict[str, Any]]:
        """Every edge of the customer's records, in the clear, with whether it is used, or why not."""
        explainer = Explainer(self.evidence_tables, self._rules)
        items: dict[bytes, dict[str, Any]] = {}
        for part in found.parts:
            for link, edge in self.edges(part):
                if not link and edge.level == 0 and veils(part):
                    continue  # an attribution names a user
                if edge.id not in items or edge.record == self.node_of(part):
                    items[edge.id] = _shown(explainer, part, link, edge, self._other(part, edge))
        return list(items.values())

    def taken_back(self, part: Part, edge_id: bytes) -> dict[str, Any] | None:
        """What a record still says and an operator took back, as far as the part is seen; None where it is gone."""
        source, node = self._source_of(part.record.org, part.record.source), self.node_of(part)
        for link, edge in edges_of(part.record, node, part.record.links, source, self._rules):
            if edge.id == edge_id and (link or edge.level or not veils(part)):
                shown = _shown(Explainer(self.evidence_tables, self._rules), part, link, edge, "")
                return {**shown, "used": False, "why": "it was taken back"}
        return None

    def _other(self, part: Part, edge: Edge) -> str:
        """The handle of the record at the other end of an operator's word; "" for other evidence."""
        if edge.kind == "identifies":
            return ""
        node = edge.other if edge.record == self.node_of(part) else edge.record
        there = self.by_node(part.record.org, node)
        return ids.text_of("rec", node) if there is None else there[1].handle

    def finding(self, edge: Edge) -> Finding:
        """What became of an edge."""
        return Explainer(self.evidence_tables, self._rules).finding(edge)

    def preview_retract(self, part: Part, edge: Edge) -> list[list[int]]:
        """The records (numbers) of each customer that this one would become without a piece of evidence."""
        tables = self.evidence_tables
        tables.announce(edge, part.number)
        return [
            [tables.number(node) for node in group]
            for change in preview_retract(tables, self._rules, edge.id)
            for group in change.after
        ]

    def why(self, found: Found) -> dict[str, str]:
        """Why each record is this customer's, by its strongest evidence that joins it to another."""
        if len(found.parts) == 1:
            return {found.parts[0].handle: "the only record"}
        explainer = Explainer(self.evidence_tables, self._rules)
        shared = Counter(link for part in found.parts for link in set(part.record.links))
        return {
            part.handle: _why(part, sorted(self.edges(part), key=lambda pair: sort_key(pair[1])), shared, explainer)
            for part in found.parts
        }


def _why(part: Part, edges: list[tuple[str, Edge]], shared: Counter[str], explainer: Explainer) -> str:
    """Why a record is with the others, by its strongest evidence."""
    veiled = veils(part)
    for link, edge in edges:
        if not explainer.reason(edge).joins:
            continue
        if edge.rule == "attribution":
            return (
                "anonymous events on a device that one user used"
                if veiled
                else f"anonymous events on a device of user {part.record.user}"
            )
        if edge.level == 0:
            return f"its {link.replace(':', ' is ', 1)}"
        if edge.kind == "must_link":
            return "an operator said so"
        if shared[link] > 1:
            return f"it names {link}, as another record here does"
    return "evidence of another record here names it"


def _shown(explainer: Explainer, part: Part, link: str, edge: Edge, other: str) -> dict[str, Any]:
    """A piece of evidence as it is answered."""
    finding = explainer.finding(edge)
    value = link.partition(":")[2]
    return {
        "id": evidence_handle(edge),
        "kind": edge.kind,
        "rule": edge.rule,
        "record": part.handle,
        "source": part.record.source,
        # Not the link's type: the second edge of an alias is about a user id.
        "identifier": {"type": edge.type, "value": value} if link else attributed(part) if edge.level == 0 else None,
        "other": other,
        "level": edge.level,
        "verified": edge.verified,
        "origin": edge.origin,
        "used": finding.reason.joins,
        "reason": finding.reason.value,
        "why": "this is the record's own key" if edge.rule == "key" and edge.level else finding.sentence,
    }


def attributed(part: Part) -> dict[str, str]:
    """What a slice's attribution names: its user."""
    return {"type": "user_id", "value": part.record.user or ""}

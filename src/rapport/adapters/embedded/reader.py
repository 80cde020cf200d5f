"""state.db, the readers' side: what the gate asks for, from committed state, in one snapshot at a time."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from rapport.adapters.embedded.evidence_tables import EvidenceTables
from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.sqlite import connect, snapshot, translated
from rapport.adapters.embedded.state import KEEP_REJECTED, MIGRATIONS, open_block, open_record, word_token
from rapport.kernel import ids
from rapport.kernel.errors import BadInput, Corrupt
from rapport.kernel.keys import BlindKey
from rapport.kernel.ports import Source
from rapport.kernel.times import DAY, MINUTE, now
from rapport.kernel.vocabulary import bit
from rapport.profile import record as records
from rapport.profile.devices import TYPES
from rapport.profile.links import edges_of, evidence_handle
from rapport.profile.record import Record
from rapport.profile.store import Found
from rapport.profile.timeline import Block
from rapport.profile.view import Part
from rapport.resolve import (
    WHOLE,
    Edge,
    Explainer,
    Finding,
    Rules,
    Whole,
    identifier_node,
    preview_retract,
    record_node,
    sort_key,
)

_ACCOUNT = bit("account")
_SEARCHED = 2_000
_MAPPED_BYTES = 8 << 30
_BAD_CURSOR = "the cursor is not one that this list gave out"


class RejectedRow(NamedTuple):
    """A refused part as it is kept."""

    id: int
    source: str
    at: int
    code: str
    message: str
    body: bytes


class StateReader:
    """The gate's ProfileReader. One instance per thread; `source_of` tells how far a source is trusted."""

    def __init__(self, data: Path, keys: Keyring, rules: Rules, source_of: Callable[[str, str], Source]) -> None:
        self.path = data / "state.db"
        self._db = connect(self.path, MIGRATIONS, durable=False, cache_mb=64)
        # Each commit of the worker empties a reader's own cache of pages: mapped, they are read again without a copy.
        self._db.execute(f"PRAGMA mmap_size = {_MAPPED_BYTES}")
        self._keys = keys
        self._rules = rules
        self._source_of = source_of
        self.evidence_tables = EvidenceTables(self._db, keys.blind)
        self._version = self._data_version()
        self._word_secret = keys.secret("words")
        self._handle_keys: dict[str, BlindKey] = {}
        self._org_numbers: dict[str, int] = {}

    def _data_version(self) -> int:
        version: int = self._db.execute("PRAGMA data_version").fetchone()[0]
        return version

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """One read transaction. What is kept in memory is read again where the worker has committed since."""
        try:
            with snapshot(self._db):
                version = self._data_version()
                if version != self._version:
                    self._version = version
                    self.evidence_tables.forget()
                    self.evidence_tables.reload()
                yield
        except sqlite3.Error as error:
            raise translated(error, self.path) from error

    def version(self) -> int:
        return self._version

    # -- finding

    def by_handle(self, org: str, handle: str) -> Found | None:
        number = ids.record_of(self._handles(org), ids.CUSTOMER, handle)
        return None if number is None else self._found(org, number, handle)

    def by_identifier(self, org: str, kind: str, value: str) -> Sequence[Found]:
        node = self._keys.blind.blind(identifier_node(org, kind, value))
        # A user id names a customer only by a record of its own, not by an alias that mentions it.
        level = 0 if kind == "user_id" else 1 << 30
        rows = self._db.execute("SELECT DISTINCT record FROM edge WHERE other = ? AND level <= ?", (node, level))
        found: dict[str, Found] = {}
        covered: set[int] = set()
        for (number,) in rows.fetchall():
            if number not in covered:
                customer = self._found(org, number, None)
                if customer is not None:
                    covered.update(part.number for part in customer.parts)
                    found[customer.customer] = customer
        return list(found.values())

    def largest(self, least: int) -> dict[str, int]:
        """Organization → how many records its largest customer has, where it is more than `least`."""
        query = """
            SELECT org.name, max(size) FROM (SELECT record, count(*) AS size FROM member GROUP BY grp HAVING size > ?)
            JOIN record ON record.id = record JOIN org ON org.id = record.org GROUP BY org.name
        """
        with self.snapshot():
            return dict(self._db.execute(query, (least,)).fetchall())

    def holding(self, org: str, kind: str, value: str, most: int) -> list[int]:
        """Numbers of records with active evidence of an identifier, whether it joins them or not."""
        node = self._keys.blind.blind(identifier_node(org, kind, value))
        rows = self._db.execute("SELECT DISTINCT record FROM edge WHERE other = ? LIMIT ?", (node, most))
        return [number for (number,) in rows.fetchall()]

    def by_record(self, org: str, handle: str) -> Found | None:
        """The customer that a record (`rec_…`) belongs to."""
        number = self.record_number(handle)
        return None if number is None else self._found(org, number, None)

    def by_node(self, org: str, node: bytes) -> tuple[Found, Part] | None:
        """The customer, and of its records the one that evidence names by this node."""
        number = self.evidence_tables.known(node)
        found = None if number is None else self._found(org, number, None)
        part = next((part for part in found.parts if part.number == number), None) if found is not None else None
        if found is None or part is None or self.node_of(part) != node:
            return None
        return found, part

    def record_number(self, handle: str) -> int | None:
        node = ids.bytes_of("rec", handle)
        return None if node is None else self._number_of(node)

    def _number_of(self, lookup: bytes) -> int | None:
        row = self._db.execute("SELECT id FROM record WHERE lookup = ?", (self._keys.blind.blind(lookup),)).fetchone()
        return row[0] if row else None

    def search(self, org: str, words: Iterable[str]) -> list[int]:
        """Numbers of records that have all these word prefixes; at most a few thousand are looked at."""
        matching: set[int] | None = None
        for word in words:
            query = "SELECT record FROM word WHERE token = ? ORDER BY record DESC LIMIT ?"
            rows = self._db.execute(query, (word_token(self._word_secret, org, word), _SEARCHED)).fetchall()
            numbers = {number for (number,) in rows}
            matching = numbers if matching is None else matching & numbers
        return sorted(matching or (), reverse=True)

    def newest_records(self, org: str, before: int, limit: int) -> list[int]:
        """Numbers of the records that were made last."""
        query = "SELECT id FROM record WHERE org = ? AND id < ? ORDER BY id DESC LIMIT ?"
        return [n for (n,) in self._db.execute(query, (self._org_number(org), before, limit)).fetchall()]

    def found(self, org: str, number: int) -> Found | None:
        """The customer of a record by its number."""
        return self._found(org, number, None)

    def _found(self, org: str, number: int, asked: str | None) -> Found | None:
        first = self._part(org, number)
        if first is None:
            return None
        parts = {number: first[1]}
        tables = self.evidence_tables
        tables.learn(first[0], number)
        for node in tables.members(tables.group_of(first[0])):
            member = tables.number(node)
            if member not in parts:
                part = self._part(org, member)
                # Evidence may still name a device's slice by a node that it no longer has: that record is not here.
                if part is not None and part[0] == node:
                    parts[member] = part[1]
        alive = [part for part in parts.values() if part.record.all.count]
        if not alive:
            return self._emptied(first[1].record)
        number = _shown_number(alive)
        shown = ids.handle(self._handles(org), ids.CUSTOMER, number)
        changed = "merged" if asked is not None and asked != shown else None
        return Found(org, shown, changed, alive, number=number)

    def _emptied(self, record: Record) -> Found | None:
        """What the handle of a slice answers whose events were attributed anew: its own user's customer, or nothing.

        Where the events are now may be another person, for whom no handle of this one ever answers.
        """
        if record.user is None:
            return None
        found = self.by_identifier(record.org, "user_id", record.user)
        return found[0]._replace(changed="split") if len(found) == 1 else None

    def shown_handle(self, org: str, parts: Sequence[Part]) -> str:
        """What a customer of these records shows: the handle of its oldest labelled record, else of its oldest."""
        return ids.handle(self._handles(org), ids.CUSTOMER, _shown_number(parts))

    def part(self, org: str, number: int) -> Part | None:
        """One record, or None where it is another organization's or its key is destroyed."""
        found = self._part(org, number)
        return None if found is None else found[1]

    def _handles(self, org: str) -> BlindKey:
        key = self._handle_keys.get(org)
        if key is None:
            key = self._handle_keys[org] = self._keys.blind.derived(f"handles:{org}")
        return key

    # -- reading

    def _part(self, org: str, number: int) -> tuple[bytes, Part] | None:
        row = self._db.execute("SELECT org, lookup, node, body FROM record WHERE id = ?", (number,)).fetchone()
        if row is None or row[0] != self._org_number(org):
            return None
        key = self._keys.record(org, number)
        if key is None:
            return None
        record = open_record(key, number, row[3])
        lookup, node = self._keys.blind.reveal(row[1]), row[2]
        source = self._source_of(org, record.source)
        handle = ids.text_of("rec", lookup)
        return (self._keys.blind.reveal(node) if node else lookup), Part(
            number, handle, record, source.trust, trusted=source.trusted
        )

    def _org_number(self, org: str) -> int | None:
        number = self._org_numbers.get(org)
        if number is None:
            row = self._db.execute("SELECT id FROM org WHERE name = ?", (org,)).fetchone()
            if row is None:
                return None
            number = self._org_numbers[org] = row[0]
        return number

    def block_of(self, part: Part, position: int) -> Block:
        row = self._db.execute("SELECT body FROM timeline WHERE position = ?", (position,)).fetchone()
        key = self._keys.record(part.record.org, part.number)
        if row is None or key is None:
            raise BadInput(_BAD_CURSOR, code="bad_cursor", field="cursor")
        try:
            return open_block(key, position, row[0])
        except Corrupt:
            if position == part.record.head:
                raise
            raise BadInput(_BAD_CURSOR, code="bad_cursor", field="cursor") from None

    # -- what the console shows beside views

    def volumes(self, org: str, since_minute: int) -> list[tuple[str, int, int, int]]:
        """(source, minute, accepted, rejected) since a minute."""
        query = "SELECT source, minute, accepted, rejected FROM volume WHERE org = ? AND minute >= ?"
        return self._db.execute(query, (org, since_minute)).fetchall()

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
                if not link and edge.level == 0 and part.mask is not None and not part.mask & _ACCOUNT:
                    continue  # an attribution names a user
                if edge.id not in items or edge.record == self.node_of(part):
                    items[edge.id] = _shown(explainer, part, link, edge, self._other(part, edge))
        return list(items.values())

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

    def node_of(self, part: Part) -> bytes:
        """The node by which evidence names a record."""
        record = part.record
        slice_user: str | Whole | None = record.user if record.key_type in TYPES else WHOLE
        return record_node(record.org, record.source, record.key_type, record.key_value, slice_user)

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


def _shown_number(parts: Sequence[Part]) -> int:
    return min([part.number for part in parts if is_labelled(part.record)] or [part.number for part in parts])


def _why(part: Part, edges: list[tuple[str, Edge]], shared: Counter[str], explainer: Explainer) -> str:
    """Why a record is with the others, by its strongest evidence."""
    veiled = part.mask is not None and not part.mask & _ACCOUNT
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


def is_labelled(record: Record) -> bool:
    """Whether a record says which user it is of."""
    if record.user is not None:
        return True
    return any(
        link.startswith("user_id:") and how & records.OWN & ~record.unlinked.get(link, 0)
        for link, how in record.links.items()
    )

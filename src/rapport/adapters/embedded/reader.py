"""state.db, the readers' side: what the gate asks for, from committed state, in one snapshot at a time."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rapport.adapters.embedded.evidence_tables import EvidenceTables
from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.sqlite import connect, snapshot, translated
from rapport.adapters.embedded.state import MIGRATIONS, open_block, open_record, word_token
from rapport.kernel import ids
from rapport.kernel.errors import BadInput, Corrupt
from rapport.kernel.keys import BlindKey
from rapport.kernel.ports import Source
from rapport.profile import record as records
from rapport.profile.devices import TYPES
from rapport.profile.links import edges_of, evidence_handle
from rapport.profile.record import Record
from rapport.profile.store import Found
from rapport.profile.timeline import Block
from rapport.profile.view import Part
from rapport.resolve import WHOLE, Edge, Explainer, Rules, Whole, identifier_node, record_node, sort_key

_SEARCHED = 2_000


class StateReader:
    """The gate's ProfileReader. One instance per thread; `source_of` tells how far a source is trusted."""

    def __init__(self, data: Path, keys: Keyring, rules: Rules, source_of: Callable[[str, str], Source]) -> None:
        self.path = data / "state.db"
        self._db = connect(self.path, MIGRATIONS, durable=False, cache_mb=64)
        self._keys = keys
        self._rules = rules
        self._source_of = source_of
        self.evidence_tables = EvidenceTables(self._db, keys.blind)
        self._version = self._data_version()
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
                yield
        except sqlite3.Error as error:
            raise translated(error, self.path) from error

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

    def by_record(self, org: str, handle: str) -> Found | None:
        """The customer that a record (`rec_…`) belongs to."""
        number = self.record_number(handle)
        return None if number is None else self._found(org, number, None)

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
            rows = self._db.execute(query, (word_token(self._keys, org, word), _SEARCHED)).fetchall()
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
        tables.announce(first[0], number)
        for node in tables.members(tables.group_of(first[0])):
            member = tables.number(node)
            if member not in parts:
                part = self._part(org, member)
                if part is not None:
                    parts[member] = part[1]
        alive = [part for part in parts.values() if part.record.all.count]
        if not alive:
            return None
        labelled = [part.number for part in alive if is_labelled(part.record)]
        shown = self.customer_handle(org, min(labelled or [part.number for part in alive]))
        changed = None
        if asked is not None and asked != shown:
            changed = "merged" if first[1].record.all.count else "split"
        return Found(org, shown, changed, alive)

    def customer_handle(self, org: str, number: int) -> str:
        return ids.handle(self._handles(org), ids.CUSTOMER, number)

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
        return (self._keys.blind.reveal(node) if node else lookup), Part(number, handle, record, source.trust)

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
        try:
            if row is None or key is None:
                raise Corrupt("no such block")
            return open_block(key, position, row[0])
        except Corrupt:
            if position == part.record.head:
                raise
            raise BadInput("the cursor is not one that this list gave out", code="bad_cursor", field="cursor") from None

    # -- explaining

    def evidence(self, found: Found) -> list[dict[str, Any]]:
        """Every edge of the customer's records, in the clear, with whether it is used, or why not."""
        explainer = Explainer(self.evidence_tables, self._rules)
        listed = []
        for part in found.parts:
            source = self._source_of(found.org, part.record.source)
            lookup = ids.bytes_of("rec", part.handle)
            node = self.node_of(part)
            own = list(edges_of(part.record, node, part.record.links, source, self._rules))
            for link, edge in own:
                if not self.evidence_tables.is_retracted(edge.id):
                    listed.append(_shown(explainer, part, lookup or b"", link, edge))
            listed += [
                _shown(explainer, part, lookup or b"", "", edge)
                for edge in self.evidence_tables.edges_of_record(node)
                if edge.kind != "identifies" and edge.record == node
            ]
        return listed

    def node_of(self, part: Part) -> bytes:
        """The node by which evidence names a record."""
        record = part.record
        slice_user: str | None | Whole = record.user if record.key_type in TYPES else WHOLE
        return record_node(record.org, record.source, record.key_type, record.key_value, slice_user)

    def why(self, found: Found) -> dict[str, str]:
        """Why each record is this customer's, by its strongest evidence that joins it to another."""
        if len(found.parts) == 1:
            return {found.parts[0].handle: "the only record"}
        explainer = Explainer(self.evidence_tables, self._rules)
        shared = Counter(link for part in found.parts for link in set(part.record.links))
        reasons = {}
        for part in found.parts:
            source = self._source_of(found.org, part.record.source)
            edges = edges_of(part.record, self.node_of(part), part.record.links, source, self._rules)
            reasons[part.handle] = self._why(part, sorted(edges, key=lambda pair: sort_key(pair[1])), shared, explainer)
        return reasons

    def _why(self, part: Part, edges: list[tuple[str, Edge]], shared: Counter[str], explainer: Explainer) -> str:
        for link, edge in edges:
            if edge.rule == "attribution":
                return f"anonymous events on a device of user {part.record.user}"
            if edge.level == 0:
                return f"its {link.replace(':', ' is ', 1)}"
            if shared[link] > 1 and not self.evidence_tables.is_retracted(edge.id) and explainer.reason(edge).joins:
                return f"it names {link}, as another record here does"
        return "an operator said so"


def _shown(explainer: Explainer, part: Part, lookup: bytes, link: str, edge: Edge) -> dict[str, Any]:
    """A piece of evidence as it is answered."""
    finding = explainer.finding(edge)
    kind, _, value = link.partition(":")
    return {
        "id": evidence_handle(lookup, edge),
        "kind": edge.kind,
        "rule": edge.rule,
        "record": part.handle,
        "source": part.record.source,
        "identifier": {"type": kind, "value": value} if link else None,
        "level": edge.level,
        "verified": edge.verified,
        "origin": edge.origin,
        "used": finding.reason.joins,
        "reason": finding.reason.value,
        "why": finding.sentence,
    }


def is_labelled(record: Record) -> bool:
    """Whether a record says which user it is of."""
    if record.user is not None:
        return True
    return any(
        link.startswith("user_id:") and how & records.OWN & ~record.unlinked.get(link, 0)
        for link, how in record.links.items()
    )

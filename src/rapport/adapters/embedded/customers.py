"""state.db, the readers' side: customers and their records, by whatever names them, in one snapshot at a time."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rapport.adapters.embedded.evidence_tables import EvidenceTables
from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.sqlite import connect, rows_in, snapshot, translated
from rapport.adapters.embedded.state_rows import MIGRATIONS, open_block, open_record, word_token
from rapport.kernel import ids
from rapport.kernel.errors import BadInput, Corrupt
from rapport.kernel.keys import BlindKey, SealKey
from rapport.kernel.ports import OWN_WORD, Source
from rapport.profile import record as records
from rapport.profile.devices import TYPES
from rapport.profile.record import Record
from rapport.profile.store import Found
from rapport.profile.timeline import Block
from rapport.profile.view import Part
from rapport.resolve import WHOLE, Whole, identifier_node, record_node

_SEARCHED = 2_000
_MAPPED_BYTES = 8 << 30
MOST_LEARNED = 100_000
"""Of records, where the worker has nothing to commit for long: who walks all customers is not to remember them all."""
_BAD_CURSOR = "the cursor is not one that this list gave out"


class CustomerReader:
    """Reads committed state. One instance per thread; it closes its keyring with itself. `source_of` tells how far a
    source is trusted."""

    def __init__(self, data: Path, keys: Keyring, source_of: Callable[[str, str], Source]) -> None:
        self.path = data / "state.db"
        self._db = connect(self.path, MIGRATIONS, durable=False, cache_mb=64)
        # Each commit of the worker empties a reader's own cache of pages: mapped, they are read again without a copy.
        self._db.execute(f"PRAGMA mmap_size = {_MAPPED_BYTES}")
        self._keys = keys
        self._source_of = source_of
        self.evidence_tables = EvidenceTables(self._db, keys.blind)
        self._version = self._data_version()
        self._word_secret = keys.secret("words")
        self._handle_keys: dict[str, BlindKey] = {}
        self._org_numbers: dict[str, int] = {}
        self._ahead: dict[int, tuple[bytes, Part]] = {}
        self._held: dict[int, SealKey] = {}

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
                    self._held = {}  # one of them may be destroyed
                    self.evidence_tables.forget()
                    self.evidence_tables.reload()
                elif self.evidence_tables.learned > MOST_LEARNED:
                    self.evidence_tables.forget()
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
        # What people said themselves is nobody's where its identifier leads to no one any more.
        of_systems = [one for one in found.values() if any(part.trust < OWN_WORD for part in one.parts)]
        return of_systems or list(found.values())

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

    def found_many(self, org: str, numbers: Sequence[int]) -> list[Found | None]:
        """The customers of many records, as `found` finds each: their rows, keys and groups are read all at once, which
        takes a third of the time."""
        self._held = {}
        try:
            self._ahead = self._parts(org, numbers)
            with self.evidence_tables.grouped([node for node, _ in self._ahead.values()]) as members:
                self._ahead |= self._parts(org, [number for number in members if number not in self._ahead])
                return [self._found(org, number, None) if number in self._ahead else None for number in numbers]
        finally:
            self._ahead = {}

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

    def node_of(self, part: Part) -> bytes:
        """The node by which evidence names a record."""
        record = part.record
        slice_user: str | Whole | None = record.user if record.key_type in TYPES else WHOLE
        return record_node(record.org, record.source, record.key_type, record.key_value, slice_user)

    def _handles(self, org: str) -> BlindKey:
        key = self._handle_keys.get(org)
        if key is None:
            key = self._handle_keys[org] = self._keys.handles(org)
        return key

    # -- reading

    def _parts(self, org: str, numbers: Sequence[int]) -> dict[int, tuple[bytes, Part]]:
        """Many records by their numbers; those that `_part` does not find are left out."""
        query = "SELECT id, org, lookup, node, body FROM record WHERE id IN ({})"
        own = self._org_number(org)
        rows = [row for row in rows_in(self._db, query, numbers) if row[1] == own]
        keys = self._keys.records([(row[0], org) for row in rows])
        self._held |= keys
        return {row[0]: self._made(org, row[0], keys[row[0]], *row[2:]) for row in rows if row[0] in keys}

    def _part(self, org: str, number: int) -> tuple[bytes, Part] | None:
        ahead = self._ahead.get(number)
        if ahead is not None:
            return ahead
        row = self._db.execute("SELECT org, lookup, node, body FROM record WHERE id = ?", (number,)).fetchone()
        if row is None or row[0] != self._org_number(org):
            return None
        key = self._keys.record(org, number)
        return None if key is None else self._made(org, number, key, *row[1:])

    def _made(
        self, org: str, number: int, key: SealKey, blinded: bytes, node: bytes | None, body: bytes
    ) -> tuple[bytes, Part]:
        record = open_record(key, number, body)
        lookup = self._keys.blind.reveal(blinded)
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
        key = self._held.get(part.number) or self._keys.record(part.record.org, part.number)
        if row is None or key is None:
            raise BadInput(_BAD_CURSOR, code="bad_cursor", field="cursor")
        try:
            return open_block(key, position, row[0])
        except Corrupt:
            if position == part.record.head:
                raise
            raise BadInput(_BAD_CURSOR, code="bad_cursor", field="cursor") from None

    def close(self) -> None:
        self._db.close()
        self._keys.close()


def _shown_number(parts: Sequence[Part]) -> int:
    if len(parts) == 1:
        return parts[0].number
    return min([part.number for part in parts if _is_labelled(part.record)] or [part.number for part in parts])


def _is_labelled(record: Record) -> bool:
    """Whether a record says which user it is of."""
    if record.user is not None:
        return True
    return any(
        link.startswith("user_id:") and how & records.OWN & ~record.unlinked.get(link, 0)
        for link, how in record.links.items()
    )

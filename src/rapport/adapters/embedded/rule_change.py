"""What other rules would make of today's evidence: it is read from state.db in one snapshot, leveled anew, and taken in
by the same resolver over a store of its own, a temporary database that goes with its connection. So memory stays within
a batch and a cache of pages, however many records there are; nothing that is read is changed.

The temporary database holds what the edges of state.db hold, blinded as there: no identifier can be read from it.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from rapport.adapters.embedded import evidence_tables
from rapport.adapters.embedded.evidence_tables import EvidenceTables
from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.sqlite import connect, snapshot, translated
from rapport.adapters.embedded.state_rows import MIGRATIONS
from rapport.resolve import Edge, Resolver, Rules

BATCH = 20_000
"""Records that are taken in together: what hangs together widely is looked at again in each."""
SHOWN = 5
_CACHE_KB = 64 * 1024
_ROWS = 10_000

_SCHEMA = """
CREATE TABLE record (lookup BLOB PRIMARY KEY, id INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE today (node BLOB PRIMARY KEY, record INTEGER NOT NULL, grp BLOB NOT NULL) WITHOUT ROWID;
"""
_BOTH = """
CREATE TABLE both AS SELECT t.node, t.record, coalesce(m.grp, t.node) AS one, t.grp AS several
FROM today t LEFT JOIN member m ON m.node = t.node;
CREATE INDEX both_one ON both (one);
CREATE INDEX both_several ON both (several);
CREATE INDEX both_record ON both (record);
"""
"""The groups of then, each made of one or several of today's."""
_THE_OTHER_WAY = """
ALTER TABLE both RENAME COLUMN one TO was_one;
ALTER TABLE both RENAME COLUMN several TO one;
ALTER TABLE both RENAME COLUMN was_one TO several;
"""
"""And the groups of today, each of which becomes one or several of then's."""
_REGROUPED = """
    SELECT grp, count(*) OVER (), sum(parts) OVER ()
    FROM (SELECT one AS grp, count(DISTINCT several) AS parts FROM both GROUP BY one HAVING parts > 1)
    ORDER BY parts DESC, grp LIMIT ?
"""
_PARTS = """
    SELECT count(*), coalesce(min(record) FILTER (WHERE EXISTS (
        SELECT 1 FROM edge e WHERE e.record = b.record AND e.level = 0 AND e.aside = 0)), min(record))
    FROM both b WHERE one = ? GROUP BY several ORDER BY 2
"""
# CROSS JOIN: from the few records to their edges, rather than over all edges.
_SHARED = """
    SELECT e.body FROM both b CROSS JOIN edge e ON e.record = b.record AND e.node = b.node WHERE b.one = ?
    GROUP BY e.other HAVING count(DISTINCT b.several) > 1
"""


class Regroup(msgspec.Struct, frozen=True):
    """Customers that would become one, or one that would become several."""

    parts: list[int]
    """By the numbers of records that are shown of them: those that would merge, or that one would split into."""
    records: int
    by: dict[str, int]
    """Type of identifier → how many of them the parts have in common: what would join them, or would no longer."""


class Counts(msgspec.Struct, frozen=True):
    """What a change of rules would do, in numbers."""

    records: int
    customers: int
    customers_then: int
    merged: int
    """Customers of then that are made of more than one of today's, and of how many."""
    merged_from: int
    split: int
    """Customers of today that would be more than one, and how many."""
    split_into: int


class Simulated(Counts, frozen=True):
    """The same with the largest examples."""

    merges: list[Regroup]
    splits: list[Regroup]


class RuleChange:
    """One simulation for one organization."""

    def __init__(
        self, data: Path, keys: Keyring, org: str, rules: Rules, leveled: Callable[[Edge], Edge | None]
    ) -> None:
        """`leveled`: what an edge would be under the rules, or None where it would be none."""
        self._path = data / "state.db"
        self._state = connect(self._path, MIGRATIONS, durable=False)
        self._keys, self._org = keys, org
        self._leveled = leveled
        # Without a name SQLite keeps it in memory, as far as its cache goes, and beyond it in a file that nobody finds.
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.executescript(f"{_SCHEMA}{evidence_tables.SCHEMA}")
        self._tables = EvidenceTables(self._db, keys.blind)
        self._resolver = Resolver(self._tables, rules)

    def close(self) -> None:
        self._db.close()
        self._state.close()

    def run(self, told: Callable[[int], None] = lambda _: None) -> Simulated:
        """Take in all evidence by the rules, and compare; `told` hears how many records were taken in so far."""
        try:
            with snapshot(self._state):
                self._take_in(told)
            self._db.executescript(_BOTH)
            return self._compared()
        except sqlite3.Error as error:
            raise translated(error, self._path) from error

    def _take_in(self, told: Callable[[int], None]) -> None:
        seen = 0
        evidence = self._evidence()
        while some := list(islice(evidence, BATCH)):
            self._db.execute("BEGIN")
            self._note_today(some)
            edges = []
            for number, edge in some:
                found = self._leveled(edge)
                if found is not None:
                    self._tables.announce(found, number)
                    edges.append(found)
            self._resolver.apply(edges)
            self._db.execute("COMMIT")
            self._tables.forget()
            seen += len({number for number, _ in some})
            told(seen)

    def _evidence(self) -> Iterator[tuple[int, Edge]]:
        """All active edges of the organization with their record's number, whether they count or are set aside."""
        tables = EvidenceTables(self._state, self._keys.blind)
        query = """
            SELECT e.record, e.id, e.node, e.other, e.level, e.body, e.aside
            FROM edge e JOIN record r ON r.id = e.record
            WHERE r.org = (SELECT id FROM org WHERE name = ?) ORDER BY e.record
        """
        cursor = self._state.execute(query, (self._org,))
        while rows := cursor.fetchmany(_ROWS):
            yield from zip([row[0] for row in rows], tables.edges(rows), strict=True)
            tables.forget()

    def _note_today(self, some: Sequence[tuple[int, Edge]]) -> None:
        """Which records there are, and in which group each is today."""
        blind = self._keys.blind.blind
        numbers = {edge.record: number for number, edge in some}
        for number, edge in some:
            if edge.kind != "identifies":
                row = self._state.execute("SELECT record FROM tied WHERE node = ?", (blind(edge.other),)).fetchone()
                numbers.setdefault(edge.other, row[0] if row else number)
        rows = []
        for node, number in numbers.items():
            blinded = blind(node)
            row = self._state.execute("SELECT grp FROM member WHERE node = ?", (blinded,)).fetchone()
            rows.append((blinded, number, row[0] if row else blinded))
        self._db.executemany("INSERT OR IGNORE INTO today VALUES (?, ?, ?)", rows)
        self._db.executemany("INSERT OR IGNORE INTO record VALUES (?, ?)", [(node, number) for node, number, _ in rows])

    # -- what became of it

    def _compared(self) -> Simulated:
        counts = "SELECT count(*), count(DISTINCT several), count(DISTINCT one) FROM both"
        records, today, then = self._db.execute(counts).fetchone()
        merged, merged_from, merges = self._regrouped()
        self._db.executescript(_THE_OTHER_WAY)
        split, split_into, splits = self._regrouped()
        return Simulated(records, today, then, merged, merged_from, split, split_into, merges, splits)

    def _regrouped(self) -> tuple[int, int, list[Regroup]]:
        """Groups that are several on the other side: how many, how many those are, and the largest of them."""
        largest = self._db.execute(_REGROUPED, (SHOWN,)).fetchall()
        count, parts = largest[0][1:] if largest else (0, 0)
        return count, parts, [self._example(group) for group, _, _ in largest]

    def _example(self, group: bytes) -> Regroup:
        parts = self._db.execute(_PARTS, (group,)).fetchall()
        by = Counter(evidence_tables.type_of(body) or "link" for (body,) in self._db.execute(_SHARED, (group,)))
        return Regroup(
            [shown for _, shown in parts[:SHOWN]], sum(records for records, _ in parts), dict(sorted(by.items()))
        )

"""The evidence graph in state.db: resolution's EvidenceStore over SQLite.

Edges lie in order of their record's number, so that those of new records are appended; one index finds them by
identifier. Nodes and ids are content hashes and are blinded on the way to disk. Node → number is remembered for one
transaction only: whoever names a node in it has got it from here, or from the working set that announced it.
"""

import contextlib
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from typing import Literal, NamedTuple

import msgspec

from rapport.adapters.embedded.sqlite import rows_in
from rapport.kernel.errors import Corrupt
from rapport.kernel.keys import BlindKey, digests_in
from rapport.profile.links import ATTRIBUTION
from rapport.resolve import Change, Edge, Mark

SCHEMA = """
CREATE TABLE edge (record INTEGER, id BLOB, node BLOB NOT NULL, other BLOB NOT NULL, level INTEGER NOT NULL,
                   aside INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (record, id)) WITHOUT ROWID;
CREATE INDEX edge_other ON edge (other, level);
CREATE TABLE member (node BLOB PRIMARY KEY, grp BLOB NOT NULL, record INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX member_of ON member (grp, record);
CREATE TABLE retraction (id BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE user_mark (mark TEXT, node BLOB, PRIMARY KEY (mark, node)) WITHOUT ROWID;
CREATE TABLE tied (node BLOB PRIMARY KEY, record INTEGER NOT NULL) WITHOUT ROWID
"""


class _Rest(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an edge says beside its nodes."""

    kind: Literal["identifies", "must_link", "cannot_link", "match"]
    type: str
    verified: bool
    weight: float
    rule: str
    origin: str


_encode = msgspec.msgpack.Encoder().encode
_rest = msgspec.msgpack.Decoder(_Rest).decode
_SELECT = "SELECT record, id, node, other, level, body, aside FROM edge WHERE"

Row = tuple[int, bytes, bytes, bytes, int, bytes, int]


def type_of(body: bytes) -> str:
    """The type of identifier that an edge's row names; "" between two records."""
    return _rest(body).type


class _Ahead(NamedTuple):
    """What was read of many records at once: record → group; group → its rows, node → record; and those groups that go
    by no record's node."""

    groups: dict[bytes, bytes]
    members: dict[bytes, dict[bytes, int]]
    strangers: frozenset[bytes]


class EvidenceTables:
    """Resolution's store over one connection; in the web process it only reads."""

    def __init__(self, db: sqlite3.Connection, blind: BlindKey) -> None:
        self._db = db
        self._blind = blind.blind
        self._reveal = blind.reveal
        self._numbers: dict[bytes, int] = {}
        self._places: dict[bytes, int] = {}
        self._decoded: dict[bytes, _Rest] = {}
        self._of_identifier: dict[bytes, tuple[list[Edge], int]] = {}
        self._ahead = _Ahead({}, {}, frozenset())
        self.reload()

    def reload(self) -> None:
        """Read again what is kept in memory: marks, retractions, and which records are tied by operators."""
        reveal = self._reveal
        self._retracted = {reveal(row[0]) for row in self._db.execute("SELECT id FROM retraction")}
        self._marks = {
            (Mark(mark), reveal(node)) for mark, node in self._db.execute("SELECT mark, node FROM user_mark")
        }
        self._tied = {reveal(node): record for node, record in self._db.execute("SELECT node, record FROM tied")}

    def announce(self, edge: Edge, number: int) -> None:
        """Say which record an edge is of, before it is asked for or written."""
        self._numbers[edge.record] = number
        self._places[edge.id] = number

    def learn(self, node: bytes, number: int) -> None:
        """Take note of which record goes by a node, until `forget`."""
        self._numbers[node] = number

    def adopt(self, node: bytes, number: int) -> None:
        """Say which record goes by a node from now on; what operators said of the node is about this one."""
        self._numbers[node] = number
        before = self._tied.get(node, number)
        if before != number:
            self._tied[node] = number
            blinded = self._blind(node)
            self._db.execute("UPDATE tied SET record = ? WHERE node = ?", (number, blinded))
            self._db.execute("UPDATE edge SET record = ? WHERE record = ? AND node = ?", (number, before, blinded))
            self._db.execute("UPDATE member SET record = ? WHERE node = ?", (number, blinded))
            self._of_identifier.clear()

    @property
    def learned(self) -> int:
        """How many nodes are known by now."""
        return len(self._numbers)

    def forget(self) -> None:
        """After a commit: let go of what was learned about nodes."""
        self._numbers.clear()
        self._places.clear()
        self._of_identifier.clear()

    def number(self, node: bytes) -> int:
        """The record of a node. Raises Corrupt where there is none."""
        number = self.known(node)
        if number is None:
            raise Corrupt("evidence names a record that is not there")
        return number

    def known(self, node: bytes) -> int | None:
        """The record of a node, or None where it is an identifier's, or that of a record of which nothing is known."""
        number = self._numbers.get(node)
        if number is None:
            number = self._tied.get(node)
            if number is None:
                number = self._stored(node)
            if number is not None:
                self._numbers[node] = number
        return number

    def _stored(self, node: bytes) -> int | None:
        """A record is looked up by its node, but for a device's that is attributed to a user: that has a group."""
        blinded = self._blind(node)
        row = (
            self._db.execute("SELECT id FROM record WHERE lookup = ?", (blinded,)).fetchone()
            or self._db.execute("SELECT record FROM member WHERE node = ?", (blinded,)).fetchone()
        )
        return row[0] if row else None

    def edges(self, rows: Sequence[Row]) -> list[Edge]:
        """The edges of rows: (record, id, node, other, level, body, aside)."""
        reveal, numbers, decoded = self._reveal, self._numbers, self._decoded
        edges = []
        for record, blinded, node, other, level, body, _ in rows:
            nodes = reveal(blinded + node + other)
            rest = decoded.get(body)
            if rest is None:
                if len(decoded) > 10_000:
                    decoded.clear()
                rest = decoded[body] = _rest(body)
            owner = nodes[16:32]
            numbers[owner] = record
            known = nodes[:16]
            self._places[known] = record
            kind = rest.kind
            edges.append(
                Edge(
                    known, kind, owner, nodes[32:], rest.type, level, rest.verified, rest.weight, rest.rule, rest.origin
                )
            )
        return edges

    # -- EvidenceStore: reading

    def edges_of_record(self, record: bytes) -> Sequence[Edge]:
        number = self.known(record)
        if number is None:
            return ()
        rows = self._db.execute(f"{_SELECT} record = ? AND aside = 0", (number,)).fetchall()
        edges = [edge for edge in self.edges(rows) if edge.record == record]
        if record in self._tied:
            edges += [edge for edge in self.edges_of_identifier(record, 1 << 30) if edge.record != record]
        return edges

    def edges_of_identifier(self, node: bytes, limit: int) -> Sequence[Edge]:
        known = self._of_identifier.get(node)
        if known is not None and (len(known[0]) < known[1] or limit <= known[1]):
            return known[0][:limit]
        query = f"{_SELECT} other = ? AND aside = 0 ORDER BY level LIMIT ?"
        edges = self.edges(self._db.execute(query, (self._blind(node), limit)).fetchall())
        self._of_identifier[node] = (edges, limit)
        return edges

    def holders(self, node: bytes) -> list[tuple[int, bytes]]:
        """(record's number, edge's id) of all active edges to an identifier, whether they count or are set aside."""
        rows = self._db.execute(f"{_SELECT} other = ? ORDER BY level", (self._blind(node),)).fetchall()
        edges = self.edges(rows)
        counted = [edge for edge, row in zip(edges, rows, strict=True) if not row[-1]]
        self._of_identifier[node] = (counted, len(counted) + 1)
        return [(row[0], edge.id) for edge, row in zip(edges, rows, strict=True)]

    def edges_set_aside(self, record: bytes) -> Sequence[Edge]:
        number = self.known(record)
        if number is None:
            return ()
        rows = self._db.execute(f"{_SELECT} record = ? AND aside = 1", (number,)).fetchall()
        return [edge for edge in self.edges(rows) if edge.record == record]

    def edge(self, edge_id: bytes) -> Edge | None:
        number = self._places.get(edge_id)
        if number is None:
            return None
        rows = self._db.execute(f"{_SELECT} record = ? AND id = ?", (number, self._blind(edge_id))).fetchall()
        edges = self.edges(rows)
        return edges[0] if edges else None

    def is_retracted(self, edge_id: bytes) -> bool:
        return edge_id in self._retracted

    def popularity(self, user: bytes) -> int:
        query = "SELECT count(DISTINCT record) FROM edge WHERE other = ? AND level = 0 AND aside = 0"
        count: int = self._db.execute(query, (self._blind(user),)).fetchone()[0]
        return count

    def marked(self, mark: Mark, node: bytes) -> bool:
        return (mark, node) in self._marks

    @contextlib.contextmanager
    def grouped(self, records: Sequence[bytes]) -> Iterator[set[int]]:
        """Meanwhile, know the groups of many records, read all at once; gives the numbers of all their members. Within
        a snapshot, of which nothing is kept."""
        reveal = self._reveal
        blinded = digests_in(self._blind(b"".join(records)))
        of: dict[bytes, bytes] = {}
        for node, group in rows_in(self._db, "SELECT node, grp FROM member WHERE node IN ({})", blinded):
            of[reveal(node)] = reveal(group)
        groups = {of.setdefault(record, record) for record in records}
        members: dict[bytes, dict[bytes, int]] = {group: {} for group in groups}
        blinded = digests_in(self._blind(b"".join(groups)))
        for group, node, record in rows_in(self._db, "SELECT grp, node, record FROM member WHERE grp IN ({})", blinded):
            members[reveal(group)][reveal(node)] = record
        # Most groups go by the node of an identifier, which is no record's.
        named = [group for group, several in members.items() if several and group not in several]
        self._ahead = _Ahead(of, members, self._of_no_record(named))
        try:
            yield {number for several in members.values() for number in several.values()}
        finally:
            self._ahead = _Ahead({}, {}, frozenset())

    def _of_no_record(self, nodes: Sequence[bytes]) -> frozenset[bytes]:
        """Those of some nodes that are no record's, as `known` says of each."""
        unknown = [node for node in nodes if node not in self._numbers and node not in self._tied]
        blinded = dict(zip(digests_in(self._blind(b"".join(unknown))), unknown, strict=True))
        for query in ("SELECT lookup FROM record WHERE lookup IN ({})", "SELECT node FROM member WHERE node IN ({})"):
            for (found,) in rows_in(self._db, query, list(blinded)):
                del blinded[found]
        return frozenset(blinded.values())

    def group_of(self, record: bytes) -> bytes:
        known = self._ahead.groups.get(record)
        if known is not None:
            return known
        row = self._db.execute("SELECT grp FROM member WHERE node = ?", (self._blind(record),)).fetchone()
        return self._reveal(row[0]) if row else record

    def members(self, group: bytes) -> Collection[bytes]:
        nodes = self._ahead.members.get(group)
        if nodes is None:
            query = "SELECT node, record FROM member WHERE grp = ?"
            rows = self._db.execute(query, (self._blind(group),)).fetchall()
            nodes = {self._reveal(node): record for node, record in rows}
        self._numbers.update(nodes)
        if not nodes:
            return (group,)
        if group not in nodes and self._is_record(group):
            return {*nodes, group}
        return nodes.keys()

    def _is_record(self, group: bytes) -> bool:
        """Whether a group's handle is itself a record of the group: one with evidence that nothing moved elsewhere."""
        if group in self._ahead.strangers or self.known(group) is None or self.group_of(group) != group:
            return False
        return any(edge.record == group or edge.kind != "identifies" for edge in self.edges_of_record(group))

    # -- EvidenceStore: writing

    def _keep_findable(self, change: Change) -> None:
        """A device's slice that is a user's may be looked up by another node than its own, and then only its row among
        the members tells its number. Where it is alone (the user id names nobody), it is a member of itself."""
        moved = {move.record for move in change.moves if move.after != move.record}
        here = {edge.record for edge in change.counted if edge.rule == ATTRIBUTION}
        gone = {edge.record for edge in change.dropped if edge.rule == ATTRIBUTION} - here
        home = {m.record for m in change.moves if m.after == m.record and self._is_attributed(m.record)} - gone
        self._db.executemany(
            "DELETE FROM member WHERE node = ? AND grp = node", [(self._blind(node),) for node in gone - moved]
        )
        for node in (here | home) - moved:
            blinded = self._blind(node)
            if self._db.execute("SELECT 1 FROM record WHERE lookup = ?", (blinded,)).fetchone() is None:
                row = (blinded, blinded, self.number(node))
                self._db.execute("INSERT OR IGNORE INTO member VALUES (?, ?, ?)", row)

    def _is_attributed(self, node: bytes) -> bool:
        return any(edge.rule == ATTRIBUTION and edge.record == node for edge in self.edges_of_record(node))

    def _tie(self, node: bytes) -> None:
        """Remember a record that operators spoke of by its node: it may lose all its evidence but this."""
        if node not in self._tied:
            self._tied[node] = self.number(node)
            self._db.execute("INSERT INTO tied VALUES (?, ?)", (self._blind(node), self._tied[node]))

    def untie(self, node: bytes) -> None:
        """Forget that operators spoke of a record that is to go."""
        if self._tied.pop(node, None) is not None:
            self._db.execute("DELETE FROM tied WHERE node = ?", (self._blind(node),))

    def write(self, change: Change) -> None:
        blind, place = self._blind, self._places.get
        self._of_identifier.clear()
        gone = [(place(edge.id, self._numbers.get(edge.record)), blind(edge.id)) for edge in change.dropped]
        self._db.executemany("DELETE FROM edge WHERE record = ? AND id = ?", gone)
        for edges, aside in ((change.set_aside, 1), (change.counted, 0)):
            rows = []
            for edge in edges:
                number = self.number(edge.record)
                self._places[edge.id] = number
                body = _encode(_Rest(edge.kind, edge.type, edge.verified, edge.weight, edge.rule, edge.origin))
                nodes = blind(edge.id + edge.record + edge.other)
                rows.append((number, nodes[:16], nodes[16:32], nodes[32:], edge.level, aside, body))
                if edge.kind != "identifies":
                    self._tie(edge.record)
                    self._tie(edge.other)
            self._db.executemany("INSERT OR REPLACE INTO edge VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        if change.retracted:
            self._retracted.update(change.retracted)
            self._db.executemany("INSERT OR IGNORE INTO retraction VALUES (?)", [(blind(i),) for i in change.retracted])
        homes = [(blind(move.record),) for move in change.moves if move.after == move.record]
        self._db.executemany("DELETE FROM member WHERE node = ?", homes)
        moves = [
            (blind(move.record), blind(move.after), self.number(move.record))
            for move in change.moves
            if move.after != move.record
        ]
        self._db.executemany("INSERT OR REPLACE INTO member VALUES (?, ?, ?)", moves)
        self._keep_findable(change)
        for mark, node, on in change.marks:
            if on:
                self._marks.add((mark, node))
                self._db.execute("INSERT OR IGNORE INTO user_mark VALUES (?, ?)", (mark, blind(node)))
            else:
                self._marks.discard((mark, node))
                self._db.execute("DELETE FROM user_mark WHERE mark = ? AND node = ?", (mark, blind(node)))

"""What state.db remembers of erasures: which identifiers and records are gone, what is still to be destroyed, what a
law keeps, and what a human has to look at.

Nothing here says who was erased: persons, identifiers and content are 16-byte hashes, blinded on the disk, and what
must be readable again is sealed: reviews under their organization's key, what a law keeps under a key of its own.

The worker's `ErasureTables` share its connection, and so its transaction; `ErasureReader` looks on from elsewhere.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

import msgspec

from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.sqlite import connect
from rapport.kernel.keys import digest16
from rapport.profile.erasure import Carve, Carved, Erased, Review
from rapport.profile.record import Record
from rapport.resolve import identifier_node

SCHEMA = """
CREATE TABLE former (record INTEGER, node BLOB, PRIMARY KEY (record, node)) WITHOUT ROWID;
CREATE INDEX former_of ON former (node);
CREATE TABLE tombstone (person BLOB, node BLOB, org INTEGER NOT NULL, PRIMARY KEY (person, node)) WITHOUT ROWID;
CREATE TABLE erased (record INTEGER PRIMARY KEY, person BLOB);
CREATE TABLE doomed (record INTEGER PRIMARY KEY);
CREATE TABLE erasure (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, done INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE review (id INTEGER PRIMARY KEY AUTOINCREMENT, org INTEGER NOT NULL, person BLOB NOT NULL,
                     record INTEGER NOT NULL, deadline INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE carved (id INTEGER PRIMARY KEY, org INTEGER NOT NULL, person BLOB NOT NULL, until INTEGER NOT NULL,
                     note BLOB NOT NULL, body BLOB NOT NULL);
CREATE INDEX carved_until ON carved (until);
CREATE TABLE refused (org TEXT, source TEXT, day INTEGER, count INTEGER NOT NULL,
                      PRIMARY KEY (org, source, day)) WITHOUT ROWID
"""

_ADD_REFUSED = """
    INSERT INTO refused VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1
"""

_encode = msgspec.msgpack.Encoder().encode


class _Note(msgspec.Struct, frozen=True, array_like=True):
    """What is told of a carve without opening it."""

    law: str
    categories: tuple[str, ...]
    purposes: tuple[str, ...]
    events: int


class _Reason(msgspec.Struct, frozen=True, array_like=True):
    """What a review says, sealed."""

    handle: str
    source: str
    why: str


def person_node(keys: Keyring, person: str) -> bytes:
    """How a person is named here: blinded."""
    return keys.blind.blind(digest16(b"person", person.encode()))


class ErasureTables:
    """The worker's side. Tombstones and erased records are few, and answered from memory."""

    def __init__(self, db: sqlite3.Connection, keys: Keyring, org_number: Callable[[str], int]) -> None:
        self._db = db
        self._keys = keys
        self._org_number = org_number
        self._blind = keys.blind.blind
        self.reload()

    def reload(self) -> None:
        """Read what is kept in memory."""
        names = dict(self._db.execute("SELECT id, name FROM org"))
        self.tombstones: dict[str, set[bytes]] = {}
        for org, node in self._db.execute("SELECT org, node FROM tombstone"):
            self.tombstones.setdefault(names[org], set()).add(self._keys.blind.reveal(node))
        rows = self._db.execute("SELECT record, person FROM erased").fetchall()
        self._erased = {record for record, person in rows if person is not None}
        self._lifted = {record for record, person in rows if person is None}

    # -- which records name an identifier, though no active evidence says so

    def note_former(self, number: int, record: Record) -> None:
        """Called with every record that is saved, and nearly always for nothing: remember the identifiers of links that
        were taken back, and those of a slice whose events went elsewhere."""
        if not record.unlinked and record.all.count:
            return
        links = [*record.unlinked]
        if not record.all.count:
            links += [f"{record.key_type}:{record.key_value}"]
            links += [f"user_id:{record.user}"] if record.user is not None else []
        pairs = [link.partition(":") for link in links]
        pairs += [("user_id", ":", value) for kind, _, value in pairs if kind == "anonymous_id"]
        rows = [(number, self._blind(identifier_node(record.org, kind, value))) for kind, _, value in pairs]
        self._db.executemany("INSERT OR IGNORE INTO former VALUES (?, ?)", rows)

    def former(self, node: bytes) -> list[int]:
        """Numbers of records that may once have named an identifier, or name it without effect."""
        rows = self._db.execute("SELECT record FROM former WHERE node = ?", (self._blind(node),)).fetchall()
        return [number for (number,) in rows]

    # -- what is gone

    def is_erased(self, number: int) -> bool:
        """Whether a record was erased, and its person has not lifted it."""
        return number in self._erased

    def is_lifted(self, number: int) -> bool:
        """Whether a record was erased, and its person lifted it: what it held may come again."""
        return number in self._lifted

    def bury(self, person: str, org: str, nodes: Collection[bytes]) -> None:
        """Let nothing that carries one of these identifiers (or is this content) come in until the person lifts it."""
        whose, number = person_node(self._keys, person), self._org_number(org)
        rows = [(whose, self._blind(node), number) for node in nodes]
        self._db.executemany("INSERT OR IGNORE INTO tombstone VALUES (?, ?, ?)", rows)
        if nodes:
            self.tombstones.setdefault(org, set()).update(nodes)

    def destroy_later(self, numbers: Collection[int]) -> None:
        """Note which keys must go once the deletion of their records is durable."""
        rows = [(number,) for number in numbers]
        self._db.executemany("INSERT OR IGNORE INTO doomed VALUES (?)", rows)
        self._db.executemany("DELETE FROM former WHERE record = ?", rows)
        self._db.executemany("DELETE FROM review WHERE record = ?", rows)

    def doom(self, person: str, numbers: Collection[int]) -> None:
        """Note whose erasure it was that deleted records."""
        whose = person_node(self._keys, person)
        self._db.executemany("INSERT OR REPLACE INTO erased VALUES (?, ?)", [(n, whose) for n in numbers])
        self._erased.update(numbers)

    def lift(self, person: str) -> int:
        """Let a person's identifiers come in again; return how many tombstones went."""
        whose = person_node(self._keys, person)
        gone = self._db.execute("DELETE FROM tombstone WHERE person = ?", (whose,)).rowcount
        self._db.execute("UPDATE erased SET person = NULL WHERE person = ?", (whose,))
        self.reload()
        return gone

    def count_refused(self, org: str, source: str, day: int) -> None:
        """Count an event that was rejected `erased`: all that is kept of it."""
        self._db.execute(_ADD_REFUSED, (org, source, day))

    # -- what is kept for a while

    def carve(self, person: str, carve: Carve) -> None:
        """Keep what a law asks for, under a key of its own."""
        number = self._db.execute("SELECT value FROM meta WHERE name = 'carve'").fetchone()
        number = (number[0] if number else 0) + 1
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('carve', ?)", (number,))
        key = self._keys.make_carve_key(number)
        place = b"carved" + number.to_bytes(8, "big")
        note = _Note(carve.law, tuple(carve.categories), tuple(carve.purposes), len(carve.events))
        row = (
            number,
            self._org_number(carve.org),
            person_node(self._keys, person),
            carve.until,
            _encode(note),
            key.seal(_encode(carve.events), place),
        )
        self._db.execute("INSERT INTO carved VALUES (?, ?, ?, ?, ?, ?)", row)

    def drop_carved(self, before: int) -> None:
        """Delete what laws asked to keep until a time (µs) that has come; its keys are to be destroyed then."""
        if self._db.execute("DELETE FROM carved WHERE until < ?", (before,)).rowcount:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('carves_dropped', 1)")

    def dropped(self) -> bool:
        """Whether keys of what was kept for a law are still to be destroyed."""
        return self._db.execute("SELECT 1 FROM meta WHERE name = 'carves_dropped'").fetchone() is not None

    def forget_dropped(self) -> None:
        self._db.execute("DELETE FROM meta WHERE name = 'carves_dropped'")

    def kept_carves(self) -> list[int]:
        return [number for (number,) in self._db.execute("SELECT id FROM carved")]

    # -- what a human has to look at

    def add_reviews(self, person: str, reviews: Iterable[Review]) -> None:
        whose = person_node(self._keys, person)
        for review in reviews:
            known = "SELECT 1 FROM review WHERE person = ? AND record = ?"
            if self._db.execute(known, (whose, review.record)).fetchone():
                continue
            body = self._keys.org(review.org).seal(
                _encode(_Reason(review.handle, review.source, review.why)), _review_place(review.record)
            )
            row = (self._org_number(review.org), whose, review.record, review.deadline, body)
            self._db.execute("INSERT INTO review (org, person, record, deadline, body) VALUES (?, ?, ?, ?, ?)", row)

    def under_review(self, person: str, numbers: Collection[int]) -> dict[int, str]:
        """Of these reviews, those of this person that still wait: the record's number → its organization."""
        whose = person_node(self._keys, person)
        query = "SELECT r.record, o.name FROM review r JOIN org o ON o.id = r.org WHERE r.id = ? AND r.person = ?"
        rows = (self._db.execute(query, (number, whose)).fetchone() for number in numbers)
        return {row[0]: row[1] for row in rows if row}

    def settle_reviews(self, person: str, records: Collection[int]) -> None:
        whose = person_node(self._keys, person)
        rows = [(whose, record) for record in records]
        self._db.executemany("DELETE FROM review WHERE person = ? AND record = ?", rows)

    # -- how far an erasure is

    def begin(self, seq: int, at: int, erased: Erased) -> None:
        """Note what an erasure deleted; it is done once `finish` was called."""
        # Handles of records are content hashes, and lie on no disk as they are: reviews are kept apart, sealed.
        body = _encode(msgspec.structs.replace(erased, reviews=()))
        self._db.execute("INSERT OR REPLACE INTO erasure VALUES (?, ?, 0, ?)", (seq, at, body))

    def unfinished(self) -> bool:
        return self._db.execute("SELECT 1 FROM erasure WHERE done = 0").fetchone() is not None

    def doomed(self) -> list[int]:
        """Records whose keys must be destroyed."""
        return [number for (number,) in self._db.execute("SELECT record FROM doomed")]

    def finish(self) -> None:
        self._db.execute("DELETE FROM doomed")
        self._db.execute("UPDATE erasure SET done = 1 WHERE done = 0")


class ErasureReader:
    """What other processes see of erasures: committed state, read anew at every call."""

    def __init__(self, data: Path, keys: Keyring, migrations: Sequence[str]) -> None:
        self._db = connect(data / "state.db", migrations, durable=False, cache_mb=1)
        self._keys = keys

    def outcome(self, seq: int) -> Erased | None:
        """What the erasure that log entry `seq` asked for came to, without its reviews; None as long as it is not
        complete and durable."""
        row = self._db.execute("SELECT body FROM erasure WHERE seq = ? AND done = 1", (seq,)).fetchone()
        return None if row is None else msgspec.msgpack.decode(row[0], type=Erased)

    def reviews(self, *, org: str | None = None, person: str | None = None) -> list[Review]:
        """Records that wait to be looked at, the most urgent first."""
        query = """
            SELECT r.id, o.name, r.record, r.deadline, r.body FROM review r JOIN org o ON o.id = r.org
            WHERE (? IS NULL OR o.name = ?) AND (? IS NULL OR r.person = ?) ORDER BY r.deadline, r.id
        """
        whose = None if person is None else person_node(self._keys, person)
        found = []
        for number, name, record, deadline, body in self._db.execute(query, (org, org, whose, whose)).fetchall():
            raw = self._keys.org(name).open(body, _review_place(record))
            said = msgspec.msgpack.decode(raw, type=_Reason)
            found.append(Review(name, record, said.handle, said.source, said.why, deadline, number))
        return found

    def carved(self, *, org: str | None = None, person: str | None = None) -> list[Carved]:
        """What laws keep, without its content."""
        query = """
            SELECT o.name, c.until, c.note FROM carved c JOIN org o ON o.id = c.org
            WHERE (? IS NULL OR o.name = ?) AND (? IS NULL OR c.person = ?) ORDER BY c.until, c.id
        """
        whose = None if person is None else person_node(self._keys, person)
        found = []
        for name, until, body in self._db.execute(query, (org, org, whose, whose)).fetchall():
            note = msgspec.msgpack.decode(body, type=_Note)
            found.append(Carved(name, note.law, note.categories, note.purposes, note.events, until))
        return found

    def carved_events(self, org: str, person: str) -> list[tuple[str, bytes]]:
        """(law, MessagePack of the events) of what laws keep of a person at an organization: for the duty that it is
        kept for; no view ever shows it."""
        query = "SELECT c.id, c.note, c.body FROM carved c JOIN org o ON o.id = c.org WHERE o.name = ? AND c.person = ?"
        rows = self._db.execute(query, (org, person_node(self._keys, person))).fetchall()
        found = []
        for number, note, body in rows:
            key = self._keys.carve(number)
            if key is not None:
                law = msgspec.msgpack.decode(note, type=_Note).law
                found.append((law, key.open(body, b"carved" + number.to_bytes(8, "big"))))
        return found

    def erased_records(self, person: str) -> list[int]:
        """Numbers of the records that a person's erasures took, of whichever organization."""
        query = "SELECT record FROM erased WHERE person = ? ORDER BY record"
        return [number for (number,) in self._db.execute(query, (person_node(self._keys, person),))]

    def every_erased(self) -> list[int]:
        """Numbers of all records that are erased, whosever they were."""
        return [number for (number,) in self._db.execute("SELECT record FROM erased WHERE person IS NOT NULL")]

    def refused(self, org: str) -> int:
        """How many events of an organization were rejected `erased`."""
        row = self._db.execute("SELECT coalesce(sum(count), 0) FROM refused WHERE org = ?", (org,)).fetchone()
        return int(row[0])

    def close(self) -> None:
        self._db.close()


def _review_place(record: int) -> bytes:
    return b"review" + record.to_bytes(8, "big")

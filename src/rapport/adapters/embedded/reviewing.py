"""Reviewing agreements after a promise changed: every person with claims at an organization, once, in short turns.

The gate holds terms against the promise in force at every read, so it never waits for this; what is reviewed is the
record, and what people are told. People who share terms share the answer: it is worked out once for each distinct terms
(and each agreement before), outside any transaction, and applied to a stretch of people by a handful of statements. So
a turn holds the ledger's lock for milliseconds, and leaves the interpreter to others while it does.

How far it has come is committed with each turn. Killed at any point, or done by several processes at once, every person
is reviewed all the same, and nobody twice: whoever has what they should have is passed over. Who changes their terms
meanwhile is settled in that transaction, by the promise in force.
"""

import sqlite3
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from rapport.adapters.embedded.agreements import Contents
from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.promises import PromiseBook
from rapport.adapters.embedded.sqlite import transaction
from rapport.kernel.errors import NotFound
from rapport.kernel.keys import digest16
from rapport.kernel.times import now
from rapport.terms import agreements
from rapport.terms.agreements import Agreed
from rapport.terms.clauses import Terms
from rapport.terms.declaration import DEFAULT, Declaration, Standing
from rapport.terms.notices import notice
from rapport.terms.policy import Judge

TURN_S = 0.014
"""How long a turn should hold the ledger's lock. SQLite does not queue writers: those who found it held try again after
1, 3, 8, 18 ms …, and must find it free."""
FIRST_TURN = 200
MOST = 5_000
_END_OF_ALL = 1 << 62

_TABLES = """
    CREATE TEMP TABLE IF NOT EXISTS wanted (terms BLOB PRIMARY KEY, content BLOB) WITHOUT ROWID;
    CREATE TEMP TABLE IF NOT EXISTS told (terms BLOB, was BLOB, version INTEGER, notice BLOB NOT NULL,
                                          PRIMARY KEY (terms, was, version)) WITHOUT ROWID;
    CREATE TEMP TABLE IF NOT EXISTS differing (person INTEGER PRIMARY KEY, terms BLOB NOT NULL, wanted BLOB,
                                               agreement INTEGER, was BLOB, version INTEGER)
"""
_STRETCH = """
    FROM (SELECT DISTINCT person FROM claim WHERE org = :org AND person > :after AND person <= :upto) AS claimed
    JOIN person ON person.id = claimed.person
    LEFT JOIN agreement ON agreement.org = :org AND agreement.person = person.id AND agreement.status = 'active'
"""
_KINDS = f"SELECT DISTINCT person.terms, agreement.content, agreement.declaration {_STRETCH}"
_DIFFERING = f"""
    INSERT INTO differing
    SELECT person.id, person.terms,
           CASE WHEN person.status = 'active' AND NOT person.locked
                 AND NOT EXISTS (SELECT 1 FROM lock WHERE lock.person = person.id AND lock.org = :org)
                THEN wanted.content END AS now,
           agreement.id, agreement.content, agreement.declaration
    {_STRETCH} JOIN wanted ON wanted.terms = person.terms
    WHERE agreement.content IS NOT now
"""  # noqa: S608 (all of it is from here)
_END = """
    UPDATE agreement SET status = 'ended', ended_at = :at
    WHERE id IN (SELECT agreement FROM differing WHERE agreement IS NOT NULL)
"""
_MAKE = """
    INSERT INTO agreement (person, org, status, terms, declaration, at, content, previous)
    SELECT person, :org, 'active', terms, :version, :at, wanted, agreement FROM differing
    WHERE wanted IS NOT NULL ORDER BY person
"""
_TELL = """
    INSERT INTO notice (person, at, body)
    SELECT differing.person, :at, told.notice FROM differing JOIN told
    ON told.terms = differing.terms AND told.was = coalesce(differing.was, x'')
       AND told.version = coalesce(differing.version, -1)
    ORDER BY differing.person
"""
_PUT_REVIEW = "INSERT OR REPLACE INTO review VALUES (?, ?, ?, ?, ?, ?)"
_UPTO = "SELECT person FROM claim WHERE org = ? AND person > ? ORDER BY person LIMIT 1 OFFSET ?"


class _Review(NamedTuple):
    """How far a review has come. `ground` stands for what it holds terms against, `base` is the version that people
    without an agreement were last held against, `cursor` the last person who is done."""

    org: str
    ground: bytes
    version: int
    base: int
    cursor: int
    done: int


class Reviewing:
    """Reviews over a ledger connection of its own: it keeps temporary tables there."""

    def __init__(
        self, db: sqlite3.Connection, keys: Keyring, book: PromiseBook, terms_of: Callable[[bytes], Terms]
    ) -> None:
        self._db = db
        self._book = book
        self._terms_of = terms_of
        self._contents = Contents(db, keys)
        self._judge = Judge()
        self._ground = b""
        self._turn = FIRST_TURN
        self._wanted: dict[bytes, bytes | None] = {}
        self._told: set[tuple[bytes, bytes, int]] = set()
        self._fresh: dict[bytes, bytes] = {}
        self._declared: dict[int, Declaration] = {}
        # Not durable turn by turn: what a power cut takes with it is done again, and whoever syncs later syncs it too.
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA wal_autocheckpoint = 8000")
        for statement in _TABLES.split(";"):
            db.execute(statement)

    def pending(self) -> list[str]:
        """Organizations whose promise is another than the one that everybody's terms were last held against. Values
        whose time has run out count, and attesters who came or went."""
        orgs = [org for (org,) in self._db.execute("SELECT name FROM org ORDER BY name").fetchall()]
        return [org for org in orgs if self._is_pending(org)]

    def _is_pending(self, org: str) -> bool:
        row = self._row(org)
        return row is None or not row.done or row.ground != _ground(self._book.standing(org), now())

    def _row(self, org: str) -> _Review | None:
        row = self._db.execute("SELECT * FROM review WHERE org = ?", (org,)).fetchone()
        return None if row is None else _Review(*row)

    def review(self, org: str, rest: Callable[[float], None] = time.sleep) -> int:
        """Review all of an organization's people, however far others have come; return how many agreements began or
        ended by this call. `rest` is called between turns with how long others should have."""
        changed = 0
        while True:
            started = time.monotonic()
            more, count = self.step(org)
            changed += count
            if not more:
                return changed
            rest(max(0.002, (time.monotonic() - started) / 4))

    def step(self, org: str) -> tuple[bool, int]:
        """One turn: (whether there is more to do, how many agreements began or ended)."""
        at = now()
        standing = self._book.standing(org)
        ground = _ground(standing, at)
        row = self._row(org)
        if row is None or row.ground != ground:
            self._begin(org, standing, ground)
            return True, 0
        if row.done:
            return False, 0
        if self._ground != ground:
            self._forget(ground)
        last = self._db.execute(_UPTO, (org, row.cursor, self._turn)).fetchone()
        upto = last[0] if last is not None else _END_OF_ALL
        place = {"org": org, "after": row.cursor, "upto": upto, "at": at, "version": standing.version}
        self._prepare(standing, row.base, place)
        return True, self._apply(row, place, upto)

    def _begin(self, org: str, standing: Standing, ground: bytes) -> None:
        with transaction(self._db):
            row = self._row(org)
            if row is None or row.ground != ground:
                base = 0 if row is None else row.version if row.done else row.base
                self._db.execute(_PUT_REVIEW, (org, ground, standing.version, base, 0, 0))

    def _forget(self, ground: bytes) -> None:
        self._ground = ground
        self._wanted.clear()
        self._told.clear()
        self._declared.clear()
        self._db.execute("DELETE FROM wanted")
        self._db.execute("DELETE FROM told")

    # -- working out, before the lock is taken

    def _prepare(self, standing: Standing, base: int, place: dict[str, object]) -> None:
        for key, was, version in self._db.execute(_KINDS, place).fetchall():
            wanted = self._want(key, standing)
            kind = (key, was or b"", -1 if version is None else version)
            if was != wanted and kind not in self._told:
                self._told.add(kind)
                self._tell(kind, wanted, standing, base if version is None else version)

    def _want(self, key: bytes, standing: Standing) -> bytes | None:
        """The content of the agreement that these terms make, by its hash."""
        if key not in self._wanted:
            agreed = agreements.meet(self._judge, self._terms_of(key), key, standing, now())
            wanted = self._put(agreements.content(agreed)) if agreed else None
            self._wanted[key] = wanted
            self._db.execute("INSERT OR IGNORE INTO wanted VALUES (?, ?)", (key, wanted))
        return self._wanted[key]

    def _tell(self, kind: tuple[bytes, bytes, int], wanted: bytes | None, standing: Standing, version: int) -> None:
        key, was, _ = kind
        agreed = (self._agreed(was), self._agreed(wanted or b""))
        old = self._version(standing.org, version)
        told = notice(self._judge, self._terms_of(key), key, old, standing, agreed, now())
        row = (*kind, self._put(msgspec.json.encode(told)))
        self._db.execute("INSERT OR IGNORE INTO told VALUES (?, ?, ?, ?)", row)

    def _agreed(self, content: bytes) -> tuple[Agreed, ...]:
        if not content:
            return ()
        fresh = self._fresh.get(content)
        return self._contents.agreed(content) if fresh is None else self._contents.opened(content, fresh)

    def _version(self, org: str, version: int) -> Declaration:
        if version not in self._declared:
            try:
                self._declared[version] = self._book.version(org, version).declaration
            except NotFound:
                self._declared[version] = DEFAULT
        return self._declared[version]

    def _put(self, body: bytes) -> bytes:
        key, sealed = self._contents.row(body)
        self._fresh[key] = sealed
        return key

    # -- applying it

    def _apply(self, seen: _Review, place: dict[str, object], upto: int) -> int:
        with transaction(self._db):
            started = time.monotonic()
            present = _ground(self._book.standing(seen.org), now())
            if self._row(seen.org) != seen or present != seen.ground:
                return 0  # another process took this turn, or the promise changed again
            self._contents.put(list(self._fresh.items()))
            self._db.execute("DELETE FROM differing")
            changed: int = self._db.execute(_DIFFERING, place).rowcount
            if changed:
                self._db.execute(_END, place)
                self._db.execute(_MAKE, place)
                self._db.execute(_TELL, place)
            self._db.execute(_PUT_REVIEW, seen._replace(cursor=upto, done=int(upto == _END_OF_ALL)))
        self._fresh.clear()
        took = time.monotonic() - started
        self._turn = max(50, min(MOST, int(self._turn * min(2.0, TURN_S / max(took, 1e-4)))))
        return changed


def _ground(standing: Standing, at: int) -> bytes:
    """What stands for all that terms are held against."""
    values = [
        sorted(value for value, until in held.items() if until is None or at < until)
        for held in (standing.claimed, standing.attested)
    ]
    return digest16(str(standing.version).encode(), standing.hash.encode(), msgspec.json.encode(values))

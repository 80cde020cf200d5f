"""What the worker tells those who follow it, in state.db: touched records, in its own commits, and names it has seen.

touched    what became another in a commit, some records a row, sealed under the organization's key; `seq` grows for
           ever, over restarts and over what a power cut takes back, and rows that were dealt with are deleted
followed   the organizations whose records are told of; a `round` begins where none was told of before, or where the
           state is older than what was dealt with already: whoever keeps anything of it asks everybody anew
meta       `defined`: up to which change of definitions the worker knows what is asked, so that what it does not tell of
           is of no interest to any of them
sighting   names of traits, events and properties of each organization, sealed likewise
"""

import contextlib
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from rapport.adapters.embedded.decide_rows import MIGRATIONS as DECIDE
from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.sqlite import connect
from rapport.kernel.times import now
from rapport.profile.sightings import Sightings
from rapport.profile.store import Touch
from rapport.profile.touching import Interest

SCHEMA = """
    CREATE TABLE touched (seq INTEGER PRIMARY KEY, org TEXT NOT NULL, body BLOB NOT NULL);
    CREATE TABLE followed (org TEXT PRIMARY KEY, round INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE sighting (org TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID
"""
_TOGETHER = 250
_PLACE, _SIGHTING = b"touched", b"sighting"
_encode = msgspec.msgpack.Encoder().encode
_touches = msgspec.msgpack.Decoder(list[Touch]).decode
_interest = msgspec.msgpack.Decoder(Interest).decode
_sightings = msgspec.msgpack.Decoder(Sightings).decode


class Told(NamedTuple):
    """One row of the feed."""

    seq: int
    org: str
    touches: list[Touch]


class TouchTables:
    """The worker's side, within its open transaction."""

    def __init__(self, db: sqlite3.Connection, keys: Keyring) -> None:
        self._db = db
        self._keys = keys
        last: int | None = db.execute("SELECT max(seq) FROM touched").fetchone()[0]
        row = db.execute("SELECT value FROM meta WHERE name = 'touched'").fetchone()
        self.last = max(last or 0, row[0] if row else 0)
        # What a power cut took back may have been read: its numbers must not come again. Rows are fewer than µs.
        self._next = max(self.last + 1, now())

    def put(self, touches: Mapping[str, Sequence[Touch]]) -> None:
        for org, several in touches.items():
            for start in range(0, len(several), _TOGETHER):
                body = self._keys.org(org).seal(_encode(several[start : start + _TOGETHER]), _PLACE)
                self._db.execute("INSERT INTO touched VALUES (?, ?, ?)", (self._next, org, body))
                self.last = self._next
                self._next += 1
        query = "INSERT INTO meta VALUES ('touched', ?) ON CONFLICT DO UPDATE SET value = excluded.value"
        self._db.execute(query, (self.last,))

    def let_go(self, upto: int) -> None:
        self._db.execute("DELETE FROM touched WHERE seq <= ?", (upto,))

    def followed(self) -> set[str]:
        return {org for (org,) in self._db.execute("SELECT org FROM followed")}

    def follow(self, orgs: Collection[str], *, anew: bool = False) -> None:
        """Tell of just these organizations from now on. `anew`: each begins another round."""
        before = set() if anew else self.followed()
        self._db.executemany("DELETE FROM followed WHERE org = ?", [(org,) for org in self.followed() - set(orgs)])
        rows = [(org, self._next) for org in sorted(set(orgs) - before)]
        self._db.executemany("INSERT OR REPLACE INTO followed VALUES (?, ?)", rows)
        self._next += 1

    def defined(self, version: int) -> None:
        """Say that definitions up to this change are followed, with this commit."""
        query = "INSERT INTO meta VALUES ('defined', ?) ON CONFLICT DO UPDATE SET value = excluded.value"
        self._db.execute(query, (version,))

    def sightings(self, org: str) -> Sightings:
        return sightings_of(self._db, self._keys, org)

    def put_sightings(self, org: str, seen: Sightings) -> None:
        row = (org, self._keys.org(org).seal(_encode(seen), _SIGHTING))
        self._db.execute("INSERT OR REPLACE INTO sighting VALUES (?, ?)", row)


def sightings_of(db: sqlite3.Connection, keys: Keyring, org: str) -> Sightings:
    """What was seen of an organization so far, as committed."""
    row = db.execute("SELECT body FROM sighting WHERE org = ?", (org,)).fetchone()
    return Sightings() if row is None else _sightings(keys.org(org).open(row[0], _SIGHTING))


class TouchReader:
    """The feed, over a connection to state.db that only reads; one instance per thread."""

    def __init__(self, db: sqlite3.Connection, keys: Keyring) -> None:
        self._db = db
        self._keys = keys

    def after(self, seq: int, most: int) -> list[Told]:
        """Rows after one, oldest first, of at most about so many touches."""
        found: list[Told] = []
        query = "SELECT seq, org, body FROM touched WHERE seq > ? ORDER BY seq LIMIT ?"
        left = most
        for number, org, body in self._db.execute(query, (seq, max(1, most // 4))):
            touches = _touches(self._keys.org(org).open(body, _PLACE))
            found.append(Told(number, org, touches))
            left -= len(touches)
            if left <= 0:
                break
        return found

    def records_of(self, token: bytes) -> list[tuple[str, int]]:
        """(organization, number) of the records that hold an identifier, by its blinded node."""
        query = (
            "SELECT DISTINCT org.name, record.id FROM edge JOIN record ON record.id = edge.record "
            "JOIN org ON org.id = record.org WHERE other = ?"
        )
        return self._db.execute(query, (token,)).fetchall()

    def rounds(self) -> dict[str, int]:
        """Organization that is followed → the round that it is in."""
        return dict(self._db.execute("SELECT org, round FROM followed").fetchall())

    def defined(self) -> int:
        """Up to which change of definitions the worker follows them."""
        row = self._db.execute("SELECT value FROM meta WHERE name = 'defined'").fetchone()
        return int(row[0]) if row else 0


class Consumed:
    """How far the feed was dealt with, and what is asked of customers, as decide.db says."""

    def __init__(self, data: Path) -> None:
        self._db = connect(data / "decide.db", DECIDE, durable=True, cache_mb=1)

    def upto(self) -> int:
        return self._meta("touched")

    def defined(self) -> int:
        """Up to which change of definitions `interests` says what is asked."""
        return self._meta("interest")

    def interests(self) -> dict[str, Interest]:
        rows = self._db.execute("SELECT org, body FROM interest").fetchall()
        return {org: _interest(body) for org, body in rows}

    def _meta(self, name: str) -> int:
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

    def close(self) -> None:
        self._db.close()


class TouchProgress:
    """How far the worker has told, and how much of it was dealt with: for whoever waits for it from outside."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._consumed = Consumed(data)

    def told(self) -> int:
        """The number of the last row that waits, or waited."""
        with contextlib.closing(sqlite3.connect(self._data / "state.db", isolation_level=None)) as db:
            row = db.execute("SELECT value FROM meta WHERE name = 'touched'").fetchone()
        return int(row[0]) if row else 0

    def dealt_with(self) -> int:
        return self._consumed.upto()

    def close(self) -> None:
        self._consumed.close()

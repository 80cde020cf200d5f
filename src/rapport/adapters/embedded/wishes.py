"""What persons say to whoever decides about them, in ledger.db: sealed under their keys, so that it goes with them.

To say something moves the person's version, like a change of terms: a decision that is being made meanwhile, in any
process, is not kept and made anew.
"""

import sqlite3
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

import msgspec

from rapport.decide.person import NOTHING, Says, checked, joined

if TYPE_CHECKING:
    from rapport.adapters.embedded.people import PeopleFile

SCHEMA = """
    CREATE TABLE wish (person INTEGER, org TEXT, sealed BLOB NOT NULL, PRIMARY KEY (person, org)) WITHOUT ROWID
"""
EVERYWHERE: Final = ""
"""In place of an organization: to all of them."""
_PLACE: Final = b"wish "
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Says).decode


class WishBook:
    """Over one ledger connection; one instance per thread. `handle`: a person's."""

    def __init__(self, people: "PeopleFile") -> None:
        self._people = people
        self._db = people.db

    def said(self, handle: str, org: str = EVERYWHERE) -> Says:
        """What a person says to one organization, or to all."""
        row = self._db.execute("SELECT id FROM person WHERE handle = ?", (handle,)).fetchone()
        return NOTHING if row is None else self._said(row[0], org)

    def every(self, handle: str) -> list[tuple[str, Says]]:
        """(organization, what is said to it) of all that a person says; to all of them first."""
        query = "SELECT id, org FROM wish JOIN person ON id = person WHERE handle = ? ORDER BY org"
        return [(org, self._said(person, org)) for person, org in self._db.execute(query, (handle,)).fetchall()]

    def say(self, handle: str, org: str, change: Callable[[Says], Says]) -> Says:
        """Change it. Raises NotFound, Conflict (`erased`), BadInput."""
        self._people.known_org(org or None)
        with self._people.changing(handle) as person:
            says = checked(change(self._said(person, org)))
            self._keep(person, org, says)
        return says

    def carry(self, former: int, person: int) -> None:
        """Let what one person (by number) says hold for another, too, beside what that one says: of both the stricter.
        Within a transaction that moves both."""
        for (org,) in self._db.execute("SELECT org FROM wish WHERE person = ?", (former,)).fetchall():
            self._keep(person, org, joined((self._said(person, org), self._said(former, org))))

    def _keep(self, person: int, org: str, says: Says) -> None:
        key = self._people.keys.person(person)
        if key is not None:
            sealed = key.seal(_encode(says), _PLACE + org.encode())
            self._db.execute("INSERT OR REPLACE INTO wish VALUES (?, ?, ?)", (person, org, sealed))

    def holding(self, persons: Iterable[int], org: str) -> Says:
        """What holds for a customer whom these persons claim."""
        return joined(self._said(person, where) for person in persons for where in (org, EVERYWHERE))

    def _said(self, person: int, org: str) -> Says:
        row = self._db.execute("SELECT sealed FROM wish WHERE person = ? AND org = ?", (person, org)).fetchone()
        key = self._people.keys.person(person) if row is not None else None
        return NOTHING if key is None else _decode(key.open(row[0], _PLACE + org.encode()))


def forget(db: sqlite3.Connection, person: int) -> None:
    """Leave nothing of an erased person's. Within a transaction."""
    db.execute("DELETE FROM wish WHERE person = ?", (person,))

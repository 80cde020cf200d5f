"""In which language people read, in ledger.db: for letters, which no browser asks for, sealed under theirs."""

import sqlite3
from typing import TYPE_CHECKING

from rapport.adapters.embedded.accounts import active
from rapport.adapters.embedded.sqlite import transaction

if TYPE_CHECKING:
    from rapport.adapters.embedded.people import PeopleFile

SCHEMA = "CREATE TABLE tongue (person INTEGER PRIMARY KEY, sealed BLOB NOT NULL)"
_PLACE = b"tongue"


class Tongues:
    """Over one ledger connection; one instance per thread."""

    def __init__(self, people: "PeopleFile") -> None:
        self._db = people.db
        self._keys = people.keys

    def keep(self, handle: str, language: str, *, anew: bool = True) -> None:
        """Remember a language (`de`), unless `anew` is False and there is one. Raises NotFound, Conflict."""
        person = active(self._db, handle)
        key = self._keys.person(person)
        if key is not None:
            query = "INSERT INTO tongue VALUES (?1, ?2) ON CONFLICT DO UPDATE SET sealed = ?2 WHERE ?3"
            with transaction(self._db):
                self._db.execute(query, (person, key.seal(language.encode(), _PLACE), anew))

    def of(self, person: int) -> str | None:
        """None where they never chose one."""
        row = self._db.execute("SELECT sealed FROM tongue WHERE person = ?", (person,)).fetchone()
        key = self._keys.person(person) if row is not None else None
        return None if key is None else key.open(row[0], _PLACE).decode()


def forget(db: sqlite3.Connection, person: int) -> None:
    """Leave nothing of an erased person's. Within a transaction."""
    db.execute("DELETE FROM tongue WHERE person = ?", (person,))

"""Reminders in ledger.db: before an address, or a claim by a purchase, counts no longer, its person is told, once.

The row that says so is written in the transaction that tells them, and names until when the thing counted: what is
shown again counts for longer, and is reminded of anew when that ends.
"""

import sqlite3
from typing import TYPE_CHECKING

from rapport.adapters.embedded.accounts import ACTIVE
from rapport.adapters.embedded.claims import BY_PURCHASE, Claims
from rapport.adapters.embedded.sqlite import transaction
from rapport.kernel.times import DAY, now, rfc3339

if TYPE_CHECKING:
    from rapport.adapters.embedded.people import PeopleFile

SCHEMA = """
    CREATE TABLE reminded (token BLOB, person INTEGER, until INTEGER NOT NULL,
                           PRIMARY KEY (token, person)) WITHOUT ROWID;
    CREATE INDEX reminded_of ON reminded (person);
    CREATE INDEX contact_until ON contact (until);
    CREATE INDEX proved_claim_until ON proved_claim (until)
"""

SOON = 14 * DAY
PART = 4
"""Told so long before the end, but not before three quarters of its time are over."""
MOST = 200
"""People are told in turns, so that a year's addresses do not end in one burst of letters."""
ADDRESS = (
    "An address of yours counts until {day}. Show again before then that it is yours: after that, what you claimed "
    "by it opens nothing."
)
PURCHASE = "What you claimed at {org} by a purchase counts until {day}. Tell of the purchase again before then."
_SOON = """
    one.until > :at AND one.until <= :at + :soon AND (one.until - :at) * :part <= one.until - one.verified_at
    AND EXISTS (SELECT 1 FROM person WHERE person.id = one.person AND status = :active)
    AND NOT EXISTS (SELECT 1 FROM reminded AS said
                    WHERE said.token = one.token AND said.person = one.person AND said.until >= one.until)
"""
_DUE = f"""
    SELECT one.token, one.person, '', one.until FROM contact AS one WHERE {_SOON} UNION ALL
    SELECT one.token, one.person, one.org, one.until FROM proved_claim AS one
    WHERE how = :purchase AND suspended IS NULL AND {_SOON} LIMIT :most
"""  # noqa: S608 (written above)


class Reminders:
    """Over one ledger connection; one instance per thread."""

    def __init__(self, people: "PeopleFile", claims: Claims) -> None:
        self._people = people
        self._db = people.db
        self._claims = claims

    def remind(self) -> int:
        """Tell whoever is to be told by now; return of how many things."""
        asked = {"at": now(), "soon": SOON, "part": PART, "active": ACTIVE, "purchase": BY_PURCHASE, "most": MOST}
        if self._db.execute(_DUE, asked).fetchone() is None:
            return 0
        with transaction(self._db):
            self._db.execute("DELETE FROM reminded WHERE until <= ?", (asked["at"],))
            rows = self._db.execute(_DUE, asked).fetchall()  # another process may have been quicker
            for token, person, org, until in rows:
                day = rfc3339(until)[:10]
                name = self._people.name_of(org) if org else ""
                self._claims.loud(person, (PURCHASE if org else ADDRESS).format(org=name, day=day))
                self._db.execute("INSERT OR REPLACE INTO reminded VALUES (?, ?, ?)", (token, person, until))
        return len(rows)


def forget(db: sqlite3.Connection, person: int) -> None:
    """Leave nothing of an erased person's. Within a transaction."""
    db.execute("DELETE FROM reminded WHERE person = ?", (person,))

"""The person's way in, until they sign in by themselves: links that open their page once, and the sessions they open.

Kept in the ledger beside those of the console, each as a hash. A link of one kind never opens the other's pages.
"""

from rapport.adapters.embedded.accounts import ACTIVE, active
from rapport.adapters.embedded.ledger import LINK_LIFE, LedgerFile
from rapport.adapters.embedded.operators import SESSION_LIFE
from rapport.adapters.embedded.sqlite import transaction
from rapport.kernel import ids
from rapport.kernel.times import now


class Doors:
    """Links and sessions of persons over one ledger connection."""

    def __init__(self, ledger: LedgerFile) -> None:
        self._db = ledger.db

    def mint(self, handle: str, kind: str = "me") -> str:
        """A code that opens a person's page once, within ten minutes; it begins with its `kind`. Raises NotFound,
        Conflict where erased."""
        person, code = active(self._db, handle), ids.secret(kind)
        with transaction(self._db):
            self._db.execute("DELETE FROM link WHERE expires_at <= ?", (now(),))
            query = "INSERT INTO link (hash, org, expires_at, person) VALUES (?, NULL, ?, ?)"
            self._db.execute(query, (ids.hashed(code), now() + LINK_LIFE, person))
        return code

    def redeem(self, code: str) -> str | None:
        """Exchange a code for a session's secret; of many tries at one code exactly one succeeds."""
        with transaction(self._db):
            query = "DELETE FROM link WHERE hash = ? AND expires_at > ? AND person IS NOT NULL RETURNING person"
            row = self._db.execute(query, (ids.hashed(code), now())).fetchone()
            if row is None:
                return None
            secret = ids.secret("own")
            self._db.execute("DELETE FROM session WHERE expires_at <= ?", (now(),))
            query = "INSERT INTO session (hash, org, purpose, csrf, expires_at, person) VALUES (?, NULL, '', '', ?, ?)"
            self._db.execute(query, (ids.hashed(secret), now() + SESSION_LIFE, row[0]))
        return secret

    def person(self, secret: str) -> str | None:
        """The handle of whose session this is, while it lasts and they are not erased."""
        query = """
            SELECT person.handle FROM session JOIN person ON person.id = session.person
            WHERE hash = ? AND expires_at > ? AND status = ?
        """
        row = self._db.execute(query, (ids.hashed(secret), now(), ACTIVE)).fetchone()
        return None if row is None else str(row[0])

    def end(self, secret: str) -> None:
        with transaction(self._db):
            self._db.execute("DELETE FROM session WHERE hash = ? AND person IS NOT NULL", (ids.hashed(secret),))

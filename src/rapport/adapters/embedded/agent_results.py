"""Results of agents' requests in ledger.db: files that wait to be fetched, each once, under the hash of a secret."""

from typing import TYPE_CHECKING

from rapport.adapters.embedded.agent_requests import AgentRequests, Row
from rapport.adapters.embedded.sqlite import transaction
from rapport.kernel.errors import Forbidden

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

FETCHED = "the results were fetched"


class AgentResults:
    """Results over one ledger connection; one instance per thread."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._db = ledger.db
        self._requests = AgentRequests(ledger)

    def keep(self, row: Row, secret: bytes, size: int) -> None:
        """Results wait under the hash of a secret; `size` in bytes."""
        with transaction(self._db):
            query = "UPDATE agent_request SET results = ?, size = ? WHERE id = ? AND status = 'working'"
            self._db.execute(query, (secret, size, row.id))

    def claim(self, org: str, secret: bytes, at: int) -> Row:
        """Take the results of a secret's hash, for one reader at a time. Raises Forbidden."""
        query = """
            UPDATE agent_request SET fetching = ?1
            WHERE org = ?2 AND results = ?3 AND fetching IS NULL AND results_until > ?1 RETURNING id
        """
        with transaction(self._db):
            found = self._db.execute(query, (at, org, secret)).fetchone()
        if found is None:
            raise Forbidden("this link was used, or its time is over")
        return self._requests.row(found[0])

    def peek(self, org: str, secret: bytes, at: int) -> Row:
        """The same, and nothing is taken."""
        where = "WHERE org = ? AND results = ? AND fetching IS NULL AND results_until > ?"
        rows = self._requests.rows(where, (org, secret, at))
        if not rows:
            raise Forbidden("this link was used, or its time is over")
        return rows[0]

    def fetched(self, row: Row, *, whole: bool) -> None:
        """It was fetched, for good; or broke off, and waits to be fetched again."""
        with transaction(self._db):
            if whole:
                query = "UPDATE agent_request SET results = NULL, fetching = NULL, details = ? WHERE id = ?"
                self._db.execute(query, (FETCHED, row.id))
            else:
                self._db.execute("UPDATE agent_request SET fetching = NULL WHERE id = ?", (row.id,))

    def unfinished(self) -> None:
        """After a start: what was being fetched waits again."""
        with transaction(self._db):
            self._db.execute("UPDATE agent_request SET fetching = NULL WHERE fetching IS NOT NULL")

    def drop(self, person: int, org: str) -> None:
        """Let go of what waits to be fetched by a person from an organization that erased it."""
        with transaction(self._db):
            query = "UPDATE agent_request SET results = NULL WHERE person = ? AND org = ?"
            self._db.execute(query, (person, org))

    def kept(self, at: int) -> set[str]:
        """Whose results are to be kept."""
        with transaction(self._db):
            query = "UPDATE agent_request SET results = NULL WHERE results IS NOT NULL AND results_until <= ?"
            self._db.execute(query, (at,))
        query = "SELECT id FROM agent_request WHERE results IS NOT NULL OR status = 'working'"
        return {handle for (handle,) in self._db.execute(query)}

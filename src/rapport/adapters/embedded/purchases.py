"""Purchases as proofs in ledger.db: which organizations take them, and how often somebody tried.

Tries are counted here and not in memory, since a total has few digits: a node that is started anew must not let anyone
begin again. Of an order only its blinded token is kept.
"""

import sqlite3
from typing import TYPE_CHECKING

import msgspec

from rapport.adapters.embedded.sqlite import transaction
from rapport.kernel.errors import NotFound, TooMany
from rapport.kernel.times import DAY, SECOND, now
from rapport.resolve import identifier_node
from rapport.terms.purchases import Rule, checked

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

SCHEMA = """
    CREATE TABLE purchase_rule (org TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE purchase_try (id INTEGER PRIMARY KEY, person INTEGER NOT NULL, org TEXT NOT NULL, token BLOB NOT NULL,
                               at INTEGER NOT NULL);
    CREATE INDEX purchase_try_of ON purchase_try (person, at);
    CREATE INDEX purchase_try_at ON purchase_try (org, at);
    CREATE INDEX purchase_try_on ON purchase_try (token, at);
    ALTER TABLE proved_claim ADD COLUMN records BLOB
"""

MOST = (
    (("person",), 5, DAY),
    (("person",), 20, 30 * DAY),
    (("person", "token"), 5, 7 * DAY),
    (("token",), 25, 7 * DAY),
    (("org",), 200, DAY),
)
"""How often something is tried at most: by a person, of an order by one, of an order, at an organization. What one
person tries in a month is fewer than what an order takes in a week, so that nobody alone keeps its buyer out."""
_KEPT = 30 * DAY
_TRIED = "SELECT count(*), min(at) FROM purchase_try WHERE {} AND at > ?"


class PurchaseFile:
    """Over one ledger connection; one instance per thread."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._ledger = ledger
        self._db = ledger.db
        self._keys = ledger.keys

    def set(self, org: str, rule: Rule | None) -> None:
        """Take purchases as proofs from now on, or no longer (None). Raises NotFound, BadInput."""
        if not self._ledger.has_org(org):
            raise NotFound(f"there is no organization {org!r}", field="org")
        with transaction(self._db):
            if rule is None:
                self._db.execute("DELETE FROM purchase_rule WHERE org = ?", (org,))
            else:
                row = (org, msgspec.json.encode(checked(rule)))
                self._db.execute("INSERT OR REPLACE INTO purchase_rule VALUES (?, ?)", row)

    def rules(self) -> dict[str, Rule]:
        """Organization → what it takes."""
        rows = self._db.execute("SELECT org, body FROM purchase_rule ORDER BY org").fetchall()
        return {org: msgspec.json.decode(body, type=Rule) for org, body in rows}

    def count(self, person: int, org: str, kind: str, order: str) -> None:
        """Count a try, whether there is such an order or not. Raises TooMany."""
        token, at = self._keys.blind.blind(identifier_node(org, kind, order)), now()
        who = {"person": person, "token": token, "org": org}
        with transaction(self._db):
            self._db.execute("DELETE FROM purchase_try WHERE at <= ?", (at - _KEPT,))
            for columns, most, span in MOST:
                same = " AND ".join(f"{column} = ?" for column in columns)
                query = _TRIED.format(same)
                count, first = self._db.execute(query, (*(who[column] for column in columns), at - span)).fetchone()
                if count >= most:
                    wait = max(1, (first + span - at) // SECOND)
                    raise TooMany("That was tried too often. Try it again later.", retry_after=wait)
            row = (person, org, token, at)
            self._db.execute("INSERT INTO purchase_try (person, org, token, at) VALUES (?, ?, ?, ?)", row)


def forget(db: sqlite3.Connection, person: int) -> None:
    """Leave nothing of an erased person's. Within a transaction."""
    db.execute("DELETE FROM purchase_try WHERE person = ?", (person,))

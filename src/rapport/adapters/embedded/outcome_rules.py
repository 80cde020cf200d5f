"""The rules by which events settle outcomes, in ledger.db, version by version.

    OutcomeRules(ledger)                        one instance per thread, as the ledger
      .rules(org)                               those in force; none, with version 0, until any are said
      .put(org, rules, who, expected)           → Rules; the same version where nothing changes
      .every()                                  organization → rules, of those that have any

An organization that has any is `in_use` (see `audiences`): the worker tells of its events from the next commit on.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from rapport.adapters.embedded import audit
from rapport.adapters.embedded.audiences import unused, using
from rapport.adapters.embedded.sqlite import transaction
from rapport.kernel.errors import Conflict, NotFound
from rapport.kernel.times import now
from rapport.learn.outcomes import Rule, checked_rules
from rapport.learn.rules import Rules

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

SCHEMA = """
    CREATE TABLE outcome_rules (org TEXT, version INTEGER, at INTEGER NOT NULL, body BLOB NOT NULL,
                                PRIMARY KEY (org, version)) WITHOUT ROWID
"""
_KIND: Final = "outcomes"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Rules).decode


class OutcomeRules:
    """Rules over one ledger connection. `who`: as in the audit log; `expected`: the version that is to be followed."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._ledger = ledger
        self._db = ledger.db

    def rules(self, org: str) -> Rules:
        query = "SELECT body FROM outcome_rules WHERE org = ? ORDER BY version DESC LIMIT 1"
        row = self._db.execute(query, (org,)).fetchone()
        return Rules() if row is None else _decode(row[0])

    def put(self, org: str, rules: Sequence[Rule], who: str, expected: int | None = None) -> Rules:
        """Put them in the place of those before. Raises BadInput (`bad_rule`), NotFound, Conflict (`outdated`)."""
        checked = checked_rules(rules)
        if not self._ledger.has_org(org):
            raise NotFound(f"there is no organization {org!r}", field="org")
        with transaction(self._db):
            before = self.rules(org)
            if expected is not None and expected != before.version:
                message = f"version {before.version} is in force, another than you had: look at what changed"
                raise Conflict(message, code="outdated")
            if checked == before.rules:
                return before
            made = Rules(checked, before.version + 1)
            self._db.execute("INSERT INTO outcome_rules VALUES (?, ?, ?, ?)", (org, made.version, now(), _encode(made)))
            # What moves with either is what the worker and the evaluator look at, to know the rules anew.
            (using if checked else unused)(self._db, org, _KIND, "rules")
            audit.note(self._db, org, who, "changed which events settle outcomes")
        return made

    def every(self) -> dict[str, tuple[Rule, ...]]:
        query = "SELECT DISTINCT org FROM in_use WHERE kind = ?"
        return {org: self.rules(org).rules for (org,) in self._db.execute(query, (_KIND,)).fetchall()}

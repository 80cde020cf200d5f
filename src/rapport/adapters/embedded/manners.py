"""How organizations decide, version by version, in ledger.db, beside their decisions, which name the version.

    MannerBook(ledger)                            one instance per thread, as the ledger
      .manner(org) .kept_manner(org, version) .put_manner(org, manner, who, expected)

Its table came with that of decisions (`decisions.SCHEMA`).
"""

from typing import TYPE_CHECKING

import msgspec

from rapport.adapters.embedded import audit
from rapport.adapters.embedded.sqlite import transaction
from rapport.decide.decision import Manner, checked_manner
from rapport.kernel.errors import Conflict, NotFound
from rapport.kernel.times import now

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Manner).decode


class MannerBook:
    """Over one ledger connection. `who`: as in the audit log."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._ledger = ledger
        self._db = ledger.db

    def manner(self, org: str) -> Manner:
        query = "SELECT body FROM manner WHERE org = ? ORDER BY version DESC LIMIT 1"
        row = self._db.execute(query, (org,)).fetchone()
        return Manner() if row is None else _decode(row[0])

    def kept_manner(self, org: str, version: int) -> Manner:
        """Raises NotFound."""
        row = self._db.execute("SELECT body FROM manner WHERE org = ? AND version = ?", (org, version)).fetchone()
        if row is None and version:
            raise NotFound("there is no such version", field="version")
        return Manner() if row is None else _decode(row[0])

    def put_manner(self, org: str, manner: Manner, who: str, expected: int | None = None) -> Manner:
        """Keep how an organization decides; the same version where nothing changes. Raises BadInput, NotFound, Conflict
        (`outdated`)."""
        checked_manner(manner)
        if not self._ledger.has_org(org):
            raise NotFound(f"there is no organization {org!r}", field="org")
        with transaction(self._db):
            before = self.manner(org)
            if expected is not None and expected != before.version:
                message = f"version {before.version} is in force, another than you had: look at what changed"
                raise Conflict(message, code="outdated")
            if msgspec.structs.replace(manner, version=before.version) == before:
                return before
            made = msgspec.structs.replace(manner, version=before.version + 1)
            self._db.execute("INSERT INTO manner VALUES (?, ?, ?, ?)", (org, made.version, now(), _encode(made)))
            audit.note(self._db, org, who, "changed how it decides")
        return made

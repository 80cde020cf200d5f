"""How organizations send, by channel, in ledger.db: sealed, since it holds keys and secrets.

    ChannelBook(ledger)                           one instance per thread, as the ledger
      .put(org, name, how, who) .read(org, name, shape) .remove(org, name, who)

Its table came with that of messages (`messages.SCHEMA`).
"""

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from rapport.adapters.embedded import audit
from rapport.adapters.embedded.sqlite import transaction, translating
from rapport.kernel.errors import NotFound
from rapport.kernel.times import now

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

How = TypeVar("How")


class ChannelBook:
    """Over one ledger connection. `who`: as in the audit log."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._ledger = ledger
        self._db = ledger.db
        self._seal = ledger.keys.node("channels")

    def put(self, org: str, name: str, how: Any, who: str) -> bool:
        """Keep how an organization sends by a channel; whether it is new. Raises NotFound."""
        if not self._ledger.has_org(org):
            raise NotFound(f"there is no organization {org!r}", field="org")
        body = self._seal.seal(msgspec.msgpack.encode(how), _channel(org, name))
        with translating(self._ledger.path), transaction(self._db):
            query = "SELECT 1 FROM channel WHERE org = ? AND name = ?"
            fresh = self._db.execute(query, (org, name)).fetchone() is None
            self._db.execute("INSERT OR REPLACE INTO channel VALUES (?, ?, ?, ?)", (org, name, now(), body))
            audit.note(self._db, org, who, "set up a channel", name)
        return fresh

    def read(self, org: str, name: str, shape: type[How]) -> How | None:
        """None where it was not set up."""
        row = self._db.execute("SELECT body FROM channel WHERE org = ? AND name = ?", (org, name)).fetchone()
        if row is None:
            return None
        return msgspec.msgpack.decode(self._seal.open(row[0], _channel(org, name)), type=shape)

    def remove(self, org: str, name: str, who: str) -> None:
        """Raises NotFound."""
        with translating(self._ledger.path), transaction(self._db):
            if not self._db.execute("DELETE FROM channel WHERE org = ? AND name = ?", (org, name)).rowcount:
                raise NotFound("this channel is not set up", field="channel")
            audit.note(self._db, org, who, "took a channel down", name)


def _channel(org: str, name: str) -> bytes:
    return f"channel:{org}:{name}".encode()

"""Sources' webhooks in ledger.db: where a source wants to be told, with the secret that signs what it is told."""

from typing import TYPE_CHECKING, Any

from rapport.act import webhooks
from rapport.act.delivery import Delivery, Dressed
from rapport.adapters.embedded.outbox import OutboxFile
from rapport.adapters.embedded.sqlite import transaction, translating
from rapport.kernel.errors import NotFound
from rapport.kernel.times import now

if TYPE_CHECKING:
    from collections.abc import Collection

    from rapport.adapters.embedded.ledger import LedgerFile

SCHEMA = """
    CREATE TABLE webhook (org TEXT, source TEXT, url TEXT NOT NULL, secret BLOB NOT NULL, made_at INTEGER NOT NULL,
                          PRIMARY KEY (org, source)) WITHOUT ROWID
"""
_OFF = "the source's webhook was turned off"


class WebhookFile:
    """The webhooks of a ledger; over one ledger connection, used by one thread at a time."""

    def __init__(self, ledger: "LedgerFile", outbox: OutboxFile | None = None) -> None:
        self._ledger = ledger
        self._db = ledger.db
        self._seal = ledger.keys.node("webhooks")
        self._outbox = outbox or OutboxFile(ledger)

    def set(self, org: str, source: str, url: str) -> str:
        """Tell a source at an address from now on, what waits for it too; return a fresh secret. Raises NotFound."""
        self._ledger.source(org, source)
        secret = webhooks.fresh_secret()
        sealed = self._seal.seal(secret.encode(), _place(org, source))
        with translating(self._ledger.path), transaction(self._db):
            self._db.execute("INSERT OR REPLACE INTO webhook VALUES (?, ?, ?, ?, ?)", (org, source, url, sealed, now()))
            self._outbox.redirect(org, webhooks.KIND, source, url)
        return secret

    def off(self, org: str, source: str) -> None:
        """Tell a source nothing more, what waits neither. Raises NotFound where it was told nothing."""
        self._ledger.source(org, source)
        with translating(self._ledger.path), transaction(self._db):
            if not self._db.execute("DELETE FROM webhook WHERE org = ? AND source = ?", (org, source)).rowcount:
                raise NotFound(f"{org}/{source} has no webhook", field="source")
            self._outbox.cancel(org, webhooks.KIND, source, _OFF)

    def urls(self, org: str) -> dict[str, str]:
        """Source → where it is told, of those that are."""
        return dict(
            self._db.execute("SELECT source, url FROM webhook WHERE org = ? ORDER BY source", (org,)).fetchall()
        )

    def tell(
        self,
        org: str,
        kind: str,
        body: dict[str, Any],
        *,
        only: "Collection[str] | None" = None,
        record: int | None = None,
        lasting: bool = False,
    ) -> list[str]:
        """Put in one delivery for each source with a webhook (of these, where some are named), within the caller's
        transaction where there is one; return their ids."""
        said = webhooks.message(kind, body, now())
        with self._outbox.together():
            return [
                self._outbox.put(org, url, webhooks.KIND, source, said, record=record, lasting=lasting)
                for source, url in self.urls(org).items()
                if only is None or source in only
            ]

    def dress(self, delivery: Delivery, body: bytes) -> Dressed:
        """A message as it is sent now. Raises NotFound where the webhook is off."""
        query = "SELECT secret FROM webhook WHERE org = ? AND source = ?"
        row = self._db.execute(query, (delivery.org, delivery.about)).fetchone()
        if row is None:
            raise NotFound(_OFF)
        secret = self._seal.open(row[0], _place(delivery.org, delivery.about)).decode()
        return webhooks.dressed(delivery.id, body, secret, now())


def _place(org: str, source: str) -> bytes:
    return f"webhook:{org}:{source}".encode()

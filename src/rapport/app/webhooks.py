"""Telling sources: one message for each source of an organization that has a webhook, put into the outbox."""

from collections.abc import Collection
from typing import Any

from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.webhooks import WebhookFile
from rapport.app.embedded import open_ledger
from rapport.app.settings import Settings


def tell_sources(
    where: Settings | LedgerFile,
    org: str,
    kind: str,
    body: dict[str, Any],
    *,
    only: Collection[str] | None = None,
    record: int | None = None,
    lasting: bool = False,
) -> list[str]:
    """Put in one delivery for each source with a webhook (of these, where some are named); return their ids.

    Over a ledger, within its open transaction where there is one: then what causes it and the deliveries are durable
    together. `record`: the body tells of this record, is sealed under its key and never sent once it is erased.
    `lasting`: the fact of it is kept for good.
    Raises NotFound where the record is erased, Full.
    """
    ledger = open_ledger(where) if isinstance(where, Settings) else where
    try:
        return WebhookFile(ledger).tell(org, kind, body, only=only, record=record, lasting=lasting)
    finally:
        if ledger is not where:
            ledger.close()

"""The console's desk for deletion demands. What is written waits for the disk in a thread, over a ledger of its own."""

import asyncio

from rapport.act.destinations import usable
from rapport.adapters.embedded.demands import DemandFile
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.promises import PromiseBook
from rapport.app.cursors import before
from rapport.app.embedded import open_ledger
from rapport.app.settings import Settings
from rapport.terms.declaration import recipients_of
from rapport.terms.promises import public_key
from rapport.web.console import demands_desk as ask
from rapport.web.console.session import Session

_PAGE = 40


class ConsoleDemands:
    def __init__(self, settings: Settings, ledger: LedgerFile, promises: PromiseBook) -> None:
        self._settings = settings
        self._book = DemandFile(ledger)
        self._promises = promises

    async def demands(self, session: Session, cursor: str | None) -> ask.Demands:
        found = self._book.listed(session.org, before(cursor), _PAGE + 1)
        rows = tuple(demand for _, demand in found[:_PAGE])
        return ask.Demands(
            self._recipients(session.org), rows, str(found[_PAGE - 1][0]) if len(found) > _PAGE else None
        )

    def _recipients(self, org: str) -> tuple[ask.Recipient, ...]:
        known = {one.name: one for one in self._book.recipients(org)}
        declared = recipients_of(self._promises.standing(org).declaration)
        counts = self._book.counted(org)
        return tuple(
            ask.Recipient(
                name,
                known[name].url if name in known else "",
                name in known and known[name].public is not None,
                name in declared,
                counts.get(name, {}),
            )
            for name in sorted({*known, *declared, *counts})
        )

    async def set_recipient(self, session: Session, name: str, url: str, key: str) -> int:
        usable(url, private=self._settings.private_destinations)
        public = public_key(key.encode()) if key else None
        return await asyncio.to_thread(self._set, session.org, name, url, public)

    def _set(self, org: str, name: str, url: str, public: bytes | None) -> int:
        ledger = open_ledger(self._settings)
        try:
            return DemandFile(ledger).set_recipient(org, name, url, public)
        finally:
            ledger.close()

    async def remove_recipient(self, session: Session, name: str) -> None:
        await asyncio.to_thread(self._remove, session.org, name)

    def _remove(self, org: str, name: str) -> None:
        ledger = open_ledger(self._settings)
        try:
            DemandFile(ledger).remove_recipient(org, name)
        finally:
            ledger.close()

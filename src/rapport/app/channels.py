"""How organizations send by the ways that the node has, as the API asks for it."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from rapport.act import dkim, webhooks
from rapport.act.destinations import usable
from rapport.act.mail import Sender, checked
from rapport.act.messages import Hook
from rapport.adapters.embedded.channels import ChannelBook
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.app.embedded import open_ledger
from rapport.app.settings import Settings
from rapport.kernel.errors import NotFound

Answer = TypeVar("Answer")


class HouseChannels:
    """The Channels of an embedded node: over a ledger of its own, in threads, one after the other."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._turn = threading.Lock()
        self._ledger: LedgerFile | None = None

    async def put_email(self, org: str, sender: Sender, who: str) -> tuple[dict[str, Any], bool]:
        checked(sender)
        return _email(sender), await self._within(lambda book: book.put(org, "email", sender, who))

    async def put_webhook(self, org: str, url: str, who: str) -> tuple[dict[str, Any], bool]:
        usable(url, private=self._settings.private_destinations)
        hook = Hook(url, webhooks.fresh_secret())
        fresh = await self._within(lambda book: book.put(org, "webhook", hook, who))
        return {"channel": "webhook", "url": url, "secret": hook.secret}, fresh

    async def told(self, org: str, channel: str) -> dict[str, Any]:
        def told(book: ChannelBook) -> dict[str, Any]:
            sender = book.read(org, "email", Sender) if channel == "email" else None
            hook = book.read(org, "webhook", Hook) if channel == "webhook" else None
            if sender is not None:
                return _email(sender)
            if hook is not None:
                return {"channel": "webhook", "url": hook.url}
            raise NotFound("this channel is not set up", field="channel")

        return await self._within(told)

    async def remove(self, org: str, channel: str, who: str) -> None:
        await self._within(lambda book: book.remove(org, channel, who))

    async def _within(self, work: Callable[[ChannelBook], Answer]) -> Answer:
        return await asyncio.to_thread(self._work, work)

    def _work(self, work: Callable[[ChannelBook], Answer]) -> Answer:
        with self._turn:
            if self._ledger is None:
                self._ledger = open_ledger(self._settings)
            return work(ChannelBook(self._ledger))

    def close(self) -> None:
        with self._turn:
            if self._ledger is not None:
                self._ledger.close()
                self._ledger = None


def _email(sender: Sender) -> dict[str, Any]:
    """Without its key; with the record that belongs in the DNS."""
    signed = None
    if sender.dkim is not None:
        host, text = dkim.record(dkim.signer(sender.dkim.domain, sender.dkim.selector, sender.dkim.key))
        signed = {
            "domain": sender.dkim.domain,
            "selector": sender.dkim.selector,
            "record": {"name": host, "type": "TXT", "value": text},
        }
    return {"channel": "email", "from": sender.sender, "reply_to": sender.reply_to or None, "dkim": signed}

"""Mail that comes back to an organization: a reply becomes an event of the customer, and what bounced failed.

An answer goes by the message that it names, and by nothing that it says of itself: whoever wrote it, it changes nothing
about who anybody is. The same mail is the same event, however often it is handed in.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Final

from rapport.act import answers
from rapport.act.answers import Answer
from rapport.act.messages import Message
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.messages import MessageBook
from rapport.collect.unsubscribed import REPLIED, Unsubscribed, unsubscribed_entry
from rapport.kernel.errors import NotFound
from rapport.kernel.keys import digest16
from rapport.kernel.ports import Log
from rapport.kernel.times import DAY, now
from rapport.profile.store import ProfileReader

CAME_BACK: Final = "the mail came back"


class HouseAnswers:
    """The Answers of an embedded node; `messages` and `reader` are of the caller's thread, others write."""

    def __init__(
        self, open_file: Callable[[], LedgerFile], messages: MessageBook, reader: ProfileReader, log: Log
    ) -> None:
        self._open = open_file
        self._messages = messages
        self._reader = reader
        self._log = log
        self._turn = threading.Lock()
        self._ledger: LedgerFile | None = None

    async def take(self, org: str, mail: bytes) -> dict[str, Any]:
        answer = answers.read(mail)
        message = self._answered(org, answer)
        if answer.kind == "reply":
            await self._tell(message, answer, mail)
        elif answer.kind == "bounce":
            await asyncio.to_thread(self._end, message.id)
        return {"decision": message.id, "kind": answer.kind}

    def _answered(self, org: str, answer: Answer) -> Message:
        for name in answer.decisions:
            message = self._messages.message(org, name)
            if message is not None and message.channel == "email":
                return message
        raise NotFound("it answers no mail of yours of the last thirty days", field="body")

    async def _tell(self, message: Message, answer: Answer, mail: bytes) -> None:
        with self._reader.snapshot():
            there = self._reader.by_identifier(message.org, "email", message.to)
        if len(there) != 1:
            return
        present = now()
        # By its own clock where that can be; so that the same mail says the same.
        at = answer.at if answer.at is not None and message.decision.at <= answer.at <= present + DAY else present
        own = answer.id.encode() or mail
        name = "rpl_" + digest16(message.id.encode(), own).hex()
        said = Unsubscribed(name, message.to, at, message.id, REPLIED)
        await self._log.append(unsubscribed_entry(message.org, said, present))

    def _end(self, decision: str) -> None:
        with self._turn:
            if self._ledger is None:
                self._ledger = self._open()
            MessageBook(self._ledger).came_back(decision, CAME_BACK)

    def close(self) -> None:
        with self._turn:
            if self._ledger is not None:
                self._ledger.close()
                self._ledger = None

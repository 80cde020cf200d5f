"""Deletion demands of an erasure: who has the erased in an export is found and told; then the registry of exports
forgets them.

The order survives a kill at any instant, for an erasure that is cut short is begun again by asking again:

1. The worker has erased the records, and noted whose they were: what is demanded is exactly what is gone.
2. The node's own files of exports that they are in are deleted: what nobody fetched, nobody has. Of all others,
   demands and their deliveries are put in, by one transaction for each organization, each customer once.
3. The registry forgets the records, so that they are found no more.
4. What told demands of this erasure from others goes: none says any longer whose it was.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import closing

import msgspec

from rapport.act import demands
from rapport.act.delivery import Delivery, Dressed
from rapport.act.demands import Demand, Wanted
from rapport.adapters.embedded.demands import DemandFile
from rapport.adapters.embedded.erasures import ErasureReader, person_node
from rapport.adapters.embedded.exports import ExportBook
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.promises import PromiseBook
from rapport.adapters.embedded.state_rows import MIGRATIONS
from rapport.app.settings import Settings
from rapport.terms.promises import base64url


def demand(settings: Settings, ledger: LedgerFile, person: str) -> tuple[Demand, ...]:
    """Demand of everyone who holds a person's erased records in an export that they delete them, and let the registry
    forget them; return the demands. May be repeated."""
    whose = person_node(ledger.keys, person)
    with closing(ErasureReader(settings.directory, ledger.keys, MIGRATIONS)) as reader:
        erased = reader.erased_records(person)
    registry, book = ExportBook(ledger), DemandFile(ledger)
    for org in ledger.orgs():
        registry.withdraw(org, erased)
        book.put(org, whose, registry.holding(org, erased))
    made = tuple(book.of_erasure(whose))
    for org in ledger.orgs():
        registry.forget(org, erased)
    book.unlink(whose)
    return made


class DemandLetters:
    """Demands as they are sent: with where to answer, signed in the organization's name."""

    def __init__(self, settings: Settings, ledger: LedgerFile) -> None:
        self._origin = settings.url
        self._promises = PromiseBook(ledger, ledger.keys)

    def dress(self, delivery: Delivery, body: bytes) -> Dressed:
        """Raises NotFound where there is no such organization any more."""
        letter = demands.letter(msgspec.msgpack.decode(body, type=Wanted), self._origin)
        key = self._promises.sending_key(delivery.org)
        headers = {
            demands.SIGNATURE: base64url(key.sign(letter)),
            demands.SIGNER: base64url(key.public_key().public_bytes_raw()),
            demands.DELIVERY: delivery.id,
        }
        return Dressed(letter, headers)


class Acknowledgements:
    """What recipients say over HTTP: written by a thread, since a process that answers must not wait for a disk."""

    def __init__(self, open_book: Callable[[], DemandFile]) -> None:
        self._open = open_book
        self._book: DemandFile | None = None
        self._turn = threading.Lock()

    async def acknowledge(self, demand: str, token: str, body: bytes, signature: str) -> tuple[int, bool]:
        """When it was acknowledged first (µs), and whether signed. Raises NotFound."""
        return await asyncio.to_thread(self._acknowledge, demand, token, body, signature)

    def _acknowledge(self, demand: str, token: str, body: bytes, signature: str) -> tuple[int, bool]:
        with self._turn:
            if self._book is None:
                self._book = self._open()
            return self._book.acknowledge(demand, token, body, signature)

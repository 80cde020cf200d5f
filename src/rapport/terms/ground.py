"""What a decision rests on, read in one ledger snapshot; a receipt is committed only while it still holds."""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import msgspec

from rapport.terms.clauses import Terms
from rapport.terms.declaration import Standing
from rapport.terms.receipts import Receipt


class Holder(msgspec.Struct, frozen=True):
    """A person who claims some of a customer's identifiers. `locked`: towards the organization that asks; `links` are
    those identifiers (`type:value`); `key` is the content hash of the terms; `agreement` the one in force, or ""."""

    id: int
    handle: str
    version: int
    locked: bool
    terms: Terms
    key: bytes
    links: frozenset[str]
    agreement: str = ""


class Ground(msgspec.Struct, frozen=True):
    """Promises and persons that a decision about one customer rests on. `tokens`: the blinded identifiers by which the
    persons were found, 16 bytes each; `epoch` moves whenever anything of it may have changed."""

    epoch: int
    org: str
    standing: Standing
    holders: tuple[Holder, ...] = ()
    tokens: bytes = b""


class Limit(msgspec.Struct, frozen=True):
    """At most `most` uses by an organization for a purpose since a day (days since the epoch), this one not counted."""

    person: int
    purpose: str
    since: int
    most: int


Along = Callable[[Any], bool]
"""What is written into the ledger (given as it is in the process that writes) in the transaction of a receipt; False
where what it rests on has changed: nothing of it is kept then."""


class Pending(msgspec.Struct):
    """A receipt on its way into the book; `stale` once something that it rests on was found changed: it was not kept.

    `person` is whom it tells (0: nobody), and `others` who is told beside them; `customer` the number of the record
    whose handle the customer shows, in whose tree the receipt is kept (0: in none; of a person's own look, the person's
    number); `unmet` names the criteria that kept the organization out; `listed`: it is one of many that were looked
    through, and nobody asked for just it; `along`: what is kept with it, or neither is; `failed`: what nobody thought
    of, as that was to be kept.
    """

    receipt: Receipt
    ground: Ground
    person: int = 0
    limits: tuple[Limit, ...] = ()
    unmet: str = ""
    customer: int = 0
    stale: bool = False
    listed: bool = False
    along: Along | None = None
    failed: Exception | None = None
    others: tuple[int, ...] = ()


class People(Protocol):
    """The ledger's side of persons, in the process that decides."""

    def snapshot(self) -> AbstractContextManager[object]:
        """One moment of the ledger for all that is asked within it; a ground by itself is of one moment too."""

    def ground(self, org: str, links: Collection[str]) -> Ground:
        """The organization's promises, and the persons who claim any of a customer's identifiers (`type:value`)."""

    def grounds(self, org: str, links: Sequence[Collection[str]]) -> Sequence[Ground]:
        """The same for many customers, in their order."""

    def claims(self, person: int) -> list[tuple[str, str, str]]:
        """(organization, type, value) of all that a person claims."""

    def uses(self, person: int, org: str, purpose: str, since: int) -> int:
        """How often an organization has used a person's data for a purpose since a day."""


class ReceiptBook(Protocol):
    async def commit(self, pending: Sequence[Pending]) -> None:
        """Return once each receipt is synced, or marked stale. Raises Full where none can be kept: then nothing may
        leave."""

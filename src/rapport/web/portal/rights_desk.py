"""What the person's pages about their rights ask of the rest of the house; `rapport.app` answers it.

Words come as words already; times are integer microseconds since the epoch, UTC.
"""

from pathlib import Path
from typing import Literal, Protocol

import msgspec

from rapport.web.portal.told import Effect, Look, Session

Form = Literal["json", "csv", "parquet", "jsonld"]


class Request(msgspec.Struct, frozen=True):
    """Something that was asked for by right. `name` is the company's, "" for all; `took` in words, "" while it waits;
    `told` lists what a company's systems were told, and when."""

    id: str
    at: int
    right: str
    law: str
    what: str
    """As a sentence: `You objected to use to advertise to you.`"""
    name: str
    status: str
    deadline: int
    took: str
    words: str
    answer: str
    by: str
    receipts: tuple[str, ...]
    told: tuple[str, ...] = ()


class Rights(msgspec.Struct, frozen=True):
    """A page of requests, the newest first; and what the forms offer: (name, words) of companies and purposes."""

    requests: tuple[Request, ...]
    next: str | None
    companies: tuple[tuple[str, str], ...]
    purposes: tuple[tuple[str, str], ...]


class Stop(msgspec.Struct, frozen=True):
    """What stopping a company's use for a purpose (`any`: all) would change."""

    org: str
    purpose: str
    why: str
    effect: Effect
    so_already: bool


class Erasing(msgspec.Struct, frozen=True):
    """What an erasure would take: by company, what it knows the person by, and what a law makes it keep."""

    companies: tuple[tuple[str, tuple[tuple[str, str], ...], tuple[str, ...]], ...]


class Erased(msgspec.Struct, frozen=True):
    """What an erasure took. `kept` says what laws keep; `proof` fetches their last receipts for ten minutes; `demanded`
    says who else was given them in an export, and until when each is asked to have deleted them."""

    records: int
    events: int
    identifiers: int
    kept: tuple[str, ...]
    waiting: int
    took: str
    proof: str
    demanded: tuple[str, ...] = ()


class RightsDesk(Protocol):
    async def rights(self, session: Session, cursor: str | None) -> Rights: ...

    async def stopping(self, session: Session, org: str, purpose: str) -> Stop:
        """What it would change. Raises NotFound, BadInput."""

    async def stop(self, session: Session, org: str, purpose: str) -> None:
        """Do it; it holds from the next read on."""

    async def use(self, session: Session, receipt: str) -> Look:
        """A use of theirs by its receipt. Raises NotFound."""

    async def review(self, session: Session, receipt: str, words: str) -> str:
        """Ask the company for a human's look at what was decided with a use; the request's id. Raises NotFound,
        BadInput, Conflict."""

    async def withdraw(self, session: Session, request: str) -> None:
        """Take back a request that waits. Raises NotFound, Conflict."""

    async def copy(self, session: Session, form: Form) -> Path:
        """All that companies know, as one archive, which whoever gets it deletes. Raises Busy while one is made."""

    async def erasing(self, session: Session) -> Erasing: ...

    async def erase(self, session: Session) -> Erased:
        """Erase them for good; return once that is complete and durable. Raises Conflict where they are erased."""

    def proof(self, token: str) -> bytes | None:
        """The last receipts of somebody who was erased; None where there is none, or no more."""

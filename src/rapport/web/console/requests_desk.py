"""What the console asks about people's requests. Times are integer microseconds since the epoch, UTC."""

from typing import Literal, Protocol

import msgspec

from rapport.web.console.session import Session

Outcome = Literal["done", "refused"]


class Asked(msgspec.Struct, frozen=True):
    """A request that is addressed to the organization. `about` says in words what is to be looked at; `customer` the
    handle which the use in question was answered with, "" where there is none; `took` in words, "" while it waits."""

    id: str
    at: int
    right: str
    law: str
    about: str
    customer: str
    receipt: str
    words: str
    status: str
    deadline: int
    took: str
    answer: str
    by: str


class Took(msgspec.Struct, frozen=True):
    """How long requests by one right took, in words."""

    right: str
    ended: int
    waiting: int
    half: str
    all: str


class Requests(msgspec.Struct, frozen=True):
    """Those that wait, the oldest first; a page of those that ended, the newest first."""

    waiting: tuple[Asked, ...]
    ended: tuple[Asked, ...]
    next: str | None
    times: tuple[Took, ...]


class RequestsDesk(Protocol):
    async def requests(self, session: Session, cursor: str | None) -> Requests: ...

    async def answer(self, session: Session, request: str, outcome: Outcome, words: str) -> None:
        """Answer one, once. Raises NotFound, BadInput without words, Conflict where it has ended."""

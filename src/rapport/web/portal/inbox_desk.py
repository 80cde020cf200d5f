"""What the person's inbox asks of the rest of the house; `rapport.app` answers it. Times are integer microseconds since
the epoch, UTC."""

from contextlib import AbstractContextManager
from typing import Protocol

import msgspec

from rapport.decide.kinds import NOTICE
from rapport.decide.person import Answer
from rapport.web.portal.told import Session


class Message(msgspec.Struct, frozen=True):
    """One thing that was done for the person. `gives` and `takes`: what it is expected to give them and the company, in
    money of the `currency` (None where none is set), against silence; `because`: what speaks for it, in words of what
    is known; `grounds`: what happened, or is known of them, without which it would not be for them, in words; `starts`:
    what made it come by itself, in words; `serves`: their goals that it serves, in their words; `withheld`: what their
    terms kept back from it, in words; `weight`: the share of their side in it, 0 to 1; `stopped`: they said stop, to it
    or to all of its kind, and `stopped_for_all`: so to all companies; `leaning`: how often they asked for more of its
    kind, less how often for less."""

    id: str
    org: str
    company: str
    at: int
    action: str
    kind: str
    title: str
    text: str
    link: str
    gives: float
    takes: float
    currency: str
    because: tuple[str, ...]
    grounds: tuple[str, ...]
    starts: tuple[str, ...]
    serves: tuple[str, ...]
    withheld: str
    weight: float
    fresh: bool
    stopped: bool
    stopped_kind: bool
    stopped_for_all: bool
    leaning: int
    receipt: str

    @property
    def must(self) -> bool:
        """It must be said, whatever else: nothing was weighed, and no stop keeps it away."""
        return self.kind == NOTICE


class Inbox(msgspec.Struct, frozen=True):
    """A page; `before`: where the next one begins, None: this is the last. `alone`: nothing comes at all, until a time
    or until they say so (None). `unreadable`: so many came that nobody can read any more."""

    messages: tuple[Message, ...]
    before: int | None
    alone: bool
    until: int | None
    unreadable: int = 0


class News(msgspec.Struct, frozen=True):
    """How many came that they have not seen, and which came last (its id; "": none)."""

    unseen: int
    newest: str


class Opened(Protocol):
    """An inbox that is open in some browser, and kept up to date there."""

    @property
    def news(self) -> News:
        """As it was last."""

    async def changed(self, seconds: float) -> None:
        """Wait until there is other news, and not longer than this."""


class InboxDesk(Protocol):
    async def inbox(self, session: Session, before: int | None) -> Inbox:
        """A page of what came, the newest first; what is on it is seen from now on."""

    async def news(self, session: Session) -> News: ...

    def expect_place(self, session: Session) -> None:
        """Raises TooMany where this person has too many open, Busy where all have."""

    def opened(self, session: Session) -> AbstractContextManager[Opened]:
        """Meanwhile, it is open. Raises as `expect_place` does."""

    async def answer(self, session: Session, decision: str, answer: Answer) -> Message:
        """Say less, more, stop or resume; return it as it is from now on. Raises NotFound where the decision is not
        about this person."""

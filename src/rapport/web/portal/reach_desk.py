"""What the person's page about how they are reached asks of the rest of the house; `rapport.app` answers it. Times are
integer microseconds since the epoch, UTC."""

from typing import NamedTuple, Protocol

import msgspec

from rapport.decide.reach import Change
from rapport.web.portal.told import Session


class OfKind(msgspec.Struct, frozen=True):
    """What was said of a kind of action. `leaning`: how often for more of it, less how often for less."""

    kind: str
    leaning: int
    stopped: bool


class Wished(msgspec.Struct, frozen=True):
    """What a person says to one company, or to all. `alone` now, until a time or until they say so (None); `minute`:
    None: as the company counts; `stopped`: single actions, by their ids."""

    alone: bool
    until: int | None
    quiet: str
    zone: str
    kinds: tuple[OfKind, ...]
    stopped: tuple[str, ...]
    minute: float | None
    takes_part: bool


class Reaching(msgspec.Struct, frozen=True):
    """A company, with what was said to it. It counts a `minute` of anybody's so much, in its `currency` ("": it
    has said none); the person's side weighs `weight` (0 to 1), its own the rest; a share `holdout` is left alone
    by lot."""

    org: str
    name: str
    said: Wished
    currency: str
    minute: float
    weight: float
    holdout: float


class Reach(msgspec.Struct, frozen=True):
    everywhere: Wished
    companies: tuple[Reaching, ...]


class Done(NamedTuple):
    """What holds now, and the change that brings back what was."""

    reach: Reach
    back: Change


class ReachDesk(Protocol):
    async def reach(self, session: Session) -> Reach: ...

    async def say(self, session: Session, change: Change) -> Done:
        """It holds for all that is decided, or leaves, from now on. Raises BadInput, NotFound where the person is no
        customer of the company."""

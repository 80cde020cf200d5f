"""What the person's page about their goals asks of the rest of the house; `rapport.app` answers it. Times are integer
microseconds since the epoch, UTC."""

from typing import Literal, Protocol

import msgspec

from rapport.terms.goals import Goal, Progress
from rapport.web.portal.told import Session

Step = Literal["pause", "resume", "finish", "reopen", "forget", "tell", "untell"]


class MyGoal(msgspec.Struct, frozen=True):
    """`progress`: None for a goal in words alone, and for one that is put aside or finished; `told`: the companies that
    may know it, by their ids."""

    id: str
    words: str
    kind: str
    orgs: tuple[str, ...]
    names: tuple[str, ...]
    """The companies' names, in the order of `orgs`."""
    amount: str
    currency: str
    times: int
    per: str
    said_at: int
    paused: bool
    finished_at: int | None
    progress: Progress | None
    told: tuple[str, ...] = ()


class Place(msgspec.Struct, frozen=True):
    """A company at which a goal can be measured."""

    org: str
    name: str


class Goals(msgspec.Struct, frozen=True):
    goals: tuple[MyGoal, ...]
    companies: tuple[Place, ...]


class GoalsDesk(Protocol):
    async def goals(self, session: Session) -> Goals:
        """All, the newest first. What was measured is received: a receipt for each company that was looked at."""

    async def say(self, session: Session, goal: Goal) -> str:
        """Keep a goal; return its handle. Raises BadInput, Conflict."""

    async def step(self, session: Session, goal: str, step: Step, org: str = "") -> None:
        """`org`: whom to let know, or no more (tell, untell). It holds from the next decision on. Raises NotFound."""

"""What the console asks about what decisions gave. Nothing here is of any one customer: figures speak of many, or are
not told."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from rapport.decide.decision import Manner
from rapport.decide.kinds import Units
from rapport.learn.reviewed import Other
from rapport.learn.verdicts import Rail
from rapport.web.console.session import Session
from rapport.web.retrospects import Looked


class Setting(msgspec.Struct, frozen=True):
    """In which units it is counted, how it is decided, which actions there are to ask about, and where some of them
    stand by the guard-rails."""

    units: Units
    manner: Manner
    actions: tuple[str, ...] = ()
    rails: Mapping[str, Rail] = msgspec.field(default_factory=dict)


class LookingDesk(Protocol):
    async def review(self, session: Session) -> Looked:
        """What decisions gave both sides (a Review). Raises Busy."""

    async def what_if(self, session: Session, other: Other) -> Looked:
        """What another way to decide would have given (Answered). Raises BadInput, NotFound, Busy."""

    async def setting(self, session: Session) -> Setting: ...

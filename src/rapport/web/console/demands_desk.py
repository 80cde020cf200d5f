"""What the console asks about deletion demands. Times are integer microseconds since the epoch, UTC."""

from typing import Protocol

import msgspec

from rapport.act.demands import Demand, State
from rapport.web.console.session import Session


class Recipient(msgspec.Struct, frozen=True):
    """Somebody who takes demands or would have to: named in the declaration, asked before, or with an address. `url` is
    "" as long as there is none; `signs`: it registered a key of its own; `counts`: how many demands in each state."""

    name: str
    url: str
    signs: bool
    declared: bool
    counts: dict[State, int]


class Demands(msgspec.Struct, frozen=True):
    """A page of demands, newest first; and everybody concerned, by name."""

    recipients: tuple[Recipient, ...]
    rows: tuple[Demand, ...]
    next: str | None


class DemandsDesk(Protocol):
    async def demands(self, session: Session, cursor: str | None) -> Demands: ...

    async def set_recipient(self, session: Session, name: str, url: str, key: str) -> int:
        """Say where a recipient takes demands; `key` is its public key in base64url, or "". Returns how many demands
        that waited for it are sent now. Raises BadInput, naming the field."""

    async def remove_recipient(self, session: Session, name: str) -> None:
        """Forget its address. Raises NotFound."""

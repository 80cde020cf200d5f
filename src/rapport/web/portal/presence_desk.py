"""What the person's pages about bound devices and taps ask of the rest of the house; `rapport.app` answers it. Times
are integer microseconds since the epoch, UTC."""

from typing import Protocol

import msgspec

from rapport.web.portal.told import Session


class Asked(msgspec.Struct, frozen=True):
    """A device that waits to be bound, as it says it is."""

    code: str
    kind: str
    name: str


class Bound(msgspec.Struct, frozen=True):
    """A device that is bound to the person. `until`: it ends by itself then."""

    id: int
    kind: str
    name: str
    created_at: int
    seen_at: int
    until: int | None


class PresenceDesk(Protocol):
    async def enter(self, session: Session, code: str) -> Asked:
        """What a code would bind; its device shows a number from now on. Raises NotFound, alike for an unknown code,
        one that ended and another's; Conflict where they have no passkey, TooMany."""

    async def approve(self, session: Session, code: str, number: str) -> None:
        """Bind it. Raises NotFound likewise, BadInput for a wrong number, which ends the pairing; Conflict, TooMany."""

    async def bound(self, session: Session) -> tuple[Bound, ...]:
        """The latest used first."""

    async def unbind(self, session: Session, device: int) -> None:
        """Let go of one. Raises NotFound."""

    async def tap_of(self, session: Session, tap: str) -> str | None:
        """The organization that asks by a tap, while it can be answered."""

    async def answer_tap(self, session: Session, tap: str) -> None:
        """Show that organization who is there, as far as the person's terms let it see. Raises Unauthorized where it
        was answered or is too old."""

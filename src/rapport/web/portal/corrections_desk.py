"""What the person's pages about corrections ask of the rest of the house; `rapport.app` answers it."""

from typing import Any, Protocol

import msgspec

from rapport.web.portal.told import Session


class Correcting(msgspec.Struct, frozen=True):
    """A trait that could be corrected at a company: `shown` as the view has it, with the others beside it.

    `parts` (name, text): of a value that has some, such as an address; `own`: they have corrected it already; `told`:
    the systems that would be told; `why_not`: why it cannot be corrected, "" where it can.
    """

    org: str
    name: str
    trait: str
    shown: dict[str, Any]
    parts: tuple[tuple[str, str], ...]
    yes_or_no: bool
    own: bool
    told: tuple[str, ...]
    why_not: str
    receipt: str


class CorrectionsDesk(Protocol):
    async def correcting(self, session: Session, org: str, trait: str) -> Correcting:
        """What could be corrected, with a receipt of the look. Raises NotFound where there is no such thing."""

    async def correct(self, session: Session, org: str, trait: str, value: str | dict[str, str] | None) -> None:
        """Do it, or with None take it back; it is shown once this returns. Raises NotFound, BadInput, Conflict."""

"""What the console asks about promises and what came of them. Times are integer microseconds since the epoch, UTC."""

from typing import Any, Literal, Protocol

import msgspec

from rapport.terms import Declaration
from rapport.terms.simulator import Simulation
from rapport.web.console.session import Session


class Promised(msgspec.Struct, frozen=True):
    """The declaration in force. `version` 0: nobody declared anything, and what holds by default does. `remarks`: a
    sentence for each claim that counts for less than its writer may think. `signs_itself`: the organization's own key
    signs, so that nothing can be declared from here."""

    declaration: Declaration
    version: int
    since: int
    hash: str
    remarks: tuple[str, ...]
    signs_itself: bool


class Draft(msgspec.Struct, frozen=True):
    """A declaration that is not in force. `document` is all of it, as JSON; `changes` go on from the company's name."""

    document: str
    changes: tuple[str, ...]


class Agreed(msgspec.Struct, frozen=True):
    """An agreement in a list; of the person nothing is known here. `lines` are what was agreed, in words."""

    handle: str
    status: str
    since: int
    ended_at: int | None
    version: int
    lines: tuple[str, ...]


class AgreedPage(msgspec.Struct, frozen=True):
    rows: tuple[Agreed, ...]
    next: str | None


class Use(msgspec.Struct, frozen=True):
    """One use: something was given. `what` is in words, as its person reads it."""

    id: str
    at: int
    purpose: str
    action: str
    caller: str
    what: str


class Uses(msgspec.Struct, frozen=True):
    """A page of uses, newest first; and for the last `days` how many there were by purpose, and how often nothing was
    given: refused and absent look alike. `gave`: what was settled in that time, by side, in the shape of
    `terms/benefits.totals`."""

    rows: tuple[Use, ...]
    next: str | None
    days: int
    by_purpose: dict[str, int]
    nothing: int
    gave: dict[str, list[dict[str, Any]]] = {}


class ToldWhy(msgspec.Struct, frozen=True):
    """A customer who chose to tell what their terms wanted, in words, and for which purpose."""

    customer: str
    purpose: str
    unmet: tuple[str, ...]
    at: int


class Wanted(msgspec.Struct, frozen=True):
    """What kept the organization out in the last `days`: criteria in words, each with about how many people. `people`:
    how many in all; None: fewer than `floor`, and then nothing more is told. `told`: who chose to tell it."""

    days: int
    floor: int
    people: int | None
    criteria: tuple[tuple[str, int], ...]
    told: tuple[ToldWhy, ...] = ()


class TermsDesk(Protocol):
    async def promised(self, session: Session) -> Promised: ...

    async def draft(self, session: Session, document: bytes, form: Literal["json", "toml"]) -> Draft:
        """Raises BadInput, TooLarge, with the `field` that is wrong."""

    async def declare(self, session: Session, document: bytes, version: int) -> None:
        """Put it in the place of this version. Raises BadInput, Conflict where another is in force."""

    async def simulate(self, session: Session, document: bytes) -> Simulation:
        """Who would let the organization in. Takes seconds where there are many. Raises BadInput, Busy."""

    async def agreements(self, session: Session, cursor: str | None) -> AgreedPage: ...

    async def agreement(self, session: Session, handle: str) -> dict[str, Any] | None:
        """The whole record, as both sides have it."""

    async def uses(self, session: Session, cursor: str | None) -> Uses: ...

    async def wanted(self, session: Session) -> Wanted: ...

    async def mirror(self, session: Session, month: str) -> dict[str, Any]:
        """A month of the organization (`2026-11`), in the shape of `terms/mirror`. Raises BadInput."""

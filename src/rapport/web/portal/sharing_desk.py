"""What the person's page about sharing asks of the rest of the house; `rapport.app` answers it."""

from typing import Any, Protocol

import msgspec

from rapport.web.portal.told import Session


class Share(msgspec.Struct, frozen=True):
    """What is told for a purpose of what was done elsewhere. `why` is the end of a sentence, `what` words of
    categories; `exact`: each thing with its time, else by month and in bands; `named`: with the other company's name;
    `of`: of these companies alone, by name; none: of all."""

    purpose: str
    why: str
    what: str
    exact: bool
    named: bool
    of: tuple[str, ...]


class Company(msgspec.Struct, frozen=True):
    """A company that is told, or is not: how often it was this month (`times`), and of how many things; `stopped`: by a
    sentence of the person's that is about it alone."""

    org: str
    name: str
    shares: tuple[Share, ...]
    times: int
    things: int
    stopped: bool


class Sharing(msgspec.Struct, frozen=True):
    """Who is told of what was done elsewhere, and who is not. `stopped`: a sentence of the person's keeps it from
    everyone."""

    locked: bool
    told: tuple[Company, ...]
    nothing: tuple[Company, ...]
    stopped: bool


class Entry(msgspec.Struct, frozen=True):
    """One thing done elsewhere, as it would be told. `told`: what else is, in the shape of the contract's view
    (`elsewhere`)."""

    what: str
    company: str
    told: dict[str, Any]


class Shown(msgspec.Struct, frozen=True):
    company: Company
    entries: tuple[Entry, ...]
    receipt: str


class SharingDesk(Protocol):
    async def sharing(self, session: Session) -> Sharing: ...

    async def told(self, session: Session, org: str) -> Shown:
        """What a company would be told now. Raises NotFound where the person is no customer there."""

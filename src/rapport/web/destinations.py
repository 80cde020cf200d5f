"""Destinations as the API and the console ask for them."""

from typing import Protocol

from rapport.act.activation import Delivery, Destination, Health, Tried, Wish
from rapport.terms.exports import Export


class Placed(Protocol):
    """A destination that was put."""

    @property
    def destination(self) -> Destination: ...
    @property
    def health(self) -> Health: ...
    @property
    def secret(self) -> str | None:
        """One that was made for it."""

    @property
    def fresh(self) -> bool:
        """Whether it was not there before."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why nothing may come of it."""


class Destinations(Protocol):
    """Each method is for one organization; all but `put`, `listed` and `audiences` raise NotFound where it has no such
    destination."""

    async def put(self, org: str, name: str, wish: Wish) -> Placed:
        """Raises BadInput, Conflict where there are too many."""

    async def listed(self, org: str) -> list[tuple[Destination, Health]]:
        """By name."""

    async def named(self, org: str, name: str) -> tuple[Destination, Health]: ...
    async def remove(self, org: str, name: str) -> None: ...
    async def failures(self, org: str, name: str, cursor: str | None, limit: int) -> tuple[list[Delivery], str | None]:
        """What was given up, the newest first, and the cursor of the next page. Raises BadInput for a bad one."""

    async def replay(self, org: str, name: str, handle: str | None) -> int:
        """Try what was given up again: one, or all; return how many. Raises NotFound where there is no such."""

    async def trial(self, org: str, name: str) -> Tried:
        """Send it a message of nobody, now. Raises Conflict where it is a file, Busy where too many are under way."""

    async def make(self, org: str, name: str) -> Export:
        """Ask for a file. Raises Conflict where the destination is none, Busy where too many wait."""

    async def pause(self, org: str, name: str) -> None: ...
    async def resume(self, org: str, name: str) -> None: ...

    async def audiences(self, org: str) -> list[tuple[str, str]]:
        """Audiences that can be sent, by name, each with its purpose."""

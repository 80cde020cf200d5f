"""What the person's pages about who used it ask of the rest of the house; `rapport.app` answers it."""

from typing import Any, Protocol

from rapport.web.portal.told import Looks, Session


class LooksDesk(Protocol):
    async def page(self, session: Session, cursor: str | None) -> Looks:
        """Receipts, the latest first, from a cursor on. What is none begins anew."""

    async def receipts(self, session: Session, since: str | None) -> dict[str, Any]:
        """The bundle of their receipts, to be verified (`kernel/verify`); proved to continue a head seen before. Raises
        BadInput for a head that is none, Conflict where the log is shorter than that head's."""

    async def statement(self, session: Session, month: str | None) -> dict[str, Any]:
        """What came of their data in a month (`2026-11`) or since ever, in the shape of `terms/statement`. Raises
        BadInput for a month that is none."""

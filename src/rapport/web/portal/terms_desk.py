"""What the person's pages about their terms ask of the rest of the house; `rapport.app` answers it."""

from typing import Protocol

from rapport.web.portal.told import MyTerms, Proposal, Session, Way


class TermsDesk(Protocol):
    async def read(self, session: Session) -> MyTerms: ...

    async def propose(self, session: Session, way: Way, value: str) -> Proposal:
        """What a change would change. Raises BadInput, NotFound."""

    async def change(self, session: Session, way: Way, value: str) -> None:
        """Make it; it holds from the next read on. Raises BadInput, NotFound."""

    async def tell_why(self, session: Session, *, tell: bool) -> None:
        """Let companies that are refused know what the person's terms wanted, or no longer."""

"""What the person's pages ask of the rest of the house. `rapport.app` answers it; the pages know nothing else."""

from typing import Any, Protocol

from rapport.web.portal.corrections_desk import CorrectionsDesk
from rapport.web.portal.devices_desk import DevicesDesk
from rapport.web.portal.goals_desk import GoalsDesk
from rapport.web.portal.inbox_desk import InboxDesk
from rapport.web.portal.looks_desk import LooksDesk
from rapport.web.portal.presence_desk import PresenceDesk
from rapport.web.portal.proofs_desk import ProofsDesk
from rapport.web.portal.reach_desk import ReachDesk
from rapport.web.portal.rights_desk import RightsDesk
from rapport.web.portal.sharing_desk import SharingDesk
from rapport.web.portal.signing_desk import SigningDesk
from rapport.web.portal.terms_desk import TermsDesk
from rapport.web.portal.told import Agreements, Companies, Home, Known, Overview, Session


class Desk(Protocol):
    """The portal's one way to everything else."""

    @property
    def devices(self) -> DevicesDesk: ...

    @property
    def presence(self) -> PresenceDesk: ...

    @property
    def goals(self) -> GoalsDesk: ...

    @property
    def inbox(self) -> InboxDesk: ...

    @property
    def reach(self) -> ReachDesk: ...

    @property
    def proofs(self) -> ProofsDesk: ...

    @property
    def rights(self) -> RightsDesk: ...

    @property
    def signing(self) -> SigningDesk: ...

    @property
    def sharing(self) -> SharingDesk: ...

    @property
    def corrections(self) -> CorrectionsDesk: ...

    @property
    def terms(self) -> TermsDesk: ...

    @property
    def looks(self) -> LooksDesk: ...

    async def open(self, code: str) -> str | None:
        """Spend a link's code. Return a fresh session's token, which only the browser keeps; None where the code is
        unknown, too old or was spent."""

    async def leave(self, token: str) -> None: ...

    async def session(self, token: str) -> Session | None:
        """The live session of this token."""

    async def home(self, session: Session) -> Home: ...

    async def overview(self, session: Session) -> Overview:
        """The same with all else that is on the first page."""

    async def companies(self, session: Session) -> Companies: ...

    async def known(self, session: Session, org: str) -> Known | None:
        """What a company knows, with a receipt; None where the person claims nothing there."""

    async def lock(self, session: Session, org: str | None, *, locked: bool) -> None:
        """Shut a company out, or everyone (None); or undo it. Raises NotFound."""

    async def agreements(self, session: Session) -> Agreements: ...

    async def agreement(self, session: Session, handle: str) -> dict[str, Any] | None:
        """The agreement as it is recorded for both sides; None where it is not this person's."""

"""What the person's pages ask of the rest of the house. `rapport.app` answers it; the pages know nothing else."""

from typing import Any, Protocol

from rapport.web.portal.corrections_desk import CorrectionsDesk
from rapport.web.portal.devices_desk import DevicesDesk
from rapport.web.portal.goals_desk import GoalsDesk
from rapport.web.portal.presence_desk import PresenceDesk
from rapport.web.portal.proofs_desk import ProofsDesk
from rapport.web.portal.rights_desk import RightsDesk
from rapport.web.portal.sharing_desk import SharingDesk
from rapport.web.portal.signing_desk import SigningDesk
from rapport.web.portal.told import Agreements, Companies, Home, Known, Looks, MyTerms, Overview, Proposal, Session, Way


class Desk(Protocol):
    """The portal's one way to everything else."""

    @property
    def devices(self) -> DevicesDesk: ...

    @property
    def presence(self) -> PresenceDesk: ...

    @property
    def goals(self) -> GoalsDesk: ...

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

    async def terms(self, session: Session) -> MyTerms: ...

    async def propose(self, session: Session, way: Way, value: str) -> Proposal:
        """What a change would change. Raises BadInput, NotFound."""

    async def change(self, session: Session, way: Way, value: str) -> None:
        """Make it; it holds from the next read on. Raises BadInput, NotFound."""

    async def tell_why(self, session: Session, *, tell: bool) -> None:
        """Let companies that are refused know what the person's terms wanted, or no longer."""

    async def lock(self, session: Session, org: str | None, *, locked: bool) -> None:
        """Shut a company out, or everyone (None); or undo it. Raises NotFound."""

    async def looks(self, session: Session, cursor: str | None) -> Looks: ...

    async def receipts(self, session: Session, since: str | None) -> dict[str, Any]:
        """The bundle of their receipts, to be verified (`kernel/verify`); proved to continue a head seen before. Raises
        BadInput for a head that is none, Conflict where the log is shorter than that head's."""

    async def statement(self, session: Session, month: str | None) -> dict[str, Any]:
        """What came of their data in a month (`2026-11`) or since ever, in the shape of `terms/statement`. Raises
        BadInput for a month that is none."""

    async def agreements(self, session: Session) -> Agreements: ...

    async def agreement(self, session: Session, handle: str) -> dict[str, Any] | None:
        """The agreement as it is recorded for both sides; None where it is not this person's."""

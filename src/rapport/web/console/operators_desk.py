"""What the console asks about those who work in it: signing in, who else comes in, tokens, and the audit log. Times are
integer microseconds since the epoch, UTC."""

from typing import Any, Protocol

import msgspec

from rapport.web.console.session import Session
from rapport.web.passkeys import Key


class Colleague(msgspec.Struct, frozen=True):
    """An operator as others see them. `mine`: it is the one who looks; `everywhere`: at every organization, which is
    changed at the command line alone."""

    handle: str
    name: str
    role: str
    passkeys: int
    used_at: int | None
    mine: bool
    everywhere: bool


class TokenRow(msgspec.Struct, frozen=True):
    """An API token, which is not to be seen again itself."""

    handle: str
    name: str
    scopes: tuple[str, ...]
    created_at: int
    expires_at: int
    used_at: int | None


class Noted(msgspec.Struct, frozen=True):
    """A line of the audit log. `who` is what they are called; `failed` is an error's code, "" where it was done."""

    at: int
    who: str
    handle: str
    what: str
    about: str
    failed: str


class AuditPage(msgspec.Struct, frozen=True):
    """Newest first; `next` is the cursor of the page that follows."""

    rows: tuple[Noted, ...]
    next: str | None


class ConsoleSigninDesk(Protocol):
    """`client` is where a request came from, to be slowed down; `browser` what it says it is."""

    async def ready(self) -> bool:
        """Whether anybody has a passkey for the console."""

    async def ask(self, client: str) -> dict[str, Any]:
        """Options for proving a passkey. Raises TooMany."""

    async def prove(self, raw: bytes, client: str) -> str:
        """A session's token for what a browser made of them. Raises Unauthorized, BadInput, TooMany."""

    async def invited(self, code: str) -> bool:
        """Whether a code can be used; looking at it spends nothing."""

    async def enrolling(self, code: str, client: str) -> dict[str, Any]:
        """Options for making the passkey that a code invites to. Raises Unauthorized, TooMany."""

    async def enrol(self, code: str, raw: bytes, client: str, browser: str) -> str:
        """Spend the code for what a browser made of them: a session's token. Raises Unauthorized, BadInput."""

    async def keys(self, session: Session) -> tuple[Key, ...]: ...

    async def proving(self, session: Session, client: str) -> dict[str, Any]:
        """Options for proving one of one's own passkeys again."""

    async def prove_again(self, session: Session, token: str, raw: bytes, client: str) -> str:
        """The session goes on under the token that is returned, freshly verified. Raises Unauthorized, BadInput."""

    async def making(self, session: Session, client: str) -> dict[str, Any]:
        """Options for making one more passkey, or the first owner's."""

    async def make(self, session: Session, token: str, raw: bytes, client: str, browser: str) -> str:
        """Keep it; the session goes on under the token that is returned. Raises Unauthorized, BadInput, Conflict."""

    async def revoke(self, session: Session, key: int) -> None:
        """Let go of a passkey and of the sessions that it began. Raises NotFound, Conflict for the last one."""


class OperatorsDesk(Protocol):
    async def note(self, session: Session, what: str, about: str = "", failed: str = "") -> None:
        """Add a line to the audit log; it is synced when this returns."""

    async def colleagues(self, session: Session) -> tuple[Colleague, ...]: ...

    async def add(self, session: Session, name: str, role: str) -> str:
        """The code of an invitation. Raises BadInput."""

    async def invite(self, session: Session, operator: str) -> str:
        """Another one. Raises NotFound."""

    async def change(self, session: Session, operator: str, name: str, role: str) -> None:
        """Raises NotFound, BadInput, Conflict for the last owner."""

    async def remove(self, session: Session, operator: str) -> None:
        """Raises NotFound, Conflict for the last owner."""

    async def tokens(self, session: Session) -> tuple[TokenRow, ...]: ...

    async def mint(self, session: Session, name: str, scopes: tuple[str, ...], days: int) -> str:
        """The token, which is seen this once. Raises BadInput."""

    async def rotate(self, session: Session, token: str) -> str:
        """Likewise; the old one goes on for a day. Raises NotFound."""

    async def end_token(self, session: Session, token: str) -> None:
        """Raises NotFound."""

    async def audit(self, session: Session, cursor: str | None) -> AuditPage:
        """Raises BadInput for a cursor that is none."""

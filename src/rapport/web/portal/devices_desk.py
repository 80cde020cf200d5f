"""What the person's pages about devices and sign-ins ask of the rest of the house; `rapport.app` answers it. Times are
integer microseconds since the epoch, UTC."""

from typing import Any, Protocol

import msgspec

from rapport.web.passkeys import Key
from rapport.web.portal.presence_desk import Bound
from rapport.web.portal.told import Session


class Sign(msgspec.Struct, frozen=True):
    """A sign-in that goes on. `here`: it is the one that asks."""

    id: int
    browser: str
    since: int
    seen_at: int
    here: bool


class Devices(msgspec.Struct, frozen=True):
    keys: tuple[Key, ...]
    signs: tuple[Sign, ...]
    bound: tuple[Bound, ...] = ()


class DevicesDesk(Protocol):
    """`client` is where a request came from, to be slowed down; `token` the session's own."""

    async def devices(self, session: Session) -> Devices: ...

    async def proving(self, session: Session, client: str) -> dict[str, Any]:
        """Options for proving one of the person's own passkeys. Raises TooMany."""

    async def prove(self, session: Session, token: str, raw: bytes, client: str, browser: str) -> str:
        """The session goes on under the token that is returned, freshly verified. Raises Unauthorized, BadInput."""

    async def making(self, session: Session, client: str) -> dict[str, Any]:
        """Options for making one more passkey. Raises TooMany."""

    async def make(self, session: Session, raw: bytes, client: str, browser: str) -> None:
        """Keep it. Raises Unauthorized, BadInput, Conflict."""

    async def accepted(self, token: str) -> dict[str, Any] | None:
        """What to tell the browser's password manager: the passkeys that are taken still."""

    async def rename(self, session: Session, key: int, name: str) -> None:
        """Raises NotFound, BadInput."""

    async def revoke(self, session: Session, key: int) -> None:
        """Let go of a passkey and of the sign-ins made with it. Raises NotFound, Conflict for the last one."""

    async def end(self, session: Session, token: str, sign: int | None) -> int:
        """End one sign-in, or (None) all but that of this token, with links by which others would begin; return how
        many ended."""

    async def end_everything(self, session: Session) -> None:
        """End every sign-in, this one too, and let go of every bound device, all at once."""

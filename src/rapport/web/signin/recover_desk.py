"""What the pages for recovery ask of the rest of the house. `rapport.app` answers it."""

from typing import Any, Protocol

import msgspec


class Recovery(msgspec.Struct, frozen=True):
    """A recovery that this browser began; times in µs."""

    ripe_at: int
    until: int
    ripe: bool


class RecoverDesk(Protocol):
    """`client` is where a request came from, to be slowed down."""

    @property
    def mails(self) -> bool:
        """Whether codes are sent by mail."""

    async def ask(self, address: str, client: str) -> str:
        """Send a code to an address that somebody has shown to be theirs; for any other do nothing that shows. The name
        of the code, in both cases. Raises BadInput, TooMany."""

    async def begin(self, made: str, code: str, paper: str, client: str) -> str:
        """Begin by both codes: the secret by which this browser goes on. Raises Unauthorized, TooMany."""

    async def state(self, secret: str) -> Recovery | None: ...

    async def making(self, secret: str, client: str) -> dict[str, Any]:
        """Options for the new passkey, once the delay is over. Raises Unauthorized, TooMany."""

    async def make(self, secret: str, raw: bytes, client: str, browser: str) -> str:
        """End all that was, and begin a session: its token. Raises Unauthorized, BadInput, TooMany."""

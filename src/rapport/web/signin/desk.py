"""What the pages for signing in ask of the rest of the house. `rapport.app` answers it."""

from typing import Any, Protocol


class SigninDesk(Protocol):
    """`client` is where a request came from, to be slowed down; `browser` what it says it is, to be known by later."""

    async def ask(self, client: str) -> dict[str, Any]:
        """Options for proving a passkey. Raises Busy where it was asked too often."""

    async def prove(self, raw: bytes, client: str, browser: str, leaving: str = "") -> str:
        """A session's token for what a browser made of them; the one that it had (`leaving`) ends. Raises Unauthorized,
        BadInput, Busy."""

    async def invited(self, code: str) -> bool:
        """Whether a code can be used; looking at it spends nothing."""

    async def enrolling(self, code: str, client: str) -> dict[str, Any]:
        """Options for making the passkey that a code invites to. Raises Unauthorized, Busy."""

    async def enrol(self, code: str, raw: bytes, client: str, browser: str, leaving: str = "") -> str:
        """Spend the code for what a browser made of them: a session's token, likewise. Raises Unauthorized, BadInput,
        Busy, Conflict."""

    async def accepted(self, token: str) -> dict[str, Any] | None:
        """What to tell the browser's password manager of a session's person: the passkeys that are taken still."""

    async def live(self, token: str) -> bool:
        """Whether a session goes on."""

"""What the domain asks of the world around it, written from the caller's side. Adapters implement these; `app` plugs
them in."""

from typing import Final, Protocol

import msgspec


class LogEntry(msgspec.Struct, frozen=True, array_like=True):
    """One accepted request body, as it came (inflated), with what is needed to read it again.

    `wire` is "segment", "posthog", "import", "operator" or "you"; `received_at` is in microseconds. `sound`: every
    event was judged when it came and none was refused, so that reading it again need not judge.
    """

    org: str
    source: str
    wire: str
    path: str
    received_at: int
    body: bytes
    gpc: bool = False
    sound: bool = False


class Log(Protocol):
    """Where acknowledged bytes go first."""

    async def append(self, entry: LogEntry) -> int:
        """Return the entry's sequence number once its bytes are synced.

        Raises Busy when too much is waiting, Full when there is no place; then nothing was kept.
        """


class Source(msgspec.Struct, frozen=True):
    """A source as collection needs it. `trusted`: it speaks for the organization's own systems, not for a browser."""

    org: str
    name: str
    trusted: bool = False
    trust: int = 0
    write_key: str = ""


YOU: Final = "you"
"""The source of what people say themselves of what an organization knows of them; no system goes by this name."""
OWN_WORD: Final = 1 << 30
"""The trust of that source: above any that a system can have, so that a person's own word wins."""
PRESENCE: Final = "presence"
"""The source of the events of recognised presence, which people's own devices tell; no system goes by this name."""
MESSAGES: Final = "messages"
"""The source of what comes back of messages that the node sent, such as that somebody unsubscribed."""


class SourceDirectory(Protocol):
    def by_write_key(self, write_key: str) -> Source | None:
        """The source a write key belongs to, or None; answers from memory for keys it has seen."""

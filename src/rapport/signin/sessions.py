"""Sessions: a browser that has proved who uses it, and how sure that is.

Three levels: 0, a bound key was used; 1, and it is near; 2, and its holder was verified, by a finger, a face or a PIN.
What cannot be taken back needs level 2 that is fresh.
"""

import msgspec

from rapport.kernel.times import DAY, MINUTE

FRESH = 5 * MINUTE
"""How long a verification counts for what needs a fresh one."""
LIFE = 30 * DAY
IDLE = 14 * DAY
"""A session that nobody used for so long has ended."""


class Session(msgspec.Struct, frozen=True):
    """A live session. `id` is not secret; `verified_at` is when its holder was verified last (µs), 0: never."""

    id: int
    person: str
    created_at: int
    seen_at: int
    verified_at: int
    passkey: int | None = None

    def fresh(self, at: int) -> bool:
        return 0 <= at - self.verified_at < FRESH

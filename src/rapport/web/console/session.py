"""Who looks: a browser that signed in to the console."""

import msgspec

from rapport.signin.operators import Role
from rapport.signin.sessions import FRESH


class Session(msgspec.Struct, frozen=True):
    """A browser that signed in with a passkey, or came by a link. It looks at one organization, for one purpose at a
    time."""

    id: str
    """Names the session in receipts and logs; opens nothing."""
    org: str
    operator: str
    """What the operator is called."""
    purpose: str
    role: Role | None = None
    """None: they may do nothing at all."""
    handle: str = ""
    """`opr_…`; "" for who came by a link."""
    verified_at: int = 0
    """When their holder was verified last (µs)."""
    everywhere: bool = False
    """Whether they may choose the organization."""

    @property
    def by_link(self) -> bool:
        return not self.handle

    def fresh(self, at: int) -> bool:
        return 0 <= at - self.verified_at < FRESH

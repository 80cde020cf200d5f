"""Who looks: a browser that signed in to the console."""

import msgspec


class Session(msgspec.Struct, frozen=True):
    """A browser that signed in with a link. It looks at one organization, for one purpose at a time."""

    id: str
    """Names the session in receipts and logs; opens nothing."""
    org: str
    operator: str
    purpose: str

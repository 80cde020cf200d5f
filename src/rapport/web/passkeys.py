"""A passkey of one's own, as the pages of both areas tell it."""

import msgspec


class Key(msgspec.Struct, frozen=True):
    """Times are in microseconds since the epoch, UTC. `synced`: it may be on several devices; `backed_up`: it is."""

    id: int
    name: str
    synced: bool
    created_at: int
    used_at: int | None
    backed_up: bool = False

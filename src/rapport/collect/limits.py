"""How large a body and an event may be, by wire format. More is refused by name, never cut silently."""

from collections.abc import Mapping

import msgspec

MAX_DEPTH = 200
"""Levels of objects and lists in one event: far more than data has, far less than what exhausts a reader's stack."""


class Limits(msgspec.Struct, frozen=True):
    """Sizes in bytes of JSON, after inflating."""

    event: int
    body: int
    events: int
    """How many events one body may hold."""


LIMITS: Mapping[str, Limits] = {
    "segment": Limits(event=32 * 1024, body=500 * 1024, events=2_500),
    "posthog": Limits(event=1024 * 1024, body=20 * 1024 * 1024, events=100_000),
    "import": Limits(event=1024 * 1024, body=64 * 1024 * 1024, events=100_000),
}

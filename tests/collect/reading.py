"""How tests of collect put a body in and take events out."""

import json
from typing import Any

from rapport.collect import Decoded, Event, decode, validate
from rapport.kernel.ports import LogEntry
from rapport.kernel.times import parse_rfc3339

RECEIVED = parse_rfc3339("2026-11-21T20:02:56Z")


def read(
    body: Any, *, wire: str = "segment", path: str = "batch", received_at: int = RECEIVED, gpc: bool = False
) -> Decoded:
    """Decode a body given as bytes or as what its JSON says, after seeing that it was answered alike."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answered = validate(wire, path, raw)
    decoded = decode(LogEntry("acme", "web", wire, path, received_at, raw, gpc))
    assert answered.accepted == len(decoded.events)
    assert [(r.index, r.code, r.message) for r in answered.rejected] == [
        (r.index, r.code, r.message) for r in decoded.rejected
    ]
    return decoded


def one(
    body: Any, *, wire: str = "segment", path: str = "track", received_at: int = RECEIVED, gpc: bool = False
) -> Event:
    """The one event in a body."""
    decoded = read(body, wire=wire, path=path, received_at=received_at, gpc=gpc)
    assert not decoded.rejected
    (event,) = decoded.events
    return event


def codes(decoded: Decoded) -> list[tuple[int | None, str]]:
    """Which parts were refused, and why."""
    return [(rejected.index, rejected.code) for rejected in decoded.rejected]

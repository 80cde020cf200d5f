"""`validate` answers before `decode` reads: whatever is sent, the two must agree on every event."""

import json
from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rapport.collect import decode, validate
from rapport.kernel.ports import LogEntry
from tests.collect.bodies import bodies

RECEIVED = 1_795_000_000_000_000


def _deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@settings(max_examples=500)
@given(bodies())
@example(
    (
        "segment",
        "batch",
        json.dumps(
            {"batch": [{"type": "track", "event": "e", "userId": "u", "properties": {"x": _deep(250)}}]}
        ).encode(),
    )
)
@example(("segment", "track", b'{"event":"e","userId":"u","properties":{"x":1e999,"y":' + b"9" * 5000 + b"}}"))
@example(("segment", "track", b'{"event":"e","userId":"u","properties":{"x":"\xff"},"integrations":{"y":"\xff"}}'))
@example(
    ("segment", "batch", b'{"batch":[' + b"[" * 3000 + b"]" * 3000 + b',{"type":"track","event":"e","userId":"u"}]}')
)
@example(("posthog", "batch", b"[" * 3000))
def test_both_readings_come_to_the_same_verdict_on_every_event(sent):
    wire, path, body = sent
    answered = validate(wire, path, body)
    kept = decode(LogEntry("acme", "web", wire, path, RECEIVED, body))

    assert [(r.index, r.code) for r in answered.rejected] == [(r.index, r.code) for r in kept.rejected]
    assert answered.accepted == len(kept.events)
    # What is kept can be written to a disk and read again, whatever numbers and texts it holds.
    assert (
        msgspec.msgpack.decode(
            msgspec.msgpack.encode(kept.events), type=list[type(kept.events[0])] if kept.events else list
        )
        == kept.events
    )


@given(st.binary(max_size=200))
def test_no_bytes_at_all_make_either_reading_raise(body):
    for wire in ("segment", "posthog", "import"):
        assert validate(wire, "batch", body).accepted == len(
            decode(LogEntry("acme", "web", wire, "batch", RECEIVED, body)).events
        )

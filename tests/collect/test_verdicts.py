"""`validate` answers before `decode` reads: whatever is sent, the two must agree on every event."""

import json
from typing import Any

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rapport.collect import decode, validate
from rapport.kernel.ports import LogEntry

RECEIVED = 1_795_000_000_000_000

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**30, -(10**400), 10**400, 2**64, 0, -1])
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text(max_size=12)
    | st.sampled_from(
        ["", " ", "null", "anonymous", "0000", "u1", "\ud800", "a\x00b", "\udc00x", "2026-11-21T20:02:55Z", "x" * 1100]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)

SEGMENT_FIELDS = [
    "type",
    "event",
    "messageId",
    "userId",
    "anonymousId",
    "groupId",
    "previousId",
    "timestamp",
    "originalTimestamp",
    "sentAt",
    "traits",
    "properties",
    "context",
    "name",
    "category",
    "integrations",
    "writeKey",
    "key",
    "identifiers",
    "categories",
]
POSTHOG_FIELDS = [
    "event",
    "distinct_id",
    "uuid",
    "timestamp",
    "offset",
    "sent_at",
    "properties",
    "$set",
    "$set_once",
    "api_key",
]
KINDS = st.sampled_from(["track", "identify", "page", "screen", "group", "alias", "nonsense"])
POSTHOG_NAMES = st.sampled_from(["Viewed", "$identify", "$set", "$pageview", "$groupidentify", "$create_alias", ""])
POSTHOG_PROPERTIES = st.dictionaries(
    st.sampled_from(
        [
            "distinct_id",
            "alias",
            "$anon_distinct_id",
            "$device_id",
            "$group_key",
            "$lib",
            "$set",
            "$unset",
            "$insert_id",
            "sku",
        ]
    ),
    st.sampled_from(["u1", "u2", "posthog-python"]) | VALUES,
    max_size=5,
)


def _object(fields: list[str], sound: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """Objects that are mostly sound, with any field of any type now and then."""
    mostly = st.fixed_dictionaries({}, optional=sound)
    return (
        st.builds(
            lambda good, bad: {**good, **bad}, mostly, st.dictionaries(st.sampled_from(fields), VALUES, max_size=2)
        )
        | VALUES
    )


CONTEXTS = st.fixed_dictionaries({}, optional=dict.fromkeys(["traits", "externalIds", "device", "consent"], VALUES))
SEGMENT_EVENTS = _object(
    SEGMENT_FIELDS,
    {
        "type": KINDS,
        "event": st.just("Viewed"),
        "userId": st.sampled_from(["u1", "u2", 17850]),
        "anonymousId": st.just("a1"),
        "groupId": st.just("g1"),
        "previousId": st.just("a1"),
        "timestamp": st.just("2026-11-21T20:02:55.123Z"),
        "traits": st.dictionaries(st.sampled_from(["email", "phone", "plan"]), VALUES, max_size=3),
        "context": CONTEXTS,
    },
)
POSTHOG_EVENTS = _object(
    POSTHOG_FIELDS, {"event": POSTHOG_NAMES, "distinct_id": st.just("u1"), "properties": POSTHOG_PROPERTIES}
)


def _deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, str, bytes]:
    """(wire, path, body): JSON as Python writes it (NaN, lone surrogates), at times with a few bytes changed."""
    wire = draw(st.sampled_from(["segment", "posthog", "import"]))
    events = POSTHOG_EVENTS if wire == "posthog" else SEGMENT_EVENTS
    path = draw(st.sampled_from(["batch", "track", "identify", "alias", "group"]))
    value = draw(
        st.builds(lambda items: {"batch": items, "sentAt": "2026-11-21T20:02:56Z"}, st.lists(events, max_size=4))
        | events
    )
    body = json.dumps(value, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    for _ in range(draw(st.integers(0, 2)) if draw(st.booleans()) else 0):
        at = draw(st.integers(0, max(0, len(body) - 1)))
        body = (
            body[:at]
            + draw(
                st.binary(max_size=3) | st.sampled_from([b'"', b"[", b"}", b",", b"\\", b"\\ud800", b"1e999", b"NaN"])
            )
            + body[at + 1 :]
        )
    return wire, path, body


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

"""Bodies that clients might send, sound and unsound, of every wire format."""

import json
from typing import Any

from hypothesis import strategies as st

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

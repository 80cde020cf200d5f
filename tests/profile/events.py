"""Events made by hand, for what is tested below the wire formats."""

from typing import Any

from rapport.collect import Event


def event(**fields: Any) -> Event:
    """An event of user `u` with these fields; the rest is as plain as can be."""
    plain: dict[str, Any] = {
        "kind": "track",
        "name": "Viewed",
        "message_id": "m",
        "user_id": "u",
        "anonymous_id": None,
        "key": None,
        "time": 0,
        "corrected": False,
        "received_at": 0,
        "traits": {},
        "traits_once": {},
        "properties": {},
        "context": {},
        "group_id": None,
        "previous_id": None,
        "identifiers": (),
        "consent": None,
        "categories": {},
        "digest": bytes(8),
    }
    return Event(**(plain | fields))

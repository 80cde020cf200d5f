"""One customer's story, told through every client library, and what the view must then say.

Ada looks at shoes before anyone knows her, signs in, buys twice (one purchase reported late), belongs to a company, and
was once known by another id.
"""

from typing import Any

from tests.e2e.running import Org

BOUGHT_AT = "2026-03-14T09:26:53.589000Z"
SEGMENTS_STORY = {
    "identifiers": [
        "anonymous_id:a1",
        "anonymous_id:old-ada",
        "device_id:till-3",
        "email:ada@example.com",
        "user_id:ada",
    ],
    "traits": {"email": "Ada@Example.com", "plan": "gold"},
    "events": {"page": 1, "identify": 1, "Order Completed": 2, "screen": 1, "group": 1, "alias": 1},
    "first_order_at": BOUGHT_AT,
    "records": ["anonymous events on a device of user ada", "its user_id is ada"],
    "groups": {"acme": {"seats": 5}},
}
"""What the view says once the seven calls of a library of Segment's kind have told it."""


def seen(org: Org, *, events: int) -> dict[str, Any]:
    """What the view says of the customer, without what differs from run to run."""
    view = org.view("user_id:ada", events=events)
    return {
        "identifiers": sorted(f"{known['type']}:{known['value']}" for known in view["identifiers"]),
        "traits": {name: fact["value"] for name, fact in view["traits"].items()},
        "events": {name: counted["count"] for name, counted in view["events"]["by_name"].items()},
        "first_order_at": view["events"]["by_name"]["Order Completed"]["first_at"],
        "records": sorted(record["why"] for record in view["records"]),
        "groups": {
            group["id"]: {name: fact["value"] for name, fact in group["traits"].items()} for group in view["groups"]
        },
    }


def order_totals(org: Org) -> list[float]:
    """The `total` of each order in the timeline, smallest first."""
    events = org.read("user_id:ada", "events").json["events"]
    return sorted(event["properties"]["total"] for event in events if event["name"] == "Order Completed")

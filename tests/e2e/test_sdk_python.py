"""The published Python client libraries, unmodified: nothing is changed but their host."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import posthog
import pytest
import rudderstack.analytics.client
import rudderstack.analytics.request
import segment.analytics.client
import segment.analytics.request

from tests.e2e.running import Node, Org
from tests.e2e.sdk_story import BOUGHT_AT, SEGMENTS_STORY, order_totals, seen

LOST: list[object] = []


@pytest.fixture(autouse=True)
def nothing_is_lost() -> Iterator[None]:
    """No library may tell its owner that events could not be sent."""
    LOST.clear()
    yield
    assert not LOST


def lost(error: object, _batch: object) -> None:
    LOST.append(error)


def segment_client(org: Org, **options: Any) -> Any:
    return segment.analytics.client.Client(org.write_key, host=org.node.url, on_error=lost, **options)


def rudder_client(org: Org, **options: Any) -> Any:
    return rudderstack.analytics.client.Client(org.write_key, host=org.node.url, on_error=lost, **options)


def posthog_client(org: Org, **options: Any) -> Any:
    return posthog.Posthog(org.write_key, host=org.node.url, on_error=lost, **options)


SEGMENTS: list[tuple[str, Callable[..., Any], dict[str, Any]]] = [
    ("segment", segment_client, {}),
    ("segment-gzip", segment_client, {"gzip": True}),
    ("segment-sync", segment_client, {"sync_mode": True}),
    ("rudder", rudder_client, {}),
    ("rudder-plain", rudder_client, {"gzip": False}),
    ("rudder-sync", rudder_client, {"sync_mode": True}),
]


@pytest.mark.parametrize(("name", "client", "options"), SEGMENTS, ids=[case[0] for case in SEGMENTS])
def test_segments_and_rudderstacks_libraries_end_in_the_right_view(
    node: Node, name: str, client: Callable[..., Any], options: dict[str, Any]
) -> None:
    org = node.org(f"py-{name}")
    ada = client(org, **options)
    ada.page(anonymous_id="a1", category="Shop", name="Shoes")
    ada.identify("ada", {"email": "Ada@Example.com", "plan": "gold"}, anonymous_id="a1")
    ada.track("ada", "Order Completed", {"total": 12.5}, timestamp=datetime.fromisoformat(BOUGHT_AT))
    ada.track("ada", "Order Completed", {"total": 7}, context={"device": {"id": "till-3"}})
    ada.screen("ada", name="Basket")
    ada.group("ada", "acme", {"seats": 5})
    ada.alias("old-ada", "ada")
    if not options.get("sync_mode"):
        ada.shutdown()

    assert seen(org, events=7) == SEGMENTS_STORY
    assert order_totals(org) == [7, 12.5]


@pytest.mark.parametrize("options", [{}, {"gzip": True}, {"sync_mode": True}], ids=["plain", "gzip", "sync"])
def test_posthogs_library_ends_in_the_right_view(node: Node, options: dict[str, Any]) -> None:
    org = node.org(f"py-posthog-{'-'.join(options) or 'plain'}".replace("_", "-"))
    ada = posthog_client(org, **options)
    ada.capture("$pageview", distinct_id="a1", properties={"$device_id": "a1"})
    ada.capture("$identify", distinct_id="ada", properties={"$anon_distinct_id": "a1", "$device_id": "a1"})
    ada.set(distinct_id="ada", properties={"email": "Ada@Example.com", "plan": "gold"})
    ada.set_once(distinct_id="ada", properties={"plan": "free", "since": 2026})
    ada.capture(
        "Order Completed", distinct_id="ada", properties={"total": 12.5}, timestamp=datetime.fromisoformat(BOUGHT_AT)
    )
    ada.capture("Order Completed", distinct_id="ada", properties={"total": 7})
    ada.group_identify("company", "acme", {"seats": 5}, distinct_id="ada")
    ada.alias("old-ada", "ada")
    ada.shutdown()

    assert seen(org, events=8) == {
        "identifiers": [
            "anonymous_id:a1",
            "anonymous_id:old-ada",
            "device_id:a1",
            "email:ada@example.com",
            "user_id:ada",
        ],
        "traits": {"email": "Ada@Example.com", "plan": "gold", "since": 2026},
        "events": {"page": 1, "identify": 3, "Order Completed": 2, "group": 1, "alias": 1},
        "first_order_at": BOUGHT_AT,
        "records": ["anonymous events on a device of user ada", "its user_id is ada"],
        "groups": {"acme": {"seats": 5}},
    }
    assert order_totals(org) == [7, 12.5]


def test_an_event_that_a_library_sends_twice_counts_once(node: Node) -> None:
    org = node.org("py-twice")
    for _ in range(2):
        ada = segment_client(org, sync_mode=True)
        ada.track("ada", "Order Completed", {"total": 1}, message_id="m1", timestamp=datetime.fromisoformat(BOUGHT_AT))
    segment_client(org, sync_mode=True).track("ada", "Order Completed", {"total": 2}, message_id="m2")
    assert seen(org, events=2)["events"] == {"Order Completed": 2}
    assert order_totals(org) == [1, 2]


def test_a_refusal_reaches_the_librarys_owner_with_its_code(node: Node) -> None:
    org = node.org("py-refused")
    with pytest.raises(segment.analytics.request.APIError) as refused:
        segment_client(org, sync_mode=True).track("undefined", "Order Completed")
    assert (refused.value.status, refused.value.code) == (400, "missing_id")
    # Without `code` and `message` in the answer, RudderStack's library would raise KeyError and try ten times more.
    with pytest.raises(rudderstack.analytics.request.APIError) as refused_too:
        rudder_client(org, sync_mode=True).identify("null", {"plan": "gold"})
    assert (refused_too.value.status, refused_too.value.code) == (400, "missing_id")


def test_a_wrong_key_reaches_the_librarys_owner(node: Node) -> None:
    stranger = Org(node, "nobody", "wk_of_nobody", "")
    with pytest.raises(segment.analytics.request.APIError) as refused:
        segment_client(stranger, sync_mode=True).track("ada", "Order Completed")
    assert (refused.value.status, refused.value.code) == (401, "unknown_key")
    ada = posthog_client(stranger)
    ada.capture("Order Completed", distinct_id="ada")
    ada.shutdown()
    assert [str(error) for error in LOST] == ["[PostHog] this write key is not known here (401)"]
    LOST.clear()

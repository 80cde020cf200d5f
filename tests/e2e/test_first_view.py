"""The thinnest way through the house: an event in, a view out, with a receipt."""

from tests.e2e.running import Node


def test_an_event_becomes_a_view(node: Node) -> None:
    org = node.org("first")
    sent = org.send({"type": "track", "userId": "ada", "event": "Order Completed", "messageId": "m1"})
    assert sent.json == {"success": True, "accepted": 1, "rejected": []}
    view = org.view("user_id:ada")
    assert view["events"]["by_name"]["Order Completed"]["count"] == 1
    assert view["receipt"].startswith("rcp_")


def test_two_organizations_see_nothing_of_each_other(node: Node) -> None:
    one, another = node.org("one"), node.org("another")
    one.send({"type": "identify", "userId": "ada", "messageId": "m1", "traits": {"name": "Ada"}})
    seen = one.view("user_id:ada")
    refused, absent = another.read("user_id:ada"), another.read("user_id:nobody")
    assert refused.status == absent.status == 404
    assert refused.json == absent.json
    assert another.read(seen["customer"]).status == 404

"""What an event of PostHog's becomes."""

import pytest

from rapport.kernel.times import parse_rfc3339
from tests.collect.reading import RECEIVED, one, read

BROWSER = {"$device_id": "d1", "$lib": "web", "token": "wk"}


def posthog(event, path="batch"):
    return one({"api_key": "wk", "batch": [event]} if path == "batch" else event, wire="posthog", path=path)


def test_a_capture_is_a_track_of_the_user():
    event = posthog(
        {
            "event": "Order Completed",
            "uuid": "0193-77",
            "distinct_id": "u1",
            "timestamp": "2026-11-21T20:02:55.123Z",
            "properties": {"total": 12.5, "$lib": "posthog-python"},
        }
    )
    assert (event.kind, event.name, event.message_id) == ("track", "Order Completed", "0193-77")
    assert (event.user_id, event.anonymous_id) == ("u1", None)
    assert event.time == parse_rfc3339("2026-11-21T20:02:55.123Z")
    assert event.properties == {"total": 12.5, "$lib": "posthog-python"}


@pytest.mark.parametrize(
    ("name", "kind"), [("$identify", "identify"), ("$set", "identify"), ("$pageview", "page"), ("$screen", "screen")]
)
def test_posthogs_own_events_are_of_their_kind(name, kind):
    event = posthog({"event": name, "distinct_id": "u1", "properties": {}})
    assert (event.kind, event.name) == (kind, kind)


@pytest.mark.parametrize(
    "properties",
    [
        {"$device_id": "x1"},
        {"$anon_distinct_id": "x1"},
        {"$device_id": "d9", "$is_identified": False},
    ],
)
def test_a_distinct_id_that_is_the_browsers_is_an_anonymous_id(properties):
    event = posthog({"event": "e", "distinct_id": "x1", "properties": properties})
    assert (event.user_id, event.anonymous_id) == (None, "x1")


def test_a_made_up_distinct_id_of_an_event_without_a_profile_is_an_anonymous_id():
    properties = {"$process_person_profile": False}
    made_up = posthog({"event": "e", "distinct_id": "0193a1b2-0000-7000-8000-00000000beef", "properties": properties})
    assert made_up.user_id is None
    assert posthog({"event": "e", "distinct_id": "u1", "properties": properties}).user_id == "u1"


def test_the_user_of_a_browser_is_a_user_and_the_device_an_identifier():
    event = posthog({"event": "e", "distinct_id": "u1", "properties": {**BROWSER, "$is_identified": True}})
    assert (event.user_id, event.anonymous_id) == ("u1", None)
    assert event.identifiers == (("device_id", "d1"),)
    assert "token" not in event.properties


def test_identify_names_the_browser_before_the_user():
    event = posthog(
        {
            "event": "$identify",
            "distinct_id": "u1",
            "properties": {"$anon_distinct_id": "d1", "$device_id": "d1"},
            "$set": {"email": "ADA@example.com", "name": "Ada"},
            "$set_once": {"first_page": "/shoes", "phone": "+44 20 7946 0018"},
        }
    )
    assert (event.user_id, event.anonymous_id) == ("u1", "d1")
    assert event.traits == {"email": "ADA@example.com", "name": "Ada"}
    assert event.traits_once == {"first_page": "/shoes", "phone": "+44 20 7946 0018"}
    assert event.identifiers == (("email", "ada@example.com"), ("phone", "+442079460018"), ("device_id", "d1"))


def test_identify_of_nobody_is_the_browsers():
    event = posthog({"event": "$identify", "distinct_id": "null", "properties": {"$anon_distinct_id": "d1"}})
    assert (event.user_id, event.anonymous_id) == (None, "d1")


def test_traits_among_the_properties_are_traits_and_unset_ones_are_no_longer_known():
    event = posthog(
        {
            "event": "Upgraded",
            "distinct_id": "u1",
            "properties": {"$set": {"plan": "gold"}, "$set_once": {"since": 2026}, "$unset": ["trial", 5], "seats": 3},
        }
    )
    assert event.traits == {"plan": "gold", "trial": None}
    assert event.traits_once == {"since": 2026}
    assert event.properties == {"seats": 3}


def test_a_group_is_described_by_its_own_traits():
    event = posthog(
        {
            "event": "$groupidentify",
            "distinct_id": "u1",
            "properties": {
                "$group_type": "company",
                "$group_key": "acme",
                "$group_set": {"seats": 5, "email": "o@acme.example"},
            },
        }
    )
    assert (event.kind, event.group_id, event.user_id) == ("group", "acme", "u1")
    assert event.traits == {"seats": 5, "email": "o@acme.example"}
    assert event.identifiers == ()


def test_a_group_described_for_no_user_is_no_users():
    properties = {"$group_type": "company", "$group_key": "acme"}
    event = posthog({"event": "$groupidentify", "distinct_id": "$company_acme", "properties": properties})
    assert event.user_id is None


def test_an_alias_joins_the_old_id_to_the_new_as_each_sdk_documents_it():
    node = posthog({"event": "$create_alias", "distinct_id": "u1", "properties": {"distinct_id": "u1", "alias": "a1"}})
    assert (node.kind, node.user_id, node.previous_id) == ("alias", "u1", "a1")
    properties = {"distinct_id": "a1", "alias": "u1", "$lib": "posthog-python"}
    python = posthog({"event": "$create_alias", "distinct_id": "a1", "properties": properties})
    assert (python.user_id, python.previous_id) == ("u1", "a1")


@pytest.mark.parametrize("path", ["capture", "e", "batch"])
def test_one_event_a_list_and_a_batch_are_told_apart_by_their_shape(path):
    event = {"event": "e", "distinct_id": "u1", "uuid": "m1", "timestamp": "2026-11-21T20:02:55Z"}
    read_alone = one({**event, "api_key": "wk"}, wire="posthog", path=path)
    assert read_alone == one([event], wire="posthog", path=path)
    assert read_alone == one({"batch": [event], "api_key": "wk"}, wire="posthog", path=path)


def test_a_bad_event_in_a_bare_list_costs_no_other():
    body = b'[{"event":"e","distinct_id":"u1"},{"event":"e","distinct_id":"u2","properties":{"x":NaN}}]'
    decoded = read(body, wire="posthog", path="e")
    assert [event.user_id for event in decoded.events] == ["u1"]
    assert [(r.index, r.code) for r in decoded.rejected] == [(1, "bad_json")]


def test_a_time_given_as_how_long_ago_it_was():
    event = posthog({"event": "e", "properties": {"distinct_id": "u1", "token": "wk"}, "offset": 1500}, path="e")
    assert event.time == RECEIVED - 1_500_000


def test_a_clock_that_is_off_is_corrected_by_sent_at_unless_the_event_says_not_to():
    event = {"event": "e", "distinct_id": "u1", "timestamp": "2026-11-21T19:02:55Z"}
    sent = {"batch": [event], "sent_at": "2026-11-21T19:02:56Z"}
    assert one(sent, wire="posthog").time == parse_rfc3339("2026-11-21T20:02:55Z")
    event["properties"] = {"$ignore_sent_at": True}
    assert one(sent, wire="posthog").time == parse_rfc3339("2026-11-21T19:02:55Z")

"""What an event of the Segment tracking API becomes."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rapport.kernel.times import parse_rfc3339
from tests.collect.reading import RECEIVED, one, read

TRACK = {
    "type": "track",
    "event": "Order Completed",
    "messageId": "m1",
    "userId": "u1",
    "anonymousId": "a1",
    "timestamp": "2026-11-21T20:02:55.123Z",
    "properties": {"total": 12.5, "products": [{"sku": "A"}]},
    "context": {"locale": "en-GB", "library": {"name": "analytics.js"}},
}


def test_a_track_is_read_in_full():
    event = one(TRACK)
    assert (event.kind, event.name, event.message_id) == ("track", "Order Completed", "m1")
    assert (event.user_id, event.anonymous_id, event.key) == ("u1", "a1", None)
    assert (event.time, event.corrected) == (parse_rfc3339("2026-11-21T20:02:55.123Z"), False)
    assert event.received_at == RECEIVED
    assert event.properties == {"total": 12.5, "products": [{"sku": "A"}]}
    assert event.context == {"locale": "en-GB", "library": {"name": "analytics.js"}}
    assert (event.traits, event.traits_once, event.identifiers, event.consent) == ({}, {}, (), None)
    assert len(event.digest) == 8


@pytest.mark.parametrize("kind", ["identify", "page", "screen"])
def test_other_kinds_are_named_by_their_kind(kind):
    assert one({**TRACK, "type": kind}, path=kind).name == kind


def test_the_path_says_the_kind_of_a_single_event():
    event = one({"userId": "u1", "traits": {"name": "Ada"}}, path="identify")
    assert (event.kind, event.traits) == ("identify", {"name": "Ada"})


def test_a_whole_number_is_an_id_in_plain_digits():
    assert one({"event": "e", "userId": 17850}).user_id == "17850"


def test_a_value_that_names_nobody_is_no_id_but_the_other_id_holds():
    event = one({"traits": {"name": "Ada"}, "userId": None, "anonymousId": "a1"}, path="identify")
    assert (event.user_id, event.anonymous_id) == (None, "a1")
    assert one({"event": "e", "userId": "NULL", "anonymousId": "a1"}).user_id is None


def test_traits_in_the_context_alone_are_read_and_leave_it():
    event = one({"userId": "u1", "context": {"traits": {"name": "Ada"}, "ip": "::1"}}, path="identify")
    assert event.traits == {"name": "Ada"}
    assert event.context == {"ip": "::1"}


def test_traits_beside_those_in_the_context_win():
    body = {"userId": "u1", "traits": {"plan": "gold"}, "context": {"traits": {"plan": "free", "name": "Ada"}}}
    assert one(body, path="identify").traits == {"plan": "gold", "name": "Ada"}


def test_a_trait_that_is_null_stays_null():
    assert one({"userId": "u1", "traits": {"plan": None}}, path="identify").traits == {"plan": None}


def test_a_group_has_its_own_traits_and_its_members_identifiers():
    body = {
        "userId": "u1",
        "groupId": "acme",
        "traits": {"email": "office@acme.example", "seats": 5},
        "context": {"traits": {"email": "ada@example.com"}},
    }
    event = one(body, path="group")
    assert (event.kind, event.group_id) == ("group", "acme")
    assert event.traits == {"email": "office@acme.example", "seats": 5}
    assert event.identifiers == (("email", "ada@example.com"),)


def test_an_alias_has_a_previous_id():
    event = one({"userId": "u1", "previousId": "a1"}, path="alias")
    assert (event.kind, event.user_id, event.previous_id) == ("alias", "u1", "a1")


def test_an_alias_of_an_id_to_itself_is_taken_as_it_is():
    assert one({"userId": "u1", "previousId": "u1"}, path="alias").previous_id == "u1"


def test_a_page_has_its_name_and_category_among_its_properties():
    event = one({"userId": "u1", "name": "Shoes", "category": "Shop", "properties": {"name": "Boots"}}, path="page")
    assert event.properties == {"name": "Boots", "category": "Shop"}


def test_consent_is_kept():
    consent = {"categoryPreferences": {"advertising": False}}
    assert one({"event": "e", "userId": "u1", "context": {"consent": consent}}).consent == consent


def test_a_browser_that_objects_says_so_in_the_context_and_in_no_digest():
    plain, objecting = one(TRACK), one(TRACK, gpc=True)
    assert objecting.context == {**plain.context, "gpc": True}
    assert objecting.digest == plain.digest


def test_identifiers_are_found_wherever_clients_put_them():
    body = {
        "userId": "u1",
        "traits": {"email": " Ada@Example.com", "phone": "+44 20 7946 0018"},
        "context": {
            "externalIds": [
                {"id": "L-7", "type": "loyalty_id", "collection": "users", "encoding": "none"},
                {"id": "ADA@example.com", "type": "email", "collection": "users", "encoding": "none"},
                {"id": "ab12", "type": "email", "collection": "users", "encoding": "sha256"},
                {"id": "acme", "type": "account_id", "collection": "accounts", "encoding": "none"},
                {"id": "null", "type": "crm_id"},
                {"id": {}, "type": "crm_id"},
                {"id": "x", "type": 5},
                "nonsense",
            ],
            "device": {"id": "d-1"},
        },
    }
    assert one(body, path="identify").identifiers == (
        ("email", "ada@example.com"),
        ("phone", "+442079460018"),
        ("loyalty_id", "L-7"),
        ("email_sha256", "ab12"),
        ("device_id", "d-1"),
    )


def test_what_has_another_shape_than_an_identifier_is_none():
    body = {"userId": "u1", "traits": {"email": {}, "phone": True}, "context": {"externalIds": "x", "device": "y"}}
    assert one(body, path="identify").identifiers == ()


def test_only_a_file_may_name_a_records_key():
    row = {
        "type": "track",
        "event": "e",
        "userId": "u1",
        "key": ["loyalty_id", "L-7"],
        "categories": {"plan": "contact"},
    }
    row["identifiers"] = [["email", "ADA@example.com"], ["phone", "nonsense"]]
    assert one(row).key is None
    event = one({"batch": [row]}, wire="import", path="batch")
    assert event.key == ("loyalty_id", "L-7")
    assert event.identifiers == (("email", "ada@example.com"),)
    assert event.categories == {"plan": "contact"}


def test_a_row_of_a_file_needs_no_id_but_its_key():
    row = {"type": "track", "event": "e", "key": ["loyalty_id", "L-7"]}
    assert one({"batch": [row]}, wire="import", path="batch").key == ("loyalty_id", "L-7")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def _shuffled(value, rng):
    if isinstance(value, dict):
        items = [(key, _shuffled(inner, rng)) for key, inner in value.items()]
        rng.shuffle(items)
        return dict(items)
    return [_shuffled(inner, rng) for inner in value] if isinstance(value, list) else value


@given(st.dictionaries(st.text(max_size=6), JSON, max_size=4), st.integers())
def test_a_copy_has_the_same_digest_however_it_is_ordered_batched_and_sent_again(properties, seed):
    event = {**TRACK, "properties": properties}
    again = {
        **_shuffled(event, random.Random(seed)),
        "sentAt": "2026-11-22T09:00:00Z",
        "writeKey": "wk",
        "_metadata": {"retryCount": 2},
    }
    first = one(event)
    (other, second) = read(
        {"batch": [TRACK, again], "sentAt": "2026-11-22T09:00:00Z"}, received_at=RECEIVED + 86_400_000_000
    ).events
    assert second.digest == first.digest
    assert (other.digest == first.digest) == (properties == TRACK["properties"])


@given(st.sampled_from(["event", "userId", "anonymousId", "timestamp", "properties", "context"]))
def test_other_content_has_another_digest(field):
    changed = {"timestamp": "2026-11-21T20:02:55.124Z", "properties": {"total": 13}, "context": {}}.get(
        field, "another"
    )
    assert one({**TRACK, field: changed}).digest != one(TRACK).digest


def test_a_relay_that_recomputes_the_timestamp_does_not_change_the_digest():
    first = one({**TRACK, "timestamp": "2026-11-21T20:02:57Z", "originalTimestamp": TRACK["timestamp"]})
    again = one({**TRACK, "timestamp": "2026-11-21T20:09:11Z", "originalTimestamp": "2026-11-21T20:02:55.123+00:00"})
    assert first.digest == again.digest == one(TRACK).digest


def test_an_event_without_id_gets_one_of_its_content_so_that_a_repeat_is_known():
    event = {key: value for key, value in TRACK.items() if key != "messageId"}
    first, repeat = one(event), one(event, received_at=RECEIVED + 5_000_000)
    assert first.message_id == repeat.message_id
    assert one({**event, "event": "Order Refunded"}).message_id != first.message_id


def test_two_equal_events_without_id_and_time_are_two():
    event = {"type": "track", "event": "e", "userId": "u1"}
    first, second = read({"batch": [event, event]}).events
    assert first.message_id != second.message_id
    assert one(event, received_at=RECEIVED + 1).message_id not in {first.message_id, second.message_id}


def test_a_number_or_nobodys_name_as_message_id():
    assert one({**TRACK, "messageId": 42}).message_id == "42"
    assert one({**TRACK, "messageId": "undefined"}).message_id.startswith("content-")


def test_the_bytes_around_an_event_do_not_matter():
    spaced = b"\xef\xbb\xbf\n " + json.dumps({"batch": [TRACK]}, indent=4).encode() + b"\n"
    (event,) = read(spaced).events
    assert event == one(TRACK)

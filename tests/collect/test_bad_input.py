"""What can be wrong with a body, and the answer to each."""

import json
import re
import sys
from pathlib import Path

import pytest

from rapport.collect import MEANING, NOTE, Code, decode, note, validate, write_key
from rapport.kernel.ports import LogEntry
from tests.collect.reading import codes, one, read

GOOD = {"type": "track", "event": "Viewed", "userId": "u1"}
GOOD_POSTHOG = {"event": "Viewed", "distinct_id": "u1"}


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


BODIES = [
    ("an empty body", b"", "bad_json"),
    ("white space", b"  \n", "bad_json"),
    ("half a body", b'{"batch":[{"type":"track"', "bad_json"),
    ("no JSON", b"hello", "bad_json"),
    ("a body that is no text", b"\xff\xfe\x00", "bad_json"),
    ("something after the end", b'{"batch":[]} {"batch":[]}', "bad_json"),
    ("a list where an object belongs", b"[]", "bad_type"),
    ("a text where an object belongs", b'"batch"', "bad_type"),
    ("a batch that is an object", b'{"batch":{}}', "bad_type"),
    ("no batch", b'{"events":[]}', "bad_type"),
    ("an empty batch", b'{"batch":[]}', "empty_batch"),
    ("a body of nothing but brackets", nested(200_000), "bad_type"),
    ("a body over the limit", b'{"batch":["' + b"x" * 512_000 + b'"]}', "too_large"),
    ("more events than a batch may hold", b'{"batch":[' + b",".join([b"{}"] * 2_501) + b"]}", "too_large"),
]


@pytest.mark.parametrize(("body", "code"), [case[1:] for case in BODIES], ids=[case[0] for case in BODIES])
def test_a_body_that_cannot_be_used_is_refused_as_a_whole(body, code):
    decoded = read(body)
    assert codes(decoded) == [(None, code)]
    assert decoded.rejected[0].raw == body[: 32 * 1024]


EVENTS = [
    ("no object", b"3", "bad_type"),
    ("null", b"null", "bad_type"),
    ("NaN, as Python writes it", b'{"type":"track","event":"e","userId":"u","properties":{"x":NaN}}', "bad_json"),
    ("Infinity", b'{"type":"track","event":"e","userId":"u","properties":{"x":-Infinity}}', "bad_json"),
    ("a raw NUL", b'{"type":"track","event":"e","userId":"u","properties":{"x":"\x00"}}', "bad_json"),
    ("text that is not UTF-8", b'{"type":"track","event":"e","userId":"u","properties":{"x":"\xe9t\xe9"}}', "bad_json"),
    ("no type", b'{"event":"e","userId":"u"}', "unknown_type"),
    ("another type", b'{"type":"purchase","userId":"u"}', "unknown_type"),
    ("a type that is no text", b'{"type":5,"userId":"u"}', "bad_type"),
    ("no id", b'{"type":"track","event":"e"}', "missing_id"),
    ("identify(null)", b'{"type":"identify","userId":null,"traits":{"name":"Ada"}}', "missing_id"),
    ("ids that name nobody", b'{"type":"track","event":"e","userId":"null","anonymousId":"0000"}', "missing_id"),
    ("an empty id", b'{"type":"track","event":"e","userId":" "}', "missing_id"),
    ("an id of control characters", b'{"type":"track","event":"e","userId":"a\\u0000b"}', "missing_id"),
    ("an id that is a decimal", b'{"type":"track","event":"e","userId":1.5}', "bad_type"),
    ("an id that is true", b'{"type":"track","event":"e","userId":true}', "bad_type"),
    ("an id that is an object", b'{"type":"track","event":"e","userId":{"id":1}}', "bad_type"),
    ("an id too long", b'{"type":"track","event":"e","userId":"' + b"u" * 1025 + b'"}', "too_long"),
    ("a name too long", b'{"type":"track","userId":"u","event":"' + b"e" * 1025 + b'"}', "too_long"),
    (
        "a messageId too long",
        b'{"type":"track","userId":"u","event":"e","messageId":"' + b"m" * 1025 + b'"}',
        "too_long",
    ),
    ("a track without a name", b'{"type":"track","userId":"u"}', "missing_event"),
    ("a track with an empty name", b'{"type":"track","userId":"u","event":" "}', "missing_event"),
    ("a track whose name is a number", b'{"type":"track","userId":"u","event":7}', "bad_type"),
    ("a group without a group", b'{"type":"group","userId":"u"}', "missing_group"),
    ("an alias without a previous id", b'{"type":"alias","userId":"u"}', "missing_previous"),
    ("an alias of nobody", b'{"type":"alias","previousId":"p","anonymousId":"a"}', "missing_id"),
    ("traits that are a text", b'{"type":"identify","userId":"u","traits":"Ada"}', "bad_type"),
    ("properties that are a list", b'{"type":"track","event":"e","userId":"u","properties":[1]}', "bad_type"),
    ("a context that is a number", b'{"type":"track","event":"e","userId":"u","context":3}', "bad_type"),
    ("a time that is none", b'{"type":"track","event":"e","userId":"u","timestamp":"yesterday"}', "bad_timestamp"),
    (
        "a day that does not exist",
        b'{"type":"track","event":"e","userId":"u","timestamp":"2026-02-30"}',
        "bad_timestamp",
    ),
    ("a time that is a list", b'{"type":"track","event":"e","userId":"u","timestamp":[]}', "bad_type"),
    ("an event over the limit", b'{"type":"track","event":"e","userId":"u","x":"' + b"x" * 32_768 + b'"}', "too_large"),
    ("an id of 100 kB", b'{"type":"track","event":"e","userId":"' + b"u" * 100_000 + b'"}', "too_large"),
    ("201 levels", b'{"type":"track","event":"e","userId":"u","properties":{"x":' + nested(199) + b"}}", "too_deep"),
    (
        "5,000 levels",
        b'{"type":"track","event":"e","userId":"u","properties":{"x":' + nested(5_000) + b"}}",
        "too_deep",
    ),
]


@pytest.mark.parametrize(("event", "code"), [case[1:] for case in EVENTS], ids=[case[0] for case in EVENTS])
def test_a_bad_event_is_refused_by_name_and_the_rest_of_its_batch_goes_on(event, code):
    good = json.dumps(GOOD).encode()
    decoded = read(b'{"batch":[' + b",".join([good, event, good]) + b"]}")

    assert codes(decoded) == [(1, code)]
    assert [kept.user_id for kept in decoded.events] == ["u1", "u1"]
    assert decoded.rejected[0].raw == event[: 32 * 1024]
    assert decoded.rejected[0].message


POSTHOG = [
    ("no name", {"distinct_id": "u"}, "missing_event"),
    ("no id", {"event": "e"}, "missing_id"),
    ("an id that names nobody", {"event": "e", "distinct_id": "null"}, "missing_id"),
    ("an id that is an object", {"event": "e", "distinct_id": {}}, "bad_type"),
    ("an id in the properties that is a list", {"event": "e", "properties": {"distinct_id": []}}, "bad_type"),
    ("identify(null)", {"event": "$identify", "distinct_id": None, "$set": {"name": "Ada"}}, "missing_id"),
    ("a group without a key", {"event": "$groupidentify", "distinct_id": "u", "properties": {}}, "missing_group"),
    (
        "an alias without a second id",
        {"event": "$create_alias", "distinct_id": "u", "properties": {}},
        "missing_previous",
    ),
    ("properties that are a text", {"event": "e", "distinct_id": "u", "properties": "x"}, "bad_type"),
    ("a time that is none", {"event": "e", "distinct_id": "u", "timestamp": "soon"}, "bad_timestamp"),
    ("an event over the limit", {"event": "e", "distinct_id": "u", "x": "x" * 1_048_576}, "too_large"),
]


@pytest.mark.parametrize(("event", "code"), [case[1:] for case in POSTHOG], ids=[case[0] for case in POSTHOG])
def test_a_bad_posthog_event_is_refused_by_name_and_the_rest_of_its_batch_goes_on(event, code):
    decoded = read({"api_key": "wk", "batch": [GOOD_POSTHOG, event]}, wire="posthog")
    assert codes(decoded) == [(1, code)]
    assert [kept.user_id for kept in decoded.events] == ["u1"]


def test_what_is_at_a_limit_is_taken_and_what_is_over_it_is_not():
    padding = 32 * 1024 - len(json.dumps({**GOOD, "x": ""}))
    assert len(read({"batch": [{**GOOD, "x": "x" * padding}]}).events) == 1
    assert codes(read({"batch": [{**GOOD, "x": "x" * (padding + 1)}]})) == [(0, "too_large")]
    assert len(read({"batch": [GOOD] * 2_500}).events) == 2_500
    assert one(b'{"event":"e","userId":"u","properties":{"x":' + nested(198) + b"}}").properties["x"] is not None


def test_a_single_event_is_refused_with_index_0():
    assert codes(read(b'{"userId":"u"}', path="track")) == [(0, "missing_event")]
    assert codes(read(b"{", path="track")) == [(0, "bad_json")]
    assert codes(read(b"[]", path="track")) == [(0, "bad_type")]


def test_half_a_surrogate_pair_is_read_as_a_replacement_character():
    event = one(b'{"event":"\\ud83d e","userId":"u\\udc00","properties":{"x":"\\\\ud800 \\ud83d\\ude00","\\udfff":1}}')
    assert event.name == "\ufffd e"
    assert event.user_id == "u\ufffd"
    assert event.properties == {"x": "\\ud800 😀", "\ufffd": 1}


@pytest.mark.parametrize(
    ("number", "nearest"),
    [
        (b"1e999", sys.float_info.max),
        (b"-1e999", -sys.float_info.max),
        (b"9" * 5_000, sys.float_info.max),
        (b"9" * 400, sys.float_info.max),
        (b"-" + b"9" * 400, -sys.float_info.max),
        (b"10000000000000000000000", 1e22),
        (b"18446744073709551615", 2**64 - 1),
        (b"-9223372036854775808", -(2**63)),
    ],
    ids=["1e999", "-1e999", "5,000 digits", "400 digits", "-400 digits", "23 digits", "2^64-1", "-2^63"],
)
def test_a_number_beyond_any_column_becomes_the_nearest_that_fits(number, nearest):
    event = one(b'{"event":"e","userId":"u","properties":{"x":' + number + b',"y":[{"z":' + number + b"}]}}")
    assert event.properties == {"x": nearest, "y": [{"z": nearest}]}


def test_a_nul_and_a_huge_key_in_the_properties_are_kept_as_they_came():
    event = one({"event": "e", "userId": "u", "properties": {"x": "a\x00b", "k" * 20_000: 1}})
    assert event.properties == {"x": "a\x00b", "k" * 20_000: 1}


def test_an_empty_list_stands_for_an_empty_map_since_php_writes_it_so():
    event = one({"event": "e", "userId": "u", "properties": [], "context": [], "traits": []})
    assert (event.properties, event.context, event.traits) == ({}, {}, {})


def test_a_million_quotes_and_backslashes_are_refused_in_no_time():
    assert codes(read(b'{"batch":["' + b'\\"' * 250_000)) == [(None, "bad_json")]


def test_a_note_about_a_body_too_large_to_keep_is_read_back():
    entry = LogEntry("acme", "web", "segment", NOTE, 0, note(Code.TOO_LARGE, "the body is 9 MB", b'{"batch"'))
    (rejected,) = decode(entry).rejected
    assert (rejected.index, rejected.code, rejected.raw) == (None, "too_large", b'{"batch"')


@pytest.mark.parametrize(
    ("wire", "path", "body", "key"),
    [
        ("segment", "batch", {"batch": [GOOD], "writeKey": "wk"}, "wk"),
        ("segment", "track", {**GOOD, "writeKey": "wk"}, "wk"),
        ("segment", "track", GOOD, None),
        ("segment", "track", {**GOOD, "writeKey": 5}, None),
        ("posthog", "batch", {"batch": [GOOD_POSTHOG], "api_key": "wk"}, "wk"),
        ("posthog", "capture", {**GOOD_POSTHOG, "api_key": "wk"}, "wk"),
        ("posthog", "e", [{"event": "e", "properties": {"distinct_id": "u", "token": "wk"}}], "wk"),
        ("posthog", "e", {"event": "e", "properties": {"distinct_id": "u", "token": "wk"}}, "wk"),
    ],
)
def test_a_body_may_carry_its_write_key(wire, path, body, key):
    assert write_key(wire, path, json.dumps(body).encode()) == key


def test_a_malformed_batch_still_carries_its_write_key():
    assert write_key("segment", "batch", b'{"batch":[{"x":NaN}],"writeKey":"wk"}') == "wk"
    assert write_key("segment", "batch", b"nonsense") is None


def test_every_code_has_a_meaning_and_is_in_the_reference():
    documented = re.findall(
        r"^\| `(\w+)` \|", (Path(__file__).parents[2] / "docs/reference/collect.md").read_text(), re.MULTILINE
    )
    assert set(MEANING) == set(Code)
    assert set(documented) >= {code.value for code in Code}


def test_the_answer_to_a_batch_of_bad_events_names_each():
    answered = validate("segment", "batch", json.dumps({"batch": [{}, GOOD, {"type": "track"}]}).encode())
    assert answered.accepted == 1
    assert [(r.index, r.code) for r in answered.rejected] == [(0, "unknown_type"), (2, "missing_id")]

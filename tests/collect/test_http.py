"""Collection over HTTP, with a log in memory: what is answered, and what was kept when it was."""

import asyncio
import base64
import gzip
import json
import tracemalloc
import zlib

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from rapport.collect import LIMITS, NOTE, decode
from rapport.collect.errors import Refused
from rapport.collect.unpacking import unpack
from rapport.kernel.errors import Busy, Full
from rapport.kernel.ports import LogEntry, Source
from rapport.web.api.collect import HEAD, PATHS, collect_routes
from tests.collect.bodies import bodies

KEY = "wk_shop"
TRACK = {"type": "track", "event": "Viewed", "userId": "u1", "messageId": "m1"}
CAPTURE = {"event": "Viewed", "distinct_id": "u1", "uuid": "m1"}


class MemoryLog:
    def __init__(self):
        self.entries: list[LogEntry] = []
        self.trouble: Exception | None = None

    async def append(self, entry: LogEntry) -> int:
        if self.trouble:
            raise self.trouble
        self.entries.append(entry)
        return len(self.entries)


class MemorySources:
    def by_write_key(self, write_key: str) -> Source | None:
        return Source("acme", "shop") if write_key == KEY else None


@pytest.fixture
def log():
    return MemoryLog()


class Http:
    """An HTTP client of the application, without a socket between them."""

    def __init__(self, app):
        self._app = app

    def request(self, method, path, **more) -> httpx.Response:
        async def ask():
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url="http://rapport") as client:
                return await client.request(method, path, **more)

        return asyncio.run(ask())


@pytest.fixture
def http(log):
    return Http(Starlette(routes=collect_routes(log, MemorySources(), "https://rapport.example.com")))


def basic(key=KEY):
    return {"Authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}


def send(http, path, body, headers=None) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return http.request("POST", path, content=content, headers=basic() if headers is None else headers)


def kept(log):
    return [event for entry in log.entries for event in decode(entry).events]


@pytest.mark.parametrize("path", sorted(PATHS))
def test_every_spelling_of_a_path_takes_an_event(http, log, path):
    wire, name = PATHS[path].wire, PATHS[path].path
    body = {**TRACK, "groupId": "g", "previousId": "p", "type": "track" if name in {"batch", "import"} else name}
    if wire == "posthog":
        body = {"batch": [CAPTURE]}
    elif name in {"batch", "import"}:
        body = {"batch": [body]}
    answer = send(http, path, body)
    assert (answer.status_code, answer.json()) == (200, {"success": True, "accepted": 1, "rejected": []})
    assert [(event.user_id, event.message_id) for event in kept(log)] == [("u1", "m1")]


CREDENTIALS = [
    ("the user name of Basic", basic(), {}),
    ("a Bearer token", {"Authorization": f"Bearer {KEY}"}, {}),
    ("writeKey in the body", {}, {"writeKey": KEY}),
    ("writeKey in the body, with someone else's token", {"Authorization": "Bearer eyJhbGciOi"}, {"writeKey": KEY}),
]


@pytest.mark.parametrize(("headers", "more"), [case[1:] for case in CREDENTIALS], ids=[case[0] for case in CREDENTIALS])
@pytest.mark.parametrize("batch", [True, False])
def test_the_write_key_is_found_wherever_an_sdk_puts_it(http, log, headers, more, batch):
    body = {"batch": [TRACK], **more} if batch else {**TRACK, **more}
    assert send(http, "/v1/batch" if batch else "/v1/track", body, headers).status_code == 200
    assert (log.entries[0].org, log.entries[0].source) == ("acme", "shop")


@pytest.mark.parametrize(
    "body",
    [
        {"api_key": KEY, "batch": [CAPTURE]},
        {"api_key": KEY, **CAPTURE},
        {"token": KEY, **CAPTURE},
        [{"event": "e", "properties": {"distinct_id": "u1", "token": KEY}}],
    ],
)
def test_posthogs_key_is_found_in_the_body(http, log, body):
    assert send(http, "/batch/", body, headers={}).status_code == 200
    assert len(kept(log)) == 1


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        (basic("wk_other"), {"batch": [TRACK]}, "unknown_key"),
        ({}, {"batch": [TRACK], "writeKey": "wk_other"}, "unknown_key"),
        ({"Authorization": "Basic %%%"}, {"batch": [TRACK]}, "missing_key"),
        ({"Authorization": "Basic /w=="}, {"batch": [TRACK]}, "missing_key"),
        ({"Authorization": "Basic"}, {"batch": [TRACK]}, "missing_key"),
        ({}, {"batch": [TRACK]}, "missing_key"),
        ({}, {"batch": [{}]}, "missing_key"),
        (basic("wk_other"), b"not json", "unknown_key"),
    ],
)
def test_without_a_known_key_nothing_is_taken(http, log, headers, body, code):
    answer = send(http, "/v1/batch", body, headers)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["status"]) == (401, code, 401)
    assert problem["message"] == problem["detail"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert not log.entries


def test_a_batch_with_one_bad_event_is_taken_but_for_that_one(http, log):
    answer = send(http, "/v1/batch", {"batch": [TRACK, {"type": "track", "userId": "u2"}, {**TRACK, "userId": "u3"}]})
    assert answer.status_code == 200
    assert answer.json() == {
        "success": True,
        "accepted": 2,
        "rejected": [{"index": 1, "code": "missing_event", "message": "a track event needs a name in `event`"}],
    }
    assert [event.user_id for event in kept(log)] == ["u1", "u3"]
    assert [rejected.code for rejected in decode(log.entries[0]).rejected] == ["missing_event"]


def test_a_batch_of_bad_events_alone_is_refused_but_kept_for_inspection(http, log):
    answer = send(http, "/v1/batch", {"batch": [{}, {"type": "track", "event": "e"}]})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (400, "unknown_type")
    assert problem["message"].startswith("none of the events was accepted")
    assert [(r["index"], r["code"]) for r in problem["rejected"]] == [(0, "unknown_type"), (1, "missing_id")]
    assert [rejected.code for rejected in decode(log.entries[0]).rejected] == ["unknown_type", "missing_id"]


def test_malformed_json_is_refused_by_name_and_kept_for_inspection(http, log):
    answer = send(http, "/v1/batch", b'{"batch":[')
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_json")
    assert answer.json()["rejected"] == [{"index": None, "code": "bad_json", "message": answer.json()["message"]}]
    assert decode(log.entries[0]).rejected[0].raw == b'{"batch":['


def test_malformed_json_without_a_key_is_told_so_and_kept_nowhere(http, log):
    answer = send(http, "/batch/", b'{"batch":[', headers={})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_json")
    assert not log.entries


def test_identify_null_is_refused_by_name(http):
    answer = send(http, "/v1/identify", {"userId": None, "traits": {"name": "Ada"}})
    assert (answer.status_code, answer.json()["code"]) == (400, "missing_id")
    assert answer.json()["rejected"][0]["index"] == 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/batch", b'{"batch":["' + b"x" * LIMITS["segment"].body + b'"]}'),
        ("/v1/track", b'{"event":"' + b"x" * LIMITS["segment"].body + b'"}'),
        ("/batch/", b'{"batch":["' + b"x" * LIMITS["posthog"].body + b'"]}'),
    ],
)
def test_a_body_over_the_limit_is_refused_by_name_and_only_noted(http, log, path, body):
    answer = send(http, path, body)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert f"{LIMITS[PATHS[path].wire].body:,}" in answer.json()["message"]
    (entry,) = log.entries
    (rejected,) = decode(entry).rejected
    assert (entry.path, rejected.code, rejected.raw) == (NOTE, "too_large", body[:HEAD])


def test_one_event_over_the_limit_is_refused_by_name(http):
    answer = send(http, "/v1/track", {**TRACK, "properties": {"x": "x" * 32_768}})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert "32,768" in answer.json()["message"]
    batched = send(http, "/v1/batch", {"batch": [TRACK, {**TRACK, "properties": {"x": "x" * 32_768}}]})
    assert batched.status_code == 200
    assert [(r["index"], r["code"]) for r in batched.json()["rejected"]] == [(1, "too_large")]


def test_more_events_than_a_batch_may_hold_are_refused_by_name(http):
    answer = send(http, "/v1/batch", {"batch": [{"type": "track", "event": "e", "userId": "u"}] * 2_501})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert "2,500" in answer.json()["message"]


BODY = json.dumps({"batch": [TRACK]}).encode()
PACKED = [
    ("gzip", gzip.compress(BODY), {"Content-Encoding": "gzip"}),
    (
        "gzip labelled as a form",
        gzip.compress(BODY),
        {"Content-Encoding": "gzip", "Content-Type": "application/x-www-form-urlencoded"},
    ),
    ("gzip not labelled at all", gzip.compress(BODY), {}),
    ("gzip in two members", gzip.compress(BODY[:20]) + gzip.compress(BODY[20:]), {"Content-Encoding": "gzip"}),
    ("deflate with a header", zlib.compress(BODY), {"Content-Encoding": "deflate"}),
    ("deflate without one", zlib.compress(BODY)[2:-4], {"Content-Encoding": "deflate"}),
    ("plain labelled gzip", BODY, {"Content-Encoding": "gzip"}),
    ("plain labelled text", BODY, {"Content-Type": "text/plain"}),
    ("a form of base64", b"data=" + base64.b64encode(BODY).replace(b"+", b"%2B").replace(b"=", b"%3D") + b"&ver=1", {}),
    ("a form of JSON", b"data=" + BODY.replace(b'"', b"%22").replace(b" ", b"+"), {}),
    ("a form of base64 of gzip", b"data=" + base64.b64encode(gzip.compress(BODY)).replace(b"+", b"%2B"), {}),
]


@pytest.mark.parametrize(("body", "headers"), [case[1:] for case in PACKED], ids=[case[0] for case in PACKED])
def test_the_bytes_of_a_body_say_how_it_is_packed_not_its_labels(http, log, body, headers):
    answer = send(http, "/v1/batch", body, {**basic(), **headers})
    assert answer.json() == {"success": True, "accepted": 1, "rejected": []}
    assert [event.message_id for event in kept(log)] == ["m1"]


UNPACKABLE = {
    "gzip without its end": (gzip.compress(BODY)[:-12], "gzip"),
    "gzip overwritten": (gzip.compress(BODY)[:12] + b"\x00" * 20, "gzip"),
    "two bytes of gzip": (b"\x1f\x8b", ""),
    "gzip in 20,000 members": (gzip.compress(b"") * 20_000, "gzip"),
    "deflate of nothing": (b"\x78\x9c\xff\xff", "deflate"),
    "an encoding nobody knows": (b"anything", "br"),
    "a form of no base64": (b"data=%%%", ""),
}


@pytest.mark.parametrize(("body", "encoding"), UNPACKABLE.values(), ids=UNPACKABLE)
def test_a_body_that_cannot_be_unpacked_is_refused_by_name_and_noted(http, log, body, encoding):
    answer = send(http, "/v1/batch", body, {**basic(), "Content-Encoding": encoding})
    assert (answer.status_code, answer.json()["code"]) == (415, "bad_encoding")
    assert decode(log.entries[0]).rejected[0].code == "bad_encoding"


# How each is made: made where it is used, since every process that runs the suite reads this module.
BOMBS = {
    "one member": lambda: gzip.compress(bytes(200_000_000), 1),
    "fifty members": lambda: gzip.compress(b" " * 20_000_000) * 50,
    "deflate": lambda: zlib.compress(bytes(200_000_000), 1),
}


@pytest.mark.parametrize("make", BOMBS.values(), ids=BOMBS)
def test_a_gzip_bomb_is_refused_before_it_takes_more_room_than_the_limit(http, log, make):
    limit = LIMITS["segment"].body
    bomb = make()
    tracemalloc.start()
    try:
        with pytest.raises(Refused, match=f"{limit:,}"):
            unpack(bomb, b"deflate", limit)
        assert tracemalloc.get_traced_memory()[1] < 4 * limit
    finally:
        tracemalloc.stop()
    answer = send(http, "/batch/", bomb, {**basic(), "Content-Encoding": "deflate"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert len(log.entries[0].body) < 4_096


@pytest.mark.parametrize(
    ("trouble", "code"),
    [(Busy("too much is waiting", retry_after=7), "busy"), (Full("the disk is full", retry_after=7), "full")],
)
def test_without_a_place_nothing_is_accepted(http, log, trouble, code):
    log.trouble = trouble
    for path, body in (
        ("/v1/track", TRACK),
        ("/v1/batch", {"batch": [TRACK]}),
        ("/v1/batch", {"batch": [{}]}),
        ("/batch/", CAPTURE),
    ):
        answer = send(http, path, body)
        assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, code, "7")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert not log.entries


def test_a_browser_may_send_from_any_page(http):
    headers = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,x-retry-count",
    }
    for path in ("/v1/t", "/v1/batch", "/batch/", "/v1/projects/x/settings", "/flags/"):
        answer = http.request("OPTIONS", path, headers=headers)
        assert answer.status_code == 204
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Access-Control-Allow-Headers"] == "authorization,x-retry-count"
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]


def test_a_page_can_read_every_answer(http):
    answers = [
        send(http, "/v1/t", TRACK),
        send(http, "/v1/t", {}),
        send(http, "/v1/t", TRACK, headers={}),
        send(http, "/v1/batch", {"batch": [TRACK, {}]}),
        http.request("GET", "/v1/t"),
        http.request("GET", f"/v1/projects/{KEY}/settings"),
        http.request("GET", "/v1/projects/other/settings"),
        http.request("POST", "/flags/?v=2", json={}),
    ]
    assert [answer.status_code for answer in answers] == [200, 400, 401, 200, 405, 200, 401, 200]
    assert all(answer.headers["Access-Control-Allow-Origin"] == "*" for answer in answers)


def test_a_browsers_objection_is_kept_with_its_events(http, log):
    send(http, "/v1/t", TRACK, {**basic(), "Sec-GPC": "1"})
    send(http, "/v1/t", TRACK)
    assert [event.context.get("gpc") for event in kept(log)] == [True, None]


def test_analytics_js_is_told_where_to_send_and_to_do_nothing_else(http):
    settings = http.request("GET", f"/v1/projects/{KEY}/settings").json()
    assert settings["integrations"] == {
        "Segment.io": {
            "apiKey": KEY,
            "unbundledIntegrations": [],
            "addBundledMetadata": False,
            "apiHost": "rapport.example.com/v1",
            "protocol": "https",
        }
    }
    assert settings["metrics"] == {"sampleRate": 0}


def test_posthog_is_told_that_there_are_no_flags(http):
    for path in ("/flags/?v=2", "/decide/?v=3"):
        assert http.request("POST", path, json={"api_key": KEY}).json()["featureFlags"] == {}


def test_a_large_body_is_judged_like_a_small_one(http, log):
    answer = send(
        http,
        "/batch/",
        {"batch": [{**CAPTURE, "uuid": f"m{i}", "properties": {"x": "x" * 900_000}} for i in range(10)]},
    )
    assert answer.json()["accepted"] == 10
    assert len(kept(log)) == 10


CREDENTIALS_OF_ANY_KIND = st.sampled_from([basic()["Authorization"], f"Bearer {KEY}", "Basic", "Digest x"]) | st.text(
    st.characters(min_codepoint=32, max_codepoint=126), max_size=20
)
BODIES_OF_ANY_KIND = st.one_of(
    st.binary(max_size=300), st.binary(max_size=300).map(gzip.compress), bodies().map(lambda sent: sent[2])
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(sorted(PATHS)),
    body=BODIES_OF_ANY_KIND,
    credential=CREDENTIALS_OF_ANY_KIND,
    encoding=st.sampled_from(["gzip", "deflate", "br", "", "GZIP"]),
)
def test_whatever_is_sent_is_answered_by_name_and_kept_if_accepted(log, http, path, body, credential, encoding):
    log.entries.clear()
    answer = send(http, path, body, {"Authorization": credential, "Content-Encoding": encoding})
    assert answer.status_code in {200, 400, 401, 413, 415}
    if answer.status_code == 200:
        assert answer.json()["accepted"] == len(kept(log)) > 0
    else:
        assert answer.json()["code"]
        assert not kept(log)

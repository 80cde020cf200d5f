"""Reading over HTTP: ids however they are spelled, purposes, tokens, pages, and a trace of every read."""

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import jsonschema_rs
import msgspec
import pytest

from rapport.kernel.vocabulary import PURPOSES
from rapport.profile.paging import MAX_LIMIT
from rapport.web.api.openapi import document
from tests.e2e.api import PARTS, House, bearer, house, is_problem, path_of, seen
from tests.e2e.running import http

AWKWARD = [
    "a/b",
    "/",
    "a:b:c",
    "50%",
    "%2F",
    "%",
    "a?b=c&d",
    "a#b",
    "a b",
    "a+b",
    "..",
    "../../etc/passwd",
    "a\\b",
    'quote"d',
    "Zoë Ł 李 🦉",
    "e\u0301",
    "\u202eright-to-left",
    "<script>alert(1)</script>",
    "'; DROP TABLE record; --",
    "view",
    "x" * 1_024,
]
UNUSABLE = ["", " ", "null", "anonymous", "0000", "-1", "a\x00b", "a\nb", "x" * 1_025, "🦉" * 1_025]
ADA = {"name": "Ada Canary", "email": "ada@example.com", "phone": "+44 20 7946 0018", "newsletter": True}
TRAITS = {f"trait_{number:02}": number for number in range(7)}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("reading")) as home:
        acme = home.acme
        acme.send(
            {"type": "identify", "userId": "ada", "messageId": "1", "traits": {**ADA, **TRAITS, "gone": 1}},
            {"type": "identify", "userId": "ada", "messageId": "2", "traits": {"gone": None}},
            {"type": "group", "userId": "ada", "groupId": "house-1", "messageId": "3", "traits": {"town": "Hull"}},
            *({"type": "track", "userId": "ada", "event": "Looked", "messageId": f"l{i}"} for i in range(20)),
            {"type": "page", "userId": "ada", "messageId": "4", "context": {"consent": {"analytics": False}}},
            {"type": "track", "userId": "ada", "event": "Later", "messageId": "5", "timestamp": "2999-01-01"},
            *({"type": "identify", "userId": f"kin{i}", "traits": {"email": "fam@example.com"}} for i in range(2)),
        )
        acme.send(*({"type": "track", "userId": value, "event": "Seen"} for value in AWKWARD))
        home.rival.send({"type": "identify", "userId": "bea", "traits": {"email": "bea@example.com"}})
        acme.view("user_id:ada", events=25)
        acme.view(f"user_id:{AWKWARD[-1]}")
        home.rival.view("user_id:bea")
        yield home


# -- ids


@pytest.mark.parametrize("value", AWKWARD, ids=ascii)
def test_any_value_can_be_asked_for_in_a_path_and_in_a_body(home: House, value: str) -> None:
    in_path, in_body = home.get(path_of(f"user_id:{value}")), home.ask(f"user_id:{value}")
    assert (in_path.status, in_body.status) == (200, 200)
    named = [i["value"] for i in in_path.json["identifiers"]]
    assert named == ["é" if value == "e\u0301" else value]
    assert in_path.json["customer"] == in_body.json["customer"]


@pytest.mark.parametrize("spelled", ["user_id:a/b", "user_id%3Aa%2Fb", "user_id%3aa%2fb", "%75ser_id:a%2Fb"])
def test_a_path_is_read_as_it_is_sent(home: House, spelled: str) -> None:
    assert home.get(f"/v1/customers/{spelled}/view?purpose=service").status == 200


@pytest.mark.parametrize("value", UNUSABLE, ids=ascii)
def test_a_value_that_names_nobody_finds_nobody(home: House, value: str) -> None:
    if value:
        assert is_problem(home.ask(f"user_id:{value}"), 404, "not_found")
    else:
        assert is_problem(home.ask("user_id:"), 400, "bad_id", "id")
        assert is_problem(home.get(path_of("user_id:")), 400, "bad_id", "id")


@pytest.mark.parametrize(
    "customer",
    ["email:Ada@Example.COM", " EMAIL:ada@example.com ", "phone:+44 (0)20-7946.0018", "phone:00442079460018"],
)
def test_an_identifier_is_read_by_the_rules_it_was_kept_by(home: House, customer: str) -> None:
    assert home.ask(customer).json["traits"]["name"]["value"] == "Ada Canary"


@pytest.mark.parametrize("customer", ["", "ada", ":", ":ada", "email:", "1:x", "a/b:x", "\u0000:x"], ids=ascii)
def test_what_is_no_id_is_told_so(home: House, customer: str) -> None:
    assert is_problem(home.ask(customer), 400, "bad_id", "id")
    assert is_problem(home.get(path_of(customer)), 400, "bad_id", "id")


def test_an_identifier_of_several_customers_is_a_conflict_to_who_may_read_them(home: House) -> None:
    assert is_problem(home.get(path_of("email:fam@example.com")), 409, "ambiguous", "id")
    assert is_problem(home.ask("email:fam@example.com"), 409, "ambiguous", "id")
    assert "2 customers" in home.ask("email:fam@example.com").json["message"]
    assert is_problem(home.ask("email:fam@example.com", "offers"), 404, "not_found")


def test_an_id_of_10_mb_is_refused_by_size(home: House) -> None:
    assert is_problem(home.ask("user_id:" + "x" * 10_000_000), 413, "too_large")
    assert is_problem(home.get(path_of("user_id:" + "x" * 5_000)), 400, "too_long")
    request = path_of("user_id:" + "x" * 10_000_000).encode()
    answer = home.raw(b"GET " + request + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("path", ["user_id:%ff", "user_id:%c3%28", "user_id:%ed%a0%80"])
def test_a_path_that_is_not_utf8_is_told_so(home: House, path: str) -> None:
    assert is_problem(home.get(f"/v1/customers/{path}/view?purpose=service"), 400, "bad_id", "id")


def test_a_handle_answers_for_all_that_its_records_became(home: House) -> None:
    acme = home.acme
    acme.send({"type": "track", "anonymousId": "browser-1", "event": "Looked"})
    before = acme.view("anonymous_id:browser-1")
    assert "changed" not in before
    acme.send({"type": "identify", "anonymousId": "browser-1", "userId": "cy", "messageId": "cy1"})
    acme.send({"type": "identify", "anonymousId": "browser-2", "userId": "cy", "messageId": "cy2"})
    shown = acme.view("user_id:cy", events=3)
    again = acme.view(before["customer"], events=3)
    assert again["customer"] == shown["customer"]
    assert again.get("changed") == (None if shown["customer"] == before["customer"] else "merged")


def test_two_customers_who_turn_out_to_be_one_answer_to_both_handles(home: House) -> None:
    acme = home.acme
    for number in (1, 2):
        acme.send({"type": "identify", "anonymousId": f"till-{number}", "traits": {"size": number}})
    handles = [acme.view(f"anonymous_id:till-{number}")["customer"] for number in (1, 2)]
    acme.send({"type": "identify", "anonymousId": "till-1", "traits": {"email": "dee@example.com"}})
    acme.send({"type": "identify", "anonymousId": "till-2", "traits": {"email": "dee@example.com"}})
    shown = acme.view("email:dee@example.com", events=4)
    assert shown["customer"] == handles[0]
    answers = [acme.view(handle, events=4) for handle in handles]
    assert [answer["customer"] for answer in answers] == [handles[0]] * 2
    assert [answer.get("changed") for answer in answers] == [None, "merged"]
    assert all(home.acme.read(handles[1], part).json["changed"] == "merged" for part in PARTS)


# -- purposes


@pytest.mark.parametrize("part", PARTS)
def test_every_read_names_a_purpose(home: House, part: str) -> None:
    assert is_problem(home.get(path_of("user_id:ada", part, "")), 400, "missing_purpose", "purpose")
    for wrong in ("", "curiosity", "SERVICE", "service%20", "%00", "%ff"):
        answer = home.get(path_of("user_id:ada", part, f"purpose={wrong}"))
        assert is_problem(answer, 400, "unknown_purpose", "purpose")
        assert all(purpose in answer.json["message"] for purpose in PURPOSES)


def test_of_a_purpose_given_twice_the_last_counts(home: House) -> None:
    assert home.get(path_of("user_id:ada", query="purpose=service&purpose=offers")).status == 404
    assert home.get(path_of("user_id:ada", query="purpose=offers&purpose=service")).status == 200
    assert home.post("/v1/customers/view", b'{"id":"user_id:ada","purpose":"service","purpose":"offers"}').status == 404


# -- tokens


def tokens(home: House) -> list[tuple[str, dict[str, str]]]:
    expired = home.ledger.mint_token("acme", ["read"], life=-1)
    good = home.acme.api_token
    return [
        ("missing", {}),
        ("empty", bearer("")),
        ("blank", bearer("   ")),
        ("garbage", bearer("rap_garbage")),
        ("not ASCII", bearer("r\u00e9p")),
        ("expired", bearer(expired)),
        ("cut off", bearer(good[:-1])),
        ("with more behind it", bearer(good + "x")),
        ("in another case", bearer(good.swapcase())),
        ("a write key", bearer(home.acme.write_key)),
        ("Basic", {"authorization": f"Basic {good}"}),
        ("without a scheme", {"authorization": good}),
        ("huge", bearer("x" * 30_000)),
    ]


def test_without_a_good_token_nothing_is_said(home: House) -> None:
    said = set()
    for name, headers in tokens(home):
        for customer in ("user_id:ada", "user_id:nobody", "bad"):
            answer = http("GET", home.node.url + path_of(customer), headers=headers)
            assert is_problem(answer, 401, "unauthorized"), name
            assert answer.headers["www-authenticate"] == "Bearer"
            said.add(answer.body)
    assert len(said) == 1


def test_a_tokens_scheme_may_be_written_in_any_case(home: House) -> None:
    for scheme in ("bearer", "BEARER", "Bearer "):
        headers = {"authorization": f"{scheme} {home.acme.api_token}"}
        assert http("GET", home.node.url + path_of("user_id:ada"), headers=headers).status == 200


def test_a_token_is_good_for_its_scopes_alone(home: House) -> None:
    reader, writer = (home.ledger.mint_token("acme", [scope]) for scope in ("read", "operator"))
    assert home.get(path_of("user_id:ada"), reader).status == 200
    assert is_problem(home.get(path_of("user_id:ada"), writer), 403, "forbidden")
    assert is_problem(home.ask("user_id:ada", token=writer), 403, "forbidden")


# -- refused, absent, and other people's


def test_refused_absent_and_anothers_look_exactly_alike(home: House) -> None:
    mine = home.ask("user_id:ada").json["customer"]
    theirs = home.rival.view("user_id:bea")["customer"]
    cases = [
        ("absent", "user_id:nobody", "service"),
        ("refused", "user_id:ada", "offers"),
        ("refused by handle", mine, "advertising"),
        ("absent and refused", "user_id:nobody", "offers"),
        ("refused and ambiguous", "email:fam@example.com", "research"),
        ("another's", "user_id:bea", "service"),
        ("another's handle", theirs, "service"),
        ("another's e-mail", "email:bea@example.com", "service"),
        ("no handle", "cus_nonsense", "service"),
        ("a value that names nobody", "user_id:null", "service"),
        ("an unknown type", "shoe_size:43", "service"),
    ]
    said: dict[tuple[Any, ...], list[str]] = {}
    for name, customer, purpose in cases:
        said.setdefault(seen(home.ask(customer, purpose)), []).append(name)
        for part in PARTS:
            query = f"purpose={purpose}&limit=3&cursor=forged"
            for answer in (
                home.get(path_of(customer, part, f"purpose={purpose}")),
                home.get(path_of(customer, part, query)),
            ):
                assert customer.partition(":")[2] not in answer.body.decode() or customer.startswith("cus_")
                said.setdefault(seen(answer), []).append(f"{name} ({part})")
    assert len(said) == 1, said
    ((status, headers, body),) = said
    assert status == 404
    assert dict(headers)["content-length"] == str(len(body))


def test_a_head_request_gets_the_head_of_the_answer(home: House) -> None:
    headers = bearer(home.acme.api_token)
    for customer in ("user_id:ada", "user_id:nobody"):
        head = http("HEAD", home.node.url + path_of(customer), headers=headers)
        full = home.get(path_of(customer))
        assert (head.status, head.body) == (full.status, b"")
        assert {**head.headers} == {**full.headers}


# -- receipts


def test_every_read_leaves_a_receipt_that_is_there_before_its_answer(home: House) -> None:
    for part in PARTS:
        receipt = home.get(path_of("user_id:ada", part)).json["receipt"]
        (kept,) = home.receipts()
        assert (kept.id, kept.action, kept.decision, kept.purpose) == (receipt, part, "permitted", "service")
        assert kept.caller == "api token"
        assert len(kept.records) == 1
    for customer, purpose, decision in (
        ("user_id:ada", "offers", "refused"),
        ("user_id:nobody", "service", "absent"),
        ("user_id:bea", "service", "absent"),
        ("email:fam@example.com", "service", "refused"),
    ):
        before = home.receipts()[0].id
        home.ask(customer, purpose)
        kept, previous = home.receipts(limit=2)
        assert (kept.decision, kept.purpose, kept.fields, kept.categories) == (decision, purpose, (), ())
        assert previous.id == before


def test_receipts_name_fields_and_never_a_value(home: House) -> None:
    home.ask("user_id:ada")
    (kept,) = home.receipts()
    assert {*ADA, *TRAITS} <= {*kept.fields}
    assert {"name", "email", "phone"} <= {*kept.categories}
    written = b"".join(msgspec.msgpack.encode(receipt) for receipt in home.receipts(limit=10_000))
    for value in ("Canary", "ada@", "7946", "user_id:", "nobody", "fam@", "null", "script"):
        assert value.encode() not in written, value


def test_what_is_no_request_to_read_leaves_no_receipt(home: House) -> None:
    before = home.receipts()[0].id
    home.get(path_of("user_id:ada"), "rap_garbage")
    home.get(path_of("user_id:ada", query=""))
    home.get(path_of("ada"))
    home.get(path_of("user_id:ada", "secrets"))
    home.get(path_of("user_id:ada", "events", "purpose=service&limit=0"))
    home.post("/v1/customers/view", b"{")
    assert home.receipts()[0].id == before


# -- pages


def pages(home: House, part: str, limit: int) -> list[list[Any]]:
    """Every page of a part of Ada's."""
    read: list[list[Any]] = []
    cursor = ""
    while True:
        answer = home.get(path_of("user_id:ada", part, f"purpose=service&limit={limit}{cursor}"))
        assert answer.status == 200, answer
        content = answer.json[part]
        read.append([*content.items()] if isinstance(content, dict) else content)
        if answer.json["next"] is None:
            return read
        cursor = f"&cursor={quote(answer.json['next'], safe='')}"


@pytest.mark.parametrize("part", PARTS[1:])
def test_pages_of_any_size_make_the_same_whole(home: House, part: str) -> None:
    whole = pages(home, part, MAX_LIMIT)
    assert len(whole) == 1
    for limit in (1, 2, 3):
        split = pages(home, part, limit)
        assert [item for page in split for item in page] == whole[0]
        assert all(len(page) == limit for page in split[:-1])
        assert 0 < len(split[-1]) <= limit


def test_the_timeline_is_newest_first_with_unknown_times_last(home: House) -> None:
    events = pages(home, "events", 7)
    times = [event["time"] for page in events for event in page]
    assert times[-1] is None
    assert times[:-1] == sorted(times[:-1], reverse=True)
    assert events[-1][-1]["name"] == "Later"


@pytest.mark.parametrize("limit", ["0", "-1", "501", "1.0", "1e2", "", "ten", "%D9%A3", "+5", " 5", "9" * 400, "1;2"])
def test_a_limit_that_is_none_is_told_so(home: House, limit: str) -> None:
    for part in PARTS[1:]:
        answer = home.get(path_of("user_id:ada", part, f"purpose=service&limit={quote(limit, safe='%')}"))
        assert is_problem(answer, 400, "bad_limit", "limit")
        assert str(MAX_LIMIT) in answer.json["message"]


def token(value: object) -> str:
    return urlsafe_b64encode(msgspec.msgpack.encode(value)).decode().rstrip("=")


FORGED = [
    "",
    "%",
    "forged",
    "=",
    "é",
    "\x00",
    "AAAA",
    "x" * 4_000,
    token(None),
    token([]),
    token({"a": 1}),
    token([1, 2, 3, 4]),
    token([1, "m", "rec_x", {"rec_x": "1"}]),
    token(2**64 - 1),
    token(b"\xff"),
]


@pytest.mark.parametrize("part", PARTS[1:])
@pytest.mark.parametrize("cursor", FORGED, ids=ascii)
def test_a_forged_cursor_is_told_so(home: House, part: str, cursor: str) -> None:
    answer = home.get(path_of("user_id:ada", part, f"purpose=service&cursor={quote(cursor, safe='')}"))
    assert is_problem(answer, 400, "bad_cursor", "cursor")


def test_a_cursor_of_one_list_opens_nothing_in_another(home: House) -> None:
    acme = home.acme
    acme.send(*({"type": "track", "userId": "eve", "event": "Own", "messageId": f"e{i}"} for i in range(5)))
    acme.view("user_id:eve", events=5)
    cursor = acme.read("user_id:ada", "events", limit="2").json["next"]
    answer = acme.read("user_id:eve", "events", cursor=cursor)
    assert answer.status == 400 or {event["name"] for event in answer.json["events"]} <= {"Own"}
    for position in range(12):
        record = acme.view("user_id:eve")["records"][0]["record"]
        answer = acme.read("user_id:eve", "events", cursor=token([1 << 62, "m", record, {record: position}]))
        assert answer.status == 400 or {event["name"] for event in answer.json["events"]} <= {"Own"}


# -- bodies


DEEP = b'{"id":"user_id:ada","purpose":"service","x":' + b'{"x":' * 2_500 + b"1" + b"}" * 2_501
WRONG = [
    (b"", 400, "bad_json"),
    (b"{", 400, "bad_json"),
    (b"nonsense", 400, "bad_json"),
    (b"\xff\xfe", 400, "bad_json"),
    (b'{"id":"user_id:ada","purpose":"service"}}', 400, "bad_json"),
    (b'{"id":NaN,"purpose":"service"}', 400, "bad_json"),
    (b'{"id":"user_id:ada","purpose":"service","x":Infinity}', 400, "bad_json"),
    (b'{"id":"user_id:\\ud800","purpose":"service"}', 400, "bad_json"),
    (b'{"id":"user_id:\xed\xa0\x80","purpose":"service"}', 400, "bad_json"),
    (b'{"id":"user_id:ada","purpose":"service\\udfff"}', 400, "bad_json"),
    (b'{"id":"user_id:\x00","purpose":"service"}', 400, "bad_json"),
    (DEEP, 400, "bad_json"),
    (b"null", 400, "bad_type"),
    (b"[]", 400, "bad_type"),
    (b'"user_id:ada"', 400, "bad_type"),
    (b'{"purpose":"service"}', 400, "bad_type"),
    (b'{"id":null,"purpose":"service"}', 400, "bad_type"),
    (b'{"id":17,"purpose":"service"}', 400, "bad_type"),
    (b'{"id":["user_id:ada"],"purpose":"service"}', 400, "bad_type"),
    (b'{"id":"user_id:ada","purpose":1}', 400, "bad_type"),
    (b'{"id":"user_id:ada"}', 400, "missing_purpose"),
    (b'{"id":"user_id:ada","purpose":null}', 400, "missing_purpose"),
    (b'{"id":"user_id:ada","purpose":""}', 400, "unknown_purpose"),
    (b'{"id":"user_id:a\\u0000da","purpose":"service"}', 404, "not_found"),
    (b'{"id":"user_id:ada","purpose":"service"}' + b" " * 16_384, 413, "too_large"),
    (b"[" * 16_385, 413, "too_large"),
]


@pytest.mark.parametrize(("body", "status", "code"), WRONG, ids=[ascii(body[:40]) for body, _, _ in WRONG])
def test_a_body_that_cannot_be_used_is_told_why(home: House, body: bytes, status: int, code: str) -> None:
    field = "purpose" if "purpose" in code else None
    assert is_problem(home.post("/v1/customers/view", body), status, code, field)


def test_a_body_counts_whatever_it_is_called(home: House) -> None:
    body = {"id": "user_id:ada", "purpose": "service", "and": "more"}
    for media in ("application/json", "text/plain", "application/x-www-form-urlencoded", "image/png", "nonsense", ""):
        assert home.post("/v1/customers/view", body, **{"content-type": media}).status == 200
    assert home.post("/v1/customers/view", body, **{"content-encoding": "identity"}).status == 200
    for encoding in ("gzip", "br", "nonsense"):
        packed = home.post("/v1/customers/view", body, **{"content-encoding": encoding})
        assert is_problem(packed, 415, "bad_encoding")


def test_a_body_may_come_in_pieces_and_may_break_off(home: House) -> None:
    head = f"POST /v1/customers/view HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {home.acme.api_token}\r\n"
    body = json.dumps({"id": "user_id:ada", "purpose": "service"}).encode()
    pieces = b"".join(b"%x\r\n%b\r\n" % (len(body[i : i + 5]), body[i : i + 5]) for i in range(0, len(body), 5))
    chunked = f"{head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode() + pieces + b"0\r\n\r\n"
    assert home.raw(chunked).startswith(b"HTTP/1.1 200 ")
    with pytest.raises(TimeoutError):
        home.raw(f"{head}Content-Length: 1000\r\n\r\n{{".encode(), wait_s=0.3)
    assert home.ask("user_id:ada").status == 200


# -- what is answered


def closed(node: Any) -> Any:
    """The document, with every object closed to members that it does not describe."""
    if isinstance(node, list):
        return [closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    node = {name: closed(value) for name, value in node.items()}
    if "properties" in node and "type" in node:
        node.setdefault("additionalProperties", False)
    return node


def test_answers_hold_what_the_description_says_and_nothing_else(home: House) -> None:
    described = closed(document("http://localhost"))
    names = {"view": "View", **{part: f"{part.capitalize()}Page" for part in PARTS[1:]}}
    for part, name in names.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": described["components"]}
        jsonschema_rs.validate(schema, home.get(path_of("user_id:ada", part)).json, validate_formats=True)
    problem = {"$ref": "#/components/schemas/Problem", "components": described["components"]}
    jsonschema_rs.validate(problem, home.ask("ada").json)


def test_the_view_says_all_that_was_sent(home: House) -> None:
    view = home.ask("user_id:ada").json
    assert {name: trait["value"] for name, trait in view["traits"].items()} == {**ADA, **TRAITS}
    assert view["events"]["total"] == 25
    assert view["events"]["by_name"]["Looked"]["count"] == 20
    assert view["groups"][0]["traits"]["town"]["value"] == "Hull"
    assert [told["consent"] for told in view["consent"]] == [{"analytics": False}]
    assert [i["type"] for i in view["identifiers"]] == ["email", "phone", "user_id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", view["as_of"])

"""Evidence over HTTP: an operator's words, what they do to views, and everything that is no such word."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import jsonschema_rs
import pytest

from rapport.web.api.openapi import document
from tests.e2e.api import House, bearer, house, is_problem, seen
from tests.e2e.running import Answer, http

NOBODYS = "evi_" + "0" * 52
DEEP = b'{"kind":"must_link","a":' + b"[" * 3_000 + b"]" * 3_000 + b',"b":"user_id:ada"}'


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("evidence")) as home:
        people = ("ada", "bo")
        home.acme.send(*({"type": "identify", "userId": who, "traits": {"email": "fam@example.com"}} for who in people))
        home.rival.send({"type": "identify", "userId": "ada", "traits": {"email": "ada@example.com"}})
        for who in people:
            home.acme.view(f"user_id:{who}")
        home.rival.view("user_id:ada")
        yield home


def browsers(home: House, *names: str) -> list[dict[str, Any]]:
    """A view for each new anonymous browser of Acme's."""
    home.acme.send(*({"type": "track", "anonymousId": name, "event": "Looked"} for name in names))
    return [home.acme.view(f"anonymous_id:{name}") for name in names]


def say(home: House, kind: str, a: str, b: str, **more: Any) -> Answer:
    return home.post("/v1/evidence", {"kind": kind, "a": a, "b": b, **more})


def take_back(home: House, evidence: str, body: Any = b"", **more: Any) -> Answer:
    return home.post(f"/v1/evidence/{evidence}/retract", body, **more)


def evidence_of(home: House, customer: str, rule: str) -> dict[str, Any]:
    listed = home.acme.read(customer, "evidence").json["evidence"]
    return next(item for item in listed if item["rule"] == rule)


def lasting(view: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in view.items() if name not in {"receipt", "as_of"}}


# -- what it does


def test_a_must_link_joins_at_once_and_taking_it_back_restores_everything(home: House) -> None:
    before = browsers(home, "kiosk", "handset")
    one, another = (view["records"][0]["record"] for view in before)
    said = say(home, "must_link", one, another, why="the same person, she showed both")
    assert (said.status, said.json["kind"], said.json["used"]) == (201, "must_link", True)
    joined = [home.ask("anonymous_id:kiosk").json, home.ask(before[1]["customer"]).json]
    assert [view["customer"] for view in joined] == [before[0]["customer"]] * 2
    assert [view.get("changed") for view in joined] == [None, "merged"]
    assert joined[0]["events"]["total"] == 2
    assert take_back(home, said.json["id"]).json == {"id": said.json["id"], "retracted": True}
    after = [home.ask(f"anonymous_id:{name}").json for name in ("kiosk", "handset")]
    assert [lasting(view) for view in after] == [lasting(view) for view in before]


def test_a_cannot_link_keeps_apart_what_an_identifier_would_join(home: House) -> None:
    one, another = browsers(home, "hall", "attic")
    said = say(home, "cannot_link", one["customer"], another["customer"])
    assert (said.status, said.json["used"]) == (201, True)
    mail = {"email": "attic@example.com"}
    home.acme.send(*({"type": "identify", "anonymousId": name, "traits": mail} for name in ("hall", "attic")))
    views = [home.acme.view(f"anonymous_id:{name}", events=2) for name in ("hall", "attic")]
    assert views[0]["customer"] != views[1]["customer"]
    overruled = say(home, "must_link", one["customer"], another["customer"])
    assert (overruled.status, overruled.json["used"]) == (201, False)
    assert "different customers" in overruled.json["why"]


def test_a_must_link_never_overrides_a_user_id(home: House) -> None:
    said = say(home, "must_link", "user_id:ada", "user_id:bo")
    assert (said.status, said.json["used"]) == (201, False)
    assert "two user ids" in said.json["why"]
    assert home.ask("user_id:ada").json["customer"] != home.ask("user_id:bo").json["customer"]


def test_ends_may_be_records_handles_or_identifiers(home: House) -> None:
    views = browsers(home, "e1", "e2", "e3", "e4")
    ends = [views[0]["records"][0]["record"], views[1]["customer"], "anonymous_id:e3", "anonymous_id: e4 "]
    for one, another in pairwise(ends):
        assert say(home, "must_link", one, another).json["used"] is True
    assert home.acme.view("anonymous_id:e1", events=4)["events"]["total"] == 4


def test_the_same_word_twice_is_one_piece_of_evidence(home: House) -> None:
    one, another = (view["records"][0]["record"] for view in browsers(home, "twice1", "twice2"))
    first = say(home, "must_link", one, another)
    again = say(home, "must_link", another, one, why="as I said")
    assert (first.status, again.status) == (201, 201)
    assert first.json["id"] == again.json["id"]


def test_what_was_taken_back_is_gone_for_good(home: House) -> None:
    browsers(home, "gone1", "gone2")
    said = say(home, "must_link", "anonymous_id:gone1", "anonymous_id:gone2").json["id"]
    assert take_back(home, said, {"why": "a mistake"}).json == {"id": said, "retracted": True}
    assert is_problem(say(home, "must_link", "anonymous_id:gone1", "anonymous_id:gone2"), 409, "retracted")
    assert "changed" not in home.ask("anonymous_id:gone2").json


def test_taking_back_may_be_repeated(home: House) -> None:
    browsers(home, "again1", "again2")
    said = say(home, "must_link", "anonymous_id:again1", "anonymous_id:again2").json["id"]
    for body in (b"", {"why": "a mistake"}, b"{}"):
        assert take_back(home, said, body).json == {"id": said, "retracted": True}


def test_an_identifier_that_joins_strangers_can_be_taken_back(home: House) -> None:
    mail = {"email": "lobby@example.com"}
    home.acme.send(*({"type": "identify", "anonymousId": name, "traits": mail} for name in ("lobby1", "lobby2")))
    joined = home.acme.view("anonymous_id:lobby1", events=2)
    assert len(joined["records"]) == 2
    assert take_back(home, evidence_of(home, "anonymous_id:lobby2", "named")["id"]).status == 200
    apart = [home.ask(f"anonymous_id:lobby{number}").json for number in (1, 2)]
    assert [view["events"]["total"] for view in apart] == [1, 1]


def test_answers_hold_what_the_description_says(home: House) -> None:
    described = document("http://localhost")
    browsers(home, "d1", "d2")
    said = say(home, "must_link", "anonymous_id:d1", "anonymous_id:d2").json
    taken = take_back(home, said["id"]).json
    for name, answer in (("EvidenceSaid", said), ("Retracted", taken)):
        schema = {"$ref": f"#/components/schemas/{name}", "components": described["components"]}
        jsonschema_rs.validate(schema, answer)
        assert {*answer} == {*described["components"]["schemas"][name]["properties"]}


# -- what is refused


def test_a_records_own_key_cannot_be_taken_back(home: House) -> None:
    own = evidence_of(home, "user_id:ada", "key")
    assert is_problem(take_back(home, own["id"]), 409, "own_key")
    assert home.ask("user_id:ada").status == 200


def test_a_record_is_not_linked_with_itself(home: House) -> None:
    record = home.ask("user_id:ada").json["records"][0]["record"]
    for kind in ("must_link", "cannot_link"):
        for one in (record, "user_id:ada"):
            for another in (record, "user_id:ada"):
                assert is_problem(say(home, kind, one, another), 400, "same_record", "b")


def test_an_end_that_is_several_customers_is_a_conflict(home: House) -> None:
    answer = say(home, "must_link", "email:fam@example.com", "user_id:ada")
    assert (answer.status, answer.json["code"]) == (409, "ambiguous")


NO_ENDS = ["", "ada", ":", "user_id:", "user_id:null", "\x00"]


@pytest.mark.parametrize("end", NO_ENDS, ids=ascii)
def test_an_end_that_is_no_id_is_told_so(home: House, end: str) -> None:
    for one, another in ((end, "user_id:ada"), ("user_id:ada", end)):
        answer = say(home, "cannot_link", one, another)
        assert (answer.status, answer.json["code"]) == (400, "bad_id")


def test_an_end_that_is_not_there_is_absent_and_not_repeated(home: House) -> None:
    theirs = home.rival.view("user_id:ada")
    absent = [
        "user_id:nobody",
        "cus_nonsense",
        theirs["customer"],
        theirs["records"][0]["record"],
        "email:ada@example.com",
        "rec_",
        "rec_00",
        "rec_é",
        "rec_" + "0" * 26,
        "rec_" + "0" * 10_000,
    ]
    said = set()
    for end in absent:
        for one, another in ((end, "user_id:ada"), ("user_id:ada", end)):
            answer = say(home, "must_link", one, another)
            assert is_problem(answer, 404, "not_found")
            said.add(seen(answer))
    assert len(said) == 1


def test_a_handle_that_is_none_spoils_nothing_for_others(home: House) -> None:
    """Once half a handle went into the cipher that all look-ups share, and nobody was found from then on."""
    for end in ("rec_00", "rec_0000000000000000", "rec_" + "0" * 27, "rec_" + "0" * 60):
        say(home, "must_link", end, end)
        take_back(home, end.replace("rec_", "evi_"))
    assert home.ask("user_id:ada").status == 200
    assert home.rival.read("user_id:ada").status == 200


NO_EVIDENCE = [
    "x",
    "evi_",
    "evi_00",
    "rec_" + "0" * 52,
    NOBODYS.upper(),
    NOBODYS + "0",
    "evi_" + "z" * 52,
    "%C3%A9",
    "%ff",
]


@pytest.mark.parametrize("evidence", NO_EVIDENCE)
def test_what_is_no_evidence_id_is_told_so_and_not_repeated(home: House, evidence: str) -> None:
    answer = take_back(home, evidence)
    assert is_problem(answer, 400, "bad_id", "id")
    assert evidence not in answer.body.decode().replace("starts with evi_", "")


def test_unknown_evidence_and_anothers_look_alike_and_are_not_repeated(home: House) -> None:
    said = set()
    for rule in ("key", "named"):
        mine = evidence_of(home, "user_id:ada", rule)
        for evidence in (NOBODYS, mine["id"]):
            answer = take_back(home, evidence, token=home.rival.api_token)
            assert is_problem(answer, 404, "not_found")
            assert evidence not in answer.body.decode()
            said.add(seen(answer))
        again = evidence_of(home, "user_id:ada", rule)
        assert again == mine
    assert len(said) == 1


WRONG: list[tuple[bytes, int, str]] = [
    (b"", 400, "bad_json"),
    (b"{", 400, "bad_json"),
    (b"\xff", 400, "bad_json"),
    (b'{"kind":"must_link","a":NaN,"b":"user_id:bo"}', 400, "bad_json"),
    (b'{"kind":"must_link","a":"user_id:\\ud800","b":"user_id:bo"}', 400, "bad_json"),
    (DEEP, 400, "bad_type"),
    (b"null", 400, "bad_type"),
    (b"[]", 400, "bad_type"),
    (b"{}", 400, "bad_type"),
    (b'{"kind":"must_link","a":"user_id:ada"}', 400, "bad_type"),
    (b'{"kind":"maybe_link","a":"user_id:ada","b":"user_id:bo"}', 400, "bad_type"),
    (b'{"kind":"MUST_LINK","a":"user_id:ada","b":"user_id:bo"}', 400, "bad_type"),
    (b'{"kind":null,"a":"user_id:ada","b":"user_id:bo"}', 400, "bad_type"),
    (b'{"kind":"must_link","a":1,"b":"user_id:bo"}', 400, "bad_type"),
    (b'{"kind":"must_link","a":["user_id:ada"],"b":"user_id:bo"}', 400, "bad_type"),
    (b'{"kind":"must_link","a":"user_id:ada","b":"user_id:bo","why":1}', 400, "bad_type"),
    (b'{"kind":"must_link","a":"user_id:ada","b":"user_id:bo","weight":1}', 400, "bad_type"),
    (b'{"kind":"must_link","a":"user_id:ada","b":"user_id:bo","why":"' + b"x" * 16_384 + b'"}', 413, "too_large"),
    (b"x" * 5_000_000, 413, "too_large"),
]


@pytest.mark.parametrize(("body", "status", "code"), WRONG, ids=[ascii(body[:60]) for body, _, _ in WRONG])
def test_a_word_that_cannot_be_used_is_told_why(home: House, body: bytes, status: int, code: str) -> None:
    assert is_problem(home.post("/v1/evidence", body), status, code)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "bad_json"),
        (b"[]", 400, "bad_type"),
        (b"null", 400, "bad_type"),
        (b'{"why":1}', 400, "bad_type"),
        (b'{"why":null}', 400, "bad_type"),
        (b'{"because":"x"}', 400, "bad_type"),
        (b'{"why":"\\ud800"}', 400, "bad_json"),
        (b'{"why":"' + b"x" * 16_384 + b'"}', 413, "too_large"),
    ],
    ids=ascii,
)
def test_a_reason_that_cannot_be_used_takes_nothing_back(home: House, body: bytes, status: int, code: str) -> None:
    evidence = evidence_of(home, "user_id:bo", "named")
    assert is_problem(take_back(home, evidence["id"], body), status, code)
    assert evidence_of(home, "user_id:bo", "named") == evidence


@pytest.mark.parametrize("path", ["/v1/evidence", f"/v1/evidence/{NOBODYS}/retract"])
def test_only_an_operator_speaks_of_evidence(home: House, path: str) -> None:
    body = {"kind": "must_link", "a": "user_id:ada", "b": "user_id:bo"} if path == "/v1/evidence" else {}
    reader = home.ledger.mint_token("acme", ["read"])
    assert is_problem(home.post(path, body, reader), 403, "forbidden")
    expired = home.ledger.mint_token("acme", ["operator"], life=-1)
    for token in (expired, "garbage", home.acme.write_key):
        assert is_problem(home.post(path, body, token), 401, "unauthorized")
    answer = http("POST", home.node.url + path, b"{}", {})
    assert is_problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert http("POST", home.node.url + path, b"{}", bearer(reader)).status == 403


def test_an_evidence_handle_has_one_shape(home: House) -> None:
    listed = home.acme.read("user_id:ada", "evidence").json["evidence"]
    assert all(re.fullmatch("evi_[0-9a-hj-np-tv-z]{51}[0g]", item["id"]) for item in listed)

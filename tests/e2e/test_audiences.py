"""Audiences over HTTP: saved, tried, explained, and handed over through the gate."""

import json
from urllib.parse import quote

import jsonschema_rs
import pytest

from rapport.app.embedded import open_people
from rapport.app.settings import Settings
from rapport.terms import Clause, Receipt, Terms
from tests.e2e.api import House, bearer, is_problem, seen
from tests.e2e.running import Answer, http
from tests.e2e.sixty import (
    BUYERS,
    CUSTOMERS,
    GOLD,
    SHAPES,
    call,
    filled,
    handle,
    home,
    members,
    preview,
    put,
    settled,
    why,
)

__all__ = ["home"]


# -- definitions


def test_an_audience_is_saved_told_and_removed(home: House) -> None:
    first = put(home, "a-gold")
    assert (first.status, first.json["version"], first.json["warnings"]) == (201, 1, [])
    again = put(home, "a-gold")
    assert (again.status, again.json) == (200, first.json)
    changed = put(home, "a-gold", BUYERS)
    assert (changed.status, changed.json["version"]) == (200, 2)
    told = home.get("/v1/audiences/a-gold").json
    moving = {name: told[name] for name in ("count", "filling", "failing", "reason")}
    assert {**changed.json, **moving} == {**told, "warnings": []}
    assert call(home, "DELETE", "/v1/audiences/a-gold").status == 204
    gone = home.get("/v1/audiences/a-gold")
    assert is_problem(gone, 404, "not_found")
    assert seen(gone)[2] == seen(home.get("/v1/audiences/never_there"))[2]
    assert put(home, "a-gold").json["version"] == 3
    assert call(home, "DELETE", "/v1/audiences/a-gold").status == 204


def test_who_edits_what_another_has_edited_is_told_so(home: House) -> None:
    def edit(path: str, expression: str, **headers: str) -> Answer:
        body = json.dumps({"expression": expression, "purpose": "service"}).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return http("PUT", home.node.url + path, body, {**bearer(home.acme.api_token), **named})

    for path in ("/v1/audiences/edited", "/v1/traits/edited"):
        first = edit(path, "1 > 2", If_None_Match="*")
        assert (first.status, first.headers["etag"]) == (201, '"1"')
        assert is_problem(edit(path, "1 > 3", If_None_Match="*"), 412, "outdated")
        assert edit(path, "1 > 3", If_Match='"1"').headers["etag"] == '"2"'
        for tag in ('"1"', '"3"', "2x", "", '"-1"', "9" * 30, "²"):
            if tag.isascii():
                assert is_problem(edit(path, "1 > 4", If_Match=tag), 412, "outdated"), tag
        assert home.get(path).headers["etag"] == '"2"'
        assert edit(path, "1 > 5", If_Match="*").json["version"] == 3
        assert call(home, "DELETE", path).status == 204
        assert is_problem(edit(path, "1 > 4", If_Match='"3"'), 412, "outdated")
        assert edit(path, "1 > 4", If_None_Match="*").json["version"] == 4
        assert call(home, "DELETE", path).status == 204


def test_all_that_is_wrong_with_an_expression_is_told_with_its_place_and_nothing_is_saved(home: House) -> None:
    answer = put(home, "wrong", 'traits.plan = "gold" &&\n  cuont("Order Completed") > 1')
    assert is_problem(answer, 400, "bad_expression", "expression")
    assert answer.json["problems"][0]["line"] == 1
    assert answer.json["problems"][0]["column"] == 13
    assert answer.json["problems"][0]["text"] == "="
    assert answer.json["problems"][0]["suggestion"] == "=="
    assert answer.json["message"].startswith("line 1, column 13")
    two = put(home, "wrong", 'cuont("Order Completed") > 1 &&\n  sume("Order Completed", "revenue") > 1')
    assert [(one["line"], one["suggestion"]) for one in two.json["problems"]] == [(1, "count"), (2, "sum")]
    validator = jsonschema_rs.validator_for({"$ref": "#/components/schemas/ExpressionProblem", "components": SHAPES})
    assert validator.is_valid(two.json)
    assert home.get("/v1/audiences/wrong").status == 404


def test_what_was_never_promised_is_a_warning_and_refuses_nothing(home: House) -> None:
    answer = put(home, "ads", purpose="advertising")
    assert answer.status == 201
    assert [one["field"] for one in answer.json["warnings"]] == ["purpose"]
    assert filled(home, "ads")["count"] == 0
    assert call(home, "DELETE", "/v1/audiences/ads").status == 204


@pytest.mark.parametrize(
    "name", ["", "a b", "a/b", "1st", "-x", "a" * 64, "gold!", "zoë", "а", "a\x00", "..", "%00", "a\n", "🦉"], ids=ascii
)
def test_a_name_that_none_can_have_is_refused_and_nothing_breaks(home: House, name: str) -> None:
    answer = put(home, name)
    assert answer.status in (400, 404, 405), answer
    for path in ("", "/members", "/history", "/why?customer=user_id:u0"):
        assert home.get(f"/v1/audiences/{quote(name or 'x-none', safe='')}{path}").status == 404
    assert call(home, "DELETE", f"/v1/audiences/{quote(name or 'x-none', safe='')}").status == 404


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "bad_json"),
        (b"{", 400, "bad_json"),
        (b"[]", 400, "bad_type"),
        (b'{"expression": "true"}', 400, "bad_type"),
        (b'{"expression": 1, "purpose": "service"}', 400, "bad_type"),
        (b'{"expression": null, "purpose": "service"}', 400, "bad_type"),
        (b'{"expression": "true", "purpose": "service", "more": 1}', 400, "bad_type"),
        (b'{"expression": "true", "purpose": "world domination"}', 400, "unknown_purpose"),
        (b'{"expression": "", "purpose": "service"}', 400, "bad_expression"),
        (b'{"expression": "1", "purpose": "service"}', 400, "bad_expression"),
        (b'{"expression": "\\ud800", "purpose": "service"}', 400, "bad_json"),
        (b'{"expression": "\xff", "purpose": "service"}', 400, "bad_json"),
        (json.dumps({"expression": "(" * 3_000 + "true", "purpose": "service"}).encode(), 400, "bad_expression"),
        (json.dumps({"expression": "true || " * 1_000 + "true", "purpose": "service"}).encode(), 400, "bad_expression"),
        (json.dumps({"expression": "x" * 60_000, "purpose": "service"}).encode(), 400, "bad_expression"),
        (b'{"expression": "' + b"x" * 70_000 + b'", "purpose": "service"}', 413, "too_large"),
        (b"[" * 30_000, 400, "bad_type"),
    ],
)
def test_bad_bodies_are_told_so_and_save_nothing(home: House, body: bytes, status: int, code: str) -> None:
    for method, path in (("PUT", "/v1/audiences/bad"), ("POST", "/v1/audiences/preview")):
        answer = call(home, method, path, body)
        assert (answer.status, answer.json["code"]) == (status, code), answer
    if body != b'{"expression": "1", "purpose": "service"}':  # which is no audience, and may be a trait
        assert call(home, "PUT", "/v1/traits/bad", body).status == status
    assert home.get("/v1/audiences/bad").status == 404


def test_lists_are_paged_by_name(home: House) -> None:
    for name in ("p3", "p1", "p2"):
        assert put(home, name).status == 201
    names, cursor = [], "&cursor=p"
    while cursor:
        page = home.get(f"/v1/audiences?limit=1{cursor}").json
        names += [one["name"] for one in page["audiences"]]
        cursor = f"&cursor={page['next']}" if page["next"] and page["next"].startswith("p") else ""
    assert names[:3] == ["p1", "p2", "p3"]
    for name in ("p1", "p2", "p3"):
        assert call(home, "DELETE", f"/v1/audiences/{name}").status == 204
    assert is_problem(home.get("/v1/audiences?limit=0"), 400, "bad_limit", "limit")
    assert is_problem(home.get(f"/v1/audiences?cursor={'x' * 101}"), 400, "bad_cursor", "cursor")


def test_organizations_share_names_and_nothing_else(home: House) -> None:
    assert put(home, "ours").status == 201
    filled(home, "ours")
    rival = home.rival.api_token
    absent = home.get("/v1/audiences/never_there", rival)
    for path in ("", "/members", "/history", "/why?customer=user_id:u0"):
        assert home.get(f"/v1/audiences/ours{path}", rival).body == absent.body
    assert call(home, "DELETE", "/v1/audiences/ours", token=rival).body == absent.body
    body = {"expression": "true", "purpose": "service", "name": "ours"}
    assert call(home, "POST", "/v1/audiences/preview", body, rival).body == absent.body
    assert put(home, "ours", token=rival).json["version"] == 1
    assert [one["name"] for one in home.get("/v1/audiences", rival).json["audiences"]] == ["ours"]
    cursor = home.get("/v1/audiences/ours/members?limit=1").json["next"]
    assert is_problem(home.get(f"/v1/audiences/ours/members?cursor={cursor}", rival), 400, "bad_cursor", "cursor")
    for token in (rival, home.acme.api_token):
        assert call(home, "DELETE", "/v1/audiences/ours", token=token).status == 204


def test_who_only_reads_saves_lists_and_tries_nothing(home: House) -> None:
    from tests.e2e.running import run

    made = run("token", "add", "acme", "--scope", "read", "--data", str(home.node.data), "--json")
    token = json.loads(made.stdout)["api_token"]
    body = {"expression": "true", "purpose": "service"}
    for method, path, content in (
        ("PUT", "/v1/audiences/x", body),
        ("DELETE", "/v1/audiences/x", None),
        ("GET", "/v1/audiences/x/members", None),
        ("POST", "/v1/audiences/preview", body),
        ("PUT", "/v1/traits/x", body),
        ("DELETE", "/v1/traits/x", None),
    ):
        assert is_problem(call(home, method, path, content, token), 403, "forbidden"), path
        assert call(home, method, path, content, "rap_nothing").status == 401
    assert home.get("/v1/audiences", token).status == 200


def test_what_a_destination_is_given_is_not_removed(home: House) -> None:
    fields = {"bought": "computed.bought_lately"}
    call(home, "PUT", "/v1/traits/bought_lately", {"expression": 'count("Order Completed")', "purpose": "service"})
    put(home, "sent")
    wish = {"kind": "webhook", "url": "https://receiver.example/in", "purpose": "service", "audience": "sent"}
    made = call(home, "PUT", "/v1/destinations/hook", {**wish, "fields": fields})
    assert made.status == 201, made
    for path in ("/v1/audiences/sent", "/v1/traits/bought_lately"):
        held = call(home, "DELETE", path)
        assert is_problem(held, 409, "in_use", "name")
        assert "hook" in held.json["message"]
    for path in ("/v1/destinations/hook", "/v1/audiences/sent", "/v1/traits/bought_lately"):
        assert call(home, "DELETE", path).status == 204, path


def test_on_how_many_a_saved_one_fails_is_told_with_the_commonest_reason(home: House) -> None:
    assert put(home, "risky", 'traits.plan == "gold" ? traits.plan > 1 : 1 / 0 > 1').status == 201
    told = filled(home, "risky")
    assert (told["count"], told["failing"]) == (0, CUSTOMERS)
    assert told["reason"] == "it divides by zero, in 1 / 0 > 1"
    validator = jsonschema_rs.validator_for({"$ref": "#/components/schemas/Audience", "components": SHAPES})
    assert validator.is_valid(told)
    assert put(home, "risky", GOLD).json["version"] == 2
    told = filled(home, "risky")
    assert (told["count"], told["failing"], told["reason"]) == (20, 0, None)
    assert call(home, "DELETE", "/v1/audiences/risky").status == 204


# -- previews


def test_a_preview_counts_exactly_and_saves_nothing(home: House) -> None:
    told = preview(home, f"{GOLD} && {BUYERS}").json
    assert (told["in"], told["new"], told["left"], told["share"], told["sampled"]) == (10, None, None, 1.0, False)
    assert put(home, "compared", GOLD).status == 201
    filled(home, "compared")
    settled(home, "compared", 20)
    told = preview(home, BUYERS, name="compared").json
    assert (told["in"], told["new"], told["left"]) == (30, 20, 10)
    assert home.get("/v1/audiences/compared").json["expression"] == GOLD
    assert call(home, "DELETE", "/v1/audiences/compared").status == 204


def test_a_preview_tells_on_how_many_it_fails_and_why(home: House) -> None:
    told = preview(home, 'sum("Order Completed", "revenue") / 0 > 1 || ' + GOLD).json
    assert (told["in"], told["failing"]) == (20, 40)
    assert told["reason"].startswith("it divides by zero")


def test_whoever_was_looked_at_has_one_receipt_a_day(home: House) -> None:
    def looked() -> list[Receipt]:  # the evaluator leaves others
        return [one for one in home.receipts(limit=10_000) if one.action == "audience preview"]

    preview(home, "true")
    before = looked()
    assert preview(home, BUYERS).json["in"] == 30
    assert looked() == before
    assert len({one.asked for one in before}) == CUSTOMERS


# -- one customer


def test_why_shows_each_piece_with_what_it_saw(home: House) -> None:
    put(home, "explained", f"{GOLD} && {BUYERS}")
    told = why(home, "explained", "user_id:u3")
    assert told.status == 200
    (top,) = told.json["why"]
    assert told.json["inside"] is True
    assert [part["text"] for part in top["parts"]] == [GOLD, BUYERS]
    assert top["parts"][0]["saw"] == [{"what": "traits.plan", "value": "gold"}]
    assert told.json["due"] is not None
    out = why(home, "explained", "user_id:u0").json
    assert (out["inside"], out["since"]) == (False, None)
    validator = jsonschema_rs.validator_for({"$ref": "#/components/schemas/WhyInAudience", "components": SHAPES})
    assert validator.is_valid(out)
    newest = next(one for one in home.receipts(limit=10_000) if one.action == "audience: why")
    assert "plan" in newest.fields
    assert is_problem(home.get("/v1/audiences/explained/why"), 400, "missing_customer", "customer")
    assert is_problem(why(home, "explained", "rubbish"), 400, "bad_id", "id")
    assert call(home, "DELETE", "/v1/audiences/explained").status == 204


def test_members_are_handed_over_page_by_page_with_a_receipt_each(home: House) -> None:
    put(home, "paged", GOLD)
    assert filled(home, "paged")["count"] == 20
    every = members(home, "paged")
    assert len({one["customer"] for one in every}) == 20
    assert handle(home, "user_id:u3") in {one["customer"] for one in every}
    receipts = {one.id: one for one in home.receipts(limit=10_000)}
    assert all(receipts[one["receipt"]].decision == "permitted" for one in every)
    assert [one["receipt"] for one in members(home, "paged")] == [one["receipt"] for one in every]
    for limit in (1, 7, 20, 19):
        assert [one["customer"] for one in members(home, "paged", limit)] == [one["customer"] for one in every]
    for cursor in ("forged", "mbr_x", handle(home, "user_id:u3"), "0", "%00"):
        answer = home.get(f"/v1/audiences/paged/members?cursor={cursor}")
        assert is_problem(answer, 400, "bad_cursor", "cursor")
    (today,) = home.get("/v1/audiences/paged/history").json["days"]
    assert (today["inside"], today["entered"], today["left"]) == (20, 20, 0)
    told = home.acme.read("user_id:u3", "audiences").json
    assert told["audiences"] == ["paged"]
    assert told["receipt"].startswith("rcp_")
    assert home.acme.read("user_id:u1", "audiences").json["audiences"] == []
    assert call(home, "DELETE", "/v1/audiences/paged").status == 204
    assert home.acme.read("user_id:u3", "audiences").json["audiences"] == []


def test_who_refuses_is_as_if_they_had_never_been(home: House) -> None:
    """On no page and in no number, at once, and the reasons of nobody are told."""
    put(home, "kept", GOLD)
    filled(home, "kept")
    settled(home, "kept", 20)
    mine = handle(home, "user_id:u9")
    with_me = members(home, "kept")
    book = open_people(Settings(data=str(home.node.data)))
    person = book.add(["acme:user_id:u9"]).handle
    book.set_terms(person, Terms("own", (Clause("none", "deny"),)))
    assert mine in {one["customer"] for one in with_me}
    without = members(home, "kept")
    assert [one["customer"] for one in without] == [one["customer"] for one in with_me if one["customer"] != mine]
    assert len(home.get("/v1/audiences/kept/members?limit=19").json["members"]) == 19  # a page is filled up past them
    for customer in ("user_id:u9", mine):
        refused, unknown = why(home, "kept", customer), why(home, "kept", "user_id:nobody")
        assert seen(refused)[2] == seen(unknown)[2]
        assert refused.status == 404
        assert home.acme.read(customer, "audiences").status == 404
    told = preview(home, GOLD, name="kept").json
    assert (told["in"], told["new"], told["left"], told["refusing"]) == (19, 0, 0, None)
    settled(home, "kept", 19)
    book.set_terms(person, Terms())
    settled(home, "kept", 20)
    assert call(home, "DELETE", "/v1/audiences/kept").status == 204

"""Customers in the shape of Segment's Profile API, as a client written for that would read them."""

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.e2e.running import Answer, Node, Org, http, run


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Org]:
    node = Node(tmp_path_factory.mktemp("profiles") / "data")
    try:
        org = node.org("acme")
        traits = {"email": "ada@example.com", "firstName": "Ada", "plan": "gold"}
        org.send(
            {
                "type": "identify",
                "userId": "a/da",
                "messageId": "m0",
                "traits": traits,
                "timestamp": "2026-11-01T10:00:00Z",
            }
        )
        org.send(*(
            {"type": "track", "event": ("Seen", "Order Completed")[n % 2], "userId": "a/da", "messageId": f"m{n}",
             "properties": {"n": n}, "timestamp": f"2026-11-02T10:{n:02}:00Z"}
            for n in range(1, 16)
        ))  # fmt: skip
        org.send(
            {
                "type": "group",
                "userId": "a/da",
                "groupId": "firm",
                "messageId": "g1",
                "timestamp": "2026-11-03T10:00:00Z",
            }
        )
        org.send({"type": "identify", "userId": "shut", "messageId": "s1", "traits": {"email": "shut@example.com"}})
        org.view("user_id:a/da", events=16)
        org.view("user_id:shut")
        data = str(node.data)
        person = run("person", "add", "--claim", "acme:user_id:shut", "--data", data, "--json").stdout
        handle = person.split('"')[3]
        assert run("person", "lock", handle, "--data", data).returncode == 0
        yield org
    finally:
        node.stop()


def asked(org: Org, path: str, password: str = "service", token: str | None = None, space: str = "acme") -> Answer:
    credentials = base64.b64encode(f"{org.api_token if token is None else token}:{password}".encode()).decode()
    url = f"{org.node.url}/v1/spaces/{space}/collections/users/profiles/{path}"
    return http("GET", url, headers={"Authorization": f"Basic {credentials}"})


ADA = quote("user_id:a/da", safe="")


def test_traits_are_values_by_name_with_provenance_where_it_is_asked_for(org):
    answer = asked(org, f"{ADA}/traits").json
    assert answer["traits"] == {"email": "ada@example.com", "firstName": "Ada", "plan": "gold"}
    assert answer["cursor"] | {"url": ""} == {"url": "", "has_more": False, "next": "", "limit": 10}
    assert answer["receipt"].startswith("rcp_")
    verbose = asked(org, f"{ADA}/traits?include=plan,nothing&verbose=true").json["traits"]
    assert verbose == {"plan": {"value": "gold", "source_id": "web", "updated_at": "2026-11-01T10:00:00Z"}}


def test_external_ids_links_and_metadata(org):
    found = asked(org, "email:ada%40example.com/external_ids").json["data"]
    assert {(one["type"], one["id"], one["collection"], one["source_id"]) for one in found} == {
        ("email", "ada@example.com", "users", "web"),
        ("user_id", "a/da", "users", "web"),
    }
    assert [one["type"] for one in asked(org, f"{ADA}/external_ids?include=email").json["data"]] == ["email"]
    (link,) = asked(org, f"{ADA}/links").json["data"]
    assert (link["to_collection"], link["external_ids"][0]["id"]) == ("accounts", "firm")
    assert asked(org, f"{ADA}/metadata").json["metadata"] == {
        "created_at": "2026-11-01T10:00:00Z",
        "updated_at": "2026-11-03T10:00:00Z",
        "expires_at": None,
        "first_source_id": "web",
        "last_source_id": "web",
    }


def test_events_come_page_by_page_and_by_name(org):
    seen: list[str] = []
    following, more = "", True
    while more:
        page = asked(org, f"{ADA}/events?limit=4{following}").json
        seen += [event["message_id"] for event in page["data"]]
        more, following = page["cursor"]["has_more"], f"&next={page['cursor']['next']}"
        if more:
            again = http("GET", org.node.url + page["cursor"]["url"], headers=bearer(org))
            assert again.status == 400, "the address of the next page has no purpose that the password said"
    assert seen == ["g1", *(f"m{n}" for n in range(15, 0, -1)), "m0"]
    only = asked(org, f"{ADA}/events?include=Order%20Completed&limit=500").json["data"]
    assert {event["event"] for event in only} == {"Order Completed"}
    assert (len(only), only[0]["properties"]) == (8, {"n": 15})


def bearer(org: Org) -> dict[str, str]:
    return {"Authorization": f"Bearer {org.api_token}"}


def test_the_address_of_the_next_page_leads_there(org):
    page = asked(org, f"{ADA}/events?limit=4&purpose=service", password="").json
    following = http("GET", org.node.url + page["cursor"]["url"], headers=bearer(org)).json
    assert [event["message_id"] for event in following["data"]] == ["m12", "m11", "m10", "m9"]


def test_refused_looks_exactly_like_unknown(org):
    for part in ("traits", "external_ids", "events", "metadata", "links"):
        refused, unknown = (asked(org, f"user_id:{who}/{part}") for who in ("shut", "nobody"))
        assert (refused.status, refused.body) == (unknown.status, unknown.body)
        assert (refused.status, refused.json["code"]) == (404, "not_found")
        volatile = {"date"}
        assert {k: v for k, v in refused.headers.items() if k not in volatile} == {
            k: v for k, v in unknown.headers.items() if k not in volatile
        }


CASES: list[tuple[str, dict[str, Any], int, str]] = [
    (f"{ADA}/traits", {"password": ""}, 400, "missing_purpose"),
    (f"{ADA}/traits", {"password": "gossip"}, 400, "unknown_purpose"),
    (f"{ADA}/traits", {"token": "rap_nothing"}, 401, "unauthorized"),
    (f"{ADA}/traits", {"space": "other"}, 404, "not_found"),
    (f"{ADA}/secrets", {}, 404, "not_found"),
    (f"{ADA}/traits?limit=0", {}, 400, "bad_limit"),
    (f"{ADA}/traits?next=forged", {}, 400, "bad_cursor"),
    (f"{ADA}/events?next=forged", {}, 400, "bad_cursor"),
    (f"{ADA}/traits?class=audience", {}, 400, "bad_parameter"),
    ("nothing/traits", {}, 400, "bad_id"),
    ("%ff/traits", {}, 400, "bad_id"),
    (f"{'x' * 5000}/traits", {}, 400, "too_long"),
    ("/traits", {}, 404, "not_found"),
]


@pytest.mark.parametrize(("path", "how", "status", "code"), CASES)
def test_what_cannot_be_answered_is_told_clearly(org, path, how, status, code):
    answer = asked(org, path, **how)
    assert (answer.status, answer.json["code"]) == (status, code)
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Basic")


def test_only_reading_is_offered(org):
    answer = http("POST", f"{org.node.url}/v1/spaces/acme/collections/users/profiles/{ADA}/traits", b"{}", bearer(org))
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")

"""Actions over HTTP: saved, told, and previewed for customers whom the gate lets through."""

import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import jsonschema_rs
import pytest

from rapport.adapters.embedded.guard_rails import RailBook
from rapport.app.embedded import open_people
from rapport.app.settings import Settings
from rapport.kernel.times import now
from rapport.learn.verdicts import Rail, Verdict
from rapport.terms import Clause, Terms
from rapport.web.api.openapi import document
from tests.decide.acting import WHOLE
from tests.e2e.api import House, bearer, house, is_problem
from tests.e2e.running import Answer, http

SHAPES = document("http://x")["components"]
HELLO = 'Hello {traits.firstName or "there"}!'


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("actions")) as home:
        traits = {"firstName": "Ada", "email": "ada@example.com", "locale": "de_AT", "boiler": "Heat <3>"}
        home.acme.send(
            {"type": "identify", "userId": "ada", "traits": traits},
            {"type": "track", "userId": "ada", "event": "Order Completed", "properties": {"revenue": 12.5}},
            *({"type": "identify", "userId": f"kin{i}", "traits": {"email": "fam@example.com"}} for i in range(2)),
            {"type": "identify", "userId": "hidden", "traits": {"firstName": "Hilde"}},
        )
        home.rival.send({"type": "identify", "userId": "ada", "traits": {"firstName": "Ada"}})
        home.acme.view("user_id:ada", events=2)
        home.acme.view("user_id:hidden")
        home.acme.view("user_id:kin1")
        home.rival.view("user_id:ada")
        yield home


def call(home: House, method: str, path: str, body: Any = None, token: str | None = None, **headers: str) -> Answer:
    content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return http(method, home.node.url + path, content, {**bearer(token or home.acme.api_token), **named})


def wish(text: str = HELLO, **more: Any) -> dict[str, Any]:
    return {"kind": "inform", "purpose": "service", "content": {"inbox": {"en": text}}, **more}


def put(home: House, name: str, asked: Any = None, token: str | None = None, **headers: str) -> Answer:
    path = f"/v1/actions/{quote(name, safe='')}"
    return call(home, "PUT", path, wish() if asked is None else asked, token, **headers)


def preview(home: House, name: str, customer: str = "user_id:ada", channel: str = "inbox", **more: Any) -> Answer:
    return call(home, "POST", f"/v1/actions/{name}/preview", {"customer": customer, "channel": channel, **more})


def is_shape(name: str, value: Any) -> None:
    jsonschema_rs.validate({**SHAPES["schemas"][name], "components": SHAPES}, value)


def test_an_action_is_saved_told_and_removed(home: House) -> None:
    first = put(home, "boiler", WHOLE)
    assert (first.status, first.json["version"], first.headers["etag"]) == (201, 1, '"1"')
    is_shape("ActionAsked", WHOLE)
    is_shape("ActionSaved", first.json)
    again = put(home, "boiler", WHOLE)
    assert (again.status, again.json) == (200, first.json)
    told = call(home, "GET", "/v1/actions/boiler").json
    is_shape("Action", told)
    assert {**told, "warnings": first.json["warnings"]} == first.json
    back = {part: told[part] for part in WHOLE}
    assert put(home, "boiler", back).json["version"] == 1
    changed = put(home, "boiler", {**WHOLE, "cost": 0.5})
    assert (changed.status, changed.json["version"]) == (200, 2)
    assert call(home, "DELETE", "/v1/actions/boiler").status == 204
    assert call(home, "GET", "/v1/actions/boiler").status == 404
    assert call(home, "DELETE", "/v1/actions/boiler").status == 404
    assert put(home, "boiler", WHOLE).json["version"] == 3


def test_what_it_is_worth_to_both_sides_is_told(home: House) -> None:
    told = put(home, "worth", {**WHOLE, "currency": ""}).json
    assert told["worth"] == {"customer": 4.8, "company": 1.8}
    assert told["mandatory"] is False


def test_what_no_source_sent_is_a_doubt_with_its_field(home: House) -> None:
    triggers = [{"event": "Order Complete"}, {"entered": "nobody"}, {"event": "Order Completed"}]
    asked = wish("{traits.fristName or ''}!", eligible='count("Order Complete") > 1', triggers=triggers)
    told = put(home, "doubtful", asked).json
    assert [(one["field"], one["suggestion"]) for one in told["warnings"]] == [
        ("eligible", '"Order Completed"'),
        ("content.inbox.en.text", "traits.firstName"),
        ("triggers[0].event", "Order Completed"),
        ("triggers[1].entered", None),
    ]
    assert put(home, "certain", wish()).json["warnings"] == []


@pytest.mark.parametrize(
    ("asked", "code", "field"),
    [
        (b"{", "bad_json", None),
        (b"[]", "bad_type", None),
        (wish(kind="sell"), "bad_action", "kind"),
        (wish("{name}"), "bad_placeholder", "content.inbox.en.text"),
        (wish(eligible="1 +"), "bad_expression", "eligible"),
        (wish(cost=-1), "bad_action", "cost"),
        (wish(colour="red"), "bad_type", "action"),
        (b'{"kind": "help", "purpose": "service", "content": {"inbox": {"en": "x"}}, "cost": 1e999}', None, None),
        (b'{"kind": "help", "purpose": "service", "content": {"inbox": {"en": "x"}}, "cost": NaN}', "bad_json", None),
    ],
)
def test_what_cannot_be_used_is_told_and_nothing_is_kept(home: House, asked: Any, code: str, field: str) -> None:
    refused = put(home, "refused", asked)
    assert refused.status == 400
    if code is not None:
        assert is_problem(refused, 400, code, field)
    assert call(home, "GET", "/v1/actions/refused").status == 404


def test_silence_is_everybodys(home: House) -> None:
    assert is_problem(put(home, "silence"), 400, "reserved", "id")
    assert is_problem(put(home, "no id"), 400, "bad_name", "id")
    assert call(home, "GET", "/v1/actions/silence").status == 404


def test_of_two_who_edit_one_the_second_is_told(home: House) -> None:
    assert put(home, "edited", if_none_match="*").status == 201
    assert is_problem(put(home, "edited", if_none_match="*"), 412, "outdated")
    assert put(home, "edited", wish("Hello."), if_match='"1"').json["version"] == 2
    assert is_problem(put(home, "edited", wish("Hi."), if_match='"1"'), 412, "outdated")


def test_many_who_save_at_once_make_one_version_each(home: House) -> None:
    answers: list[Answer] = []

    def save(number: int) -> None:
        answers.append(put(home, "contested", wish(f"Number {number}")))

    threads = [threading.Thread(target=save, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.json["version"] for answer in answers) == list(range(1, 9))
    assert [answer.status for answer in answers].count(201) == 1


def test_pages_go_by_id(home: House) -> None:
    for name in ("p1", "p2", "p3"):
        put(home, name, wish(name))
    page = call(home, "GET", "/v1/actions?cursor=p&limit=2").json
    is_shape("ActionsPage", page)
    assert ([one["id"] for one in page["actions"]], page["next"]) == (["p1", "p2"], "p2")
    rest = call(home, "GET", f"/v1/actions?cursor={page['next']}&limit=2").json["actions"]
    assert rest[0]["id"] == "p3"
    assert is_problem(call(home, "GET", "/v1/actions?limit=0"), 400, "bad_limit", "limit")


def test_an_action_is_of_one_organization(home: House) -> None:
    put(home, "ours")
    for method, path, body in (
        ("GET", "/v1/actions/ours", None),
        ("DELETE", "/v1/actions/ours", None),
        ("POST", "/v1/actions/ours/preview", {"customer": "user_id:ada", "channel": "inbox"}),
    ):
        assert is_problem(call(home, method, path, body, home.rival.api_token), 404, "not_found")
    assert call(home, "GET", "/v1/actions", token=home.rival.api_token).json == {"actions": [], "next": None}
    assert call(home, "GET", "/v1/actions/ours").status == 200


def test_one_that_was_switched_off_says_why_is_excluded_and_comes_on_again_for_a_reason(home: House) -> None:
    put(home, "harmful", wish("Hello.", eligible="true"))
    assert call(home, "GET", "/v1/actions/harmful").json["guard_rail"] is None
    path, why = "/v1/actions/harmful/on", {"reason": "the price was wrong"}
    assert is_problem(call(home, "POST", path, why), 409, "not_switched_off", "id")
    found = Verdict("harmful", "customer", True, -0.4, -0.7, -0.1, 120, 80, 0.01, "harmful harms customers: -0.4")
    RailBook(home.ledger).found("acme", [Rail("harmful", 1, "off", now(), (found,))])
    told = call(home, "GET", "/v1/actions/harmful").json
    is_shape("Action", told)
    assert told["guard_rail"]["state"] == "off"
    assert told["guard_rail"]["harm"][0] == {
        "side": "customer",
        "effect": -0.4,
        "low": -0.7,
        "high": -0.1,
        "got": 120,
        "left_alone": 80,
        "said": "harmful harms customers: -0.4",
    }
    asked = {"customer": "user_id:ada", "purpose": "service", "channel": "inbox"}
    excluded = call(home, "POST", "/v1/decisions", asked).json["excluded"]
    assert {
        "action": "harmful",
        "rule": "switched_off",
        "said": "it was switched off, for it harms customers: -0.4",
    } in excluded
    assert preview(home, "harmful").json["excluded"]["rule"] == "switched_off"
    assert is_problem(call(home, "POST", path, {"reason": " "}), 400, "bad_reason", "reason")
    assert is_problem(call(home, "POST", path, {"reason": 1}), 400, "bad_type")
    assert is_problem(call(home, "POST", path, why, home.rival.api_token), 404, "not_found")
    again = call(home, "POST", path, why)
    is_shape("GuardRail", again.json)
    assert (again.json["state"], again.json["reason"]) == ("on", "the price was wrong")
    assert "harmful" not in {one["action"] for one in call(home, "POST", "/v1/decisions", asked).json["excluded"]}


# -- previews


def test_a_preview_says_what_the_customer_would_read_with_a_receipt(home: House) -> None:
    content = {"inbox": {"en": HELLO, "de": 'Guten Tag, {traits.firstName}: {sum("Order Completed", "revenue")}'}}
    content |= {"email": {"en": {"subject": "x", "text": "y", "html": "<b>{traits.boiler}</b>"}}}
    put(home, "hello", wish(content=content))
    told = preview(home, "hello")
    assert told.status == 200
    is_shape("ActionPreview", told.json)
    assert (told.json["language"], told.json["content"]) == ("de", {"text": "Guten Tag, Ada: 12,50"})
    assert (told.json["trouble"], told.json["excluded"]) == (None, None)
    assert told.json["receipt"].startswith("rcp_")
    assert preview(home, "hello", language="en").json["content"] == {"text": "Hello Ada!"}
    assert preview(home, "hello", channel="email").json["content"]["html"] == "<b>Heat &lt;3&gt;</b>"


def test_a_preview_says_why_there_is_nothing_to_say_and_who_would_not_get_it(home: House) -> None:
    put(home, "mute", wish("Your {traits.car}.", eligible='traits.firstName == "Bo"'))
    told = preview(home, "mute").json
    assert told["content"] is None
    assert told["trouble"].startswith("{traits.car}: it is absent or withheld")
    assert told["excluded"] == {"rule": "eligible", "said": None}
    assert preview(home, "mute", channel="sms").json["excluded"]["rule"] == "channel"


def test_who_may_not_be_read_is_as_one_who_is_not_there(home: House) -> None:
    put(home, "hello_all")
    people = open_people(Settings(data=str(home.node.data)))
    person = people.add(["acme:user_id:hidden"]).handle
    assert preview(home, "hello_all", "user_id:hidden").json["content"] == {"text": "Hello Hilde!"}
    people.lock(person)
    refused, absent = preview(home, "hello_all", "user_id:hidden"), preview(home, "hello_all", "user_id:nobody")
    assert (refused.status, refused.body) == (absent.status, absent.body) == (404, absent.body)
    people.unlock(person)


def test_what_terms_withhold_gives_the_fallback(home: House) -> None:
    put(home, "hello_again")
    people = open_people(Settings(data=str(home.node.data)))
    person = people.add(["acme:user_id:ada"]).handle
    people.set_terms(person, Terms("own", (Clause("bought", "allow", categories=("purchases",)),)))
    told = preview(home, "hello_again", language="en").json
    assert told["content"] == {"text": "Hello there!"}
    people.set_terms(person, Terms())
    assert preview(home, "hello_again", language="en").json["content"] == {"text": "Hello Ada!"}


def test_a_preview_that_cannot_be_is_told(home: House) -> None:
    put(home, "hello_odd")
    assert is_problem(preview(home, "hello_odd", channel="fax"), 400, "unknown_channel", "channel")
    assert is_problem(preview(home, "hello_odd", language="!"), 400, "bad_language", "language")
    assert is_problem(preview(home, "hello_odd", "ada"), 400, "bad_id", "id")
    assert is_problem(preview(home, "hello_odd", "email:fam@example.com"), 409, "ambiguous", "id")
    assert is_problem(preview(home, "never"), 404, "not_found")
    body = {"customer": "user_id:ada", "channel": "inbox", "deliver": True}
    assert is_problem(call(home, "POST", "/v1/actions/hello_odd/preview", body), 400, "bad_type")


# -- units


def test_units_are_set_and_told(home: House) -> None:
    token = home.rival.api_token
    first = call(home, "GET", "/v1/units", token=token)
    is_shape("Units", first.json)
    assert (first.json["version"], first.json["currency"], first.json["worth"]["help"]) == (
        0,
        None,
        {"customer": 0.8, "company": 0.4},
    )
    asked = {"currency": "EUR", "minute": 0.5, "kinds": {"help": {"customer": 3, "company": 1}}}
    is_shape("UnitsAsked", asked)
    told = call(home, "PUT", "/v1/units", asked, token, if_match='"0"')
    is_shape("Units", told.json)
    assert (told.status, told.json["version"], told.json["worth"]["help"]["customer"]) == (200, 1, 3)
    assert is_problem(call(home, "PUT", "/v1/units", asked, token, if_match='"0"'), 412, "outdated")
    pounds = put(home, "pounds", wish(currency="GBP"), token)
    assert is_problem(pounds, 400, "other_currency", "currency")
    assert put(home, "euros", wish(currency="EUR"), token).status == 201
    moved = call(home, "PUT", "/v1/units", {"currency": "GBP"}, token)
    assert is_problem(moved, 409, "other_currency", "currency")
    assert is_problem(call(home, "PUT", "/v1/units", {"minute": -1}, token), 400, "bad_units", "minute")
    assert is_problem(call(home, "PUT", "/v1/units", {"kinds": {"sell": {}}}, token), 400, "bad_units", "kinds")
    assert is_problem(call(home, "PUT", "/v1/units", {"weight": 1}, token), 400, "bad_type")

"""The pages of destinations: how each fares in words, forms that say what is wrong, and secrets that are seen once."""

import re

import pytest

from rapport.act import webhooks
from rapport.act.activation import wish_of
from rapport.web.console.destination_form import filled, wished
from tests.web.console.sample_desk import SampleDesk
from tests.web.console.sample_destinations import AUDIENCES, _samples
from tests.web.console.visitor import Page, Visitor

LIST = "/console/destinations"
CRM = f"{LIST}/crm_{'x' * 59}"
FORM = {"name": "shop", "kind": "webhook", "of": "audience", "audience": "gold", "url": "https://shop.example/in"}


def told(html: str) -> str:
    return re.sub(r"\s+", " ", Page(html).text)


def test_the_list_says_how_each_fares() -> None:
    page = told(Visitor().get(LIST).text)
    for words in (
        "cdp well Segment-compatible, who enters and leaves gold, for service nothing waits 12,345 sent",
        "in trouble Webhook, of Order <b>Completed</b>",
        "1,204 waiting, the oldest from 7 minutes ago; 23 given up: it answered <503>",
        "gone stopped by the node",
        "table in trouble File, of the members of gold, for service every 24 hours: <too many> 4 made, the last 1 day",
        "waits paused",
        "wary gave some up",
    ):
        assert words in page, words


def test_the_list_is_paged_by_name() -> None:
    desk = SampleDesk()
    one, health = desk.destinations.rows["cdp"]
    for number in range(60):
        name = f"more_{number:02}"
        desk.destinations.rows[name] = (
            type(one)(100 + number, "demo", name, "webhook", "https://x.y/", "service", 1),
            health,
        )
    visitor, path, seen = Visitor(desk), LIST, []
    while path:
        html = visitor.get(path).text
        seen += re.findall(r'destination-head"><a href="/console/destinations/(\w+)"', html)
        found = re.search(r'href="([^"]+)" rel="next"', html)
        path = found[1] if found else ""
    assert seen == sorted(desk.destinations.rows)


def test_the_empty_page_teaches() -> None:
    page = Visitor(SampleDesk(empty=True)).get(LIST).text
    assert "Nothing is sent anywhere yet" in page
    assert "/console/destination" in Page(page).links()


def test_one_is_made_and_its_secret_is_seen_once_and_nowhere_else() -> None:
    visitor = Visitor()
    made = visitor.post(
        LIST, **FORM, fields='plan = traits.plan\nbig = traits.size == "xl"', per_second="20", at_once="4"
    )
    (secret,) = visitor.desk.destinations.secrets
    assert made.status_code == 200
    assert secret in made.text
    for path in (LIST, f"{LIST}/shop", f"{LIST}/shop/change"):
        page = visitor.get(path).text
        assert secret not in page
        assert "has_secret" not in page
    one, _ = visitor.desk.destinations.rows["shop"]
    assert (one.purpose, one.per_second, one.at_once) == ("offers", 20, 4)  # the audience's own purpose
    assert one.fields == {"plan": "traits.plan", "big": 'traits.size == "xl"'}


def test_what_is_changed_keeps_its_secret_and_a_new_one_is_seen_once() -> None:
    visitor = Visitor()
    one, _ = visitor.desk.destinations.rows["wary"]
    answer = visitor.post(f"{LIST}/wary", **{**filled(one), "per_second": "7", "secret": ""})
    assert answer.headers["location"] == f"{LIST}/wary?done=changed"
    changed, _ = visitor.desk.destinations.rows["wary"]
    assert (changed.per_second, changed.has_secret, visitor.desk.destinations.secrets) == (7, True, [])
    renewed = visitor.post(f"{LIST}/wary/secret")
    (secret,) = visitor.desk.destinations.secrets
    assert webhooks.is_secret(secret)
    assert secret in renewed.text
    assert secret not in visitor.get(f"{LIST}/wary").text
    assert visitor.desk.destinations.rows["wary"][0].per_second == 7
    assert visitor.post(f"{LIST}/cdp/secret").status_code == 409


@pytest.mark.parametrize(
    ("wrong", "status", "words", "field"),
    [
        ({"name": "<shop>"}, 400, "the name of a destination is", "name"),
        ({"name": "cdp"}, 409, "There is a destination “cdp” already", "name"),
        ({"url": "http://127.0.0.1/"}, 400, "inside a network", "url"),
        ({"secret": "<short>"}, 400, "whsec_", "secret"),
        ({"of": "events", "events": " \n "}, 400, "Choose an audience, or name the events", "audience"),
        ({"of": "events", "events": "x", "purpose": "<none>"}, 400, "purpose", "purpose"),
        ({"fields": "plan"}, 400, "“plan” is no field", "fields"),
        ({"fields": "plan = 1 +"}, 400, "plan: ", "fields"),
        ({"fields": "plan = 1\nplan = 2"}, 400, "two fields plan", "fields"),
        ({"per_second": "-1"}, 400, "Write a number", "per_second"),
        ({"per_second": "99999999"}, 400, "per_second must be from 1", "per_second"),
        ({"at_once": "17"}, 400, "at_once must be from 1", "at_once"),
        ({"recipient": "Stranger"}, 400, "does not name it", "recipient"),
        ({"kind": "<owl>"}, 400, "kind must be one of", "kind"),
    ],
)
def test_what_is_wrong_is_said_on_the_form_which_keeps_what_was_written(
    wrong: dict[str, str], status: int, words: str, field: str
) -> None:
    visitor = Visitor()
    before = dict(visitor.desk.destinations.rows)
    answer = visitor.post(LIST, **{**FORM, **wrong})
    page = Page(answer.text)
    assert answer.status_code == status
    assert words in page.text
    assert visitor.desk.destinations.rows == before
    marked = [one["name"] for _, one in page.elements if one.get("aria-invalid")]
    assert marked == ([field] if field != "kind" else [])
    values = {
        one.get("name"): one.get("value", "")
        for kind, one in page.elements
        if kind == "input" and one.get("type") != "radio"
    }
    assert values["url"] == {**FORM, **wrong}["url"]
    assert values["secret"] == ""  # never written back
    assert page.only_its_own()


def test_a_form_says_what_a_destination_is() -> None:
    for one, _ in _samples():
        if one.kind != "file" and "\u202e" not in "".join(one.events):
            purposes = [(name, one.purpose) for name, _ in AUDIENCES]
            assert wished(filled(one), purposes) == wish_of(one)


def test_a_test_says_what_was_answered() -> None:
    visitor = Visitor()
    assert "The test was taken: it answered 204 within 31 ms." in told(visitor.post(f"{LIST}/cdp/test").text)
    assert "not taken: it answered <503>, after 1,042 ms." in told(visitor.post(f"{CRM}/test").text)
    assert visitor.post(f"{LIST}/table/test").status_code == 409


def test_what_was_given_up_is_listed_page_by_page_and_tried_again_one_or_all() -> None:
    visitor = Visitor()
    first = visitor.get(CRM).text
    ids = re.findall(r'name="id" value="(msg_\d+)"', first)
    onward = re.search(r'href="([^"]+)" rel="next"', first)
    assert onward is not None
    ids += re.findall(r'name="id" value="(msg_\d+)"', visitor.get(onward[1]).text)
    assert ids == [each.id for each in visitor.desk.destinations.dead]
    assert visitor.post(f"{CRM}/replay", id=ids[3]).headers["location"] == f"{CRM}?done=replayed"
    assert [each.id for each in visitor.desk.destinations.dead] == ids[:3] + ids[4:]
    assert visitor.post(f"{CRM}/replay", id=ids[3]).status_code == 404
    assert visitor.post(f"{CRM}/replay").status_code == 303
    assert visitor.desk.destinations.dead == []
    assert visitor.get(f"{CRM}?cursor=x").status_code == 400


def test_it_is_paused_resumed_made_and_removed() -> None:
    visitor = Visitor()
    assert visitor.post(f"{LIST}/cdp/pause").status_code == 303
    assert "Resume it" in visitor.get(f"{LIST}/cdp").text
    assert visitor.post(f"{LIST}/cdp/resume").status_code == 303
    assert not visitor.desk.destinations.rows["cdp"][0].paused
    assert visitor.post(f"{LIST}/table/file").headers["location"].startswith("/console/exports/exp_")
    assert visitor.post(f"{LIST}/cdp/file").status_code == 409
    assert visitor.post(f"{LIST}/cdp/remove").headers["location"] == f"{LIST}?done=removed"
    for path in ("cdp", "cdp/change"):
        assert visitor.get(f"{LIST}/{path}").status_code == 404
    for path in ("pause", "resume", "replay", "test", "remove", "secret"):
        assert visitor.post(f"{LIST}/cdp/{path}").status_code == 404


def test_only_a_form_of_the_session_does_anything() -> None:
    visitor = Visitor()
    before = dict(visitor.desk.destinations.rows)
    for path in ("", "/cdp", "/cdp/pause", "/cdp/replay", "/cdp/test", "/cdp/secret", "/cdp/remove"):
        assert visitor.post(f"{LIST}{path}", {"Origin": "https://evil.example"}, **FORM).status_code == 403
    assert visitor.desk.destinations.rows == before
    assert Visitor(code=None).get(LIST).headers["location"] == "/console/start"

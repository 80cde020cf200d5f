"""A decision that a real node delivers to a person's inbox: read in a real browser, understood, stopped; it bites."""

import json

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browsing import AXE, problems, too_wide, unfold
from tests.e2e.running import Node, Org, http, run
from tests.e2e.test_my_page import opened

pytestmark = pytest.mark.needs("chromium")

HELP = {
    "kind": "help",
    "purpose": "service",
    "eligible": 'traits.boiler == "B2"',
    "content": {
        "inbox": {
            "en": {
                "title": "Your boiler's warranty",
                "text": "Dear {traits.name}, it ends in May. Book a check, free.",
            },
            "de": {"title": "Die Garantie Ihrer Therme", "text": "Sie endet im Mai. Die Prüfung ist umsonst."},
        }
    },
    "benefit": {"customer": {"kind": "minutes_saved", "minutes": 20}},
    "value": {"company": 1.5},
}


def asked(org: Org, method: str, path: str, content: object = None):
    headers = {"authorization": f"Bearer {org.api_token}", "content-type": "application/json"}
    body = None if content is None else json.dumps(content).encode()
    return http(method, f"{org.node.url}{path}", body, headers)


def decided(org: Org, **more: object) -> dict:
    wish = {"customer": "user_id:ada", "purpose": "service", "channel": "inbox", "deliver": True, **more}
    answer = asked(org, "POST", "/v1/decisions", wish)
    assert answer.status == 200, answer
    return answer.json


@pytest.fixture(scope="module")
def org(node: Node) -> Org:
    made = node.org("boilers")
    made.send({"type": "identify", "userId": "ada", "messageId": "1", "traits": {"name": "Ada", "boiler": "B2"}})
    made.view("user_id:ada")
    assert asked(made, "PUT", "/v1/units", {"currency": "GBP"}).status == 200
    assert asked(made, "PUT", "/v1/deciding", {"holdout": 0}).status == 200
    assert asked(made, "PUT", "/v1/actions/warranty", HELP).status == 201
    return made


@pytest.fixture(scope="module")
def person(node: Node, org: Org) -> str:
    made = run("person", "add", "--claim", f"{org.name}:user_id:ada", "--data", str(node.data), "--json")
    handle: str = json.loads(made.stdout)["person"]
    run("person", "terms", handle, "--preset", "open", "--data", str(node.data))
    return handle


def came(org: Org) -> dict:
    """A decision that was not silence."""
    for _ in range(50):
        answer = decided(org)
        if answer["action"] == "warranty":
            return answer
    raise AssertionError("silence, fifty times")


def to_inbox(page: Page) -> None:
    page.goto(page.url.partition("/me")[0] + "/me/inbox")


def test_what_came_is_read_and_stopped_and_does_not_come_again(browser, node, org, person):
    answer = came(org)
    page = opened(browser, node, person, viewport={"width": 390, "height": 860})
    to_inbox(page)
    card = page.locator(f"#m-{answer['decision']}")
    expect(card).to_contain_text("Dear Ada, it ends in May.")
    expect(card).to_contain_text("new")
    card.locator("summary").click()
    expect(card).to_contain_text("to you")
    card.get_by_role("button", name="Stop this").click()
    expect(page.get_by_role("status")).to_contain_text("Stopped")
    after = decided(org)
    assert after["action"] == "silence"
    assert {(one["action"], one["rule"]) for one in after["excluded"]} == {("warranty", "stopped_action")}
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_contain_text("It may come again")
    assert came(org)["action"] == "warranty"
    page.context.close()


@pytest.mark.needs("node")
@pytest.mark.parametrize(("scheme", "width", "locale"), [("light", 390, "en-GB"), ("dark", 1280, "de-DE")])
def test_the_inbox_passes_axe_and_fits(browser, node, org, person, scheme, width, locale):
    came(org)
    page = opened(browser, node, person, color_scheme=scheme, locale=locale, viewport={"width": width, "height": 860})
    to_inbox(page)
    unfold(page)
    assert problems(page, AXE.read_text(), "inbox") == []
    assert too_wide(page) <= 0
    page.context.close()


def test_what_comes_while_the_inbox_is_open_appears_in_it(browser, node, org, person):
    came(org)
    page = opened(browser, node, person, viewport={"width": 390, "height": 860})
    page.locator(".thumb").get_by_role("link", name="Inbox").click()
    page.wait_for_url("**/me/inbox")
    first = page.locator(".letter").first
    first.locator("summary").click()
    answer = came(org)
    card = page.locator(f"#m-{answer['decision']}")
    expect(card).to_contain_text("Dear Ada, it ends in May.")
    expect(page.locator("[data-inbox-said]")).to_contain_text("new message")
    expect(first).to_have_attribute("id", f"m-{answer['decision']}")
    assert page.locator(".letter details[open]").count() == 1  # what was unfolded still is
    page.context.close()


def test_leave_me_alone_bites_on_the_next_decision_and_one_press_undoes_it(browser, node, org, person):
    page = opened(browser, node, person, viewport={"width": 390, "height": 860})
    page.goto(page.url.partition("/me")[0] + "/me/reach")
    page.get_by_label("For how long").select_option("week")
    page.get_by_role("button", name="Leave me alone").click()
    expect(page.get_by_role("status")).to_contain_text("You are left alone now")
    answer = decided(org)
    assert {(one["action"], one["rule"]) for one in answer["excluded"]} == {("warranty", "left_alone")}
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_contain_text("may reach you again")
    assert came(org)["action"] == "warranty"
    page.context.close()


@pytest.mark.usefixtures("person")
def test_a_decision_about_somebody_else_is_none_of_theirs(browser, node, org):
    answer = came(org)
    other = json.loads(run("person", "add", "--data", str(node.data), "--json").stdout)["person"]
    page = opened(browser, node, other)
    origin = page.url.partition("/me")[0]
    headers = {"accept": "application/json", "origin": origin, "content-type": "application/json"}
    gave = page.request.post(f"{origin}/me/decisions/{answer['decision']}/stop", headers=headers, data="{}")
    assert gave.status == 404
    page.context.close()

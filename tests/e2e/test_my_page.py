"""The person's page of a real node, in a real browser: opened by a link from the command line, accessible on every
page, whole without JavaScript, and a lock that bites on the next read."""

import base64
import json
import re

import pytest
from playwright.sync_api import Browser, Page, expect

from rapport.adapters.embedded.doors import Doors
from rapport.app.embedded import open_ledger
from rapport.app.settings import Settings
from rapport.web.door import AT_ONCE
from tests.e2e.browsing import AXE, LETTERS, NARROWEST, Look, Walk, problems, walked
from tests.e2e.running import Node, Org, run

pytestmark = pytest.mark.needs("chromium")

EVERY_PAGE = {
    "companies": "/me", "known": "/me/known/mine", "terms": "/me/terms",
    "preset": "/me/terms/change?way=preset&value=open", "clause": "/me/terms/change?way=out&value=fair-offers",
    "asked": "/me/asked", "receipts": "/me/receipts",
    "correct": "/me/known/mine/correct?trait=name", "correct parts": "/me/known/mine/correct?trait=address",
    "statement": "/me/statement", "empty month": "/me/statement?month=2020-02",
    "agreements": "/me/agreements", "rights": "/me/rights", "erase": "/me/erase",
    "stop": "/me/rights/stop?org=mine&purpose=service", "nowhere": "/me/nowhere", "door": "/me/open?code=x",
    "no link": "/me/open", "goals": "/me/goals", "lock": "/me/lock", "devices": "/me/devices",
    "hide": "/me/terms/change?way=hide&value=mine:name", "facts": "/me/known", "sharing": "/me/sharing",
    "contacts": "/me/contacts", "claims": "/me/claim", "pair": "/me/devices/pair", "tap": "/me/tap?code=x",
    "take": "/me/take", "again": "/me/again", "inbox": "/me/inbox", "reach": "/me/reach",
    "reach one": "/me/reach?org=mine", "reach back": "/me/reach?back={\"alone\":false}",
}  # fmt: skip


@pytest.fixture(scope="module")
def org(node: Node) -> Org:
    made = node.org("mine")
    traits = {"email": "ada@example.com", "name": "Ada", "address": {"street": "14 Mill Lane", "city": "Hebden Bridge"}}
    made.send(
        {"type": "identify", "userId": "ada", "messageId": "1", "traits": traits},
        {"type": "track", "userId": "ada", "event": "Order Completed", "messageId": "2"},
    )
    made.view("user_id:ada", events=2)
    return made


@pytest.fixture(scope="module")
def person(node: Node, org: Org) -> str:
    made = run("person", "add", "--claim", f"{org.name}:user_id:ada", "--data", str(node.data), "--json")
    handle: str = json.loads(made.stdout)["person"]
    run("person", "terms", handle, "--preset", "balanced", "--data", str(node.data))
    for _ in range(3):
        org.view("user_id:ada", events=2)
    return handle


def opened(browser: Browser, node: Node, person: str, **how: object) -> Page:
    said = run("person", "open", person, "--data", str(node.data), "--port", str(node.port), "--json")
    context = browser.new_context(reduced_motion="reduce", **how)  # type: ignore[arg-type]
    context.set_default_timeout(60_000)
    page = context.new_page()
    url = json.loads(said.stdout)["url"]
    page.goto(url)
    page.locator("main form button").click()
    page.wait_for_url("**/me")
    return page


def go(page: Page, path: str) -> None:
    page.goto(page.url.partition("/me")[0] + path)


def walk_in(language: str, look: Look, other: int, browser: Browser, node: Node, person: str, **how: object) -> Walk:
    page = opened(browser, node, person, viewport=NARROWEST, **how)
    seen = walked(page, page.url.partition("/me")[0], EVERY_PAGE, (look,), (other,), language)
    page.context.close()
    return seen


@pytest.fixture(scope="module")
def walk(browser: Browser, node: Node, person: str) -> Walk:
    return walk_in("en", ("light", 390), 1280, browser, node, person, locale="en-GB")


@pytest.fixture(scope="module")
def german_walk(browser: Browser, node: Node, person: str) -> Walk:
    return walk_in("de", ("dark", 1280), 390, browser, node, person, locale="de-DE")


@pytest.mark.needs("node")  # axe-core is installed beside the client libraries
@pytest.mark.parametrize("language", ["walk", "german_walk"])
def test_every_page_passes_axe_and_fits_its_screen_in_both_languages(request, language):
    """The words of one language are longer: nothing is pushed sideways by them, on a phone or on a desk."""
    seen = request.getfixturevalue(language)
    assert (seen.wrong, seen.too_wide["100%"], seen.said) == ([], [], {})


def test_the_language_is_switched_on_any_page_and_kept(browser, node, person):
    page = opened(browser, node, person)
    go(page, "/me/terms")
    page.get_by_role("button", name="Deutsch").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Meine Bedingungen")
    assert page.url.endswith("/me/terms")
    page.get_by_role("button", name="Abmelden").click()
    page.wait_for_url("**/signin")
    expect(page.get_by_role("heading", level=1)).to_have_text("Anmelden")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.context.close()


@pytest.mark.parametrize("letters", LETTERS)
def test_pages_fit_the_narrowest_screens_also_with_larger_letters(walk, letters):
    assert walk.too_wide[letters] == []


def test_nothing_is_reported_by_the_browser_on_any_page(walk):
    assert walk.said == {}


@pytest.mark.needs("node")
def test_on_a_phone_every_place_is_reached_by_keyboard_from_below(browser, node, person):
    page = opened(browser, node, person, viewport={"width": 390, "height": 844})
    menu = page.get_by_role("navigation", name="Places")
    expect(menu).to_be_in_viewport()
    menu.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(menu.get_by_role("listitem")).to_have_count(11)
    assert problems(page, AXE.read_text(), "menu") == []
    menu.get_by_role("listitem").get_by_role("link", name="Sharing").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sharing")
    menu.get_by_role("link", name="Inbox").first.click()
    expect(menu.get_by_role("link", name="Inbox").first).to_have_attribute("aria-current", "page")
    page.context.close()


@pytest.mark.parametrize("javascript", [True, False])
def test_the_link_of_the_demo_signs_in_by_one_click_and_once(browser, node, person, javascript):
    code = Doors(open_ledger(Settings(data=str(node.data)))).mint(person, AT_ONCE)
    context = browser.new_context(java_script_enabled=javascript)
    page = context.new_page()
    link = f"http://localhost:{node.port}/me/open?code={code}"
    page.goto(link)
    if not javascript:
        page.get_by_role("button", name="Open my page on this browser").click()
    page.wait_for_url("**/me")
    page.goto(link)  # where somebody is in already, nothing is done for them
    page.get_by_role("button", name="Open my page on this browser").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This link is used up")
    page.get_by_role("link", name="The page that is open on this browser").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Companies and me")
    context.clear_cookies()
    page.goto(link)
    if not javascript:
        page.get_by_role("button", name="Open my page on this browser").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This link is used up")
    expect(page.get_by_text("rapport person open")).to_be_visible()
    context.close()


@pytest.mark.parametrize("javascript", [True, False])
def test_lock_and_undo_from_the_first_page_bite_on_the_next_read(browser, node, org, person, javascript):
    page = opened(browser, node, person, java_script_enabled=javascript)
    page.get_by_role("switch", name="Lock everyone out").click()
    expect(page.get_by_role("status")).to_contain_text("Locked.")
    expect(page.get_by_role("switch", name="Lock everyone out")).to_be_checked()
    assert org.read("user_id:ada", "view").status == 404
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("switch", name="Lock everyone out")).not_to_be_checked()
    assert org.read("user_id:ada", "view").status == 200
    page.context.close()


@pytest.mark.parametrize("javascript", [True, False])
def test_a_goal_is_said_measured_put_aside_and_finished(browser, node, person, javascript):
    page = opened(browser, node, person, java_script_enabled=javascript, viewport={"width": 390, "height": 844})
    go(page, "/me/goals")
    page.get_by_label("In your own words").fill("Two orders a month")
    page.get_by_label("How it is measured").select_option("buy")
    page.get_by_label("How many times or days").fill("2")
    page.get_by_label("mine").check()
    page.get_by_role("button", name="Keep this goal").click()
    card = page.get_by_role("listitem").filter(has_text="Two orders a month")
    expect(card).to_contain_text("1 purchase of 2 purchases")
    card.get_by_role("button", name="Put it aside").click()
    expect(card).to_contain_text("put aside")
    page.get_by_role("button", name="Undo").click()
    expect(card).not_to_contain_text("put aside")
    card.get_by_role("button", name="Finish").click()
    expect(page.get_by_role("heading", name="Finished")).to_be_visible()
    card.get_by_text("Forget it…").click()
    card.get_by_role("button", name="Yes, forget it").click()
    expect(card).to_have_count(0)
    page.context.close()


def test_chromium_finds_nothing_that_keeps_the_page_from_being_installed(browser, node, person):
    page = opened(browser, node, person)
    devtools = page.context.new_cdp_session(page)
    found = devtools.send("Page.getAppManifest")
    assert (found["url"].endswith("/me/manifest.webmanifest"), found["errors"]) == (True, [])
    errors = [error["errorId"] for error in devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]]
    assert [error for error in errors if error != "in-incognito"] == []  # as every context of a test is
    page.context.close()


def test_a_clause_goes_and_comes_back_by_keyboard_with_what_it_changes_between(browser, node, org, person):
    page = opened(browser, node, person)
    go(page, "/me/terms")
    button = page.locator(".clause").first.get_by_role("button")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Take this out?")
    expect(page.locator(".loses").first).to_contain_text("may no longer use")
    assert org.read("user_id:ada", "view").status == 200
    page.get_by_role("button", name="Yes, take it out").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Changed.")
    assert org.read("user_id:ada", "view").status == 404
    page.locator(".clause.off").get_by_role("button").press("Enter")
    page.get_by_role("button", name="Yes, put it back").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Changed.")
    expect(page.locator(".clause.off")).to_have_count(0)
    assert org.read("user_id:ada", "view").status == 200
    go(page, "/me/asked")
    expect(page.locator(".look.refused").first).to_contain_text("got nothing")
    page.context.close()


def test_receipts_are_checked_by_the_browser_itself_and_it_speaks_up_once_something_was_taken_away(
    browser, node, org, person
):
    page = opened(browser, node, person)
    go(page, "/me/receipts")
    expect(page.get_by_role("status")).to_have_text(re.compile(r"All \d+ receipts hold\."))
    expect(page.locator("[data-more]")).to_contain_text("Nothing newer about you is in the log of")
    expect(page.locator("[data-more]")).to_contain_text("This browser will remember")
    org.view("user_id:ada", events=2)
    page.reload()
    expect(page.locator("[data-more]")).to_contain_text("They continue what this browser saw last.")
    place = page.evaluate("Object.keys(localStorage)[0]")
    seen = page.evaluate("(place) => localStorage[place]", place)
    head = json.loads(base64.urlsafe_b64decode(seen + "==="))
    head["log"]["size"] += 1000  # what it saw is no longer there
    rolled = base64.urlsafe_b64encode(json.dumps(head).encode()).decode().rstrip("=")
    page.evaluate("([place, head]) => (localStorage[place] = head)", [place, rolled])
    page.reload()
    expect(page.get_by_role("status")).to_contain_text("Something does not hold: the log was rolled back")
    assert page.evaluate("(place) => localStorage[place]", place) == rolled
    page.context.close()


def test_receipts_can_be_taken_as_a_file_without_javascript_and_verified(browser, node, person, tmp_path):
    page = opened(browser, node, person, java_script_enabled=False)
    go(page, "/me/receipts")
    with page.expect_download() as taken:
        page.get_by_role("link", name="Take the file").click()
    taken.value.save_as(tmp_path / "receipts.json")
    page.context.close()
    said = json.loads(run("verify", str(tmp_path / "receipts.json"), "--json").stdout)
    assert said["ok"]
    assert said["receipts"] > 0

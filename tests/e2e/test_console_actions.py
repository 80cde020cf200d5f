"""Actions and deciding in the console of a real node: written in Chromium while the editor counts whom it is for, shown
to a real customer, and tried; of what is tried, nothing is kept but receipts."""

import contextlib
import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from rapport.adapters.embedded.decisions import DecisionBook
from rapport.app.embedded import open_ledger
from rapport.app.settings import Settings
from tests.e2e.browsing import AXE, problems, unfold
from tests.e2e.running import Node, Org, http, run

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture(scope="module")
def org(node: Node) -> Org:
    """Ada is gold, and Bo is not."""
    made = node.org("lampshop")
    made.send(
        {"type": "identify", "userId": "ada", "traits": {"firstName": "Ada", "plan": "gold", "points": 700}},
        {"type": "identify", "userId": "bo", "traits": {"plan": "free"}},
        {"type": "track", "userId": "ada", "event": "Order Refunded", "properties": {"revenue": 12}},
        {"type": "track", "userId": "ada", "event": "Order Completed", "properties": {"revenue": 12}},
    )
    made.view("user_id:ada", events=2)
    return made


def signed_in(browser: Browser, node: Node, org: Org, **how: object) -> Page:
    link = json.loads(run("console", org.name, "--data", str(node.data), "--port", str(node.port), "--json").stdout)
    context = browser.new_context(base_url=f"http://localhost:{node.port}", **how)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(link["url"])
    page.get_by_role("button", name="Sign in on this browser").click()
    page.wait_for_url("**/console/live")
    return page


@pytest.fixture
def page(browser: Browser, node: Node, org: Org) -> Iterator[Page]:
    page = signed_in(browser, node, org, viewport={"width": 390, "height": 844})
    yield page
    page.context.close()


def kept(node: Node, org: Org) -> int:
    """How many decisions are kept."""
    with contextlib.closing(open_ledger(Settings(data=str(node.data)))) as ledger:
        return len(DecisionBook(ledger).page(org.name, 1 << 62, 100))


def test_an_action_is_written_from_an_example_shown_to_a_customer_and_tried(page: Page, node: Node, org: Org) -> None:
    page.goto("/console/actions")
    page.get_by_role("link", name="Help after a refund").click()
    page.locator("[data-editor][data-ready]").wait_for()
    text = page.get_by_label("Expression", exact=False).first
    expect(page.get_by_role("radio", name="help")).to_be_checked()

    # The editor points at what is wrong, completes names, and counts.
    text.fill('traits.plan = "gold"')
    page.locator("[data-problems] .wrong").get_by_role("button", name="Write ==").click()
    expect(text).to_have_value('traits.plan == "gold"')
    expect(page.locator("[data-sentence]")).to_have_text("1 in.")

    page.get_by_label("Its name").fill("help_after_refund")
    page.get_by_label("By", exact=True).select_option("inbox")
    page.get_by_label("Subject or title").fill("Your money is on its way")
    page.get_by_label("Text", exact=True).fill("Hello {traits.firstName or 'there'}, it arrives within five days.")
    page.get_by_label("What they gain").select_option("minutes_saved")
    page.get_by_label("How much").fill("10")
    page.get_by_label("Value").fill("a lot")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("is no number")
    page.get_by_label("Value").fill("0.5")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Saved.")
    expect(page.locator(".meeting-warm .meeting-sum")).to_have_text("2.80")

    # As she would read it, and as who may not get it does.
    page.get_by_role("link", name="See it as a customer would").click()
    page.get_by_label("To whom?").fill("user_id:ada")
    page.get_by_role("button", name="Show it").click()
    expect(page.locator(".message-big")).to_contain_text("Hello Ada, it arrives within five days.")
    page.get_by_label("To whom?").fill("user_id:bo")
    page.get_by_role("button", name="Show it").click()
    expect(page.locator(".doubts")).to_contain_text("They would not get it now")

    # Tried on her, it is ranked, or silence was drawn; on him it is excluded.
    page.goto("/console/decide")
    page.get_by_label("For whom?").fill("user_id:ada")
    page.get_by_label("Where?").select_option("inbox")
    page.get_by_role("button", name="Decide", exact=True).click()
    expect(page.locator(".rank").first).to_contain_text("help_after_refund")
    expect(page.locator(".rank").last).to_contain_text("Silence")
    expect(page.locator(".ruling h2")).to_have_text(re.compile("help_after_refund|Silence"))
    page.get_by_label("For whom?").fill("user_id:bo")
    page.get_by_role("button", name="Decide", exact=True).click()
    expect(page.locator(".ruling h2")).to_have_text("Silence")
    expect(page.locator(".excluded")).to_contain_text("its condition does not hold")
    page.get_by_label("For whom?").fill("user_id:nobody")
    page.get_by_role("button", name="Decide", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Nobody is there by this name")

    assert kept(node, org) == 0
    uses = page.goto("/console/uses")
    assert uses is not None
    assert "decision trial" in uses.text()

    # How it is decided holds from the next one on.
    page.goto("/console/manner")
    page.get_by_label("The customer’s weight, in %").fill("80")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    page.goto("/console/decide?customer=user_id:ada&channel=inbox")
    expect(page.locator("main")).to_contain_text("with weight 80 % on the customer")


def test_all_of_it_works_without_a_script(browser: Browser, node: Node, org: Org) -> None:
    page = signed_in(browser, node, org, java_script_enabled=False)
    page.goto("/console/edit/action?kind=thank")
    page.get_by_label("Its name").fill("thank_gold")
    page.get_by_label("Expression", exact=False).first.fill("traits.plan ==")
    page.get_by_label("By", exact=True).select_option("web")
    page.get_by_label("Text", exact=True).fill("Thank you.")
    page.get_by_role("button", name="How many is that?").click()
    expect(page.locator("#problems .wrong").first).to_be_visible()
    page.get_by_label("Expression", exact=False).first.fill('traits.plan == "gold"')
    page.get_by_role("button", name="How many is that?").click()
    expect(page.locator("[data-sentence]")).to_have_text("1 in.")
    page.get_by_role("button", name="Another channel or language").click()
    expect(page.get_by_label("Text", exact=True)).to_have_count(2)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Saved.")
    page.get_by_text("Remove it…").click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_role("status")).to_contain_text("Removed.")
    page.context.close()


def test_what_decisions_gave_is_looked_back_on_beside_the_node_without_a_script(
    browser: Browser, node: Node, org: Org
) -> None:
    said = {"authorization": f"Bearer {org.api_token}", "content-type": "application/json"}
    wish = {"customer": "user_id:bo", "purpose": "service", "channel": "web"}
    assert http("POST", f"{node.url}/v1/decisions", json.dumps(wish).encode(), said).status == 200
    page = signed_in(browser, node, org, java_script_enabled=False, viewport={"width": 390, "height": 844})
    page.get_by_role("link", name="Outcomes", exact=True).click()
    expect(page.get_by_role("heading", level=2)).to_have_text("Nothing has shown yet")
    expect(page.locator(".empty")).to_contain_text("1 decision has still time to show what it gave")
    expect(page.locator(".empty")).to_contain_text("It counts from")
    page.get_by_role("link", name="Experiments").click()
    expect(page.locator(".given-lot")).to_contain_text("declined to be")
    page.get_by_role("link", name="What if").click()
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("heading", level=2)).to_contain_text("Had the customer’s weight been")
    expect(page.locator("main")).to_contain_text("No decision has shown yet what it gave")
    page.context.close()


@pytest.mark.needs("node")  # axe-core is installed beside the client libraries
def test_every_page_passes_axe_and_fits_its_screen(browser: Browser, node: Node, org: Org) -> None:
    made = {"kind": "inform", "purpose": "service", "content": {"inbox": {"en": "Good to know."}}}
    made["triggers"] = [{"event": "Order Refunded"}, {"daily": "18:00", "days": ["fri"]}]
    said = {"authorization": f"Bearer {org.api_token}", "content-type": "application/json"}
    assert http("PUT", f"{node.url}/v1/actions/tell", json.dumps(made).encode(), said).status in (200, 201)
    page = signed_in(browser, node, org)
    page.context.add_init_script(path=AXE)
    found = []
    for path in (
        "actions", "edit/action", "edit/action?name=tell", "actions/tell", "actions/tell/preview?customer=user_id:ada",
        "decide", "decide?customer=user_id:ada&channel=inbox", "decide?customer=user_id:ada&channel=tv", "manner",
        "units",
    ):  # fmt: skip
        page.goto(f"/console/{path}")
        unfold(page)
        found += problems(page, "", path, (("light", 390), ("dark", 1440)))
    page.context.close()
    assert found == []

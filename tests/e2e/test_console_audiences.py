"""Audiences and computed traits in the console of a real node: written in Chromium while the editor completes, points
at mistakes and previews; and all of it without a script."""

import json
import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browsing import AXE, LOOKS, problems, unfold
from tests.e2e.running import Node, Org, run

pytestmark = pytest.mark.needs("chromium")

CUSTOMERS = 72
DAY_S = 86_400


@pytest.fixture(scope="module")
def org(node: Node) -> Org:
    """Every third customer is gold; each bought once to four times over the last year; one says no age."""
    made = node.org("acme")
    for number in range(CUSTOMERS):
        made.send(*lived(number))
    made.view(f"user_id:u{CUSTOMERS - 1}", events=2)
    return made


def lived(number: int) -> list[dict[str, object]]:
    who = f"u{number}"
    age = "grown" if number == 5 else 20 + number
    traits = {"plan": "gold" if number % 3 == 0 else "free", "age": age, "email": f"{who}@example.com"}
    orders = [
        {
            "type": "track",
            "userId": who,
            "event": "Order Completed",
            "timestamp": stamp(time.time() - (300 - 70 * order - number) * DAY_S),
            "properties": {"revenue": 10 + number + order},
        }
        for order in range(1 + number % 4)
    ]
    return [{"type": "identify", "userId": who, "traits": traits}, *orders]


def stamp(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


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
    page = signed_in(browser, node, org)
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    page.context.close()
    assert said == []


def editor(page: Page, of: str = "audience") -> None:
    """A fresh editor, whose script is there."""
    page.goto(f"/console/edit/{of}")
    page.locator("[data-editor][data-ready]").wait_for()


def settled(page: Page, name: str, count: int) -> None:
    """Wait until everybody was asked, and so many are in."""
    deadline = time.monotonic() + 60
    while True:
        page.goto(f"/console/audiences/{name}")
        shown = page.locator(".figure dd").first.inner_text()
        if shown == str(count) and not page.locator(".audience-progress").count():
            return
        assert time.monotonic() < deadline, page.locator("main").inner_text()
        time.sleep(0.1)


def test_an_audience_is_written_tried_saved_and_looked_into(page: Page, org: Org) -> None:
    page.get_by_role("link", name="Audiences").click()
    expect(page.get_by_role("heading", name="No audience yet")).to_be_visible()
    page.get_by_role("link", name="Make an audience").click()
    page.locator("[data-editor][data-ready]").wait_for()
    text = page.get_by_label("Expression", exact=True)

    # A mistake is pointed at, and mended by a click.
    text.press_sequentially('traits.plan = "gold"')
    wrong = page.locator("[data-problems] .wrong")
    expect(wrong).to_contain_text("one '=' compares nothing")
    expect(page.locator("[data-underlay] mark")).to_have_text("=")
    expect(text).to_have_attribute("aria-invalid", "true")
    wrong.get_by_role("button", name="Write ==").click()
    expect(text).to_have_value('traits.plan == "gold"')
    expect(page.locator("[data-sentence]")).to_have_text("24 in.")
    expect(wrong).to_have_count(0)

    # Names come from the data.
    text.press("End")
    text.press_sequentially(' && count("ord')
    option = page.get_by_role("option", name="Order Completed")
    expect(option).to_be_visible()
    text.press("ArrowDown")
    expect(option).to_have_attribute("aria-selected", "true")
    text.press("Enter")
    expect(text).to_have_value('traits.plan == "gold" && count("Order Completed"')
    expect(page.get_by_role("listbox")).to_be_hidden()
    text.press_sequentially(") >= 2")
    text.press("Escape")
    expect(page.locator("[data-sentence]")).to_have_text("18 in.")
    expect(page.locator("[data-notes]")).to_contain_text("Fewer than 20 may not be read for service.")

    page.get_by_label("Its name").fill("gold_twice")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Saved as version 1.")
    settled(page, "gold_twice", 18)

    # Who is in, who came, and why.
    page.get_by_role("link", name="Who is in", exact=True).click()
    expect(page.locator(".people .hit")).to_have_count(18)
    assert "@example.com" not in page.locator(".people").inner_text().replace("•••@e•••.com", "")
    page.get_by_role("link", name="Why?").first.click()
    expect(page.locator(".verdict h2")).to_contain_text("In, since")
    expect(page.locator(".why")).to_contain_text("traits.plan is gold")
    page.get_by_label("Whom do you mean?").fill("user_id:u0")  # gold, and bought once
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".verdict h2")).to_have_text("Out")
    org.send({"type": "track", "userId": "u0", "event": "Order Completed", "properties": {"revenue": 5}})
    settled(page, "gold_twice", 19)
    page.get_by_role("link", name="Who came and went").click()
    expect(page.locator(".people .hit").first).to_contain_text("by what they did")
    expect(page.locator(".people .hit")).to_have_count(19)

    # Another version is compared with the one in force.
    page.goto("/console/edit/audience?name=gold_twice")
    page.locator("[data-editor][data-ready]").wait_for()
    text.fill('traits.plan == "gold"')
    expect(page.locator("[data-sentence]")).to_have_text("24 in, 5 of them new; 0 would leave.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Saved as version 2.")
    settled(page, "gold_twice", 24)
    expect(page.locator(".versions li")).to_have_count(2)


def test_on_whom_it_fails_is_told_without_their_values(page: Page, node: Node, org: Org) -> None:
    run("audience", "add", org.name, "grown_up", "traits.age > 18", "--purpose", "service", "--data", str(node.data))
    settled(page, "grown_up", CUSTOMERS - 1)
    expect(page.locator(".reasons")).to_contain_text("values of kinds that do not go together, in traits.age > 18")
    page.get_by_role("link", name="Who they are").click()
    expect(page.locator("#fails .hit")).to_have_count(1)
    assert "grown" not in page.locator("#fails .hit").inner_text()
    page.goto("/console/audiences")
    expect(page.locator(".audience", has_text="grown_up")).to_contain_text("fails on 1")


def test_what_is_no_name_of_the_data_is_noted_and_a_name_is_put_in_by_a_click(page: Page) -> None:
    editor(page)
    text = page.get_by_label("Expression", exact=True)
    text.press_sequentially('"😀" == "😀" && count("Order Complete") > 1')
    text.press("Escape")
    noted = page.locator("[data-problems] .doubt")
    expect(noted).to_contain_text("no event 'Order Complete' was seen so far")
    expect(page.locator("[data-sentence]")).to_have_text("0 in.")
    noted.get_by_role("button", name="Show where").click()
    assert page.evaluate("getSelection().toString()") == '"Order Complete"'
    noted.get_by_role("button", name="Write").click()
    expect(text).to_have_value('"😀" == "😀" && count("Order Completed") > 1')
    expect(noted).to_have_count(0)
    text.fill("")
    page.locator(".names summary", has_text="Traits").first.click()
    page.get_by_role("button", name="traits.plan").click()
    expect(text).to_have_value("traits.plan")
    page.keyboard.press("Control+z")
    expect(text).to_have_value("")


def test_a_ready_made_trait_is_taken_by_a_click_and_learns(page: Page) -> None:
    page.goto("/console/traits")
    expect(page.get_by_label("What is a purchase?")).to_have_value('["Order Completed","revenue"]')
    page.get_by_role("button", name=re.compile("Take it.*lifetime_value")).click()
    expect(page.get_by_role("status")).to_contain_text("Saved as version 1.")
    deadline = time.monotonic() + 60
    while f"from {CUSTOMERS} customers" not in page.locator(".pairs").inner_text():
        assert time.monotonic() < deadline, page.locator(".pairs").inner_text()
        time.sleep(0.2)
        page.goto("/console/traits/lifetime_value")
    page.get_by_role("link", name="Make an audience with it").click()
    page.locator("[data-editor][data-ready]").wait_for()
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("[data-sentence]")).to_have_text(f"{CUSTOMERS} in.")
    page.get_by_label("Its name").fill("valued")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Saved as version 1.")
    settled(page, "valued", CUSTOMERS)
    page.goto("/console/traits/lifetime_value")
    expect(page.locator("main")).to_contain_text("in use by the audience “valued”")
    expect(page.get_by_role("button", name=re.compile("Delete"))).to_have_count(0)


def test_all_of_it_works_without_a_script(browser: Browser, node: Node, org: Org) -> None:
    page = signed_in(browser, node, org, java_script_enabled=False)
    page.goto("/console/edit/audience")
    page.get_by_label("Its name").fill("by_hand")
    text = page.get_by_label("Expression", exact=True)
    text.fill('traits.plan == "gold" &&\ntraits.age = 1')
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".wrong")).to_contain_text("line 2, column 12")
    expect(page.locator(".place mark")).to_have_text("=")
    text.fill('traits.plan == "gold" &&\nnumber(traits.age) > 50')
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".tried-count")).to_have_text("13 in.")
    expect(page.get_by_label("Its name")).to_have_value("by_hand")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("Saved as version 1.")
    settled(page, "by_hand", 13)
    page.get_by_text("Delete it…").click()
    page.get_by_role("button", name="Delete by_hand").click()
    expect(page.get_by_role("status")).to_contain_text("Deleted.")
    page.goto("/console/edit/trait?expression=traits.age")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".tried-count")).to_have_text(f"Known of {CUSTOMERS} customers, unknown of 0, for service.")
    page.context.close()


@pytest.mark.needs("node")  # axe-core is installed beside the client libraries
def test_the_editor_at_work_passes_axe_and_fits_its_screen(browser: Browser, node: Node, org: Org) -> None:
    page = signed_in(browser, node, org)
    axe = AXE.read_text()
    editor(page)
    text = page.get_by_label("Expression", exact=True)
    text.press_sequentially('traits.nothing == 1 && traits.plan = "gold" && count("')
    expect(page.get_by_role("listbox")).to_be_visible()
    text.press("ArrowDown")
    unfold(page)
    found = problems(page, axe, "completing", LOOKS)
    text.press("Escape")
    expect(page.locator("[data-problems] .wrong").first).to_be_visible()
    found += problems(page, axe, "mistaken", LOOKS)
    text.fill('count("Order Complete") >= 0')
    expect(page.locator("[data-sentence]")).to_have_text(f"{CUSTOMERS} in.")
    found += problems(page, axe, "tried", LOOKS)
    page.context.close()
    assert found == []

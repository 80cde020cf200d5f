"""The demo in a real browser: its statement on a phone, on a wide screen and on paper; and its decisions, as a newcomer
meets them: an event that changes one, a silence, a stop, and what came of one."""

import json
import re
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from rapport.cli.demo.people import household
from tests.act.receiving import eventually
from tests.e2e.browsing import AXE, LOOKS, TALL, Look, problems, unfold
from tests.e2e.running import Node, Org, run
from tests.e2e.test_demo_month import READY_SECONDS
from tests.e2e.test_my_page import go, opened

pytestmark = pytest.mark.needs("chromium")

_PAGE = re.compile(rb"/Type\s*/Page\b")
ESTIMATES = """
[[estimate]]
side = "customer"
group = "people who got offers"
effect = "0.40"
low = "0.10"
high = "0.70"
unit = "GBP"
n = 1200
method = "holdout"
date = 2026-01-31
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    directory = tmp_path_factory.mktemp("paper")
    node = Node(directory / "data", "--demo")
    try:
        began = time.monotonic()
        while "rapport person statement per_" not in node.output():
            assert time.monotonic() - began < READY_SECONDS, node.output()[-500:]
            time.sleep(0.05)
        (directory / "estimates.toml").write_text(ESTIMATES)
        assert (
            run("benefit", "estimate", "demo", str(directory / "estimates.toml"), "--data", str(node.data)).returncode
            == 0
        )
        yield node
    finally:
        node.stop()


@pytest.fixture(scope="module")
def alice(node: Node) -> str:
    return str(json.loads((node.data / "demo-demo.json").read_text())["alice"])


@pytest.fixture(scope="module")
def month(node: Node) -> str:
    found = re.search(r"--month (\d{4}-\d\d)", node.output())
    assert found is not None
    return found[1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_month_prints_on_one_sheet_that_is_light_and_has_nothing_to_press(
    browser: Browser, node: Node, alice: str, month: str, scheme: str
) -> None:
    page = opened(browser, node, alice, color_scheme=scheme)
    go(page, f"/me/statement?month={month}")
    assert len(_PAGE.findall(page.pdf(prefer_css_page_size=True))) == 1
    page.emulate_media(media="print", color_scheme=scheme)  # type: ignore[arg-type]
    for gone in ("header.top", "footer.foot", ".state-months", ".state-made"):
        assert not page.locator(gone).is_visible(), gone
    style = "getComputedStyle(document.{}).{}"
    paper = page.evaluate(style.format("body", "backgroundColor"))
    assert paper in ("rgba(0, 0, 0, 0)", "rgb(255, 255, 255)"), "that of the sheet"
    assert page.evaluate(style.format("documentElement", "colorScheme")) == "light"
    ink = page.evaluate(style.format("querySelector('h1')", "color"))
    assert max(map(int, re.findall(r"\d+", ink)[:3])) < 100, "dark"
    page.context.close()


@pytest.mark.needs("node")  # axe-core is installed beside the client libraries
def test_both_statements_and_who_used_it_pass_axe_and_fit_their_screens(
    browser: Browser, node: Node, alice: str, month: str
) -> None:
    axe, found = AXE.read_text(), []
    looks: tuple[Look, ...] = (*LOOKS, ("dark", 320))
    page = opened(browser, node, alice)
    for path in (f"/me/statement?month={month}", "/me/statement", "/me/statement?month=2020-02", "/me/asked"):
        go(page, path)
        unfold(page)
        found += problems(page, axe, path, looks)
    sides = page.context.new_page()
    sides.goto(page.url.partition("/me")[0] + f"/me/statement?month={month}")
    for _, width in looks:
        sides.set_viewport_size({"width": width, "height": TALL})
        boxes = [sides.locator(f".state-{name}").bounding_box() for name in ("yours", "theirs")]
        assert boxes[0] is not None
        assert boxes[1] is not None
        same = [round(boxes[0][part]) == round(boxes[1][part]) for part in ("width", "height", "y")]
        assert all(same), f"side by side, and equal in size, of {width}"
    page.context.close()
    page = signed_in(browser, node)
    for path in ("/console/statement", "/console/statement?month=2020-02"):
        page.goto(path)
        found += problems(page, axe, path, looks)
    assert found == []
    page.context.close()


# -- decisions

ALICE = "email:alice@example.com"


@pytest.fixture(scope="module")
def shop(node: Node) -> Org:
    return node.org("demo")


def decided(shop: Org, customer: str, channel: str = "web", **more: object) -> dict[str, Any]:
    """What is to be done for somebody now: by the API, as any system of the company's asks."""
    wish = {"customer": customer, "purpose": "service", "channel": channel, **more}
    answer = shop.operate("/v1/decisions", wish)
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json
    return found


def until(wanted: str, shop: Org) -> dict[str, Any]:
    """A decision for Alice that is silence, or one that is not: as long as little was learnt, both are likely."""
    for _ in range(60):
        found = decided(shop, ALICE)
        if (found["action"] == "silence") == (wanted == "silence"):
            return found
    raise AssertionError(f"sixty times no {wanted}: {found}")


def ruled_out(decision: dict[str, Any]) -> set[tuple[str, str]]:
    return {(one["action"], one["rule"]) for one in decision["excluded"]}


def test_an_event_changes_the_next_decision_and_the_explanation_names_it(shop: Org) -> None:
    # (Alice comes by herself all the time.)
    number = next(n for n in range(1, 50) if household(1, n).people[0].user_id)
    user = household(1, number).people[0].user_id
    customer = f"user_id:{user}"
    before = decided(shop, customer)
    assert ("notice_delivery_failed", "eligible") in ruled_out(before)
    shop.send({"type": "track", "userId": user, "event": "Delivery Failed", "messageId": "failed-1"})
    eventually(lambda: "Delivery Failed" in shop.view(customer)["events"]["by_name"])  # whatever they do beside
    after = decided(shop, customer)
    assert after["action"] == "notice_delivery_failed"
    assert "nobody was there" in after["content"]["text"].lower() or "niemand da" in after["content"]["text"]
    assert "because of “Delivery Failed” at 20" in after["why"]
    assert [(one["kind"], one["name"]) for one in after["grounds"]] == [("event", "Delivery Failed")]


def test_a_silence_can_be_seen_and_understood_by_both_sides(
    browser: Browser, node: Node, shop: Org, alice: str
) -> None:
    silent = until("silence", shop)
    assert silent["content"] is None
    assert silent["why"]
    assert all(one["said"] for one in silent["excluded"])
    page = opened(browser, node, alice, viewport={"width": 390, "height": 860})
    go(page, "/me/asked")
    look = page.locator(".look", has_text="left you in peace").first
    look.locator("summary").click()
    expect(look).to_contain_text(
        re.compile("why silence.*(silence to you both|worse off|Nothing was left|nothing to do)")
    )
    page.context.close()
    desk = signed_in(browser, node)
    desk.goto(f"/console/decide?customer={ALICE}&channel=inbox")
    expect(desk.locator(".rank", has_text="It wins where in a draw nothing gives both something")).to_contain_text("%")
    expect(desk.get_by_role("heading", name="What was excluded")).to_be_visible()
    lately = desk.locator("section", has=desk.get_by_role("heading", name="Lately decided"))
    expect(lately).to_contain_text(re.compile("Silence.*by web: (silence|nothing|whatever)", re.DOTALL))
    desk.context.close()


def test_a_stop_in_the_inbox_bites_on_the_next_decision(browser: Browser, node: Node, shop: Org, alice: str) -> None:
    page = opened(browser, node, alice, viewport={"width": 390, "height": 860})
    go(page, "/me/inbox")
    card = page.locator(".letter").last  # it came while the demo began, and none is older
    unfold(page)
    expect(card).to_contain_text("It came because of “")
    card.get_by_role("button", name="Stop this").click()
    expect(page.locator(".mine-notice")).to_contain_text("Stopped")
    stopped = {action for action, rule in ruled_out(decided(shop, ALICE, "inbox")) if rule == "stopped_action"}
    assert len(stopped) == 1
    page.locator(".mine-notice").get_by_role("button", name="Undo").click()
    expect(page.locator(".mine-notice")).to_contain_text("may come again")
    assert "stopped_action" not in {rule for _, rule in ruled_out(decided(shop, ALICE, "inbox"))}
    shown = until("something", shop)
    go(page, "/me/asked")
    look = page.locator(".look", has=page.locator(f'input[value="{shown["decision"]}"]'))
    look.locator("summary").click()
    look.get_by_role("button", name="Stop this").click()
    page.wait_for_url("**/me/inbox?done=stop**")
    assert (shown["action"], "stopped_action") in ruled_out(decided(shop, ALICE))
    page.context.close()


def test_an_event_puts_a_message_into_the_inbox_by_itself(browser: Browser, node: Node, shop: Org, alice: str) -> None:
    shop.send({"type": "track", "userId": "C-000000", "event": "Delivery Failed", "messageId": "failed-2"})
    page = opened(browser, node, alice, locale="de-DE")
    go(page, "/me/inbox")
    letter = page.locator(".letter", has_text="Nobody was there for your parcel")
    began = time.monotonic()
    while not letter.count():
        assert time.monotonic() - began < READY_SECONDS, "no message came"
        page.reload()
    unfold(page)
    expect(letter.first).to_contain_text("Es kam von selbst: „Delivery Failed“ am")
    expect(letter.first).to_contain_text("was immer Sie beenden")
    page.context.close()


def test_an_outcome_is_on_both_ledgers_and_in_the_statements_of_both(
    node: Node, shop: Org, alice: str, month: str
) -> None:
    came = until("something", shop)
    before = settled(shop, month)
    gave = {"customer_benefit": {"kind": "minutes_saved", "minutes": 4}, "company_value": 0.7}
    assert shop.operate("/v1/outcomes", {"decision": came["decision"], "kind": "helped", **gave}).status == 201
    said = run("person", "statement", alice, "--month", month, "--json", "--data", str(node.data))
    hers = json.loads(said.stdout)["settled"]["benefits"]
    ours = {
        (one["side"], one["amount"], one["unit"]) for one in hers if one["evidence"] == f"{came['decision']} helped"
    }
    assert ours == {("customer", "4", "minutes"), ("company", "0.7", "GBP")}
    company = settled(shop, month)
    for side, unit, more in (("customer", "minutes", 4), ("company", "GBP", Decimal("0.7"))):
        assert amount(company, side, unit) >= amount(before, side, unit) + more, "(others come by meanwhile)"


def settled(shop: Org, month: str) -> dict[str, Any]:
    """What the company's statement of a month says was settled."""
    answer = shop.get(f"/v1/statement?month={month}")
    assert answer.status == 200, answer
    told: dict[str, Any] = answer.json["settled"]
    return told


def amount(told: dict[str, Any], side: str, unit: str) -> Decimal:
    return sum((Decimal(one["amount"]) for one in told[side] if one["unit"] == unit and "amount" in one), Decimal())


def signed_in(browser: Browser, node: Node) -> Page:
    """The console, as its first operator."""
    where = ("--data", str(node.data), "--port", str(node.port), "--json")
    page = browser.new_context(base_url=f"http://localhost:{node.port}").new_page()
    page.goto(json.loads(run("console", "demo", *where).stdout)["url"])
    page.get_by_role("button").first.click()
    page.wait_for_url("**/console/live")
    return page

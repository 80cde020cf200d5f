"""The console in a real browser: accessible on every page, live, and whole without JavaScript."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect
from starlette.applications import Starlette

from rapport.web.console import console_routes
from tests.e2e.browsing import AXE, LETTERS, NARROWEST, Look, Walk, problems, walked
from tests.web.console.sample_desk import SampleDesk
from tests.web.console.sample_destinations import LONG

pytestmark = pytest.mark.needs("chromium")

ALICE = f"/console/customers/cus_{0:026}"
ADA = f"/console/customers/cus_{6:026}"
TILL_EMAIL = "evd0009"
WIDE_LOOKS: tuple[Look, ...] = (("light", 390), ("dark", 1440))

codes = (f"code-{i}" for i in count())


@contextmanager
def served(desk: SampleDesk) -> Iterator[str]:
    """The desk's console on a free port of this machine; answers its origin."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
        app = Starlette(routes=console_routes(desk, origin))
        config = uvicorn.Config(app, log_level="warning", ws="none", lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        yield origin
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """Of a desk that tests only look at."""
    with served(SampleDesk()) as origin:
        yield origin


@pytest.fixture
def fresh() -> Iterator[str]:
    """Of a desk of the test's own, to change."""
    with served(SampleDesk()) as origin:
        yield origin


def signed_in(browser: Browser, origin: str, **how: object) -> Page:
    context = browser.new_context(base_url=origin, reduced_motion="reduce", **how)  # type: ignore[arg-type]
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(f"/console/start?code={next(codes)}")
    page.get_by_role("button", name="Sign in on this browser").click()
    page.wait_for_url("**/console/live")
    return page


@pytest.fixture
def page(browser: Browser, origin: str) -> Iterator[Page]:
    page = signed_in(browser, origin)
    yield page
    page.context.close()


EVERY_PAGE = {
    "front": "/", "door": "/console/start?code=x", "no link": "/console/start", "live": "/console/live",
    "customers": "/console/customers",
    "nobody": "/console/customers?q=zzz", "alice": ALICE, "ada": ADA, "events": f"{ALICE}/events?cursor=12",
    "evidence": f"/console/evidence/{TILL_EMAIL}", "rejected": "/console/rejected", "part": "/console/rejected/rej0003",
    "promise": "/console/promise", "offers": "/console/promise/purpose?name=offers",
    "purpose": "/console/promise/purpose", "document": "/console/promise/document",
    "agreements": "/console/agreements", "agreement": f"/console/agreements/agr_{0:026}", "uses": "/console/uses",
    "refusals": "/console/refusals", "statement": "/console/statement", "requests": "/console/requests",
    "destinations": "/console/destinations", "destination": "/console/destinations/cdp",
    "in trouble": f"/console/destinations/{LONG}", "a file": "/console/destinations/table",
    "a new destination": "/console/destination", "another": f"/console/destinations/{LONG}/change",
    "demands": "/console/demands", "exports": "/console/exports",
    **{f"export {n}": f"/console/exports/exp_{n:026}" for n in range(1, 7)},
    "audiences": "/console/audiences", "more audiences": "/console/audiences?after=z20",
    "audience": "/console/audiences/gold_lately", "failing": "/console/audiences/grown_up?days=365",
    "unread": "/console/audiences/nobody_yet?saved=yes", "people": "/console/audiences/gold_lately/people",
    "stumbles": "/console/audiences/grown_up/people", "no people": "/console/audiences/nobody_yet/people",
    "moves": "/console/audiences/gold_lately/moves", "no moves": "/console/audiences/nobody_yet/moves",
    "whom": "/console/audiences/gold_lately/why", "why in": "/console/audiences/gold_lately/why?customer=email:a@b.cc",
    "why out": "/console/audiences/grown_up/why?customer=email:a@b.cc",
    "of several": "/console/audiences/grown_up/why?customer=email:family@b.cc",
    "other purpose": "/console/audiences/away/people", "traits": "/console/traits",
    **{name: f"/console/traits/{name}" for name in ("orders_a_year", "lifetime_value", "rfm", "next_purchase")},
    "new audience": "/console/edit/audience", "another version": "/console/edit/audience?name=nobody_yet",
    "actions": "/console/actions", "action": "/console/actions/help_after_refund",
    "long action": f"/console/actions/{'a' * 63}", "new action": "/console/edit/action",
    "change an action": "/console/edit/action?name=help_after_refund",
    "long form": f"/console/edit/action?name={'a' * 63}",
    "action preview": "/console/actions/help_after_refund/preview?customer=email:a@b.cc",
    "over": "/console/actions/winter_2025/preview?customer=email:a@b.cc",
    "another purpose": "/console/actions/offer_matching_lamp/preview", "decide": "/console/decide",
    "decided": "/console/decide?customer=email:a@b.cc&channel=inbox&device=phone",
    "nothing to decide": "/console/decide?customer=email:a@b.cc&channel=tv", "manner": "/console/manner",
    "units": "/console/units", "outcomes": "/console/outcomes", "experiments": "/console/experiments",
    "what if": "/console/what-if", "heavier": "/console/what-if?change=weight&weight=70",
    "removed": "/console/what-if?change=without&without=offer_warranty",
    "capped": "/console/what-if?change=most&most=1&days=7",
    "new trait": "/console/edit/trait?expression=1", "sources": "/console/sources",
    "absent": "/console/customers/nobody",
    "nowhere": "/console/nowhere",
}  # fmt: skip


@pytest.fixture(scope="module")
def walk(browser: Browser, origin: str) -> Walk:
    """Each page is read once, to be looked at in all its looks and on the narrowest screen."""
    page = signed_in(browser, origin, viewport=NARROWEST)
    seen = walked(page, origin, EVERY_PAGE, WIDE_LOOKS)
    page.goto("/console/live")
    page.locator(".purpose summary").click()
    if AXE.exists():
        seen.wrong.extend(problems(page, AXE.read_text(), "the purposes", WIDE_LOOKS))
    page.context.close()
    return seen


@pytest.mark.needs("node")  # axe-core is installed beside the client libraries
def test_every_page_passes_axe_and_fits_its_screen(walk):
    assert walk.wrong == []


@pytest.mark.parametrize("letters", LETTERS)
def test_pages_fit_the_narrowest_screens_also_with_larger_letters(walk, letters):
    assert walk.too_wide[letters] == []


def test_nothing_is_reported_by_the_browser_on_any_page(walk):
    assert walk.said == {}


def test_live_lines_come_by_themselves_pause_and_go_on(page):
    lines = page.locator("[data-lines] > li")
    expect(page.locator("[data-state]")).to_have_text("Live")
    before = page.locator("[data-figure=minute]").inner_text()
    first = lines.first.inner_text()
    expect(lines.first).not_to_have_text(first, use_inner_text=True)
    expect(page.locator("[data-figure=minute]")).not_to_have_text(before)
    assert re.search("•••|nobody known", lines.first.inner_text())

    page.get_by_role("button", name="Pause").click()
    still = lines.first.inner_text()
    page.wait_for_timeout(900)
    assert lines.first.inner_text() == still
    expect(page.locator("[data-more]")).to_contain_text("more since you paused")
    page.get_by_role("button", name="Go on").click()
    expect(lines.first).not_to_have_text(still, use_inner_text=True)
    assert lines.count() <= 60


def test_a_live_page_that_nobody_looks_at_rests(page):
    def hide(hidden: bool) -> None:
        page.evaluate(
            """(hidden) => {
                Object.defineProperty(document, "hidden", { value: hidden, configurable: true })
                document.dispatchEvent(new Event("visibilitychange"))
            }""",
            hidden,
        )

    lines = page.locator("[data-lines] > li")
    expect(page.locator("[data-state]")).to_have_text("Live")
    hide(True)
    still = lines.first.inner_text()
    page.wait_for_timeout(900)
    assert lines.first.inner_text() == still
    hide(False)
    expect(lines.first).not_to_have_text(still, use_inner_text=True)


def test_a_session_that_is_signed_out_elsewhere_says_so_on_the_live_page(browser, fresh):
    page = signed_in(browser, fresh)
    other = page.context.new_page()
    other.goto("/console/customers")
    other.get_by_role("button", name="Sign out").click()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # as on coming back to the page
    expect(page.locator("[data-state]")).to_contain_text("Reload")
    page.context.close()


def test_un_merge_from_the_graph_to_the_way_back(browser, fresh):
    page = signed_in(browser, fresh, viewport={"width": 1280, "height": 900})
    page.get_by_role("link", name="Customers").click()
    page.get_by_role("searchbox").fill("email:alice@example.com")
    page.get_by_role("button", name="Find").click()
    page.locator(".hit-link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Alice Martin")

    edge = page.locator(f".graph-wide [data-edge={TILL_EMAIL}]")
    edge.focus()
    expect(page.locator("[data-reading-text]")).to_contain_text(
        "till’s record 4711-2290 has the e-mail alice@example.com"
    )
    page.get_by_role("link", name="Take this back…").click()
    expect(page.locator(".sentences")).to_contain_text("One customer becomes 2.")

    page.get_by_role("button", name="Take it back").click()  # without a reason: the browser asks for one
    expect(page).to_have_url(re.compile(f"/evidence/{TILL_EMAIL}$"))
    page.get_by_label("Why?").fill("A friend used her card")
    page.get_by_role("button", name="Take it back").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Taken back")
    expect(page.get_by_text("A friend used her card")).to_be_visible()
    page.get_by_role("link", name="Open this customer").first.click()
    page.wait_for_url("**/console/customers/*")
    expect(page.get_by_text("4711-2290")).to_have_count(0)

    page.go_back()
    page.get_by_role("button", name="Link them again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Alice Martin")
    expect(page.get_by_role("region", name="Goes by")).to_contain_text("4711-2290")
    page.context.close()


def test_the_whole_way_works_without_javascript(browser, fresh):
    page = signed_in(browser, fresh, java_script_enabled=False)
    expect(page.get_by_role("link", name="Refresh")).to_be_visible()
    assert page.locator("[data-lines] > li").count() > 5
    page.goto(ALICE)
    page.locator(".evidence-table > summary").click()
    row = page.locator(f"#evidence-{TILL_EMAIL}")
    row.get_by_role("link", name="Take back…").click()
    page.get_by_label("Why?").fill("A friend used her card")
    page.get_by_role("button", name="Take it back").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Taken back")

    page.locator(".purpose summary").click()
    page.get_by_role("button", name="offers").click()
    expect(page.locator(".purpose strong").first).to_have_text("offers")
    page.get_by_role("button", name="dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You need a link")
    page.context.close()


def test_the_graph_is_one_stop_for_tab_and_its_lines_for_the_arrows(page):
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(ADA)
    edges = page.locator(".graph-wide .edge")
    page.locator("#identity-title").scroll_into_view_if_needed()
    edges.first.focus()
    stepped, read = set(), set()
    for _ in range(edges.count()):
        stepped.add(page.evaluate("document.activeElement.dataset.edge"))
        read.add(page.locator("[data-reading-text]").inner_text())
        page.keyboard.press("ArrowDown")
    assert len(stepped) == edges.count()
    assert {said.split(":")[0] for said in read} == {"Used", "Not used"}
    expect(edges.first).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('[data-graph]')") is None


def test_the_purposes_close_by_escape_and_give_the_focus_back(page):
    summary = page.locator(".purpose summary")
    summary.press("Enter")
    expect(page.get_by_role("button", name="research")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="research")).to_be_hidden()
    expect(summary).to_be_focused()


def test_light_and_dark_are_chosen_without_a_round_trip_and_remembered(page):
    def paper() -> str:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    page.goto("/console/rejected")
    light = paper()
    page.get_by_role("button", name="dark").click()
    dark = paper()
    assert dark != light
    page.goto("/console/sources")
    assert paper() == dark
    expect(page.get_by_role("button", name="dark")).to_have_attribute("aria-pressed", "true")


def test_a_write_key_is_copied(browser, origin):
    page = signed_in(browser, origin, permissions=["clipboard-read", "clipboard-write"])
    page.goto("/console/sources")
    card = page.locator("#source-web")
    card.get_by_text("Write key", exact=True).click()
    card.get_by_role("button", name="Copy the write key of web").click()
    expect(card.get_by_role("button", name="Copied")).to_be_visible()  # once it is there
    assert page.evaluate("navigator.clipboard.readText()") == "wk_web_4f9aQ2xR8mTz"
    page.context.close()


def test_keys_and_folds_are_out_of_sight_until_asked_for(page):
    page.goto("/console/sources")
    expect(page.get_by_text("wk_web_4f9aQ2xR8mTz", exact=True)).to_be_hidden()


def test_a_page_prints_with_all_it_holds_and_without_its_controls(page):
    page.goto(ALICE)
    page.emulate_media(media="print")
    expect(page.locator(".tabs")).to_be_hidden()
    expect(page.locator(".others li").first).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_be_visible()

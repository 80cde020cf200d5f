"""Destinations in the console: the form in a browser, with and without script; and a real node that then sends."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from rapport.act import webhooks
from rapport.kernel.times import now
from tests.act.receiving import Receiver, eventually, says
from tests.e2e.running import Node, Org, run
from tests.e2e.test_console import served, signed_in
from tests.e2e.test_destinations import GOLD, INSIDE, ask, plan, put
from tests.web.console.sample_desk import SampleDesk

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Org]:
    node = Node(tmp_path_factory.mktemp("console") / "data", env=INSIDE)
    try:
        org = node.org("acme")
        assert put(org, "audiences/gold", GOLD).status == 201
        yield org
    finally:
        node.stop()


@pytest.fixture
def page(browser: Browser, acme: Org) -> Iterator[Page]:
    context = browser.new_context(reduced_motion="reduce", viewport={"width": 1100, "height": 900})
    page = context.new_page()
    done = run("console", acme.name, "--data", str(acme.node.data), "--port", str(acme.node.port))
    page.goto(next(word for word in done.stdout.split() if word.startswith("http")))
    page.get_by_role("button", name="Sign in on this browser").click()
    page.wait_for_url("**/console/live")
    yield page
    context.close()


@pytest.mark.parametrize("script", [True, False])
def test_the_form_asks_only_what_the_chosen_kind_needs(browser: Browser, script: bool) -> None:
    with served(SampleDesk()) as origin:
        page = signed_in(browser, origin, java_script_enabled=script)
        page.goto(f"{origin}/console/destination")
        expect(page.get_by_label("Where")).to_be_visible()
        expect(page.get_by_label("Every so many hours")).to_be_hidden()
        expect(page.get_by_label("Their names")).to_be_hidden()
        page.get_by_label("Events, as they happen").check()
        expect(page.get_by_label("Their names")).to_be_visible()
        expect(page.get_by_label("The audience", exact=True)).to_be_hidden()
        page.get_by_role("radio", name="File").check()
        expect(page.get_by_label("Where")).to_be_hidden()
        expect(page.get_by_label("Every so many hours")).to_be_visible()
        expect(page.get_by_label("The audience", exact=True)).to_be_visible()
        page.context.close()


def test_names_of_the_data_are_offered_in_each_line_and_taken_by_keys(browser: Browser) -> None:
    def write(label: str, *lines: tuple[str, str]) -> str:
        text = page.get_by_label(label)
        for line, name in lines:
            text.press_sequentially(line)
            # (What is offered while the line is still being written may be another: its name, not what is told of it.)
            expect(page.get_by_role("listbox").get_by_role("option").first.locator("code")).to_have_text(name)
            text.press("ArrowDown")
            with page.expect_response("**/console/edit/complete"):
                text.press("Control+Space")
            text.press("Enter")  # what was pointed at stays so, though the names came once more
            expect(page.get_by_role("listbox")).to_be_hidden()
            text.press("Enter")
        text.press_sequentially("# ")
        expect(page.get_by_role("listbox")).to_be_hidden()
        return text.input_value()

    with served(SampleDesk()) as origin:
        page = signed_in(browser, origin)
        said: list[str] = []
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"{origin}/console/destination")
        page.locator("[data-ready]").wait_for()
        written = write(
            "Fields, one in a line",
            ("plan = traits.pl", "traits.plan"),
            ('orders = 2 * count("completed', '"Order Completed"'),
        )
        assert written == 'plan = traits.plan\norders = 2 * count("Order Completed"\n# '
        page.get_by_label("Events, as they happen").check()
        assert (
            write("Their names", ("completed", "Order Completed"), ("page", "Page Viewed"))
            == "Order Completed\nPage Viewed\n# "
        )
        page.context.close()
    assert said == []


def test_from_the_form_to_a_signed_message_a_trial_and_what_was_given_up(acme: Org, page: Page) -> None:
    plan(acme, "early", "gold")
    origin = acme.node.url.replace("127.0.0.1", "localhost")
    with Receiver() as receiver:
        page.goto(f"{origin}/console/destinations")
        page.get_by_role("link", name="Make the first").click()
        page.get_by_label("What it is called").fill("shop")
        page.get_by_label("Where").fill(receiver.url)
        page.get_by_label("The audience", exact=True).select_option("gold")
        page.get_by_label("Fields, one in a line").fill("plan = traits.")
        page.get_by_role("button", name="Make it").click()
        expect(page.get_by_role("alert")).to_contain_text("plan:")
        expect(page.get_by_label("Where")).to_have_value(receiver.url)
        page.get_by_label("Fields, one in a line").fill("plan = traits.plan")
        page.get_by_role("button", name="Make it").click()
        secret = page.locator("#secret").inner_text()
        # Who is in already is told first.
        (first,) = receiver.wait()
        assert webhooks.verified(first.headers, first.body, secret, now())
        assert (first.json["type"], first.json["data"]["fields"]) == ("audience.entered", {"plan": "gold"})

        page.get_by_role("button", name="Send a test").click()
        expect(page.get_by_role("status")).to_contain_text("it answered 204")
        trial = receiver.got[-1]
        assert webhooks.verified(trial.headers, trial.body, secret, now())
        assert trial.json["type"] == "test"

        page.get_by_role("button", name="Pause it").click()
        expect(page.get_by_role("button", name="Resume it")).to_be_visible()
        plan(acme, "paused", "gold")
        eventually(lambda: ask(acme, "GET", "destinations/shop").json["health"]["waiting"] == 1)
        page.reload()
        expect(page.locator(".figure", has_text="wait").first).to_contain_text("1")
        page.get_by_role("button", name="Resume it").click()
        expect(page.get_by_role("button", name="Pause it")).to_be_visible()
        eventually(lambda: ask(acme, "GET", "destinations/shop").json["health"]["sent"] == 2)

        # 401 is about the destination: nothing is given up for days. 400 is about what was sent: five times.
        receiver.answers(says(401))
        plan(acme, "ill", "gold")
        eventually(lambda: ask(acme, "GET", "destinations/shop").json["health"]["error"] == "it answered 401")
        page.reload()
        expect(page.locator("main")).to_contain_text("in trouble")
        assert secret not in page.content()
        page.get_by_text("Remove it…").click()
        page.get_by_role("button", name="Remove it").click()
        expect(page.get_by_role("status")).to_contain_text("still deleted there")
    page.goto(f"{origin}/console/audit")
    for words in ("put a destination", "tried a destination", "paused a destination", "removed a destination"):
        expect(page.locator("main")).to_contain_text(words)

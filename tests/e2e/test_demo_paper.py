"""The demo's statement in a real browser: on a phone, on a wide screen, and on paper."""

import json
import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.e2e.browsing import AXE, LOOKS, TALL, Look, problems
from tests.e2e.running import Node, run
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
def test_both_statements_pass_axe_and_fit_their_screens(browser: Browser, node: Node, alice: str, month: str) -> None:
    axe, found = AXE.read_text(), []
    looks: tuple[Look, ...] = (*LOOKS, ("dark", 320))
    page = opened(browser, node, alice)
    for path in (f"/me/statement?month={month}", "/me/statement", "/me/statement?month=2020-02"):
        go(page, path)
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
    where = ("--data", str(node.data), "--port", str(node.port), "--json")
    link = json.loads(run("console", "demo", *where).stdout)["url"]
    page.goto(link)
    page.get_by_role("button").first.click()
    page.wait_for_url("**/console/live")
    for path in ("/console/statement", "/console/statement?month=2020-02"):
        page.goto(link.partition("/console")[0] + path)
        found += problems(page, axe, path, looks)
    assert found == []
    page.context.close()

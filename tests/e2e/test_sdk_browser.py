"""@segment/analytics-next in a real browser, on a page of another origin than the node."""

import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.conftest import NODE_TESTS, ROOT
from tests.e2e.running import Node
from tests.e2e.sdk_story import BOUGHT_AT, order_totals, seen

LIBRARY = NODE_TESTS / "node_modules/@segment/analytics-next/dist/umd"
pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("node")]

GUIDE = (ROOT / "docs/how-to/browser.md").read_text()


def snippet(key: str, origin: str) -> str:
    """The page without a bundler, with the snippet as the guide has it."""
    (script,) = re.findall(r"```html\n(.*?)```", GUIDE, re.DOTALL)
    return "<!doctype html><title>Shoes</title>" + _filled_in(script, key, origin)


def package(key: str, origin: str, *, told_where: bool = False) -> str:
    """The page with a bundle, with the call that the guide has: its first, or the one that says where to send."""
    calls = re.findall(r"AnalyticsBrowser\.load\(.*?\n\}?\)", GUIDE, re.DOTALL)
    call = _filled_in(calls[1 if told_where else 0], key, origin)
    return f"""<!doctype html><title>Shoes</title>
<script src="/index.js"></script>
<script>const {{ AnalyticsBrowser }} = AnalyticsNext; window.analytics = {call}</script>"""


def _filled_in(text: str, key: str, origin: str) -> str:
    assert "WRITE_KEY" in text
    scheme, _, place = origin.partition("://")
    text = text.replace("WRITE_KEY", key).replace("https://rapport.example.com", origin)
    return text.replace("rapport.example.com", place).replace("protocol: 'https'", f"protocol: '{scheme}'")


STORY = """async ([boughtAt]) => {
  await new Promise((ready) => window.analytics.ready(ready));
  const a = window.analytics;
  await a.page("Shop", "Shoes");
  await a.identify("ada", { email: "Ada@Example.com", plan: "gold" });
  await a.track("Order Completed", { total: 12.5 }, { timestamp: boughtAt });
  await a.track("Order Completed", { total: 7 });
  await a.group("acme", { seats: 5 });
  await a.alias("ada", "old-ada");
  return (await a.user()).anonymousId();
}"""
"""Told in the page; answers the id that the library gave the browser."""


class _Files(SimpleHTTPRequestHandler):
    """The library's own files, and one page."""

    page = ""

    def do_GET(self) -> None:
        if self.path in {"/", "/favicon.ico"}:
            body = self.page.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        else:
            super().do_GET()

    def log_message(self, *_: Any) -> None:
        """A test's output is no access log."""


@pytest.fixture
def shop() -> Iterator[Callable[[str], str]]:
    """Serve a page beside the library's files, and answer its address."""
    servers: list[ThreadingHTTPServer] = []

    def serve(page: str) -> str:
        handler = type("Files", (_Files,), {"page": page})
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(LIBRARY)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a browser with nothing remembered."""
    with browser.new_context() as context:
        yield context.new_page()


PAGES: list[tuple[str, Callable[[str, str], str], int]] = [
    ("snippet", snippet, 2),
    ("package", package, 1),
    ("package-told-where", partial(package, told_where=True), 1),
]
"""(name, how the page is written, how many pages it reports: the snippet reports one by itself)"""


@pytest.mark.parametrize(("name", "write", "pages"), PAGES, ids=[case[0] for case in PAGES])
def test_analytics_js_ends_in_the_right_view_and_speaks_to_nobody_else(
    node: Node, page: Page, shop: Callable[[str], str], name: str, write: Callable[[str, str], str], pages: int
) -> None:
    org = node.org(f"browser-{name}")
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    address = shop(write(org.write_key, node.url))
    page.goto(address)
    browser = page.evaluate(STORY, [BOUGHT_AT])

    assert seen(org, events=5 + pages) == {
        "identifiers": sorted(
            [f"anonymous_id:{browser}", "anonymous_id:old-ada", "email:ada@example.com", "user_id:ada"]
        ),
        "traits": {"email": "Ada@Example.com", "plan": "gold"},
        "events": {"page": pages, "identify": 1, "Order Completed": 2, "group": 1, "alias": 1},
        "first_order_at": BOUGHT_AT,
        "records": ["anonymous events on a device of user ada", "its user_id is ada"],
        "groups": {"acme": {"seats": 5}},
    }
    assert order_totals(org) == [7, 12.5]
    assert complaints == []
    ours = (address, node.url, f"http://localhost:{node.port}")
    assert [url for url in asked if not url.startswith(ours)] == []


def test_analytics_js_may_send_in_batches(node: Node, page: Page, shop: Callable[[str], str]) -> None:
    org = node.org("browser-batching")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    batching = "'Segment.io': { deliveryStrategy: { strategy: 'batching', config: { size: 4, timeout: 200 } },"
    page.goto(shop(package(org.write_key, node.url, told_where=True).replace("'Segment.io': {", batching)))
    page.evaluate(STORY, [BOUGHT_AT])
    assert seen(org, events=6)["events"] == {"page": 1, "identify": 1, "Order Completed": 2, "group": 1, "alias": 1}
    assert set(sent) == {f"{node.url}/v1/b"}


def test_a_wrong_key_is_told_to_the_page(node: Node, page: Page, shop: Callable[[str], str]) -> None:
    address = shop(snippet("wk_of_nobody", node.url))
    with page.expect_console_message(lambda said: "not known here" in said.text, timeout=60_000):
        page.goto(address)

"""@segment/analytics-next in a real browser, on a page of another origin than the node."""

import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.conftest import NODE_TESTS
from tests.e2e.running import Node, Org
from tests.e2e.sdk_story import BOUGHT_AT, order_totals, seen

LIBRARY = NODE_TESTS / "node_modules/@segment/analytics-next/dist/umd"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.needs("node")]

# As docs/how-to/browser.md has it for pages that load the library with a script element.
SNIPPET = """<!doctype html><title>Shoes</title>
<script>
  !(function () {
    var a = (window.analytics = window.analytics || []);
    if (a.initialize || a.invoked) return;
    a.invoked = true;
    a.methods = ["track", "identify", "page", "group", "alias", "ready", "on", "once", "reset", "setAnonymousId"];
    a.factory = function (m) {
      return function () {
        if (window.analytics.initialized) return window.analytics[m].apply(window.analytics, arguments);
        a.push([m].concat([].slice.call(arguments)));
        return a;
      };
    };
    a.methods.forEach(function (m) { a[m] = a.factory(m); });
    a._writeKey = "%(key)s";
    a._cdn = "%(node)s";
    var script = document.createElement("script");
    script.async = true;
    script.src = "/standalone.js";
    document.head.appendChild(script);
  })();
</script>"""

# As docs/how-to/browser.md has it for pages that bundle the library from npm.
PACKAGE = """<!doctype html><title>Shoes</title>
<script src="/index.js"></script>
<script>
  window.analytics = %(global)s.AnalyticsBrowser.load(
    { writeKey: "%(key)s", cdnURL: "%(node)s" },
    %(options)s,
  );
</script>"""

STORY = """async ([boughtAt]) => {
  const a = window.analytics;
  await a.ready(() => {});
  a.setAnonymousId("a1");
  await a.page("Shop", "Shoes");
  await a.identify("ada", { email: "Ada@Example.com", plan: "gold" });
  await a.track("Order Completed", { total: 12.5 }, { timestamp: boughtAt });
  await a.track("Order Completed", { total: 7 });
  await a.group("acme", { seats: 5 });
  await a.alias("ada", "old-ada");
}"""


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
def page(need: Callable[[str], Path]) -> Iterator[Page]:
    """A page in a browser with nothing remembered."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=need("chromium"), args=FLAGS)
        yield browser.new_page()
        browser.close()


def options(node: Node, **more: Any) -> str:
    place = {"apiHost": f"{node.url.removeprefix('http://')}/v1", "protocol": "http"}
    return json.dumps({"integrations": {"Segment.io": {**place, **more}}})


PAGES: list[tuple[str, Callable[[Node, Org], str]]] = [
    ("snippet", lambda node, org: SNIPPET % {"key": org.write_key, "node": node.url}),
    (
        "package",
        lambda node, org: (
            PACKAGE % {"global": "AnalyticsNext", "key": org.write_key, "node": node.url, "options": "{}"}
        ),
    ),
    (
        "package-told-where",
        lambda node, org: (
            PACKAGE % {"global": "AnalyticsNext", "key": org.write_key, "node": node.url, "options": options(node)}
        ),
    ),
    (
        "package-batching",
        lambda node, org: (
            PACKAGE
            % {
                "global": "AnalyticsNext",
                "key": org.write_key,
                "node": node.url,
                "options": options(
                    node, deliveryStrategy={"strategy": "batching", "config": {"size": 4, "timeout": 200}}
                ),
            }
        ),
    ),
]


@pytest.mark.parametrize(("name", "write"), PAGES, ids=[name for name, _ in PAGES])
def test_analytics_js_ends_in_the_right_view_and_speaks_to_nobody_else(
    node: Node, page: Page, shop: Callable[[str], str], name: str, write: Callable[[Node, Org], str]
) -> None:
    org = node.org(f"browser-{name}")
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    address = shop(write(node, org))
    page.goto(address)
    page.evaluate(STORY, [BOUGHT_AT])

    assert seen(org, events=6) == {
        "identifiers": ["anonymous_id:a1", "anonymous_id:old-ada", "email:ada@example.com", "user_id:ada"],
        "traits": {"email": "Ada@Example.com", "plan": "gold"},
        "events": {"page": 1, "identify": 1, "Order Completed": 2, "group": 1, "alias": 1},
        "first_order_at": BOUGHT_AT,
        "records": ["anonymous events on a device of user ada", "its user_id is ada"],
        "groups": {"acme": {"seats": 5}},
    }
    assert order_totals(org) == [7, 12.5]
    assert complaints == []
    ours = (address, node.url, f"http://localhost:{node.port}")
    assert [url for url in asked if not url.startswith(ours)] == []
    if name == "package-batching":
        assert any(url.endswith("/v1/b") for url in asked)


def test_a_wrong_key_is_told_to_the_page(node: Node, page: Page, shop: Callable[[str], str]) -> None:
    address = shop(SNIPPET % {"key": "wk_of_nobody", "node": node.url})
    with page.expect_console_message(lambda said: "not known here" in said.text, timeout=60_000):
        page.goto(address)

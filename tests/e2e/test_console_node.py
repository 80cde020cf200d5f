"""The console of a real node, walked as an operator does: from the single-use link to an un-merge and its way back."""

import http.cookiejar
import json
import re
import urllib.error
import urllib.parse
import urllib.request

import pytest

from tests.act.receiving import eventually
from tests.e2e.running import Node, Org, run


class Browser:
    """A browser without a picture: it keeps cookies, follows links and sends forms from the node's own pages."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(jar)
        self.page = ""
        self.status = 0

    def go(self, path: str) -> str:
        return self._open(urllib.request.Request(path if path.startswith("http") else self.origin + path))

    def send(self, path: str, **fields: str) -> str:
        """Post a form of the present page, with its secret."""
        secret = re.search(r'name="csrf" value="([^"]+)"', self.page)
        body = urllib.parse.urlencode({**({"csrf": secret[1]} if secret else {}), **fields}).encode()
        return self._open(urllib.request.Request(self.origin + path, body, {"Origin": self.origin}))

    def _open(self, request: urllib.request.Request) -> str:
        try:
            with self._opener.open(request, timeout=30) as answer:
                self.status, self.page = answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            with error:
                self.status, self.page = error.code, error.read().decode()
        return self.page


@pytest.fixture(scope="module")
def org(node: Node) -> Org:
    made = node.org("console")
    made.send(
        {"type": "identify", "userId": "ada", "messageId": "1", "traits": {"email": "ada@example.com", "name": "Ada"}},
        {"type": "identify", "anonymousId": "b", "messageId": "2", "traits": {"email": "ada@example.com"}},
        {"type": "track", "userId": "ada", "event": "Order Completed", "messageId": "3"},
        {"type": "track", "event": "Nobody's", "messageId": "4"},
    )
    made.view("user_id:ada", events=3)
    return made


@pytest.fixture
def browser(node: Node, org: Org) -> Browser:
    done = run("console", org.name, "--data", str(node.data), "--port", str(node.port), "--json")
    link = json.loads(done.stdout)["url"]
    visitor = Browser(link.partition("/console")[0])
    code = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["code"][0]
    visitor.go(link)
    visitor.send("/console/start", code=code)
    assert visitor.status == 200
    return visitor


def customer_of(browser: Browser, text: str) -> str:
    browser.go(f"/console/customers?q={urllib.parse.quote(text)}")
    found = re.search(r"/console/customers/(cus_[a-z0-9]+)", browser.page)
    assert found, browser.page
    return found[1]


def test_a_link_opens_the_console_once(node: Node, org: Org) -> None:
    link = json.loads(run("console", org.name, "--data", str(node.data), "--json").stdout)["url"]
    code = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["code"][0]
    first, second = (Browser(f"http://localhost:{node.port}") for _ in range(2))
    assert "Live" in first.send("/console/start", code=code)
    assert second.send("/console/start", code=code) != first.page
    second.go("/console/customers")
    assert "Customers" not in second.page


def test_live_customers_rejected_and_sources_show_what_was_sent(browser: Browser) -> None:
    for path, told in [
        ("/console/live", "Order Completed"),
        ("/console/customers", "a•••@e•••.com"),
        ("/console/rejected", "missing_id"),
        ("/console/sources", "web"),
    ]:
        eventually(lambda path=path, told=told: told in browser.go(path))  # what is live comes a moment after the view
        assert browser.status == 200
    browser.go("/console/live")
    assert "ada@example.com" not in browser.page


@pytest.mark.parametrize("text", ["email:ada@example.com", "ada@example.com", "user_id:ada", "Ada", "ad"])
def test_a_customer_is_found_by_identifier_and_by_word(browser: Browser, text: str) -> None:
    customer = customer_of(browser, text)
    browser.go(f"/console/customers/{customer}")
    assert browser.status == 200
    assert "ada@example.com" in browser.page
    assert "rcp_" in browser.page


def test_for_a_purpose_that_is_not_open_nothing_is_found(browser: Browser) -> None:
    customer = customer_of(browser, "user_id:ada")
    browser.send("/console/purpose", purpose="advertising", back="/console/customers")
    browser.go("/console/customers?q=user_id:ada")
    assert "cus_" not in browser.page
    browser.go(f"/console/customers/{customer}")
    assert browser.status == 404
    browser.go("/console/customers/cus_00000000000000000000000000")
    assert browser.status == 404


def test_an_un_merge_is_previewed_done_and_undone(browser: Browser, org: Org) -> None:
    customer = customer_of(browser, "user_id:ada")
    evidence = next(
        e["id"]
        for e in org.read("user_id:ada", "evidence").json["evidence"]
        if e["identifier"] == {"type": "email", "value": "ada@example.com"} and e["rule"] == "named" and e["used"]
    )
    browser.go(f"/console/evidence/{evidence}")
    assert browser.status == 200
    assert "becomes 2 customers" in browser.page
    assert len(org.view(customer)["records"]) == 2
    browser.send(f"/console/evidence/{evidence}/retract", why="two people")
    assert browser.status == 200
    assert len(org.view("user_id:ada")["records"]) == 1
    apart = org.view("anonymous_id:b")["records"][0]["record"]
    together = org.view("user_id:ada")["records"][0]["record"]
    assert "ada@example.com" in browser.page, "what was taken back is still named"
    assert "1970" not in browser.page
    assert {org.view("user_id:ada")["customer"], org.view("anonymous_id:b")["customer"]} <= {
        *re.findall(r"cus_\w+", browser.page)
    }
    browser.send(f"/console/evidence/{evidence}/link", why="one after all")
    assert len(org.view("user_id:ada")["records"]) == 2
    said = org.operate("/v1/evidence", {"kind": "must_link", "a": apart, "b": together})
    assert said.status == 201
    assert said.json["used"]


def test_a_source_is_added_and_its_key_rotated(browser: Browser, org: Org) -> None:
    browser.go("/console/sources")
    browser.send("/console/sources", name="till")
    key = next(k for k in re.findall(r"wk_[A-Za-z0-9_-]+", browser.page) if k != org.write_key)
    assert org.send({"type": "page", "userId": "x", "messageId": "t1"}, write_key=key).status == 200
    browser.send("/console/sources/till/key")
    assert org.send({"type": "page", "userId": "x", "messageId": "t2"}, write_key=key).status == 401


def test_what_was_refused_can_be_looked_at(browser: Browser) -> None:
    browser.go("/console/rejected")
    refusal = re.search(r"/console/rejected/(\d+)", browser.page)
    assert refusal
    browser.go(f"/console/rejected/{refusal[1]}")
    assert browser.status == 200
    assert "Nobody&#39;s" in browser.page or "Nobody's" in browser.page

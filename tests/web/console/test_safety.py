"""What came from outside is text on every page; pages load and run only the node's own files."""

import re

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from rapport.web.console.desk import Refusal, SourceCard
from tests.web.console.sample_desk import SampleDesk
from tests.web.console.sample_people import Link, hostile
from tests.web.console.visitor import ADA, ALICE, Page, Visitor

EVERY_PAGE = [
    "/", "/console/start", "/console/start?code=x", "/console/live", "/console/customers", "/console/customers?q=zz",
    f"/console/customers/{ALICE}", f"/console/customers/{ADA}", f"/console/customers/{ALICE}/events?cursor=12",
    "/console/customers/nobody", "/console/evidence/evd0001", "/console/rejected", "/console/rejected/rej0001",
    "/console/audiences", "/console/audiences/grown_up", "/console/audiences/gold_lately/people", "/console/traits",
    "/console/audiences/gold_lately/why?customer=email:a@b.cc", "/console/edit/audience", "/console/traits/rfm",
    "/console/actions", f"/console/actions/{'a' * 63}", "/console/actions/help_after_refund", "/console/edit/action",
    f"/console/edit/action?name={'a' * 63}", "/console/decide", "/console/decide?customer=email:a@b.cc&channel=inbox",
    f"/console/actions/{'a' * 63}/preview?customer=email:a@b.cc", "/console/manner", "/console/units",
    "/console/outcomes", "/console/experiments", "/console/what-if", "/console/what-if?change=without&without=nobody",
    "/console/sources", "/console/nothing-here", "/console/leave",
]  # fmt: skip

ATTACKS = [
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'onmouseover='alert(1)", "javascript:alert(1)",
    "</title><style>*{}</style>", "{{ 7 * 1911 }}", "{% raw %}", "&lt;b&gt;", "</svg><script>1</script>",
    "</template><script>", "\u202egnp.exe", "a\x00b\x1b[31m\x7f", "\ud800", "x" * 5000, "--><!--", "]]>",
    "%00/../../etc", "😀" * 200,
]  # fmt: skip


@pytest.mark.parametrize("path", EVERY_PAGE)
def test_every_page_is_fenced_in_and_loads_only_its_own_files(path):
    response = Visitor().get(path)
    policy = dict(part.partition(" ")[::2] for part in response.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == ("strict-origin" if "code=" in path else "same-origin")
    assert response.headers["cache-control"] == "no-store"
    assert Page(response.text).only_its_own()


def make_hostile(desk: SampleDesk, text: str) -> None:
    """Every value that a sender can reach becomes this text."""
    desk.set_people([hostile(text)])
    desk.cards = {text: SourceCard(text, text, False, desk.clock, desk.clock, (1,) * 60, 1)}
    desk.refusals = [Refusal("rej0001", desk.clock, text, text, text, desk.clock, 1)]


def hostile_pages(visitor: Visitor, text: str) -> list[str]:
    make_hostile(visitor.desk, text)
    sent = text.encode("utf-8", "replace")
    pages = [
        visitor.get("/console/live"), visitor.get("/console/customers"), visitor.get(f"/console/customers/{ALICE}"),
        visitor.get(f"/console/customers/{ALICE}/events?cursor=0"), visitor.get("/console/evidence/evd0002"),
        visitor.post("/console/evidence/evd0002/retract", why=""), visitor.get("/console/rejected"),
        visitor.get("/console/rejected/rej0001"), visitor.get("/console/sources"),
        visitor.send("GET", "/console/customers", params={"q": sent}),
        visitor.send("GET", "/console/rejected", params={"code": sent}),
    ]  # fmt: skip
    assert {page.status_code for page in pages} <= {200, 400}
    return [page.text for page in pages]


@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_values_in_every_field_stay_text(attack):
    for html in hostile_pages(Visitor(), attack):
        page = Page(html)
        assert page.only_its_own()
        assert "13377" not in html
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", html)


PIECES = [
    "<",
    ">",
    '"',
    "'",
    "=",
    "/",
    "&",
    ";",
    " ",
    "b",
    "script",
    "on",
    "style",
    "href",
    "{{",
    "}}",
    "{%",
    "<!--",
    "-->",
]
characters = st.characters(codec=None, categories=None)


@given(st.lists(st.sampled_from(PIECES) | characters, min_size=1, max_size=30).map("".join))
@settings(max_examples=settings().max_examples // 3, phases=set(Phase) - {Phase.explain})  # eleven pages each
def test_no_value_of_any_kind_makes_an_element_or_an_attribute(visitor, text):
    # What else a text may change: a long one is folded, one with digits is still no element.
    known = {tag for html in hostile_pages(visitor, "plain") for tag, _ in Page(html).elements} | {"details", "summary"}
    for html in hostile_pages(visitor, text):
        page = Page(html)
        assert page.only_its_own()
        assert {tag for tag, _ in page.elements} <= known


@pytest.fixture(scope="module")
def visitor() -> Visitor:
    return Visitor()


def test_values_cannot_turn_the_text_around_them():
    # Names of sources and types of identifiers are the organization's own; everything else may come from anyone.
    evil = "\u202eevil"
    person = hostile(evil)._replace(source="web", links=(Link("user_id", evil, 0), Link("email", evil, 3)))
    visitor = Visitor(SampleDesk([person]))
    for path in ("customers", f"customers/{ALICE}", f"customers/{ALICE}/events?cursor=0", "evidence/evd0002"):
        found = [(parent, text) for parent, text in Page(visitor.get(f"/console/{path}").text).texts if evil in text]
        assert found
        for parent, text in found:
            own_words = text.replace(evil, "").strip()
            isolated = parent in {"bdi", "pre", "text", "title"}  # `text`: a line of the drawing, by itself
            assert isolated or (parent in {"a", "span"} and not own_words), (path, parent, text)


def test_files_have_names_that_change_with_their_content_and_are_kept_for_good():
    visitor = Visitor()
    page = Page(visitor.get("/console/live").text)
    addresses = [
        address for address in page.values("src") + page.values("href") if address.startswith("/console/static/")
    ]
    assert len(addresses) == 4
    for address in addresses:
        file = visitor.get(address)
        assert file.status_code == 200
        assert "immutable" in file.headers["cache-control"]
        again = visitor.send("GET", address, headers={"If-None-Match": file.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        plain = visitor.send("GET", address, headers={"Accept-Encoding": "identity"})
        assert plain.content == file.content
    assert visitor.get("/console/static/console.css").status_code == 404
    assert visitor.get("/console/static/..%2f..%2fdesk.py").status_code == 404


def test_styles_and_scripts_are_small():
    visitor = Visitor()
    page = Page(visitor.get("/console/live").text)
    sent = 0
    for address in page.values("src") + [href for href in page.values("href") if href.endswith((".css", ".svg"))]:
        sent += int(visitor.send("GET", address, headers={"Accept-Encoding": "gzip"}).headers["content-length"])
    assert sent < 15_000


def test_the_front_page_needs_no_token_and_tells_nothing_of_any_organization():
    page = Visitor(code=None).get("/")
    assert page.status_code == 200
    for word in ("rapport console", "/openapi.json", "/healthz", "/metrics"):
        assert word in page.text
    assert "demo" not in page.text
    assert "example.com" not in page.text


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/console/nothing-here", 404), ("GET", "/console/leave", 405), ("DELETE", "/console/live", 405),
    ("POST", "/console/rejected", 405), ("GET", "/console/customers/a/b/c", 404),
])  # fmt: skip
def test_an_address_that_leads_nowhere_says_so_on_a_page(method, path, status):
    response = Visitor().send(method, path)
    assert response.status_code == status
    assert "That did not work" in response.text
    assert ("allow" in response.headers) == (status == 405)


@pytest.mark.parametrize("path", ["/console/customers/", "/console/live/", "/console/signin/"])
def test_no_address_leads_to_where_a_request_says_that_the_node_is(path):
    answer = Visitor().send("GET", path, headers={"Host": "evil.test"})
    assert "evil.test" not in answer.text + answer.headers.get("location", "")

"""Live, Customers, Customer, Rejected, Sources: what they show, to whom, and page by page."""

import re

import pytest

from rapport.kernel.errors import Busy
from tests.web.console.sample_desk import SampleDesk
from tests.web.console.visitor import ADA, ALICE, Page, Visitor

RAW = {link.value for record in SampleDesk().records for link in record.links}
FACTS = [value for record in SampleDesk().records for value, _ in record.traits.values()]
SAID = {value for value in FACTS if isinstance(value, str) and len(value) > 4}
LISTS = [
    "/console/live",
    "/console/customers",
    "/console/customers?q=email:alice@example.com",
    "/console/rejected",
    "/console/sources",
]


@pytest.mark.parametrize("path", LISTS)
def test_lists_show_masked_identifiers_and_names_of_events_only(path):
    page = Page(Visitor().get(path).text)
    told = page.text + " ".join(page.values("href") + page.values("title") + page.values("aria-label"))
    hints = {"ada@example.com", "+44 7700 900123"}  # of the search box
    assert not {
        value for value in (RAW | SAID) - hints if re.search(rf"(?<![\w.@-]){re.escape(value)}(?![\w@-])", told)
    }


def test_the_live_page_works_as_a_page():
    page = Page(Visitor().get("/console/live").text)
    assert "events a second" in page.text
    assert "12 ms" in page.text
    assert "2 customers became one" in page.text
    assert "a•••@e•••.com" in page.text or "u•••" in page.text
    assert ("a", {"class": "button", "href": "/console/live"}) in page.elements  # for browsers without JavaScript


def test_customers_are_found_by_identifier_by_bare_value_and_by_how_a_name_begins():
    visitor = Visitor()
    for text in ("email:alice@example.com", "alice@example.com", "ali mar", "loyalty_id:4711-2290"):
        links = Page(visitor.send("GET", "/console/customers", params={"q": text}).text).links()
        assert [link for link in links if "cus_" in link] == [f"/console/customers/{ALICE}"]


def test_a_search_that_finds_nobody_teaches_how_to_search():
    page = visitor_text("/console/customers?q=zzz")
    assert "Nobody found" in page
    assert "how a word begins" in page


def visitor_text(path: str, *, empty: bool = False) -> str:
    return Page(Visitor(SampleDesk(empty=empty)).get(path).text).text


@pytest.mark.parametrize(("path", "words"), [
    ("/console/live", "As soon as a source sends an event"), ("/console/customers", "Whom are you looking for?"),
    ("/console/rejected", "Nothing was refused"), ("/console/sources", "No source yet"),
    ("/console/rejected?code=bad_time", "None of this sort"),
])  # fmt: skip
def test_every_empty_list_teaches(path, words):
    assert words in visitor_text(path, empty=True)


def follow(visitor: Visitor, path: str, pattern: str) -> list[str]:
    """All rows of a paged list, from its first page to its last by its own links."""
    found: list[str] = []
    for _ in range(50):
        page = visitor.get(path)
        assert page.status_code == 200
        found += re.findall(pattern, page.text)
        onward = [attributes["href"] for tag, attributes in Page(page.text).elements if attributes.get("rel") == "next"]
        if not onward:
            return found
        path = onward[0]
    raise AssertionError("the list does not end")


def test_paging_shows_each_customer_once():
    visitor = Visitor()
    found = follow(visitor, "/console/customers", r'href="/console/customers/(cus_\d+)"')
    assert len(found) == len(set(found)) == len({visitor.desk._root(i) for i in range(len(visitor.desk.records))})


def test_paging_shows_each_refusal_once_with_a_filter_and_without():
    visitor = Visitor()
    pattern = r'href="/console/rejected/(rej\d+)"'
    assert sorted(follow(visitor, "/console/rejected", pattern)) == sorted(row.id for row in visitor.desk.refusals)
    wanted = sorted(row.id for row in visitor.desk.refusals if row.code == "bad_time")
    assert sorted(follow(visitor, "/console/rejected?code=bad_time", pattern)) == wanted


def test_paging_shows_each_event_once_newest_first():
    visitor = Visitor()
    times = follow(visitor, f"/console/customers/{ALICE}", r'<summary>\s*<time datetime="([^"]+)"')
    assert len(times) == 21
    assert times == sorted(times, reverse=True)


def test_the_customer_page_tells_each_value_with_where_it_comes_from():
    html = Visitor().get(f"/console/customers/{ALICE}").text
    page = Page(html)
    name = html[html.index("<bdi>Name</bdi>") :]
    shown = Page(name[: name.index("</dd>")]).text
    for word in (
        "Alice Martin",
        "crm",
        "24 Jul 2026, 12:00",
        "name",
        "message",
        "2 other values",
        "alice m.",
        "A. Martin",
    ):
        assert word in shown
    assert "14 Mill Lane" in page.text
    assert "rcp_" in page.text
    assert "£149.00 · 1 product · o-5123" in page.text


def test_one_look_at_a_customer_is_one_use():
    visitor = Visitor()
    visitor.get(f"/console/customers/{ALICE}")
    assert visitor.desk.asked == [("customer", ALICE, "service")]


def test_lists_and_live_pages_are_no_use_of_anybody():
    visitor = Visitor()
    for path in LISTS:
        visitor.get(path)
    assert visitor.desk.asked == []


@pytest.mark.parametrize("path", ["customers/{}", "customers/{}/events?cursor=0"])
def test_a_refused_customer_looks_exactly_like_an_unknown_one(path):
    visitor = Visitor()
    visitor.post("/console/purpose", purpose="research")  # for which the sample desk refuses everybody
    refused = visitor.get("/console/" + path.format(ALICE))
    unknown = visitor.get("/console/" + path.format(f"cus_{999999:026}"))
    nonsense = visitor.get("/console/" + path.format("nobody"))
    assert refused.status_code == unknown.status_code == nonsense.status_code == 404
    assert refused.content == unknown.content == nonsense.content
    assert refused.headers == unknown.headers == nonsense.headers
    assert ALICE not in refused.text
    absent = visitor.get("/console/evidence/evd0001"), visitor.get("/console/rejected/rej0001")
    assert {response.content for response in absent} == {refused.content}


def test_the_graph_shows_what_joins_and_what_does_not_and_the_table_says_the_same():
    html = Visitor().get(f"/console/customers/{ADA}").text
    page = Page(html)
    edges = [
        attributes for tag, attributes in page.elements if tag == "a" and attributes.get("class", "").startswith("edge")
    ]
    drawn = {attributes["data-edge"] for attributes in edges}
    rows = set(re.findall(r'<tr id="evidence-(evd\d+)"', html))
    assert drawn == rows
    assert len(edges) == 2 * len(drawn)  # once for wide screens, once for narrow ones
    unused = [attributes["aria-label"] for attributes in edges if "unused" in attributes["class"]]
    assert any("fam@example.com" in said and "more than one user id" in said for said in unused)
    assert {attributes["href"] for attributes in edges} == {f"#evidence-{id_}" for id_ in drawn}


def test_records_of_another_customer_in_the_graph_are_masked():
    page = Page(Visitor().get(f"/console/customers/{ADA}").text)
    assert "u-2001" in page.text
    assert "u-2002" not in page.text


def test_a_rejected_part_is_shown_as_it_came():
    visitor = Visitor()
    by_code = {row.code: row.id for row in visitor.desk.refusals}
    assert '"timestamp": "yesterday"' in Page(visitor.get(f"/console/rejected/{by_code['bad_time']}").text).text
    assert "Order Comp\ufffd" in Page(visitor.get(f"/console/rejected/{by_code['bad_json']}").text).text


def test_sources_come_with_keys_and_lines_to_paste():
    page = Page(Visitor().get("/console/sources").text)
    assert "wk_web_4f9aQ2xR8mTz" in page.text
    assert "curl http://node.test/v1/track" in page.text
    assert 'apiHost: "node.test/v1", protocol: "http"' in page.text


def test_a_source_is_added_and_a_name_that_cannot_be_one_is_told_beside_the_field():
    visitor = Visitor()
    assert (
        visitor.post("/console/sources", name="kiosk", trusted="yes").headers["location"]
        == "/console/sources#source-kiosk"
    )
    assert visitor.desk.cards["kiosk"].trusted
    for name, status, words in (("Kiosk 2!", 400, "cannot name a source"), ("kiosk", 409, "already")):
        refused = visitor.post("/console/sources", name=name)
        assert refused.status_code == status
        assert words in refused.text
        assert 'aria-invalid="true"' in refused.text


def test_a_key_is_replaced_on_request():
    visitor = Visitor()
    old = visitor.desk.cards["web"].write_key
    assert visitor.post("/console/sources/web/key").status_code == 303
    assert visitor.desk.cards["web"].write_key != old
    assert visitor.post("/console/sources/nowhere/key").status_code == 404


def test_a_busy_node_says_so_and_when_to_come_back(monkeypatch):
    visitor = Visitor()

    async def busy(*_: object) -> None:
        raise Busy("The disk is full; nothing was read.", retry_after=7)

    monkeypatch.setattr(visitor.desk, "customer", busy)
    response = visitor.get(f"/console/customers/{ALICE}")
    assert (response.status_code, response.headers["retry-after"]) == (503, "7")
    assert "The disk is full" in response.text

"""Audiences and computed traits on the console: numbers for who makes them, people through the gate, an editor whose
buttons do without a script what its script does while one types."""

import json
from typing import Any

import httpx
import pytest

from rapport.web.console import audiences_desk as told
from tests.web.console.sample_audiences import PAGE
from tests.web.console.sample_desk import SampleDesk
from tests.web.console.visitor import ALICE, Page, Visitor

AREA = "/console/audiences"
GOLD, FAILING, NOBODY = f"{AREA}/gold_lately", f"{AREA}/grown_up", f"{AREA}/nobody_yet"
RIGHT = 'traits.plan == "gold"'


def text_of(response: httpx.Response) -> str:
    return " ".join(Page(response.text).text.split())


def asked(browser: Visitor, path: str, headers: dict[str, str] | None = None, **content: object) -> httpx.Response:
    """As the page's script asks."""
    sent = {"Origin": browser.origin, "Content-Type": "application/json", **(headers or {})}
    return browser.send("POST", path, headers=sent, content=json.dumps(content).encode())


def test_all_audiences_are_listed_page_by_page_with_how_they_fare() -> None:
    browser = Visitor()
    first = Page(browser.get(AREA).text)
    assert first.only_its_own()
    listed = [link.removeprefix(f"{AREA}/") for link in first.links() if link.startswith(f"{AREA}/")]
    assert {"gold_lately", "away", "grown_up", "nobody_yet"} <= set(listed)
    text = " ".join(first.text.split())
    assert "12,345 in" in text
    assert "being filled, 35 %" in text
    assert "fails on 12" in text
    onward = next(link for link in first.links() if "after=" in link)
    second = Page(browser.get(onward).text)
    both = listed + [link.removeprefix(f"{AREA}/") for link in second.links() if link.startswith(f"{AREA}/")]
    assert {name for name in both if "#" not in name} == set(browser.desk.audiences.all)
    assert len(set(both)) > PAGE


def test_nothing_yet_says_what_an_audience_and_a_trait_are() -> None:
    browser = Visitor(SampleDesk(empty=True))
    text = text_of(browser.get(AREA))
    assert "No audience yet" in text
    examples = [link for link in Page(browser.get(AREA).text).links() if "expression=" in link]
    for link in examples:
        assert "data-editor" in browser.get(link).text
    assert examples
    text = text_of(browser.get("/console/traits"))
    assert "No computed trait yet" in text
    assert "lifetime_value" in text
    assert "No source has sent anything yet" in text_of(browser.get("/console/edit/audience"))


def test_an_audience_tells_its_numbers_as_a_chart_and_as_a_table() -> None:
    browser = Visitor()
    page = Page(browser.get(GOLD).text)
    assert page.only_its_own()
    drawn = [attributes["d"] for name, attributes in page.elements if name == "path" and "d" in attributes]
    assert any("NaN" not in path and path.startswith("M0") for path in drawn)
    text = " ".join(page.text.split())
    for said in ("12,345", "120", "23", "Version 3", "traits.age > 1"):
        assert said in text
    rows = [name for name, _ in page.elements if name == "tr"]
    assert len(rows) == 1 + 10  # a head, and the days since it was made
    assert "it is of a later language" in text_of(browser.get(NOBODY))
    assert "values of kinds that do not go together" in text_of(browser.get(FAILING))
    for days in ("90", "365", "7", "x", "99999999"):
        assert browser.get(f"{GOLD}?days={days}").status_code == 200


def test_a_page_looks_again_by_itself_only_where_that_was_asked_and_there_is_something_to_wait_for() -> None:
    browser = Visitor()
    again = 'http-equiv="refresh"'
    assert again in browser.get(f"{FAILING}?watch=yes").text
    assert again not in browser.get(FAILING).text
    assert again not in browser.get(f"{GOLD}?watch=yes").text


def test_who_is_in_is_told_page_by_page_by_masked_identifiers() -> None:
    browser = Visitor()
    seen: list[str] = []
    path = f"{GOLD}/people"
    while path:
        page = Page(browser.get(path).text)
        assert page.only_its_own()
        seen += [link for link in page.links() if link.startswith("/console/customers/cus_")]
        path = next((link for link in page.links() if "cursor=" in link), "")
    assert len(seen) == len(set(seen)) == 61
    assert "it fails" in text_of(browser.get(f"{FAILING}/people"))
    assert "Nobody is in" in text_of(browser.get(f"{NOBODY}/people"))
    text = text_of(browser.get(f"{GOLD}/moves"))
    for said in ("by what they did", "because time passed", "when version 3 was worked out", "and was no longer there"):
        assert said in text


@pytest.mark.parametrize(("what", "none"), [("people", told.Members((), "25")), ("moves", told.Moves((), "25"))])
def test_a_page_on_which_nobody_may_be_told_of_leads_on(what: str, none: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = Visitor()

    async def nobody(*_: Any) -> Any:
        return none

    monkeypatch.setattr(browser.desk.audiences, what, nobody)
    page = Page(browser.get(f"{GOLD}/{what}").text)
    assert "Nobody on this page" in page.text
    assert any("cursor=25" in link for link in page.links())


@pytest.mark.parametrize("what", ["people", "moves", "why", "why?customer=email:ada@example.com"])
def test_for_another_purpose_nobody_is_told_of_and_the_right_one_is_offered(what: str) -> None:
    browser = Visitor()
    page = Page(browser.get(f"{AREA}/away/{what}").text)
    assert "cus_" not in page.text
    fields = {one["name"]: one["value"] for name, one in page.elements if name in ("input", "button") and "name" in one}
    there = browser.post("/console/purpose", purpose="offers", back=f"{AREA}/away/{what}")
    assert there.headers["location"] == f"{AREA}/away/{what}"
    assert "This is for offers" not in browser.get(f"{AREA}/away/{what}").text
    assert "back" in fields


def test_why_somebody_is_in_or_out_is_told_piece_by_piece() -> None:
    browser = Visitor()
    page = Page(browser.get(f"{GOLD}/why?customer=email:ada@example.com").text)
    assert page.only_its_own()
    text = " ".join(page.text.split())
    for said in (
        "In , since",
        'traits.plan == "gold" true',
        "traits.plan is gold",
        "traits.age > 18 unknown",
        "fails:",
        'computed.orders_a_year = count("Order Completed", days(365)) 7',
    ):
        assert said.replace(" ,", ",") in text.replace(" ,", ",")
    assert "time alone changes it no earlier than" in text
    assert "The expression fails on them" in text_of(browser.get(f"{FAILING}/why?customer=x"))
    several = browser.get(f"{FAILING}/why?customer=email:family@example.com")
    assert (several.status_code, "Several customers have this identifier." in text_of(several)) == (400, True)
    nobody = browser.get(f"{FAILING}/why?customer=email:nobody@example.com")
    assert nobody.status_code == 404
    assert "Nobody is known by that, or nobody who may be looked at for service." in text_of(nobody)
    assert 'name="customer"' in nobody.text


def test_its_page_leads_to_where_it_can_be_sent() -> None:
    browser = Visitor()
    assert 'href="/console/destination?audience=gold_lately"' in browser.get(GOLD).text


def test_what_is_in_use_says_by_what_and_is_not_deleted() -> None:
    browser = Visitor()
    assert "in use by the destination “mail” and the destination “erp”" in text_of(browser.get(GOLD))
    refused = browser.post(f"{GOLD}/delete")
    assert (refused.status_code, "destinations are given it: mail" in text_of(refused).lower()) == (409, True)
    assert "gold_lately" in browser.desk.audiences.all
    assert browser.post(f"{FAILING}/delete").headers["location"] == f"{AREA}?done=deleted"
    assert "grown_up" not in browser.desk.audiences.all
    assert "the audience “gold_lately”" in text_of(browser.get("/console/traits/orders_a_year"))
    assert browser.post("/console/traits/orders_a_year/delete").status_code == 409
    assert browser.post("/console/traits/rfm/delete").headers["location"] == "/console/traits?done=deleted"
    for path in (FAILING, f"{FAILING}/people", "/console/traits/rfm", "/console/edit/audience?name=grown_up"):
        assert browser.get(path).status_code == 404


def test_a_customer_s_page_leads_to_why_they_are_in() -> None:
    browser = Visitor()
    page = Page(browser.get(f"/console/customers/{ALICE}").text)
    link = next(link for link in page.links() if "/why?" in link)
    assert link.startswith(f"{GOLD}/why?customer=cus_")
    assert "In , since" in text_of(browser.get(link)).replace("In,", "In ,")


# -- the editor


def test_the_form_tries_and_keeps_what_was_typed() -> None:
    browser = Visitor()
    tried = browser.post(
        "/console/edit/audience", do="preview", expression=RIGHT, purpose="service", name="", version="0"
    )
    text = text_of(tried)
    assert tried.status_code == 200
    for said in ("4,120 in.", "About 210 may not be read for service.", "Estimated from 35% of all records."):
        assert said in text
    assert RIGHT in text
    fields = {"expression": RIGHT, "purpose": "service", "name": "gold_lately", "version": "3"}
    compared = browser.post("/console/edit/audience", do="preview", **fields)
    assert "4,120 in, 37 of them new; 5 would leave." in text_of(compared)
    assert browser.desk.audiences.asked == [(RIGHT, "service", None), (RIGHT, "service", "gold_lately")]


def test_mistakes_are_shown_in_their_line_and_nothing_is_saved() -> None:
    browser = Visitor()
    wrong = 'traits.plan == "gold" &&\r\ntraits.age = 18'
    fields = {"expression": wrong, "purpose": "service", "name": "fresh", "version": "0"}
    for do in ("preview", "save"):
        response = browser.post("/console/edit/audience", do=do, **fields)
        page = Page(response.text)
        assert response.status_code == 400
        assert "line 2, column 12: one '=' compares nothing: equality is ==; did you mean ==?" in page.text
        assert ("mark", "=") in page.texts
        assert page.only_its_own()
    assert "fresh" not in browser.desk.audiences.all
    doubted = browser.post(
        "/console/edit/audience", do="preview", **{**fields, "expression": 'count("Order Complete") > 1'}
    )
    assert "Noted: line 1" in text_of(doubted)
    assert "4,120 in" in text_of(doubted)


def test_saving_leads_to_the_audience_and_keeps_lines_as_the_language_has_them() -> None:
    browser = Visitor()
    fields = {"expression": f" {RIGHT} &&\r\n traits.age > 1 ", "purpose": "offers", "name": "fresh", "version": "0"}
    saved = browser.post("/console/edit/audience", do="save", **fields)
    assert (saved.status_code, saved.headers["location"]) == (303, f"{AREA}/fresh?saved=yes&watch=yes")
    kept = browser.desk.audiences.all["fresh"]
    assert (kept.expression, kept.purpose, kept.version) == (f"{RIGHT} &&\n traits.age > 1", "offers", 1)
    again = browser.post("/console/edit/audience", do="save", **fields)
    assert (again.status_code, "There is already one called fresh" in again.text) == (409, True)
    stale = browser.post("/console/edit/audience", do="save", **{**fields, "version": "7"})
    assert (stale.status_code, "another than you had" in stale.text) == (409, True)
    for wish in ({"name": "no name"}, {"name": ""}, {"purpose": "mischief"}, {"version": "x"}, {"version": "9" * 40}):
        refused = browser.post("/console/edit/audience", do="save", **{**fields, **wish})
        assert refused.status_code == 400, wish
        assert "data-editor" in refused.text
    assert browser.desk.audiences.all["fresh"].version == 1


def test_what_was_never_seen_is_noted_on_the_page_of_what_was_saved_all_the_same() -> None:
    browser = Visitor()
    expression = 'count("Order Complete") > 1'
    for of, name in (("audience", "typo"), ("trait", "typo")):
        browser.get(f"/console/edit/{of}")
        browser.post(f"/console/edit/{of}", name=name, purpose="service", expression=expression, version="0", do="save")
        page = text_of(browser.get(f"/console/{of}s/{name}"))
        assert "Noted: line 1, column 7: no event 'Order Complete' was seen so far" in page
    assert "Noted:" not in text_of(browser.get(GOLD))


def test_a_trait_is_tried_saved_and_taken_ready_made() -> None:
    browser = Visitor()
    fields = {"expression": 'count("Order Completed")', "purpose": "service", "name": "orders", "version": "0"}
    tried = browser.post("/console/edit/trait", do="preview", **fields)
    assert "Known of 4,120 customers, unknown of 311, for service." in text_of(tried)
    assert (
        browser.post("/console/edit/trait", do="save", **fields)
        .headers["location"]
        .startswith("/console/traits/orders?")
    )
    page = Page(browser.get("/console/traits").text)
    assert page.only_its_own()
    offered = [one["value"] for name, one in page.elements if name == "button" and one.get("name") == "model"]
    assert set(offered) == {"expected_purchases", "chance_active", "rfm_segment"}  # the others are there already
    taken = browser.post(
        "/console/traits", model="rfm_segment", purpose="service", purchase='["Order Completed","revenue"]'
    )
    assert taken.headers["location"] == "/console/traits/rfm_segment?saved=yes"
    kept = browser.desk.audiences.kept["rfm_segment"]
    assert (kept.event, kept.value) == ("Order Completed", "revenue")
    typed = browser.post(
        "/console/traits", model="chance_active", purpose="service", event=" Sale ", value="", purchase='["x","y"]'
    )
    assert typed.status_code == 303
    assert (browser.desk.audiences.kept["chance_active"].event, browser.desk.audiences.kept["chance_active"].value) == (
        "Sale",
        "",
    )
    for wish in (
        {"model": "magic"},
        {"model": ""},
        {"purpose": "mischief"},
        {"purchase": ""},
        {"purchase": "[1]"},
        {"purchase": "{"},
    ):
        bad = {"model": "expected_purchases", "purpose": "service", "purchase": '["Order Completed",""]'}
        assert browser.post("/console/traits", **{**bad, **wish}).status_code == 400, wish


# -- what the script asks


def test_the_script_is_told_places_as_browsers_count_them() -> None:
    browser = Visitor()
    emoji = 'traits.plan == "😀" && cuont("Order Completed") > 1'
    told = asked(browser, "/console/edit/try", of="audience", expression=emoji, purpose="service").json()
    (problem,) = told["problems"]
    units = emoji.encode("utf-16-le")
    assert units[2 * problem["start"] : 2 * problem["end"]].decode("utf-16-le").startswith("cuont")
    assert (problem["suggestion"], told["tried"]) == ("count", None)
    before = 'traits.plan == "😀" && count("Order'
    found = asked(browser, "/console/edit/complete", before=before).json()["found"]
    assert {one["text"] for one in found} >= {'"Order Completed"', '"Order Cancelled"'}
    assert {one["start"] for one in found} == {len(before.encode("utf-16-le")) // 2 - len('"Order')}


def test_the_script_is_told_what_it_would_give() -> None:
    browser = Visitor()
    told = asked(browser, "/console/edit/try", of="audience", expression=RIGHT, purpose="research", name="away").json()
    assert told["tried"]["sentence"] == "4,120 in, 37 of them new; 5 would leave."
    assert any("promises nothing for research" in note for note in told["tried"]["notes"])
    assert told["problems"] == []
    told = asked(browser, "/console/edit/try", of="trait", expression="traits.age", purpose="service").json()
    assert told["tried"]["sentence"].startswith("Known of 4,120 customers")
    told = asked(browser, "/console/edit/try", of="audience", expression=RIGHT, purpose="mischief").json()
    assert told["tried"] is None
    assert told["problem"]


@pytest.mark.parametrize("path", ["/console/edit/try", "/console/edit/complete"])
def test_what_is_no_question_of_the_script_is_refused(path: str) -> None:
    browser = Visitor()
    assert asked(browser, path, {"Origin": "http://elsewhere"}, before="", of="audience").status_code == 403
    for content in (b"", b"[]", b"{", b'{"before": 1, "expression": []}', b"\xff", b"[" * 5000):
        sent = {"Origin": browser.origin}
        assert browser.send("POST", path, headers=sent, content=content).status_code == 400, content
    assert browser.send("POST", path, headers={"Origin": browser.origin}, content=b" " * 70_000).status_code == 413
    nobody = Visitor(code=None)
    assert asked(nobody, path, before="", of="audience").status_code == 401


def test_hostile_expressions_stay_text() -> None:
    browser = Visitor()
    for attack in ('"</textarea><script>alert(1)</script>', "\u202e<b>", "\x00\x07", "\ud800", "x" * 6000, "(" * 500):
        sent = attack.encode("utf-8", "replace").decode()
        page = browser.post("/console/edit/audience", do="preview", expression=sent, purpose="service", version="0")
        assert page.status_code == 400
        assert Page(page.text).only_its_own()
        unwritable = attack == "\ud800"  # which is no JSON that anybody may send
        for path, content in (("try", {"of": "audience", "expression": attack}), ("complete", {"before": attack})):
            answer = asked(browser, f"/console/edit/{path}", purpose="x", **content)
            assert answer.status_code == (400 if unwritable else 200)

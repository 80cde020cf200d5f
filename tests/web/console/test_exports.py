"""Exports on the console: asked for by a form that says what may be, watched, fetched, deleted."""

import msgspec
import pytest

from rapport.kernel.errors import Busy
from rapport.terms.exports import Export, Wish
from tests.web.console.sample_desk import SampleDesk
from tests.web.console.sample_exports import TABLE, SampleExports
from tests.web.console.visitor import Page, Visitor

WAITING, RUNNING, DONE, BY_HAND, FAILED, OVER = (f"/console/exports/exp_{n:026}" for n in (6, 5, 4, 3, 2, 1))
POST = "Parcel Post"


def visitor(*recipients: str) -> Visitor:
    """Whose organization promises that these may have what is read for offers."""
    desk = SampleDesk()
    purposes = dict(desk.declaration.purposes)
    purposes["offers"] = msgspec.structs.replace(purposes["offers"], recipients=recipients)
    desk.declaration = msgspec.structs.replace(desk.declaration, purposes=purposes)
    return Visitor(desk)


def test_all_exports_are_listed_and_only_what_the_node_has_can_be_fetched() -> None:
    page = Page(Visitor().get("/console/exports").text)
    assert page.only_its_own()
    links = page.links()
    assert {WAITING, RUNNING, DONE, BY_HAND, FAILED, OVER} <= set(links)
    assert [link for link in links if link.endswith("/file")] == [f"{DONE}/file"]
    assert "<b>Ümläut</b> & Co" in page.text
    assert "by the command line" in page.text


def test_nothing_exported_says_what_an_export_is() -> None:
    text = " ".join(Page(Visitor(SampleDesk(empty=True)).get("/console/exports").text).text.split())
    assert "Nothing was exported yet" in text
    assert "The file carries your declaration and the day until which you may keep it" in text
    assert "sees a receipt" in text


def test_the_form_offers_what_is_promised_and_whom_it_may_be_given_to() -> None:
    page = Page(visitor(POST, '"><script>').get("/console/exports").text)
    inputs = [attributes for name, attributes in page.elements if name == "input"]
    purposes = [one for one in inputs if one.get("name") == "purpose"]
    assert {one["value"] for one in purposes} == set(visitor().desk.declaration.purposes)
    # The session's own purpose is chosen to begin with.
    assert [one["value"] for one in purposes if "checked" in one] == ["service"]
    assert [one["name"] for one in inputs if one.get("name", "").startswith("to.")] == ["to.offers.0", "to.offers.1"]
    assert page.only_its_own()
    assert '"><script>' in page.text


def test_what_was_asked_for_is_what_the_form_says() -> None:
    browser = visitor("Bank", POST)
    fields = {"purpose": "offers", "format": "csv", "limit": " 1,000 ", "to.offers.1": "yes", "to.service.0": "yes"}
    answer = browser.post("/console/exports", **fields)
    asked = browser.desk.exports.all[0]
    assert (answer.status_code, answer.headers["location"]) == (303, f"/console/exports/{asked.id}?watch=yes")
    assert asked.wish == Wish("offers", "csv", 1_000, (POST,))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"purpose": "offers", "format": "xlsx"}, "Choose a format."),
        ({"purpose": "offers"}, "Choose a format."),
        ({"purpose": "offers", "format": "csv", "limit": "0"}, "How many at most"),
        ({"purpose": "offers", "format": "csv", "limit": "many"}, "How many at most"),
        ({"purpose": "offers", "format": "csv", "limit": "9" * 40}, "How many at most"),
        ({"purpose": "offers", "format": "csv", "limit": "²"}, "How many at most"),
    ],
)
def test_what_is_wrong_is_said_on_the_form_and_what_was_filled_in_stays(fields: dict[str, str], said: str) -> None:
    browser = visitor(POST)
    before = list(browser.desk.exports.all)
    answer = browser.post("/console/exports", **fields, **{"to.offers.0": "yes"})
    page = Page(answer.text)
    assert answer.status_code == 400
    assert said in page.text
    checked = {one["name"]: one["value"] for name, one in page.elements if name == "input" and "checked" in one}
    assert (checked["purpose"], checked["to.offers.0"]) == ("offers", "yes")
    assert browser.desk.exports.all == before


def test_too_many_on_their_way_is_said_and_when_to_come_back() -> None:
    class Full(SampleExports):
        async def ask(self, org: str, wish: Wish) -> Export:  # noqa: ARG002 (nothing of it counts)
            raise Busy("5 exports of yours are on their way", retry_after=30)

    browser = visitor()
    browser.desk.exports = Full()
    answer = browser.post("/console/exports", purpose="service", format="csv")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert "5 exports of yours are on their way" in answer.text


def test_a_page_looks_again_by_itself_for_who_watches_while_there_is_something_to_wait_for() -> None:
    browser = Visitor()
    again = 'http-equiv="refresh"'
    assert {
        path: again in browser.get(f"{path}?watch=yes").text for path in (WAITING, RUNNING, DONE, BY_HAND, FAILED, OVER)
    } == {
        WAITING: True,
        RUNNING: True,
        DONE: False,
        BY_HAND: False,
        FAILED: False,
        OVER: False,
    }
    # Nor where nobody asked for it: whoever reads slowly, or by ear, is not to lose their place.
    assert again not in browser.get(RUNNING).text
    assert again not in browser.get("/console/exports").text  # it would empty the form
    assert "4,250" in Page(browser.get(RUNNING).text).text
    assert "changed meanwhile: export again" in browser.get(FAILED).text


def test_a_file_and_its_terms_are_fetched_and_nothing_else() -> None:
    browser = Visitor()
    file = browser.get(f"{DONE}/file")
    assert (file.status_code, file.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert file.content == TABLE
    assert file.headers["content-disposition"].startswith('attachment; filename="')
    assert file.headers["cache-control"] == "no-store"
    assert f"<{DONE}/metadata>" in file.headers["link"]
    assert browser.get(f"{DONE}/metadata").json()["rapport.customers"] == "12345"
    for path in (f"{RUNNING}/file", f"{BY_HAND}/file", f"{RUNNING}/metadata", "/console/exports/exp_none"):
        assert browser.get(path).status_code == 404
    assert browser.get("/console/exports?cursor=exp_none").status_code == 400


def test_only_a_form_of_the_session_asks_or_deletes() -> None:
    browser = visitor()
    elsewhere = {"Origin": "http://elsewhere"}
    assert browser.post("/console/exports", elsewhere, purpose="service", format="csv").status_code == 403
    assert browser.post(f"{DONE}/delete", elsewhere).status_code == 403
    assert browser.get(f"{DONE}/delete").status_code == 405
    assert browser.post(f"{DONE}/delete").headers["location"] == "/console/exports?done=deleted"
    assert "Deleted." in browser.get("/console/exports?done=deleted").text
    assert f"{DONE}/file" not in browser.get(DONE).text
    nobody = Visitor(code=None)
    for path in ("/console/exports", DONE, f"{DONE}/file", f"{DONE}/metadata"):
        assert nobody.get(path).headers["location"] == "/console/start"

"""Promise, Agreements, Uses, Refusals: a company's side of terms, page by page."""

import json
import re

import pytest

from rapport.terms import Promise, promises
from rapport.terms.declaration import Benefit
from rapport.web.console import promise_form
from tests.web.console.sample_desk import SampleDesk
from tests.web.console.sample_terms import PROMISED
from tests.web.console.visitor import Page, Visitor

PAGES = [
    "/console/promise", "/console/promise/purpose", "/console/promise/purpose?name=offers",
    "/console/promise/document", "/console/agreements", f"/console/agreements/agr_{0:026}", "/console/uses",
    "/console/refusals", "/console/statement", "/console/statement?month=2026-02",
]  # fmt: skip
OFFERS = {"name": "offers", "basis": "consent", "category:purchases": "yes", "onward": "no", "retention_days": "365"}


def text_of(path: str, **desk: bool) -> str:
    return Page(Visitor(SampleDesk(**desk)).get(path).text).text


@pytest.mark.parametrize("path", PAGES)
def test_every_page_loads_only_its_own_files(path):
    response = Visitor().get(path)
    assert response.status_code == 200
    assert Page(response.text).only_its_own()


@pytest.mark.parametrize(("path", "words"), [
    ("/console/promise", "You have declared nothing yet"), ("/console/promise", "Fewer than 20 people"),
    ("/console/agreements", "No agreement yet"), ("/console/uses", "Nothing was used yet"),
    ("/console/refusals", "Over so few, a number could tell about one of them"),
    ("/console/statement", "Nothing was used in"),
])  # fmt: skip
def test_every_page_that_has_nothing_to_show_says_why(path, words):
    assert words in text_of(path, empty=True)


def test_the_promise_reads_as_a_customer_reads_it_and_says_what_it_does_not_say():
    page = text_of("/console/promise")
    for words in ("what you bought", "your consent", "5 % discount; wrapping", "Post Ltd", "living wage"):
        assert words in page
    assert "we do not say" in page
    assert "Payment Services Act, section 12" in page
    assert "Promise that nothing is passed on" in page
    assert "about 640 more would let you in" in page


def test_a_changed_purpose_is_shown_with_what_it_changes_before_it_is_declared():
    visitor = Visitor()
    review = visitor.post("/console/promise/purpose", **OFFERS)
    assert review.status_code == 200
    page = Page(review.text)
    assert "does not let your data for offers be passed on" in page.text
    assert "no longer offers you 5 % discount for offers" in page.text
    assert "+220" in page.text
    assert visitor.desk.declaration == PROMISED
    hidden = {a["name"]: a["value"] for tag, a in page.elements if tag == "input" and a.get("type") == "hidden"}
    done = visitor.post("/console/promise/declare", document=hidden["document"], version=hidden["version"])
    assert (done.status_code, done.headers["location"]) == (303, "/console/promise?done=yes")
    assert visitor.desk.declaration.purposes["offers"] == Promise("consent", ("purchases",), 365, onward=False)
    assert visitor.desk.declaration.purposes["service"] == PROMISED.purposes["service"]
    again = visitor.post("/console/promise/declare", document=hidden["document"], version=hidden["version"])
    assert again.status_code == 409


def test_what_was_typed_is_there_again_for_who_changes_it_further():
    visitor = Visitor()
    review = Page(visitor.post("/console/promise/purpose", **OFFERS).text)
    document = next(a["value"] for _, a in review.elements if a.get("name") == "document")
    again = Page(visitor.post("/console/promise/purpose", name="offers", again="yes", document=document).text)
    fields = {a["name"]: a.get("value", "") for tag, a in again.elements if tag == "input" and "name" in a}
    assert fields["retention_days"] == "365"
    checked = [a["name"] for _, a in again.elements if "checked" in a]
    assert checked == ["category:purchases"]
    whole = Page(visitor.post("/console/promise/document", again="yes", document=document).text)
    assert json.loads(next(text for parent, text in whole.texts if parent == "textarea")) == json.loads(document)
    for broken in (
        "",
        "[]",
        '{"purposes": 1}',
        '{"purposes": {"offers": 1}}',
        '{"purposes": {"offers": {"categories": 5}}}',
    ):
        assert visitor.post("/console/promise/purpose", name="offers", again="yes", document=broken).status_code == 400


def test_a_purpose_is_taken_out_by_the_same_way():
    visitor = Visitor()
    page = visitor.post("/console/promise/purpose", **OFFERS, remove="yes").text
    assert "no longer uses your data for offers" in page
    assert '"offers"' not in re.findall(r'name="document" value="([^"]*)"', page)[0].replace("&#34;", '"')


@pytest.mark.parametrize(("fields", "at", "words"), [
    ({"retention_days": "soon"}, "retention_days", "must be a whole number"),
    ({"retention_days": "-1"}, "retention_days", "must be from 0"),
    ({"place": "UK"}, "place", "did you mean &#39;GB&#39;"),
    ({"categories": "pd:Incom"}, "categories", "pd:Income"),
    ({"category:purchases": ""}, "categories", "name what is read"),
    ({"basis": "because"}, "basis", "must be one of"),
    ({"basis": "legal_obligation"}, "law", "names the law that obliges"),
    ({"recipients": "x" * 300}, "recipients", "no name of 1 to 200"),
    ({"benefit0_kind": "money", "benefit0_amount": "5", "benefit0_unit": "euros"}, "benefits", "ISO 4217"),
    ({"alternative": "yes", "alt_basis": "consent", "alt_category:name": "yes", "alt_place": "Mars"}, "alt_place",
     "is no place"),
])  # fmt: skip
def test_an_error_stands_beside_its_field_and_what_was_typed_stays(fields, at, words):
    response = Visitor().post("/console/promise/purpose", **{**OFFERS, **fields})
    assert response.status_code == 400
    assert words in response.text
    page = Page(response.text)
    assert any(a.get("id") == "problem-here" for _, a in page.elements)
    if at != "benefits":  # of which there are several
        wrong = [a.get("name") for _, a in page.elements if a.get("aria-invalid")]
        assert wrong in ([at], []) if at == "categories" else wrong == [at]
    for name, value in fields.items():
        if not name.startswith(("basis", "category", "alt_category", "alternative")):
            assert (
                value in page.text
                or value in page.values("value")
                or any(a.get("value") == value for _, a in page.elements)
            )


@pytest.mark.parametrize(("text", "form", "status"), [
    ('{"purposes": {"service": {"basis": "contract"}}}', "json", 200),
    ('[purposes.service]\nbasis = "contract"\n', "toml", 200),
    ('{"purposes": {"servise": {"basis": "contract"}}}', "json", 400), ("", "json", 400), ("[", "toml", 400),
    ("x" * 70_000, "json", 413),
])  # fmt: skip
def test_the_whole_document_may_be_written_by_hand(text, form, status):
    response = Visitor().post("/console/promise/document", document=text, form=form)
    assert response.status_code == status
    if status == 200:
        assert "no longer uses your data for offers" in response.text
    else:
        assert 'aria-invalid="true"' in response.text


def test_an_organization_with_a_key_of_its_own_is_not_offered_what_it_cannot_do_here():
    desk = SampleDesk()
    desk.own_key = True
    visitor = Visitor(desk)
    assert "rapport declaration put --key" in visitor.get("/console/promise").text
    review = visitor.post("/console/promise/purpose", **OFFERS).text
    assert "Declare it" not in review


def test_where_simulating_has_to_wait_the_rest_of_the_page_does_not():
    desk = SampleDesk()
    desk.simulating_is_busy = True
    page = Page(Visitor(desk).get("/console/promise").text).text
    assert "ask again in a moment" in page
    assert "Post Ltd" in page


def test_agreements_are_listed_page_by_page_and_nobody_elses_is_shown():
    visitor = Visitor()
    page = visitor.get("/console/agreements")
    assert "cursor=30" in page.text
    assert "Back to the newest" in visitor.get("/console/agreements?cursor=30").text
    one = visitor.get(f"/console/agreements/agr_{0:026}")
    assert "offers" in one.text
    assert visitor.get("/console/agreements/nobody").status_code == 404


def test_refused_and_absent_are_one_number():
    page = text_of("/console/uses")
    assert "nothing given" in page
    assert "411" in page
    assert "refused" not in page.lower()


def test_what_uses_gave_shows_for_both_sides():
    page = text_of("/console/uses")
    assert "1204.50 GBP, -3.00 EUR" in page
    assert "10–20 GBP × 61" in page


def test_the_statement_shows_both_sides_apart_and_what_is_estimated_beside_them():
    page = text_of("/console/statement")
    for words in ("£1,204.50", "−€3.00", "90 minutes", "£10–20", "61 times", "13,032 times", "about 120", "by law"):
        assert words in page, words
    assert "£0.40 [£0.10, £0.70]" in page
    assert "against people picked by lot who were left alone" in page
    assert page.count("not yet known") == 1
    assert "90 looks gave nothing" in page
    assert "About 60 people" in page


def test_months_are_walked_and_what_is_none_is_said():
    page = Visitor().get("/console/statement?month=2026-02").text
    assert "month=2026-01" in page
    assert "month=2026-03" in page
    assert Visitor().get(f"/console/statement?month={'x' * 5000}").status_code == 400


def test_refusals_show_criteria_of_many_and_how_many():
    page = text_of("/console/refusals")
    assert "it does not say whether it passes it on" in page
    assert "640" in page


@pytest.mark.parametrize("promise", [
    *PROMISED.purposes.values(),
    Promise("contract"),
    Promise("consent", ("name", "pd:Income"), 0, (), onward=True, place=("EEA", "GB"),
            benefits=(Benefit("money", 0.5, "EUR", "month", "cash"), Benefit("time", 5.0, "minutes"))),
])  # fmt: skip
def test_a_promise_that_is_shown_in_the_form_and_sent_again_is_the_same(promise):
    plain = json.loads(promises.canonical_json(promises.plain(promise)))
    sent = promise_form.promised(promise_form.filled(plain), plain)
    body = json.dumps({"purposes": {"service": sent}}).encode()
    assert promises.parse(body, "json").purposes["service"] == promise

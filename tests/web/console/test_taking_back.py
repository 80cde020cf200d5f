"""Un-merge: the preview, the change, and the way back."""

from tests.web.console.visitor import ALICE, Page, Visitor

TILL_EMAIL = "evd0009"  # the only thing that holds Alice's loyalty card to the rest


def test_the_preview_says_in_words_and_pictures_what_would_happen_and_changes_nothing():
    visitor = Visitor()
    before = visitor.get(f"/console/customers/{ALICE}").text
    page = Page(visitor.get(f"/console/evidence/{TILL_EMAIL}").text)
    for words in (
        "What it would do",
        "One customer becomes 2.",
        "On its own",
        "The customer, still",
        "If it turns out wrong",
    ):
        assert words in page.text
    assert [attributes for _, attributes in page.elements if "chip-moved" in attributes.get("class", "")]
    assert visitor.get(f"/console/customers/{ALICE}").text == before


def test_evidence_that_holds_nothing_alone_says_that_nothing_comes_apart():
    visitor = Visitor()
    page = Page(visitor.get("/console/evidence/evd0001").text)
    assert "Nothing comes apart" in page.text


def test_taking_back_needs_a_reason():
    visitor = Visitor()
    for why in ("", "   ", "x" * 501):
        response = visitor.post(f"/console/evidence/{TILL_EMAIL}/retract", why=why)
        assert response.status_code == 400
        assert "Say why" in response.text
    assert not [edge for edge in visitor.desk.edges if edge.retracted]


def test_taken_back_evidence_splits_and_a_link_brings_together_again():
    visitor = Visitor()
    done = visitor.post(f"/console/evidence/{TILL_EMAIL}/retract", why="A friend used her card")
    assert done.headers["location"] == f"/console/evidence/{TILL_EMAIL}"
    page = Page(visitor.get(f"/console/evidence/{TILL_EMAIL}").text)
    assert "Taken back" in page.text
    assert "A friend used her card" in page.text
    customers = [link for link in page.links() if link.startswith("/console/customers/cus_") and "#" not in link]
    assert len(set(customers)) == 2
    assert "4711-2290" not in visitor.get(f"/console/customers/{ALICE}").text

    assert (
        visitor.post(f"/console/evidence/{TILL_EMAIL}/link", why="").headers["location"]
        == f"/console/customers/{ALICE}"
    )
    assert "4711-2290" in visitor.get(f"/console/customers/{ALICE}").text


def test_there_is_no_way_back_from_what_was_not_taken_back():
    visitor = Visitor()
    assert visitor.post(f"/console/evidence/{TILL_EMAIL}/link", why="x").status_code == 404


def test_unknown_evidence_is_absent_for_looking_and_for_changing():
    visitor = Visitor()
    assert visitor.get("/console/evidence/nope").status_code == 404
    assert visitor.post("/console/evidence/nope/retract", why="x").status_code == 404
    assert visitor.post("/console/evidence/nope/link", why="x").status_code == 404

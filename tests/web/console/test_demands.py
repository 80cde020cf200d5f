"""The page of deletion demands: what became of each, in words, and where recipients are told."""

import re

from tests.web.console.sample_demands import MAILERS, PARCELS
from tests.web.console.sample_desk import SampleDesk
from tests.web.console.visitor import Page, Visitor


def test_every_state_is_told_in_words_beside_its_recipient() -> None:
    page = Page(Visitor().get("/console/demands").text)
    told = re.sub(r"\s+", " ", page.text)
    for words in (
        "waits to be sent: it answered <503>; tried 3 times",
        "was sent; the recipient has not acknowledged it yet",
        "signed by its own key; who it was is forgotten here",
        "not signed; who it was is forgotten here",
        "without a word",
        "could not be delivered: it cannot be reached: Connection refused",
        "waits for an address of the recipient",
        "Parcel & Partner <Ltd>",
        "your promise names it no longer",
        "no address yet",
        "2 acknowledged",
    ):
        assert words in told, words


def test_the_empty_page_teaches() -> None:
    told = Visitor(SampleDesk(empty=True)).get("/console/demands").text
    assert "Nobody to tell yet" in told
    assert "/console/promise" in told


def test_an_address_is_kept_and_what_waited_is_sent() -> None:
    visitor = Visitor()
    answer = visitor.post("/console/demands/recipients", name=MAILERS, url="https://post.example/x", key="")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/demands?done=sent")
    assert "What waited for this address is on its way" in visitor.get(answer.headers["location"]).text
    answer = visitor.post("/console/demands/recipients", name=PARCELS, url="https://new.example/", key="")
    assert answer.headers["location"].endswith("done=set")


def test_a_wrong_address_is_said_on_its_form_and_nothing_is_changed() -> None:
    visitor = Visitor()
    answer = visitor.post("/console/demands/recipients", name=PARCELS, url="http://127.0.0.1/", key="<k>")
    assert answer.status_code == 400
    page = Page(answer.text)
    assert "is inside a network" in page.text
    assert [one["value"] for kind, one in page.elements if kind == "input" and one.get("aria-invalid")] == [
        "http://127.0.0.1/"
    ]
    assert visitor.desk.demands.addresses[PARCELS].startswith("https://parcels")


def test_an_address_is_removed_and_one_that_is_not_there_is_not() -> None:
    visitor = Visitor()
    assert visitor.post("/console/demands/recipients/remove", name=PARCELS).status_code == 303
    assert PARCELS not in visitor.desk.demands.addresses
    assert visitor.post("/console/demands/recipients/remove", name="<nobody>").status_code == 404


def test_who_is_not_signed_in_or_comes_from_elsewhere_changes_nothing() -> None:
    stranger = Visitor(code=None)
    assert stranger.get("/console/demands").headers["location"] == "/console/start"
    visitor = Visitor()
    forged = visitor.post(
        "/console/demands/recipients", {"Origin": "https://evil.example"}, name=MAILERS, url="https://x.y/"
    )
    assert forged.status_code == 403
    assert MAILERS not in visitor.desk.demands.addresses

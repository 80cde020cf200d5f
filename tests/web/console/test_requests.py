"""What people ask the company for: shown with what they say, answered once, and of nobody who only locked it out."""

import asyncio

import pytest

from rapport.adapters.embedded.uses import UseBook
from rapport.app.console_requests import ConsoleRequests
from rapport.app.rights_desk import RightsDesk
from rapport.terms.own import OwnLooks
from rapport.web.console.session import Session
from tests.profile.house import ORG, at_once
from tests.web.console.sample_desk import SampleDesk
from tests.web.console.visitor import Page, Visitor
from tests.web.portal.person import Home, Person

REQUEST = f"/console/requests/rrq_{0:026}"
SESSION = Session("s", ORG, "operator", "service")


def test_who_waits_is_shown_with_what_they_say_as_text() -> None:
    page = Page(Visitor().get("/console/requests").text)
    assert "<held back>" in page.text
    assert "this is late" in page.text
    assert "agent Permission" in page.text
    assert page.only_its_own()
    assert f"/console/customers/cus_{0:026}" in page.links()


def test_nobody_waiting_says_what_will_be_there() -> None:
    assert "Nobody waits for an answer" in Visitor(SampleDesk(empty=True)).get("/console/requests").text


def test_an_answer_is_given_once_and_with_a_word_for_what_it_is() -> None:
    visitor = Visitor()
    assert visitor.post(REQUEST, outcome="perhaps", words="Hm.").status_code == 400
    assert visitor.post(REQUEST, outcome="done", words="We looked.").headers["location"].endswith("done=answered")
    assert "Answered." in visitor.get("/console/requests?done=answered").text
    assert visitor.post(REQUEST, outcome="done", words="Again.").status_code == 404
    assert visitor.post(REQUEST, {"Origin": "http://elsewhere"}, outcome="done", words="x").status_code == 403


@pytest.mark.parametrize("cursor", ["x", "-1", "9" * 30])
def test_a_cursor_that_is_none_is_said(cursor: str) -> None:
    with Home() as home:
        desk = ConsoleRequests(home.ledger, _desk(home))
        with pytest.raises(Exception, match="cursor"):
            at_once(desk.requests(SESSION, cursor))


def _desk(home: Home) -> RightsDesk:
    return RightsDesk(home.ledger, home.people, OwnLooks(home.reader, home.people, home.book))


def test_a_company_sees_the_use_and_the_customer_it_asked_about_and_nothing_of_objections() -> None:
    with Home() as home:
        ada, rights = Person(home), _desk(home)
        customer = home.view("user_id:ada")["customer"]
        (_, receipt), *_ = UseBook(home.ledger).given(ORG, 1 << 62, 1)
        asyncio.run(rights.review(ada.person, receipt.id, "Why?"))
        asyncio.run(rights.object(ada.person, ORG, "offers"))
        console = ConsoleRequests(home.ledger, rights)
        (waiting,) = at_once(console.requests(SESSION, None)).waiting
        assert (waiting.customer, waiting.receipt, waiting.words) == (customer, receipt.id, "Why?")
        assert "to serve them" in waiting.about
        asyncio.run(console.answer(SESSION, waiting.id, "done", "We looked."))
        found = at_once(console.requests(SESSION, None))
        assert (found.waiting, [one.answer for one in found.ended]) == ((), ["We looked."])
        assert [one.right for one in found.times] == ["review"]
        assert [one["answer"] for one in ada.json("/me/rights")["requests"]] == ["", "We looked."]
        other = Session("s", "corner", "operator", "service")
        assert at_once(console.requests(other, None)).ended == ()

"""What people read of destinations: what was sent of them where, and that it was told to be deleted there."""

from collections.abc import Iterator

import pytest

from tests.act.receiving import Receiver, eventually
from tests.app.test_activating import Sent
from tests.web.console.visitor import Page
from tests.web.portal.person import Home, Person


@pytest.fixture
def home() -> Iterator[Home]:
    with Home() as home:
        yield home


def test_what_was_sent_and_taken_back_is_told_in_both_languages(home: Home) -> None:
    ada, sent = Person(home), Sent(home)
    try:
        with Receiver() as receiver:
            number = sent.to("shop_emails", receiver.url, fields={"name": "traits.name"})
            sent.happens(number, "ada")
            sent.begin()
            eventually(lambda: sent.queue.health(number).sent == 1)
            home.people.lock(ada.person)
            eventually(lambda: sent.book.handed_after(number, 0, 10) == [])
    finally:
        sent.close()
    told = " ".join(Page(ada.get("/me/asked").text).text.split())
    assert "sent your place in “gold” and “Name” to the destination" in told
    assert "your e-mail address" not in told, "more than was sent"
    assert "to the destination “shop_emails” to serve you." in told
    assert "told the destination “shop_emails” to delete what it had been sent about you." in told
    assert "and got nothing" not in told
    told = " ".join(Page(ada.get("/me/asked", **{"Accept-Language": "de"}).text).text.split())
    assert "hat Ihre Zugehörigkeit zu „gold“ und „Name“ an System „shop_emails“ geschickt" in told
    assert "hat System „shop_emails“ aufgetragen zu löschen, was über Sie dorthin geschickt wurde." in told
    assert "Löschung in einem anderen System" in told
    assert "was verschickt wurde, wird dort gelöscht: " in told
    assert "destination" not in told
    home_page = " ".join(Page(ada.get("/me").text).text.split())
    assert "sent something of you to the destination “shop_emails”, to serve you." in home_page
    assert "and got nothing" not in home_page
    sent_last = " ".join(Page(ada.get("/me", **{"Accept-Language": "de"}).text).text.split())
    assert "hat etwas von Ihnen an System „shop_emails“ geschickt, um für Sie da zu sein." in sent_last

"""What is new in an inbox: counted from an index alone, without what nobody can read any more; and how many windows are
kept up to date."""

import pytest

from rapport.adapters.embedded import inbox_news
from rapport.adapters.embedded.inbox_news import InboxNews
from rapport.app import open_inboxes
from tests.app.desk import Desk
from tests.web.portal.person import Home, Person
from tests.web.portal.test_inbox import ada, came, desk, home

__all__ = ["ada", "desk", "home"]
LIVE = {"accept": "text/event-stream"}


def test_how_much_is_new_is_counted_without_a_look_at_any_message_and_up_to_a_number(
    desk: Desk, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    came(desk, 3)
    news = InboxNews(desk.ledger)
    first, *_ = [one["id"] for one in ada.json("/me/inbox")["messages"]]
    desk.ledger.db.execute("UPDATE decision SET seen_at = NULL")
    found = news.of(ada.person)
    assert (found.many, found.newest, news.unseen(ada.person)) == (3, first, 3)
    assert news.of("per_nobody") == (0, 0, "")
    monkeypatch.setattr(inbox_news, "MOST", 2)
    assert news.of(ada.person)[::2] == (2, first)
    plan = desk.ledger.db.execute(f"EXPLAIN QUERY PLAN {inbox_news._UNSEEN}", (ada.person, 2)).fetchall()
    for index in ("COVERING INDEX decision_unseen", "INDEX decided_too_unseen"):
        assert any(f"USING {index}" in said for *_, said in plan)
    assert not any("TEMP B-TREE" in said for *_, said in plan)


def test_a_message_that_was_erased_before_it_was_seen_is_new_no_more_once_the_inbox_is_looked_at(
    home: Home, desk: Desk, ada: Person
) -> None:
    came(desk)
    records = [number for (number,) in desk.ledger.db.execute("SELECT DISTINCT record FROM decision")]
    desk.ledger.keys.destroy_records(records)
    home.ledger.keys.destroy_records(records)
    assert ada.json("/me/inbox")["messages"] == []
    assert ada.json("/me/inbox/live") == {"unseen": 0, "newest": ""}
    assert 'class="unseen"' not in ada.get("/me").text


@pytest.mark.parametrize(
    ("most", "status", "said", "auf_deutsch"),
    [("OF_ONE", 429, "Your inbox is open too often", "zu oft offen"), ("OF_ALL", 503, "Too many inboxes", "Zu viele")],
)
def test_who_finds_no_place_is_told_so_and_when_to_come_again(
    ada: Person, monkeypatch: pytest.MonkeyPatch, most: str, status: int, said: str, auf_deutsch: str
) -> None:
    monkeypatch.setattr(open_inboxes, most, 0)
    answer = ada.get("/me/inbox/live", **LIVE)
    assert (answer.status_code, answer.headers["retry-after"]) == (status, "60")
    assert said in answer.text
    assert auf_deutsch in ada.get("/me/inbox/live", **LIVE, **{"accept-language": "de"}).text
    assert ada.json("/me/inbox/live")["unseen"] == 0
    assert ada.get("/me/inbox").status_code == 200


def test_who_asks_for_the_head_of_a_stream_does_not_wait_for_its_end(ada: Person) -> None:
    answer = ada.send("HEAD", "/me/inbox/live", headers=LIVE)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")

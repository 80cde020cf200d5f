"""An older backup mails nobody who unsubscribed since, and sends nothing a second time."""

import msgspec
import pytest

from rapport.adapters.embedded import backup
from rapport.adapters.embedded.decisions import DecisionBook
from rapport.adapters.embedded.messages import RESTORED, MessageBook
from rapport.adapters.embedded.noticed import NoticedBook, Row
from rapport.app import backing_up
from rapport.app.embedded import open_ledger
from rapport.app.restoring import restore
from rapport.decide.triggers import Start
from rapport.kernel.times import now
from tests.app.post_office import ORG, office, postman

__all__ = ["office", "postman"]


@pytest.fixture
def restored(office, tmp_path, monkeypatch):
    """Backs up now; and when called, the keys, and opens the ledger of what is restored of both."""
    monkeypatch.setattr(backup, "PATIENCE_S", 0.1)
    settings = office.house.settings

    def back_up():
        backing_up.back_up(settings, tmp_path / "a.tar")
        opened = []

        def later():
            backing_up.back_up_keys(settings, tmp_path / "b.keys")
            (tmp_path / "backup.key").write_bytes((office.house.directory / "backup.key").read_bytes())
            target = msgspec.structs.replace(settings, data=str(tmp_path / "again"))
            restore(target, tmp_path / "a.tar", tmp_path / "b.keys", tmp_path / "backup.key")
            opened.append(open_ledger(target))
            return opened[0]

        ends.append(opened)
        return later

    ends = []
    yield back_up
    for opened in ends:
        for ledger in opened:
            ledger.close()


def token_of(office, answer):
    return office.messages.said(office.messages.message(ORG, answer["decision"]).token)


def test_who_unsubscribed_after_the_backup_stays_so_and_who_took_it_back_does_too(office, restored):
    ada, bo = token_of(office, office.decide()), token_of(office, office.decide("user_id:bo"))
    later = restored()
    office.messages.unsubscribe(ada)
    office.messages.unsubscribe(bo)
    office.messages.again(bo)
    book = MessageBook(later())
    assert book.is_out(ada)
    assert not book.is_out(bo)


def test_what_waited_when_it_was_backed_up_is_not_sent_again(office, restored, postman):
    answer = office.decide()
    later = restored()
    office.open()
    office.until(answer, "delivered")
    ledger = later()
    standing = MessageBook(ledger).standing(ORG, answer["decision"])
    assert (standing.state, standing.error) == ("withdrawn", RESTORED)
    assert DecisionBook(ledger).decision(ORG, answer["decision"]).delivery == "withdrawn"
    assert len(postman.got) == 1


def test_what_was_noticed_when_it_was_backed_up_starts_nothing_a_second_time(office, restored):
    record, at = office.desk.kept(office.decide()).record, now()
    start = Start("event", "Ordered", at)
    NoticedBook(office.desk.ledger).put([Row(ORG, record, "service", ("write",), start, "crm", "o1")], at, upto=7)
    book = NoticedBook(restored()())
    assert book.due(at, 10, timed=False) == []
    assert book.upto() is None

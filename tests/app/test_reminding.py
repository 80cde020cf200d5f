"""Before an address or a claim by a purchase counts no longer its person is told, once, and in time."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from rapport.adapters.embedded.reminding import MOST, SOON
from rapport.app.portal_proofs import PortalProofs
from rapport.app.proving import Proving
from rapport.app.settings import Settings
from rapport.app.signing_in import HouseSignin
from rapport.kernel.times import DAY, now
from tests.app.hall import ADA, Hall, hall, later
from tests.e2e.mailbox import Mailbox
from tests.profile.house import ORG

__all__ = ["hall", "later"]
Later = Callable[[int], None]
LIFE = 180 * DAY

KILLED = """
import os, signal, sys
from rapport.adapters.embedded import reminding
from rapport.app.proving import open_proofs
from rapport.app.settings import Settings
from rapport.kernel.times import now

ahead = int(sys.argv[2])
reminding.now = lambda: now() + ahead
proofs = open_proofs(Settings(data=sys.argv[1]))

def seen(statement):
    if statement.startswith("INSERT OR REPLACE INTO reminded"):
        os.kill(os.getpid(), signal.SIGKILL)

proofs.people.db.set_trace_callback(seen)
proofs.reminders.remind()
"""


def said(hall: Hall, person: str) -> list[str]:
    return [one.said for one in hall.proofs.claims.news(person) if "counts until" in one.said]


def test_who_showed_an_address_is_reminded_once_and_again_when_it_is_shown_again(hall: Hall, later: Later) -> None:
    ada = hall.person()
    life = (first := hall.verify(ada, ADA)).until - first.verified_at
    remind = hall.proofs.reminders.remind
    later(life - SOON - DAY)
    assert remind() == 0
    later(DAY + 1)
    assert [remind(), remind(), hall.opened().reminders.remind()] == [1, 0, 0]
    assert len(said(hall, ada)) == 1
    assert hall.proofs.claims.untold()[1]  # a letter follows
    hall.verify(ada, ADA)
    assert remind() == 0
    later(life - DAY)
    assert [remind(), remind()] == [1, 0]
    later(2 * DAY)
    assert remind() == 0  # it is too late
    assert len(said(hall, ada)) == 2


def test_what_counts_for_a_short_time_is_not_reminded_of_at_once(later: Later) -> None:
    with Hall(contact_days=2) as hall:
        hall.verify(hall.person(), ADA)
        assert hall.proofs.reminders.remind() == 0
        later(DAY)
        assert hall.proofs.reminders.remind() == 0
        later(DAY // 2 + 1)
        assert hall.proofs.reminders.remind() == 1


def test_a_claim_by_a_purchase_is_reminded_of_and_others_have_no_end_of_their_own(hall: Hall, later: Later) -> None:
    ada, claim = hall.person(f"{ORG}:user_id:ada"), (ORG, "order_id", "A1")
    hall.proofs.claims.claim_by_purchase(ada, claim, [1], now() + 90 * DAY)
    later(89 * DAY)
    assert hall.proofs.reminders.remind() == 1
    (told,) = said(hall, ada)
    assert told.startswith(f"What you claimed at {ORG} by a purchase counts until 20")
    assert "A1" not in told


def test_nobody_who_let_go_lost_it_or_was_erased_is_reminded(hall: Hall, later: Later) -> None:
    ada, bo, eve = hall.person(), hall.person(), hall.person()
    hall.proofs.contacts.let_go(ada, hall.verify(ada, ADA).id)
    hall.proofs.claims.claim_by_purchase(bo, (ORG, "order_id", "A1"), [1], now() + 90 * DAY)
    hall.proofs.claims.suspend_purchases(0, [(ORG, "order_id", "A1")])
    hall.verify(eve, "eve@example.com")
    later(LIFE)
    later(-DAY)
    hall.proofs.people.db.execute("UPDATE person SET status = 'erasing' WHERE handle = ?", (eve,))
    assert hall.proofs.reminders.remind() == 0


def test_an_erased_person_leaves_no_reminder(hall: Hall, later: Later) -> None:
    ada = hall.person()
    life = (contact := hall.verify(ada, ADA)).until - contact.verified_at
    later(life - DAY)
    assert hall.proofs.reminders.remind() == 1
    hall.proofs.people.forget_claims(ada)
    assert hall.proofs.people.db.execute("SELECT count(*) FROM reminded").fetchone() == (0,)


def test_many_are_told_in_turns_and_by_several_processes_each_once(hall: Hall, later: Later) -> None:
    ada = hall.person()
    rows = [(number.to_bytes(16, "big"), 1, b"", now(), now() + 90 * DAY) for number in range(MOST + 50)]
    hall.proofs.people.db.executemany("INSERT INTO contact VALUES (?, ?, ?, ?, ?)", rows)
    assert ada
    later(89 * DAY)
    others = [hall.opened() for _ in range(4)]
    with ThreadPoolExecutor(len(others)) as crowd:
        counts = list(crowd.map(lambda proofs: sum(proofs.reminders.remind() for _ in range(2)), others))
    assert sum(counts) == len(rows)


def test_killed_before_it_is_noted_nobody_was_told_and_they_are_told_later(hall: Hall, later: Later) -> None:
    ada = hall.person()
    life = (contact := hall.verify(ada, ADA)).until - contact.verified_at
    asked = [sys.executable, "-c", KILLED, str(hall.directory), str(life - DAY)]
    assert subprocess.run(asked, check=False).returncode == -signal.SIGKILL
    assert said(hall, ada) == []
    later(life - DAY)
    assert hall.proofs.reminders.remind() == 1
    assert len(said(hall, ada)) == 1


@pytest.fixture
def mailbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailbox]:
    box = Mailbox(tmp_path_factory.mktemp("mail"))
    yield box
    box.stop()


def test_the_node_s_keeping_sends_the_letter(hall: Hall, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = hall.person()
    life = (contact := hall.verify(ada, ADA)).until - contact.verified_at
    where = Settings(data=str(hall.directory), smtp=mailbox.url, mail_from="node@rapport.example")
    proving = Proving(where)
    signin = HouseSignin(hall.opened, b"s" * 32, where.url)  # type: ignore[arg-type]  # nobody signs in here
    desk = PortalProofs(proving, signin, str)
    monkeypatch.setattr("rapport.adapters.embedded.reminding.now", lambda: now() + life - DAY)
    asyncio.run(desk.keep())
    asyncio.run(desk.keep())
    letter = mailbox.wait(ADA)
    proving.close()
    signin.close()
    assert "An address of yours counts until" in letter.text
    assert len(mailbox.letters(ADA)) == 1

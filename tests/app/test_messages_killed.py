"""A kill between decision and delivery: every message arrives, and at most one of them twice per kill."""

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.act.postman import Postman, kills
from tests.act.receiving import eventually
from tests.app.post_office import ORG, office, postman

__all__ = ["office", "postman"]
ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys, time
from rapport.app.messaging import Messenger
from rapport.app.settings import Settings

Messenger(Settings(data=sys.argv[1], smtp=sys.argv[2], mail_from="node@rapport.example"))
time.sleep(300)
"""


class Sender:
    """A process of its own that sends what waits."""

    def __init__(self, office, postman):
        self._command = [sys.executable, "-c", PROGRAM, office.house.settings.data, postman.url]
        self._process = None
        self.killed = 0

    def start(self):
        self._process = subprocess.Popen(self._command, cwd=ROOT)

    def kill(self):
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait()
            self.killed += 1


@pytest.fixture
def sender(office, postman):
    made = Sender(office, postman)
    yield made
    made.kill()


@pytest.mark.parametrize("verb", ["MAIL", "DATA", "."])
def test_all_arrive_and_no_kill_makes_more_than_one_duplicate(office, postman: Postman, sender, verb):
    sent = [office.decide(who) for who in ("user_id:ada", "user_id:bo") * 3]
    postman.script.extend([lambda _: None, kills(sender.kill, verb), lambda _: None, kills(sender.kill, verb)])
    for killed in (1, 2):
        sender.start()
        eventually(lambda killed=killed: sender.killed == killed)
    sender.start()
    for one in sent:
        office.until(one, "delivered")
    came = Counter(mail["Message-ID"] for mail in postman.got)
    assert set(came) == {f"<{one['decision']}@shop.example>" for one in sent}
    assert sum(came.values()) - len(came) <= (2 if verb == "." else 0)
    bodies = {name: {raw for _, raw in postman.seen if name.encode() in raw} for name in came}
    assert all(len(same) == 1 for same in bodies.values())


def test_a_kill_before_anything_was_sent_loses_nothing(office, postman, sender):
    """The message is in the transaction of its decision: there is no moment with the one and without the other."""
    answer = office.decide()
    assert office.standing(answer).state == "waiting"
    rows = office.desk.ledger.db.execute("SELECT count(*) FROM decision WHERE delivery = 'asked'").fetchone()
    assert rows == office.desk.ledger.db.execute("SELECT count(*) FROM message").fetchone()
    sender.start()
    office.until(answer, "delivered")
    assert len(postman.got) == 1
    assert office.desk.book.page(ORG, 1 << 62, 100)[0].delivery == "delivered"

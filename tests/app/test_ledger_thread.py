"""A thread of the node goes on after whatever befalls it."""

import logging
import threading

import pytest

from rapport.app.ledger_thread import LedgerThread
from rapport.kernel.errors import Busy
from tests.profile.house import House


class Unlucky(LedgerThread):
    name = "unlucky"
    log = logging.getLogger("rapport.unlucky")
    trouble = "nothing could be done"

    def __init__(self, house: House, *troubles: Exception) -> None:
        super().__init__(house.settings, check_s=0.01)
        self.troubles = list(troubles)
        self.through = threading.Event()
        self.begin()

    def watch(self) -> None:
        if self.troubles:
            raise self.troubles.pop(0)
        self.through.set()
        self.pause()


def test_errors_that_were_and_were_not_thought_of_end_no_thread(caplog: pytest.LogCaptureFixture) -> None:
    with House() as house:
        thread = Unlucky(house, Busy("later"), ZeroDivisionError("secret"), OSError("disk"))
        assert thread.through.wait(60)
        thread.close()
    assert ["later" in record.message or "Error" in record.message for record in caplog.records] == [True] * 3

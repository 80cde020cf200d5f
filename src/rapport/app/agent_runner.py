"""The thread of the node that does what agents asked for: at once where it is woken, and whenever something is due."""

import logging
from contextlib import closing

from rapport.app.agent_work import AgentWork
from rapport.app.ledger_thread import LedgerThread
from rapport.app.settings import Settings

CHECK_S = 1.0
STOP_S = 2.0


class AgentRunner(LedgerThread):
    """Begins with the node, and ends with it."""

    name = "agents"
    log = logging.getLogger("rapport.agents")
    trouble = "agents' requests could not be looked after"

    def __init__(self, settings: Settings, *, check_s: float = CHECK_S) -> None:
        super().__init__(settings, check_s)
        self._begun = False
        self.begin()

    def close(self) -> None:
        """End it. What it is at may wait for a worker that ends, too: that is taken up again by who comes next."""
        self.stopped = True
        self.wake()
        self._thread.join(STOP_S)

    def watch(self) -> None:
        with closing(AgentWork(self.settings)) as work:
            if not self._begun:
                work.results.unfinished()
                self._begun = True
            while not self.stopped:
                work.round()
                self.pause()

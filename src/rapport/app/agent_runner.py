"""The thread of the node that does what agents asked for: at once where it is woken, and whenever something is due."""

import logging
import threading
from contextlib import closing

from rapport.adapters.embedded.sqlite import translating
from rapport.app.agent_work import AgentWork
from rapport.app.settings import Settings
from rapport.kernel.errors import RapportError

log = logging.getLogger("rapport.agents")

CHECK_S = 1.0


class AgentRunner:
    """Begins with the node, and ends with the request that it is at."""

    def __init__(self, settings: Settings, *, check_s: float = CHECK_S) -> None:
        self._settings = settings
        self._check = check_s
        self._wake = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="agents", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def close(self) -> None:
        self._stopped = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped:
            try:
                with translating(self._settings.directory / "ledger.db"):
                    self._work()
            except RapportError as error:
                log.warning("agents' requests could not be looked after, and will be: %s", error.message)
                self._pause()

    def _work(self) -> None:
        with closing(AgentWork(self._settings)) as work:
            while not self._stopped:
                work.round()
                self._pause()

    def _pause(self) -> None:
        self._wake.wait(self._check)
        self._wake.clear()

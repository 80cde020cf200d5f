"""The threads of a node that look after something in the ledger, such as what is to be reviewed, sent or made."""

import logging
import threading
from typing import ClassVar

from rapport.adapters.embedded.sqlite import translating
from rapport.app.settings import Settings
from rapport.kernel.errors import RapportError


class LedgerThread:
    """Looks after what any process puts into the ledger: at once where it is woken, else every `check_s`.

    `watch` is the subclass's own: it goes on until `stopped`. After an error, which is logged, it is called anew. The
    thread begins with `begin`, last in a subclass's `__init__`.
    """

    name: ClassVar[str]
    log: ClassVar[logging.Logger]
    trouble: ClassVar[str]
    """What an error kept it from, as the log says it: `deliveries could not be sent`."""

    def __init__(self, settings: Settings, check_s: float) -> None:
        self.settings = settings
        self.stopped = False
        self._check = check_s
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def watch(self) -> None:
        raise NotImplementedError

    def pause(self, seconds: float | None = None) -> None:
        """Wait to be woken; not longer than this, else than `check_s`."""
        self._wake.wait(self._check if seconds is None else seconds)
        self._wake.clear()

    def wake(self) -> None:
        self._wake.set()

    def close(self) -> None:
        """End it, with what it is at."""
        self.stopped = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self.stopped:
            try:
                with translating(self.settings.directory / "ledger.db"):
                    self.watch()
            except RapportError as error:
                self.log.warning("%s, and will be: %s", self.trouble, error.message)
                self.pause()
            except Exception as error:  # a supervisor loop: what nobody thought of ends no thread
                self.log.exception("%s, and will be tried again: %s", self.trouble, type(error).__name__)
                self.pause()

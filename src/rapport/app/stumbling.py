"""What a process of the node says and does when it cannot go on for now: there is no place, or no turn."""

import sys
import time

from rapport.kernel.errors import Busy

RETRY_SECONDS = 2


class Stumbling:
    """Says what keeps a process from going on: once for each time that it does, however often it is tried meanwhile."""

    def __init__(self, who: str) -> None:
        self._who = who
        self._said = ""

    def went_well(self) -> None:
        """What keeps it from going on after this is news, though it be the same."""
        self._said = ""

    def wait(self, error: Busy) -> None:
        """Say why, where that is news, and wait until it is to be tried again."""
        if error.message != self._said:
            self._said = error.message
            print(f"rapport {self._who}: {error.message}; it tries again", file=sys.stderr, flush=True)  # noqa: T201 (the node's)
        time.sleep(min(error.retry_after, RETRY_SECONDS))

"""Waiting, outside the node's own processes, until the views hold what was written to the log."""

import contextlib
import time
from collections.abc import Callable, Iterator

from rapport.adapters.embedded.cursor import Cursor
from rapport.app import embedded
from rapport.app.settings import Settings
from rapport.app.worker import Worker
from rapport.kernel.errors import Misconfigured

_LOOK_SECONDS = 0.05


def wait_for(
    settings: Settings,
    seq: int,
    progress: Callable[[int], None] = lambda _: None,
    complete: Callable[[], bool] = lambda: True,
) -> None:
    """Return once the views hold log entry `seq`, and it is `complete` (an erasure still has keys to destroy then).

    Where no node runs on the data directory, this process is the worker. `progress` is told, now and then, which entry
    the views have come to.
    """
    with contextlib.closing(Cursor(settings.directory)) as cursor:
        while cursor() < seq or not complete():
            with _alone(settings) as alone:
                if alone:
                    _work(settings, seq, progress)
            progress(cursor())
            time.sleep(_LOOK_SECONDS)


def _work(settings: Settings, seq: int, progress: Callable[[int], None]) -> None:
    worker = Worker(settings)
    try:
        while worker.cursor < seq:
            worker.step()
            progress(worker.cursor)
        worker.commit()
    finally:
        worker.close()


@contextlib.contextmanager
def _alone(settings: Settings) -> Iterator[bool]:
    """Whether no node runs on the directory; none can start before this ends."""
    try:
        lock = embedded.lock(settings)
    except Misconfigured:
        yield False
        return
    with lock:
        yield True

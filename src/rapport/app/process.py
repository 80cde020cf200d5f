"""A child of `supervise`: `python -m rapport.app.process web|worker|evaluator`, with its orders on stdin."""

import contextlib
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator

import msgspec

from rapport.app.settings import Settings
from rapport.app.waking import awaken, woken
from rapport.kernel import shapes
from rapport.kernel.errors import RapportError


class Orders(msgspec.Struct, frozen=True):
    """What a child is given: settings and inherited file descriptors. `lifeline` reads end-of-file when the parent
    dies; `feed` is where the worker's news go, or come from; `wake`: whoever is woken reads it. `onward`: where the
    worker wakes the evaluator, and this the web process, which reads it."""

    settings: Settings
    lifeline: int
    wake: int
    feed: int = -1
    listeners: list[int] = []
    onward: int = -1


def _watch(lifeline: int) -> None:
    """End with the parent, however it ended."""

    def wait() -> None:
        os.read(lifeline, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


_BEHIND = 10
"""Priority of the evaluator, below the others': while everybody is asked of a new audience, there is work for minutes,
and whoever takes in events and answers goes first."""


def _asked_to_stop(orders: Orders) -> Callable[[], bool]:
    """Whether the parent, or whoever else may, has asked it to end by now."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _watch(orders.lifeline)
    return stop.is_set


@contextlib.contextmanager
def _reading() -> Iterator[None]:
    """Read modules. They stay to the end: to look through them for garbage, while they come or later, would find none
    and take a sixth of the time that reading does. A child reads within this, and only its own part of the house: with
    the web's, worker and evaluator would each take 15 MB and a tenth of a second more."""
    gc.disable()
    try:
        yield
        shapes.work_out()
    finally:
        gc.freeze()
        gc.enable()


def _worker(orders: Orders) -> None:
    with _reading():
        from rapport.app import worker  # noqa: PLC0415 (see _reading: within it, and only by this child)

    stopped = _asked_to_stop(orders)
    feed, wake, onward = (socket.socket(fileno=number) for number in (orders.feed, orders.wake, orders.onward))
    worker.run(orders.settings, feed, wake, stopped, onward)


def _evaluator(orders: Orders) -> None:
    with _reading():
        from rapport.app import evaluating  # noqa: PLC0415 (see _reading: within it, and only by this child)

    os.nice(_BEHIND)
    stopped = _asked_to_stop(orders)
    wake, onward = socket.socket(fileno=orders.wake), socket.socket(fileno=orders.onward)
    evaluating.run(orders.settings, lambda seconds: woken(wake, seconds), stopped, lambda: awaken(onward))


def _web(orders: Orders) -> None:
    with _reading():
        from rapport.app import serving  # noqa: PLC0415 (see _reading: within it, and only by this child)

    _watch(orders.lifeline)
    listeners = [socket.socket(fileno=descriptor) for descriptor in orders.listeners]
    feed, wake = (socket.socket(fileno=number) for number in (orders.feed, orders.wake))
    letters = None if orders.onward < 0 else socket.socket(fileno=orders.onward)
    serving.run(orders.settings, listeners, feed, wake, letters)


_PARTS = {"web": _web, "worker": _worker, "evaluator": _evaluator}


def main() -> int:
    (part,) = sys.argv[1:]
    orders = msgspec.json.decode(sys.stdin.buffer.read(), type=Orders)
    try:
        _PARTS[part](orders)
    except RapportError as error:
        sys.stderr.write(f"rapport {part}: {error.message}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

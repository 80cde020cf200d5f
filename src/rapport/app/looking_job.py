"""One look back on an organization's decisions, in a process of its own: `python -m rapport.app.looking_job`, with its
orders on stdin.

It takes seconds of one core and a few thousand decisions in memory, neither of which the node's own process has to
spare. It gives way to requests, tells on stdout how far it is and what it found, a line of JSON each, and ends when
stdin does: with whoever started it, however that ended.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable

import msgspec

from rapport.app.embedded import open_ledger
from rapport.app.settings import Settings
from rapport.kernel.errors import NotFound, RapportError
from rapport.learn.reviewed import Answered, Other, Review

_NICE = 10
_TELL_S = 0.2
Tell = Callable[[int, int], None]
"""How many decisions were read, out of how many."""


class Orders(msgspec.Struct, frozen=True):
    """On whose newest `most` decisions, and as if how they had been made (None: as they were)."""

    settings: Settings
    org: str
    most: int
    other: Other | None = None


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is told: how many decisions were read so far `of` how many, or what came of it."""

    read: int = 0
    of: int = 0
    review: Review | None = None
    answer: Answered | None = None
    code: str = ""
    message: str = ""
    field: str = ""
    absent: bool = False


def carry_out(orders: Orders, tell: Tell) -> Review | Answered:
    """Look. Raises BadInput, NotFound."""
    from rapport.app import reviews  # noqa: PLC0415 (SciPy takes a while to load, and the node needs none of it)

    with contextlib.closing(open_ledger(orders.settings)) as ledger:
        if orders.other is None:
            return reviews.reviewed(ledger, orders.org, orders.most, tell)
        return reviews.other(ledger, orders.org, orders.other, orders.most, tell)


def main() -> int:
    orders = msgspec.json.decode(sys.stdin.buffer.readline(), type=Orders)
    _watch()
    os.nice(_NICE)
    told = 0.0

    def tell(read: int, of: int) -> None:
        nonlocal told
        if time.monotonic() > told + _TELL_S:
            told = time.monotonic()
            _say(Line(read, of))

    try:
        found = carry_out(orders, tell)
    except RapportError as error:
        of = {"code": error.code, "message": error.message, "field": error.field or ""}
        _say(msgspec.structs.replace(Line(absent=isinstance(error, NotFound)), **of))
        return 0
    _say(Line(review=found) if isinstance(found, Review) else Line(answer=found))
    return 0


def _say(line: Line) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.buffer.flush()


def _watch() -> None:
    """End with the parent."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())

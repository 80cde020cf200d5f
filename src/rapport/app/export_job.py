"""One export of the node's, in a process of its own: `python -m rapport.app.export_job`, with its orders on stdin.

It gives way to the node's requests, and ends when stdin does: with whoever started it, however that ended.
"""

import asyncio
import os
import shutil
import signal
import sys
import threading

import msgspec

from rapport.adapters.embedded.exports import ExportBook
from rapport.app.embedded import open_ledger
from rapport.app.exporting import open_exporter
from rapport.app.settings import Settings
from rapport.kernel.errors import Full, RapportError

TERMINATED = 143
_NICE = 10


class Orders(msgspec.Struct, frozen=True):
    """Which export, by its handle."""

    settings: Settings
    export: str


def _watch() -> None:
    """End with the parent."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


def carry_out(settings: Settings, handle: str) -> None:
    """Make an export that waits. Raises as `Exporter.keep`; what became of it is on record in any case."""
    ledger = open_ledger(settings)
    asked = ExportBook(ledger).named(handle)
    ledger.close()

    def leave_room(*_: int) -> None:
        if shutil.disk_usage(settings.directory).free < settings.min_free_mb << 20:
            raise Full(f"less than {settings.min_free_mb} MB are free, which the node keeps for what comes in")

    asyncio.run(open_exporter(settings, asked.org).keep(asked, leave_room))


def main() -> int:
    orders = msgspec.json.decode(sys.stdin.buffer.readline(), type=Orders)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(TERMINATED))
    _watch()
    os.nice(_NICE)
    try:
        carry_out(orders.settings, orders.export)
    except RapportError as error:
        print(f"rapport export: {error.message}", file=sys.stderr)  # noqa: T201 (its stderr is the node's)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The web process: it serves the node's application (see `node`) on the sockets that its parent bound, until it is told
to stop.
"""

import asyncio
import contextlib
import gc
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import uvicorn
import uvloop

from rapport.app.node import application
from rapport.app.settings import Settings
from rapport.app.waking import awaken

TURN_S: Final = 0.0005
"""How long a thread of this process keeps the interpreter from another that waits. Each commit asks SQLite some forty
things, and has to get the interpreter back after each: at the 5 ms of Python's own, while others are answered, one
commit took a tenth of a second, and so did everybody who waited for it."""


@contextlib.contextmanager
def settled() -> Iterator[None]:
    """Meanwhile, what is there already is not looked through for garbage: that would hold up, now and then, every
    request for some tens of milliseconds."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class _Server(uvicorn.Server):
    """A server that leaves signals to us: it stops when asked, having answered what it took."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]  # uvicorn's own signature is untyped
        yield


async def serve(
    settings: Settings,
    sockets: Sequence[socket.socket],
    feed: socket.socket | None,
    wake: Callable[[], None],
    letters: socket.socket | None,
    stopped: asyncio.Event,
) -> None:
    """Answer requests until stopped."""
    async with application(settings, feed, wake, letters) as app:
        config = uvicorn.Config(
            app,
            http="httptools",
            lifespan="off",
            access_log=False,
            log_level="warning",
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=3,
            h11_max_incomplete_event_size=65_536,
        )
        server = _Server(config)
        with settled():
            serving = asyncio.create_task(server.serve(sockets=list(sockets)))
            stopping = asyncio.create_task(stopped.wait())
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            server.should_exit = True
            await serving
            stopping.cancel()


def run(
    settings: Settings,
    sockets: Sequence[socket.socket],
    feed: socket.socket,
    wake: socket.socket,
    letters: socket.socket | None = None,
) -> None:
    """Run the web process until SIGTERM, SIGINT, or the death of its parent."""

    async def main() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        await serve(settings, sockets, feed, lambda: awaken(wake), letters, stopped)

    sys.setswitchinterval(TURN_S)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())

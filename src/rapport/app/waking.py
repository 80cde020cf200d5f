"""Being woken by another process of the node: it sends a datagram, which says no more than that there is something."""

import contextlib
import select
import socket


def woken(wake: socket.socket, seconds: float) -> None:
    """Wait to be woken, for so long at most."""
    if select.select([wake], [], [], seconds)[0]:
        with contextlib.suppress(BlockingIOError):
            while wake.recv(1, socket.MSG_DONTWAIT):
                pass

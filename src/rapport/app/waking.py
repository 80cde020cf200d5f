"""Being woken by another process of the node: it sends a datagram, which says no more than that there is something."""

import contextlib
import select
import socket


def awaken(other: socket.socket) -> None:
    """Wake whoever reads the other end. Where it is gone, or so much waits there already, it needs no more."""
    with contextlib.suppress(OSError):
        other.send(b"!", socket.MSG_DONTWAIT)


def woken(wake: socket.socket, seconds: float) -> None:
    """Wait to be woken, for so long at most."""
    asked = select.poll()  # unlike select(), it knows files beyond the first thousand that are open
    asked.register(wake, select.POLLIN)
    if asked.poll(seconds * 1000):
        with contextlib.suppress(BlockingIOError):
            while wake.recv(1, socket.MSG_DONTWAIT):
                pass

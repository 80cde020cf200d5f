"""Addresses of a name, within a time: the system's resolver has none that could be set, and cannot be ended.

Each look-up runs in a thread of its own, and whoever asks waits for it as long as they may. Who asks for a name that is
being looked up waits for the same answer: so a resolver that hangs holds one thread for a name, however often it is
tried, and nobody who asks for another.
"""

import ipaddress
import socket
import threading
from concurrent.futures import Future
from typing import Any

Addresses = list[tuple[int, Any]]
"""(family, address as `socket.connect` takes it), each once."""

_turn = threading.Lock()
_asked: dict[tuple[str, int], "Future[Addresses]"] = {}


def resolved(host: str, port: int, wait_s: float) -> Addresses:
    """Where a name leads. Raises OSError or UnicodeError where it leads nowhere, TimeoutError (one of OSError) where
    that is not known in time."""
    if _is_address(host):
        return _looked_up(host, port)
    with _turn:
        asked = _asked.get((host, port))
        if asked is None:
            asked = Future()
            thread = threading.Thread(target=_look_up, args=(host, port, asked), name="resolver", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the machine has no room for it
                raise OSError("no thread for looking up a name") from None
            _asked[host, port] = asked
    return asked.result(wait_s)


def _look_up(host: str, port: int, asked: "Future[Addresses]") -> None:
    try:
        found = _looked_up(host, port)
    except BaseException as error:  # noqa: BLE001 (whoever waits for it raises it)
        _forget(host, port)
        asked.set_exception(error)
    else:
        _forget(host, port)
        asked.set_result(found)


def _forget(host: str, port: int) -> None:
    with _turn:
        del _asked[host, port]


def _looked_up(host: str, port: int) -> Addresses:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

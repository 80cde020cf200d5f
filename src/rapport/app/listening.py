"""The node's addresses, bound by the parent of its processes: it loads nothing of what answers there."""

import socket

from rapport.app.settings import Settings


def listen(settings: Settings) -> list[socket.socket]:
    """Bind the node's addresses: loopback, IPv4 and IPv6, unless told otherwise. Raises OSError where one is in use."""
    hosts = [host.strip() for host in settings.host.split(",") if host.strip()] or ["127.0.0.1", "::1"]
    sockets: list[socket.socket] = []
    for host in hosts:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            listener = socket.socket(family, socket.SOCK_STREAM)
        except OSError:
            if settings.host:
                raise
            continue  # a machine without IPv6 still has a loopback
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            listener.bind((host, settings.port))
        except OSError as error:
            listener.close()
            if host == "::1" and not settings.host and sockets and error.errno == 99:
                continue
            raise
        listener.listen(2048)
        sockets.append(listener)
    return sockets

"""A small HTTP client for measuring: keep-alive connections, one request on each at a time, little parsed."""

import asyncio
import contextlib
from collections import deque
from typing import cast

PATIENCE = 30.0
"""Seconds after which a request counts as failed."""


class Lost(Exception):
    """The server closed the connection."""


class Late(Exception):
    """There was no answer for too long."""


class Connection(asyncio.Protocol):
    """One keep-alive connection; `ask` answers status and body."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None
        self.open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not say so

    def ask(self, request: bytes) -> "asyncio.Future[tuple[int, bytes]]":
        assert self._transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._waiting

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lower = head.lower()
        start = lower.index(b"content-length:") + 15
        length = int(lower[start:].split(b"\r\n", 1)[0])
        if len(rest) >= length and self._waiting is not None:
            self._buffer = b""
            waiting, self._waiting = self._waiting, None
            if not waiting.done():
                waiting.set_result((int(head[9:12]), rest[:length]))

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(Lost(str(exc or "closed")))

    def give_up(self) -> None:
        """Wait no longer."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(Late(f"no answer within {PATIENCE:.0f} s"))
        self.open = False
        self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Pool:
    """As many connections as are needed at once."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: deque[Connection] = deque()
        self._all: list[Connection] = []

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request and return status and body; once more where a waiting connection turns out to be closed."""
        while self._free:
            connection = self._free.pop()
            if connection.open:
                with contextlib.suppress(Lost):
                    return await self._on(connection, request)
        _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", self._port)
        self._all.append(connection)
        return await self._on(connection, request)

    async def _on(self, connection: Connection, request: bytes) -> tuple[int, bytes]:
        asking = connection.ask(request)
        giving_up = asyncio.get_running_loop().call_later(PATIENCE, connection.give_up)
        answer = await asking
        giving_up.cancel()
        self._free.append(connection)
        return answer

    def close(self) -> None:
        for connection in self._all:
            connection.close()


def post(path: str, credential: str, body: bytes) -> bytes:
    """The bytes of a POST of JSON."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {credential}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body

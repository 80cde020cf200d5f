"""Asking an ASGI application without a network: one request, and the CPU time that it took.

CPU time of the whole process, over all its threads, since the machine may have others to serve. So nothing else may be
at work in this process meanwhile; a client of any comfort would be a good part of what is measured.
"""

import time
from typing import NamedTuple

from starlette.types import ASGIApp, Message


class Asked(NamedTuple):
    """What was answered. `cpu` and `clock` in seconds."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    cpu: float
    clock: float


async def ask(app: ASGIApp, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Asked:
    """One request; `_` in a header's name stands for `-`."""
    path, _, query = path.partition("?")
    named = {b"host": b"localhost", **{k.replace("_", "-").encode(): v.encode() for k, v in headers.items()}}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": list(named.items()),
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
    }
    said: list[Message] = []
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        said.append(message)

    cpu, clock = time.process_time(), time.perf_counter()
    await app(scope, receive, send)
    cpu, clock = time.process_time() - cpu, time.perf_counter() - clock
    whole = b"".join(one.get("body", b"") for one in said if one["type"] == "http.response.body")
    return Asked(said[0]["status"], list(said[0]["headers"]), whole, cpu, clock)

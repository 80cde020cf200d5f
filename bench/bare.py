"""The floor of everything over HTTP: `python -m bench.bare PORT DIRECTORY` serves as little as can be.

The server and its settings are the node's. What is sent is decoded by msgspec into typed structs and its bytes are kept
in SQLite with the node's durability (WAL, FULL) by group commit; a view is bytes that are ready. There are no keys, no
sealing, no judging of events, no gate and no receipts.
"""

import asyncio
import queue
import socket
import sqlite3
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ANSWER = "answer.json"
"""The file in DIRECTORY whose bytes a GET answers."""


class Event(msgspec.Struct, rename="camel", gc=False):
    type: str
    message_id: str
    user_id: str | None = None
    anonymous_id: str | None = None
    event: str | None = None
    timestamp: str | None = None
    traits: dict[str, Any] | None = None
    properties: dict[str, Any] | None = None
    context: dict[str, Any] | None = None


class Batch(msgspec.Struct, gc=False):
    batch: list[Event]


def open_file(path: Path) -> sqlite3.Connection:
    """A file with the log's durability."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("CREATE TABLE IF NOT EXISTS log (seq INTEGER PRIMARY KEY, body BLOB NOT NULL)")
    return db


class Appender:
    """Group commit with nothing around it: one thread writes what has gathered, then tells everybody at once."""

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._queue: queue.SimpleQueue[tuple[bytes, asyncio.Future[None]]] = queue.SimpleQueue()
        self._loop = loop
        threading.Thread(target=self._run, args=(path,), daemon=True).start()

    def append(self, body: bytes) -> "asyncio.Future[None]":
        future: asyncio.Future[None] = self._loop.create_future()
        self._queue.put((body, future))
        return future

    def _run(self, path: Path) -> None:
        db = open_file(path)
        while True:
            some = [self._queue.get()]
            while not self._queue.empty():
                some.append(self._queue.get())
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO log (body) VALUES (?)", [(body,) for body, _ in some])
            db.execute("COMMIT")
            self._loop.call_soon_threadsafe(_settle, [future for _, future in some])


def _settle(futures: list["asyncio.Future[None]"]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


def application(directory: Path, loop: asyncio.AbstractEventLoop) -> Starlette:
    appender = Appender(directory / "bare.db", loop)
    answer = directory / ANSWER
    ready = answer.read_bytes() if answer.exists() else b"{}"
    one, many = msgspec.json.Decoder(Event).decode, msgspec.json.Decoder(Batch).decode

    async def track(request: Request) -> Response:
        body = await request.body()
        one(body)
        await appender.append(body)
        return Response(b'{"success":true}', media_type="application/json")

    async def batch(request: Request) -> Response:
        body = await request.body()
        many(body)
        await appender.append(body)
        return Response(b'{"success":true}', media_type="application/json")

    async def view(_: Request) -> Response:
        return Response(ready, media_type="application/json")

    return Starlette(
        routes=[
            Route("/v1/track", track, methods=["POST"]),
            Route("/v1/identify", track, methods=["POST"]),
            Route("/v1/batch", batch, methods=["POST"]),
            Route("/v1/customers/view", view, methods=["POST"]),
            Route("/readyz", view),
        ]
    )


async def serve(port: int, directory: Path) -> None:
    app = application(directory, asyncio.get_running_loop())
    listener = socket.create_server(("127.0.0.1", port), backlog=2048)
    config = uvicorn.Config(
        app,
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        proxy_headers=False,
    )
    await uvicorn.Server(config).serve(sockets=[listener])


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1]), Path(sys.argv[2])))

"""A stand-in for a node that writes down what it is sent, and can be told to be in trouble."""

import base64
import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec


class Request(msgspec.Struct, frozen=True):
    path: str
    write_key: str
    body: dict[str, Any]
    connection: int
    """The client's port: the same for requests on one kept connection."""

    @property
    def events(self) -> list[dict[str, Any]]:
        batch: list[dict[str, Any]] = self.body.get("batch", [self.body])
        return batch


class Trouble(msgspec.Struct, frozen=True):
    """What the next request meets: a status, or a connection that is cut (0)."""

    status: int
    retry_after: str | None = None
    body: bytes = b"{}"


class Listener:
    """Listens on loopback until `close`. `trouble` is met by one request each; `taken` is what was answered 200."""

    def __init__(self) -> None:
        self.taken: list[Request] = []
        self.refused: list[Request] = []
        self.trouble: deque[Trouble] = deque()
        self.ready = True
        listener = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(200 if listener.ready else 503, b"{}", None)

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                key = base64.b64decode(self.headers["authorization"].removeprefix("Basic ")).decode()
                request = Request(self.path, key.removesuffix(":"), json.loads(raw), self.client_address[1])
                if listener.trouble:
                    trouble = listener.trouble.popleft()
                    listener.refused.append(request)
                    if trouble.status == 0:
                        self.close_connection = True
                        return
                    self._answer(trouble.status, trouble.body, trouble.retry_after)
                    return
                listener.taken.append(request)
                self._answer(200, b'{"success":true}', None)

            def _answer(self, status: int, body: bytes, retry_after: str | None) -> None:
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                if retry_after is not None:
                    self.send_header("retry-after", retry_after)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for request in self.taken for event in request.events]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

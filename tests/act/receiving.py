"""A real server on loopback that takes what a node delivers, and answers as it is told."""

import http.server
import json
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple


class Got(NamedTuple):
    """A request as it came. Names of headers are in small letters."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Behaviour = Callable[["_Handler", Got], None]


def says(status: int, body: Any = b"", **headers: str) -> Behaviour:
    """Answers with this; what is not bytes is sent as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    def behave(handler: "_Handler", _: Got) -> None:
        handler.send_response(status)
        for name, value in {"content-length": str(len(raw)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(raw)

    return behave


def acknowledges(handler: "_Handler", got: Got) -> None:
    says(200, {"acknowledged": True, "id": got.json["id"]})(handler, got)


def never(handler: "_Handler", _: Got) -> None:
    """Says nothing as long as the line is open."""
    handler.connection.settimeout(60)
    try:
        handler.connection.recv(1)
    except OSError:
        return


def drips(handler: "_Handler", _: Got) -> None:
    """Answers a byte now and then, for a minute."""
    try:
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + bytes(1000):
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            time.sleep(0.06)
    except OSError:
        return


def drips_to_the_end(handler: "_Handler", _: Got) -> None:
    """Says at once that the line ends with the answer, which then comes a byte now and then."""
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        for _number in range(1_000):
            handler.wfile.write(b"x")
            time.sleep(0.06)
    except OSError:
        return


def garbage(handler: "_Handler", _: Got) -> None:
    handler.wfile.write(b"\x16\x03\x01 what is this\r\n\r\n")


def huge(handler: "_Handler", _: Got) -> None:
    """Ten megabytes that begin like an acknowledgement."""
    try:
        handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n{"acknowledged": true, "x": "')
        for _number in range(1_000):
            handler.wfile.write(b"x" * 10_000)
    except OSError:
        return


class _Handler(http.server.BaseHTTPRequestHandler):
    server: "_Server"
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", "0"))
        got = Got(self.path, {name.lower(): value for name, value in self.headers.items()}, self.rfile.read(length))
        self.server.got.append(got)
        self.close_connection = True
        behave = self.server.script.popleft() if self.server.script else self.server.otherwise
        behave(self, got)

    def do_GET(self) -> None:
        self.server.visited.append(self.path)
        says(200, b"")(self, Got(self.path, {}, b""))

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[Got] = []
        self.visited: list[str] = []
        self.script: deque[Behaviour] = deque()
        self.otherwise: Behaviour = says(204)

    def handle_error(self, *_: object) -> None:
        """A client that went away is what is tried here."""


class Receiver:
    """Use it as a context. `script` is how the next requests are answered, `otherwise` all after them."""

    def __init__(
        self, *script: Behaviour, otherwise: Behaviour | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._server = _Server()
        self._server.script.extend(script)
        if otherwise is not None:
            self._server.otherwise = otherwise
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}/in"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> "Receiver":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def got(self) -> list[Got]:
        return self._server.got

    @property
    def visited(self) -> list[str]:
        """What was fetched with GET, as a client that follows redirects does."""
        return self._server.visited

    def answers(self, behaviour: Behaviour) -> None:
        """From now on."""
        self._server.otherwise = behaviour

    def wait(self, count: int = 1, within_s: float = 120.0) -> list[Got]:
        """What came, once there is so much."""
        eventually(lambda: len(self.got) >= count, within_s)
        return self.got


def eventually(holds: Callable[[], bool], within_s: float = 120.0) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)

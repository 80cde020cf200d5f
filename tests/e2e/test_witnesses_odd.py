"""Witnesses who misbehave, and settings that name none: nothing is kept of either."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rapport.adapters.embedded.cosignatures import Cosignatures
from rapport.app.settings import Settings, load
from rapport.app.witnessing import Asker, Unwitnessed
from rapport.kernel import verify
from rapport.kernel.errors import Misconfigured
from tests.web.portal.person import Home


@pytest.fixture
def home() -> Iterator[Home]:
    with Home() as home:
        yield home


class Odd(BaseHTTPRequestHandler):
    answer = (200, "text/plain", b"")

    def do_POST(self) -> None:
        status, kind, body = self.answer
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Location", "http://127.0.0.1:1/")
        if self.path.startswith("/cut"):
            self.send_header("Content-Length", str(len(body) + 9))
        self.end_headers()
        with contextlib.suppress(OSError):  # whoever asked has read enough
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


ODD = {
    "nothing": (200, "text/plain", b""),
    "no line": (200, "text/plain", b"\xff\xfe\n\n\n"),
    "another's line": (200, "text/plain", "— w.example AAAAAAAAAAAAAAAA\n".encode()),
    "endless": (200, "text/plain", b"x" * (1 << 20)),
    "a size that is none": (409, "text/x.tlog.size", b"-1\n"),
    "a size of digits that are none": (409, "text/x.tlog.size", "²\n".encode()),
    "a size with more behind it": (409, "text/x.tlog.size", b"1x"),
    "a size of no line": (409, "text/x.tlog.size", b"1"),
    "a huge size": (409, "text/x.tlog.size", b"9" * 5000 + b"\n"),
    "a size that is larger": (409, "text/x.tlog.size", b"99999\n"),
    "no size": (409, "text/plain", b"1\n"),
    "elsewhere": (307, "text/plain", b""),
    "an error": (503, "text/plain", b""),
}


@pytest.mark.parametrize("path", ["", "/cut"])
@pytest.mark.parametrize("name", ODD)
def test_whatever_a_witness_answers_nothing_is_kept_of_it_but_its_signature(home: Home, name: str, path: str) -> None:
    """Also where the answer breaks off."""
    home.reads()
    public = bytes(range(32))
    key = verify.vkey("w.example", public, verify.WITNESS)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("One", (Odd,), {"answer": ODD[name]}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        settings = Settings(data=str(home.directory), witnesses=f"{key} http://127.0.0.1:{server.server_port}{path}")
        with pytest.raises(Unwitnessed):
            Asker(settings, settings.witnessed_by[0]).ask()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert Cosignatures(home.ledger.db).notes() == []


GOOD = verify.vkey("w.example", bytes(32), verify.WITNESS)


@pytest.mark.parametrize(
    "text",
    [
        GOOD, "http://w", f"http://w {GOOD}", f"{GOOD} ftp://w.example", f"{GOOD} http://", f"{GOOD} /x",
        f"{GOOD} http://w.example:99999", f"{GOOD} http://w.example:x", f"{GOOD} http://[", f"{GOOD} https://w?a=b",
        f"{GOOD} https://me@w", f"{verify.vkey('w', bytes(32))} http://w", f"{GOOD[:-1]} http://w",
        f"{GOOD} http://a {GOOD} http://b", " ".join(f"{GOOD} http://{n}" for n in range(17)),
    ],
)  # fmt: skip
def test_witnesses_that_are_none_are_refused_at_the_start(text: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        load({"witnesses": text}, {})
    assert refused.value.field == "witnesses"
    assert load({"witnesses": f"\n  {GOOD}  https://w.example/x/\n"}, {}).witnessed_by[0].url == "https://w.example/x"

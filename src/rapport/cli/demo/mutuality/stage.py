"""Where the play takes place: a node of its own, and the commands and requests that reach it from outside."""

import contextlib
import json
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from email.message import Message
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from rapport.app.settings import PREFIX
from rapport.cli.demo.mutuality.telling import Broken, Telling

PATIENCE_SECONDS = 60.0
_PAUSE_SECONDS = 0.05
_PORTS_TRIED = 100
_ORDINARY = 200
_RAPPORT = (sys.executable, "-m", "rapport.cli")
_FILES = [
    file for file in files("rapport.cli.demo.mutuality").joinpath("files").iterdir() if file.name.endswith(".toml")
]
"""What the companies declare, and how their files are read."""


class Answer(NamedTuple):
    """What a request was answered: status, headers without the date, and the body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Stage:
    """A node over `directory/node`, from entering until leaving."""

    def __init__(self, directory: Path, telling: Telling) -> None:
        self.directory = directory
        self.data = directory / "node"
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._telling = telling
        self._process: subprocess.Popen[bytes] | None = None
        self._keys: dict[str, tuple[str, str]] = {}

    def __enter__(self) -> Self:
        """Lay out the files of the play and start the node."""
        for file in _FILES:
            (self.directory / file.name).write_text(file.read_text("utf-8"), "utf-8")
        with (self.directory / "node.out").open("ab") as out:
            self._process = subprocess.Popen(  # noqa: S603 (our own command)
                [*_RAPPORT, "up", "--data", str(self.data), "--port", str(self.port)],
                stdout=out,
                stderr=subprocess.STDOUT,
                env=_environment(),
                cwd=self.directory,
            )
        try:
            self._await()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    def _await(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
            with contextlib.suppress(Broken):
                if _http("GET", f"{self.url}/readyz").status == _ORDINARY:
                    return
            time.sleep(_PAUSE_SECONDS)
        said = (self.directory / "node.out").read_text("utf-8", "replace")[-500:]
        raise Broken(f"the node did not start: {said}")

    def _stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    # -- what an operator or a support desk types

    def rapport(self, *words: str, data: Path | None = None, fails: bool = False, aloud: bool = True) -> str:
        """Run a command over the data directory; returns what it printed. Raises Broken where it ends otherwise."""
        place = ("--data", str(self.data if data is None else data))
        done = subprocess.run(  # noqa: S603 (our own command)
            [*_RAPPORT, *words, *place],
            capture_output=True,
            text=True,
            env=_environment(),
            cwd=self.directory,
            timeout=4 * PATIENCE_SECONDS,
            check=False,
        )
        elsewhere = () if data is None else ("--data", data.name)
        line = " ".join(["rapport", *(shlex.quote(word) for word in (*words, *elsewhere))])
        self._telling.command(line, done.returncode, done.stdout, done.stderr, aloud=aloud)
        if bool(done.returncode) != fails:
            raise Broken(f"{line} ended with {done.returncode}: {(done.stderr or done.stdout).strip()[:500]}")
        return done.stdout if not fails else done.stderr

    def rapport_json(self, *words: str, data: Path | None = None) -> Any:
        return json.loads(self.rapport(*words, "--json", data=data, aloud=False))

    def open_company(self, org: str) -> None:
        told = self.rapport_json("org", "add", org)
        self._keys[org] = (told["write_key"], told["api_token"])

    # -- what a company's systems do

    def send(self, org: str, events: Sequence[Mapping[str, Any]]) -> None:
        """Report events; raises Broken where they are not acknowledged."""
        body = json.dumps({"batch": events}).encode()
        headers = {"authorization": f"Bearer {self._keys[org][0]}", "content-type": "application/json"}
        answer = _http("POST", f"{self.url}/v1/batch", body, headers)
        if answer.status != _ORDINARY:
            raise Broken(f"{org} could not send: {answer.status} {answer.body[:300]!r}")

    def read(self, org: str, customer: str, purpose: str, *, aloud: bool = True) -> Answer:
        """A company asks for a customer's view."""
        path = f"/v1/customers/{quote(customer, safe=':@')}/view?purpose={purpose}"
        answer = _http("GET", self.url + path, headers={"authorization": f"Bearer {self._keys[org][1]}"})
        if aloud:
            self._telling.read(org, path, answer.status, json.loads(answer.body or b"null"))
        return answer

    def until_known(self, org: str, customer: str, events: int) -> None:
        """Wait until a view counts so many events: what is acknowledged is taken in a moment later."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            answer = self.read(org, customer, "service", aloud=False)
            if answer.status == _ORDINARY and answer.json["events"]["total"] >= events:
                return
            time.sleep(_PAUSE_SECONDS)
        raise Broken(f"{org} does not know {customer} with {events} events after {PATIENCE_SECONDS:.0f} s")

    # -- what the person does

    def her_page(self, person: str, path: str) -> str:
        """A page of the person's own, opened in a browser of hers by a link from the support desk."""
        link = self.rapport_json("person", "open", person, "--port", str(self.port))["url"]
        code = parse_qs(urlsplit(link).query)["code"][0]
        browser = _direct(urllib.request.HTTPCookieProcessor())
        browser.addheaders = [("origin", f"http://localhost:{self.port}")]
        body = urlencode({"code": code}).encode()
        try:
            with browser.open(f"{self.url}/me/open", body, PATIENCE_SECONDS):
                pass
            with browser.open(self.url + path, timeout=PATIENCE_SECONDS) as response:
                return str(response.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                raise Broken(f"her page {path} was answered {error.code}: {error.read()[:300]!r}") from None


def _environment() -> dict[str, str]:
    """The environment without settings: the play's node is its own."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


def _free_port() -> int:
    """One that nobody listens at, below those that the system gives to whoever asks for any: it is still free when the
    node comes to it."""
    for _ in range(_PORTS_TRIED):
        port = 10_000 + secrets.randbelow(2_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise Broken("no port from 10,000 to 11,999 is free for the play's node")


def _http(method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
    """One request to the play's own node; answers of any status are answers."""
    request = urllib.request.Request(url, body, headers or {}, method=method)  # noqa: S310 (our own node)
    try:
        with _direct().open(request, timeout=PATIENCE_SECONDS) as response:
            return Answer(response.status, _without_date(response.headers), response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, _without_date(error.headers), error.read())
    except OSError as error:
        raise Broken(f"the node does not answer: {error}") from None


def _direct(*handlers: urllib.request.BaseHandler) -> urllib.request.OpenerDirector:
    """Requests that take no way around, whatever proxies are set."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), *handlers)


def _without_date(headers: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items() if name.lower() != "date"}

"""A real node for tests: `rapport up` over a fresh directory and a free port, spoken to over HTTP."""

import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.e2e.forking import Forked, forked

RAPPORT = [sys.executable, "-m", "rapport.cli"]
_WAIT_S = 120.0


_counted = itertools.count(os.getpid() * 2_003)


def free_port() -> int:
    """One that nobody listens at, nor will before a node does: it is below those that the system gives to whoever asks
    for any, it is given once, and processes that run the suite together count from places far apart."""
    while True:
        port = 12_000 + next(_counted) % 20_000
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def http(method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
    """One request; answers of any status are answers."""
    request = urllib.request.Request(url, body, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=_WAIT_S) as response:
            return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())


@dataclass
class Org:
    node: "Node"
    name: str
    write_key: str
    api_token: str

    def send(self, *events: dict[str, Any], write_key: str | None = None) -> Answer:
        """Send events as one batch."""
        return self.post("/v1/batch", {"batch": list(events)}, write_key=write_key)

    def post(self, path: str, body: Any, *, write_key: str | None = None) -> Answer:
        headers = {"authorization": f"Bearer {write_key or self.write_key}", "content-type": "application/json"}
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return http("POST", self.node.url + path, raw, headers)

    def get(self, path: str) -> Answer:
        return http("GET", self.node.url + path, headers={"authorization": f"Bearer {self.api_token}"})

    def operate(self, path: str, body: Any) -> Answer:
        headers = {"authorization": f"Bearer {self.api_token}", "content-type": "application/json"}
        return http("POST", self.node.url + path, json.dumps(body).encode(), headers)

    def read(self, customer: str, part: str = "view", purpose: str = "service", **query: str) -> Answer:
        more = "".join(f"&{name}={quote(value)}" for name, value in query.items())
        return self.get(f"/v1/customers/{quote(customer, safe='')}/{part}?purpose={purpose}{more}")

    def view(
        self, customer: str, *, events: int = 1, purpose: str = "service", within_s: float = 120.0
    ) -> dict[str, Any]:
        """The view, once it counts at least so many events."""
        deadline = time.monotonic() + within_s
        while True:
            answer = self.read(customer, purpose=purpose)
            if answer.status == 200 and answer.json["events"]["total"] >= events:
                found: dict[str, Any] = answer.json
                return found
            if time.monotonic() > deadline:
                raise AssertionError(f"no view of {customer} with {events} events within {within_s} s: {answer}")
            time.sleep(0.02)


class Node:
    """A running node; `stop` ends it and its children. Its processes are forks (see tests/e2e/forking.py), unless it
    is to be `fresh`: for what is measured of a node, or rests on how its processes start."""

    def __init__(self, data: Path, *arguments: str, env: dict[str, str] | None = None, fresh: bool = False) -> None:
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = (data.parent / f"{data.name}.out").open("ab")
        words = ["up", "--data", str(data), "--port", str(self.port), *arguments]
        self.process = (self._fresh if fresh else self._forked)(words, {**os.environ, **(env or {})})
        self._wait()

    def _forked(self, words: list[str], env: dict[str, str]) -> Forked | subprocess.Popen[bytes]:
        return Forked(words, self._log, env)

    def _fresh(self, words: list[str], env: dict[str, str]) -> Forked | subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*RAPPORT, *words], stdout=self._log, stderr=subprocess.STDOUT, env=env, start_new_session=True
        )

    def _wait(self) -> None:
        deadline = time.monotonic() + _WAIT_S
        while True:
            try:
                if http("GET", f"{self.url}/readyz").status == 200:
                    return
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop(signal.SIGKILL)
                raise AssertionError(f"the node did not start: {self.output()}")
            time.sleep(0.05)

    def output(self) -> str:
        return Path(self._log.name).read_text(errors="replace")

    def org(self, name: str = "acme") -> Org:
        """An organization, made if need be."""
        done = run("org", "add", name, "--data", str(self.data), "--json")
        if done.returncode != 0:
            done = run("org", "show", name, "--data", str(self.data), "--json")
        told = json.loads(done.stdout)
        return Org(self, name, told["write_key"], told["api_token"])

    def source(self, org: str, name: str, *options: str) -> str:
        """A further source's write key."""
        done = run("source", "add", org, name, "--data", str(self.data), "--json", *options)
        return str(json.loads(done.stdout)["write_key"])

    def children(self) -> dict[str, int]:
        """Process ids of the web process, the worker and the evaluator."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                    parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                except (OSError, ValueError):
                    continue
                if parent == self.process.pid and b"rapport.app.process" in words:
                    found[words[words.index(b"rapport.app.process") + 1].decode()] = int(entry.name)
        return found

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(_WAIT_S)
        if not self._log.closed:
            self._log.close()
        return code


def run(*arguments: str, env: dict[str, str] | None = None, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, in a process of its own; not a fresh one: see tests/e2e/forking.py."""
    return subprocess.run(
        [*forked(), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, **(env or {})},
        check=False,
    )

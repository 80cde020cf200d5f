"""`rapport up`: a web process, a worker and an evaluator over a data directory, started again when they die.

The parent binds the port, so that connections wait while the web process comes back, and holds the data directory's
lock. Children stay in its process group and end with it, even when it is killed: each watches a pipe that only the
parent holds.
"""

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from types import FrameType
from typing import IO

import msgspec

from rapport.app import embedded, rotating
from rapport.app.listening import listen
from rapport.app.process import Orders
from rapport.app.settings import Settings
from rapport.kernel.errors import Corrupt, Misconfigured, RapportError

START_SECONDS = 60.0
_STOP_SECONDS = 6.0
_BACKOFF_MAX = 10.0
_FAST_DEATHS = 5
_FOR_GOOD = (Misconfigured.exit_code, Corrupt.exit_code)
"""Exit codes of what another try does not mend."""
_WORKER_MEMORY = {
    # Memory freed at a commit is needed again at once: glibc should keep it rather than return it and fault it in anew.
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
    "MALLOC_TOP_PAD_": str(16 << 20),
    "MALLOC_MMAP_THRESHOLD_": str(64 << 20),
    # NumPy sorts and compares here, and needs no threads for linear algebra.
    "OPENBLAS_NUM_THREADS": "1",
}


class Supervisor:
    """The children of a node, and whatever else should live beside them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock: IO[bytes] = embedded.lock(settings)
        rotating.finish(settings)
        embedded.open_ledger(settings).close()
        embedded.open_log(settings).close()
        self._listeners = self._listen()
        self._feed = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._wake = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._onward = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._letters = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._feed[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self._lifeline = os.pipe()
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._started: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._extra: list[subprocess.Popen[bytes]] = []
        self.stopping = False

    def _listen(self) -> list[socket.socket]:
        try:
            return listen(self.settings)
        except OSError as error:
            where = f"port {self.settings.port}"
            if error.errno == errno.EADDRINUSE:
                message = f"{where} is in use by another program: choose another with --port or RAPPORT_PORT"
            elif error.errno == errno.EACCES:
                message = f"{where} needs privileges: choose one above 1023 with --port"
            else:
                message = f"{where} cannot be bound: {error.strerror}"
            raise Misconfigured(message, field="port") from None

    def _start(self, part: str) -> None:
        orders = self._orders(part)
        inherited = [orders.lifeline, orders.wake, orders.feed, orders.onward, *orders.listeners]
        self._started[part] = time.monotonic()
        child = subprocess.Popen(  # noqa: S603 (our own module)
            [sys.executable, "-m", "rapport.app.process", part],
            pass_fds=[number for number in inherited if number >= 0],
            stdin=subprocess.PIPE,
            env={**os.environ, **(_WORKER_MEMORY if part == "worker" else {})},
        )
        self._children[part] = child
        # Not as an argument: settings may hold a key, and arguments are there for every user of the machine to read.
        if child.stdin is not None:
            with contextlib.suppress(BrokenPipeError), child.stdin as orders_in:
                orders_in.write(msgspec.json.encode(orders))

    def _orders(self, part: str) -> Orders:
        lifeline = self._lifeline[0]
        if part == "evaluator":
            return Orders(self.settings, lifeline, self._onward[1].fileno(), onward=self._letters[0].fileno())
        if part == "worker":
            onward = self._onward[0].fileno()
            return Orders(self.settings, lifeline, self._wake[1].fileno(), self._feed[0].fileno(), onward=onward)
        listeners = [listener.fileno() for listener in self._listeners]
        ends = (self._wake[0].fileno(), self._feed[1].fileno())
        return Orders(self.settings, lifeline, *ends, listeners, self._letters[1].fileno())

    def start(self) -> None:
        """Start all children and return once the node answers. Raises RapportError where it does not come up."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask_to_stop)
        self._start("worker")
        self._start("evaluator")
        self._start("web")
        deadline = time.monotonic() + START_SECONDS
        while not self.stopping and not self._ready():
            for part, child in self._children.items():
                if child.poll() is not None:
                    failed = RapportError(f"the {part} process did not start (exit {child.returncode})")
                    failed.exit_code = max(child.returncode, 1)
                    raise failed
            if time.monotonic() > deadline:
                raise RapportError(f"the node did not become ready within {START_SECONDS:.0f} s")
            time.sleep(0.03)

    def _ready(self) -> bool:
        address = self._listeners[0].getsockname()
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{address[1]}/readyz"  # noqa: S104 (only compared)
        try:
            with urllib.request.urlopen(url, timeout=2) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def beside(self, command: Sequence[str]) -> None:
        """Run something for as long as the node runs; when it ends, nothing happens."""
        self._extra.append(subprocess.Popen(command, stdin=subprocess.DEVNULL))  # noqa: S603 (our own command)

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.stopping = True

    def run(self, tick: Callable[[], None] = lambda: None) -> int:
        """Supervise until asked to stop; return the exit code."""
        while not self.stopping:
            for part, child in list(self._children.items()):
                code = child.poll()
                if code is not None and not self._revive(part, code):
                    return max(code, 1)
            tick()
            time.sleep(0.05)
        return 0

    def _revive(self, part: str, code: int) -> bool:
        """Start a dead child again, later and later where it dies at once; False where there is no point."""
        lived = time.monotonic() - self._started[part]
        self._failures[part] = self._failures.get(part, 0) + 1 if lived < 2 and code > 0 else 0
        failures = self._failures[part]
        if code in _FOR_GOOD:
            _say(f"the {part} process cannot run (exit {code}): the node stops")
            return False
        if failures >= _FAST_DEATHS:
            _say(f"the {part} process cannot run (exit {code}, {failures} times): the node stops")
            return False
        if failures:
            time.sleep(min(0.2 * 2**failures, _BACKOFF_MAX))
        how = f"was killed by signal {-code}" if code < 0 else f"ended (exit {code})"
        _say(f"the {part} process {how}; it is started again")
        self._start(part)
        return True

    def close(self) -> None:
        """Ask everything to end, then make sure of it."""
        everyone = [*self._extra, *self._children.values()]
        for child in everyone:
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for child in everyone:
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        for listener in self._listeners:
            listener.close()
        self._lock.close()


def _say(text: str) -> None:
    print(f"rapport: {text}", file=sys.stderr, flush=True)  # noqa: T201 (the terminal of `rapport up`)

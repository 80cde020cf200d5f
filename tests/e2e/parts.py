"""The processes of a node that tests start, in forks of one that has read their modules already.

A fork may hold none of SQLite's connections, and `rapport up` has some by the time when it starts its parts. So each
part is forked before the command runs, waits, and is handed what `subprocess.Popen` would give it: it is a child of its
supervisor as any other. Each waits once. Whatever is started again, after a kill as well, is fresh.
"""

import atexit
import contextlib
import ctypes
import fcntl
import gc
import importlib
import json
import os
import pkgutil
import select
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import rapport
from rapport.app import process, supervise
from rapport.kernel import shapes

PARTS = ("worker", "evaluator", "web")
ROOM = " " * 4096
"""An argument of whoever forks, for its forks to write their own over."""
_HIGH = 512  # above any descriptor that a supervisor has at its start
_waiting: dict[str, tuple[int, socket.socket]] = {}


_LATER = (
    "cel", "encodings.idna", "jinja2.ext", "joserfc.jwk", "rapidfuzz.fuzz", "rich.status", "typer._adapters",
    "uvicorn.lifespan.off", "uvicorn.protocols.http.httptools_impl", "uvicorn.protocols.websockets.auto",
    "webauthn", "webauthn.helpers.structs",
)  # fmt: skip
"""What a command or a part reads when it first needs it, and most of those that tests start do: as dear as a start."""


def read() -> None:
    """Read the whole house, and what it rests on; but nothing that starts threads by being read, as pyarrow does."""
    for found in pkgutil.walk_packages(rapport.__path__, "rapport."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    for name in _LATER:
        importlib.import_module(name)
    shapes.work_out()


def prepare() -> None:
    """Fork a process for each part, and let the supervisor of this process start those."""
    for part in PARTS:
        ours, theirs = socket.socketpair()
        if (number := os.fork()) == 0:
            ours.close()
            for _, other in _waiting.values():
                other.close()
            os._exit(_become(part, theirs))
        theirs.close()
        _waiting[part] = number, ours
    supervise.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": _start})  # type: ignore[assignment]


def _start(command: Sequence[str], **how: Any) -> Any:
    """A part that waits, where the command is for one; a fresh process otherwise."""
    if command[1:3] == ["-m", process.__name__] and command[3] in _waiting:
        return _Part(*_waiting.pop(command[3]), how["pass_fds"], how["env"])
    return subprocess.Popen(command, **how)


class _Part:
    """A part that waited and now runs, with what a supervisor needs of `subprocess.Popen`."""

    def __init__(self, number: int, line: socket.socket, descriptors: Sequence[int], env: dict[str, str]) -> None:
        self.pid, self.returncode = number, None
        reading, writing = os.pipe()
        self.stdin = open(writing, "wb")  # noqa: PTH123, SIM115 (a descriptor, which the supervisor closes)
        numbers = [reading, *descriptors]
        wanted = json.dumps([numbers, dict(env)]).encode()
        with line, contextlib.suppress(BrokenPipeError):  # it was killed meanwhile, as a fresh one may be
            socket.send_fds(line, [len(wanted).to_bytes(4, "big")], numbers)
            line.sendall(wanted)
        os.close(reading)
        self._running = os.pidfd_open(number)

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._running], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(process.__name__, timeout or 0)
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            os.close(self._running)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(15)

    def kill(self) -> None:
        self.send_signal(9)


def _become(part: str, line: socket.socket) -> int:
    """Wait to be started, be the part, and answer how it ended; nothing, where the supervisor ends before."""
    head, descriptors, _, _ = socket.recv_fds(line, 4, 32)
    if not head:
        return 0
    with line, line.makefile("rb") as wanted:
        (_, *numbers), environment = json.loads(wanted.read(int.from_bytes(head, "big")))
    held = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, _HIGH) for descriptor in descriptors]
    os.closerange(3, _HIGH)
    for number, descriptor in zip([0, *numbers], held, strict=True):
        os.dup2(descriptor, number)
        os.close(descriptor)
    named([sys.executable, "-m", process.__name__, part])
    surroundings(environment, [str(process.__file__), part])
    return ended(lambda: sys.exit(process.main()))


def named(words: Sequence[str]) -> None:
    """Have the machine list this process with these words (`/proc/PID/cmdline`): by them, tests find it."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = int(fields[45]), int(fields[46])  # arg_start and arg_end, see proc_pid_stat(5)
    told = b"".join(word.encode() + b"\0" for word in words)
    assert len(told) <= end - start
    ctypes.memmove(start, told.ljust(end - start, b"\0"), end - start)


def surroundings(environment: dict[str, str], arguments: list[str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = arguments


def ended(work: Callable[[], object]) -> int:
    """Run the command; answers its exit code once its threads have ended and what it said is out."""
    code: object = 0
    try:
        work()
    except SystemExit as said:
        code = said.code
    except BaseException:  # noqa: BLE001 (as the interpreter does with what nobody caught)
        traceback.print_exc()
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    gc.collect()  # closes what is still open, as the interpreter's end does
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    return code if isinstance(code, int) else int(code is not None)

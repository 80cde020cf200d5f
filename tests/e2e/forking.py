"""The `rapport` command in a fork of a process that has read its modules already.

The suite runs some hundreds of commands, and each would read for half a second what it rests on before it works for
some hundredths of one. So one process reads it all, and makes a fork for each command: a process of its own with its
caller's arguments, environment, directory and file descriptors. What reading costs, and that a command reads all that
it needs, tests/cli/test_starting.py asks of fresh processes.

A node is four processes, and all that it reads takes longer than most tests have of it: `Forked` starts one in the same
way, and tests/e2e/parts.py its parts. Nodes that are measured, and what a node starts again, are fresh.

`python -m tests.e2e.forking ADDRESS` makes them, until its standard input ends.
"""

import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import IO

from typer.main import get_command

from rapport import cli
from tests.e2e import parts
from tests.e2e.parts import ended, surroundings

ROOT = Path(__file__).parents[2]


@cache
def forked() -> list[str]:
    """The command that runs `rapport` in a fork; what makes the forks ends with the process that first asked for it."""
    address = f"rapport-tests-{token_hex(8)}"
    command = [sys.executable, "-m", "tests.e2e.forking", address, parts.ROOM]
    making = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, start_new_session=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # who has threads must not fork
    )  # fmt: skip
    assert making.stdout is not None
    assert making.stdout.readline() == b"ready\n"
    making.stdout.close()
    atexit.register(making.communicate)
    return [sys.executable, "-I", "-S", str(Path(__file__).with_name("asking.py")), address]


def taken(address: str) -> socket.socket | None:
    """Fork for each that asks, and answer in the fork with the socket it was asked by; nothing, once nobody will."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"\0{address}")
        listening.listen(64)
        print("ready", flush=True)  # noqa: T201 (how its starter learns of it)
        while True:
            ready, _, _ = select.select([listening, 0], [], [])
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            if 0 in ready:
                return None
            asked, _ = listening.accept()
            if os.fork() == 0:
                return asked
            asked.close()


class Forked:
    """`rapport` in a fork, with what tests need of `subprocess.Popen`: it runs in a session of its own, and is killed
    where its starter goes away."""

    def __init__(self, arguments: list[str], output: IO[bytes], environment: dict[str, str]) -> None:
        self.returncode: int | None = None
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(f"\0{forked()[-1]}")
        wanted = json.dumps([arguments, environment, str(Path.cwd()), True]).encode()
        with Path(os.devnull).open("rb") as nothing:
            descriptors = [nothing.fileno(), output.fileno(), output.fileno()]
            socket.send_fds(self._line, [len(wanted).to_bytes(4, "big")], descriptors)
            self._line.sendall(wanted)
        self.pid = self._told()

    def _told(self) -> int:
        return int.from_bytes(self._line.recv(4), "big", signed=True)

    def poll(self) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._line], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"rapport ({self.pid})", timeout or 0)
            self.returncode = self._told()
            self._line.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def become(asked: socket.socket) -> bool:
    """Be the command in a further fork. The first waits for it and tells how it ended, or ends it with who asked."""
    head, descriptors, _, _ = socket.recv_fds(asked, 4, 3)
    with asked.makefile("rb") as wanted:
        arguments, environment, directory, *node = json.loads(wanted.read(int.from_bytes(head, "big")))
    if command := os.fork():
        running = os.pidfd_open(command)
        if node:
            asked.send(command.to_bytes(4, "big"))
        if asked in select.select([asked, running], [], [])[0]:
            os.kill(command, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
        with suppress(OSError):
            asked.send(code.to_bytes(4, "big", signed=True))
        return False
    asked.close()
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(directory)
    surroundings(environment, [str(Path(cli.__file__).with_name("__main__.py")), *arguments])
    sys.modules["__main__"].__package__ = "rapport.cli"  # as `python -m` would leave it: usage is told by that name
    if node:
        os.setsid()
        parts.named([sys.executable, "-m", "rapport.cli", *arguments])
        parts.prepare()
    return True


def main(address: str) -> None:
    get_command(cli.command_line())  # reads every module
    parts.read()
    gc.freeze()
    asked = taken(address)
    # Not by way of the interpreter's end, which takes apart every module that was read: longer than the command.
    os._exit(ended(cli.main) if asked and become(asked) else 0)


if __name__ == "__main__":
    main(sys.argv[1])

"""The `rapport` command in a fork of a process that has read its modules already.

The suite runs some hundreds of commands, and each would read for half a second what it rests on before it works for
some hundredths of one. So one process reads it all, and makes a fork for each command: a process of its own with its
caller's arguments, environment, directory and file descriptors. What reading costs, and that a command reads all that
it needs, tests/cli/test_starting.py asks of fresh processes; nodes are fresh everywhere.

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
import threading
import traceback
from contextlib import suppress
from functools import cache
from pathlib import Path
from secrets import token_hex

from typer.main import get_command

from rapport import cli

ROOT = Path(__file__).parents[2]


@cache
def forked() -> list[str]:
    """The command that runs `rapport` in a fork; what makes the forks ends with the process that first asked for it."""
    address = f"rapport-tests-{token_hex(8)}"
    command = [sys.executable, "-m", "tests.e2e.forking", address]
    making = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, start_new_session=True)
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


def become(asked: socket.socket) -> bool:
    """Be the command in a further fork. The first waits for it and tells how it ended, or ends it with who asked."""
    head, descriptors, _, _ = socket.recv_fds(asked, 4, 3)
    with asked.makefile("rb") as wanted:
        arguments, environment, directory = json.loads(wanted.read(int.from_bytes(head, "big")))
    if command := os.fork():
        running = os.pidfd_open(command)
        if asked in select.select([asked, running], [], [])[0]:
            os.kill(command, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
        with suppress(OSError):
            asked.send(code.to_bytes(4, "big", signed=True))
        return False
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [str(Path(cli.__file__).with_name("__main__.py")), *arguments]
    sys.modules["__main__"].__package__ = "rapport.cli"  # as `python -m` would leave it: usage is told by that name
    return True


def run() -> int:
    """Run the command; answers its exit code once its threads have ended and what it said is out."""
    code: object = 0
    try:
        cli.main()
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001 (as the interpreter does with what nobody caught)
        traceback.print_exc()
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    return code if isinstance(code, int) else int(code is not None)


def main(address: str) -> None:
    get_command(cli.command_line())  # reads every module
    gc.freeze()
    asked = taken(address)
    # Not by way of the interpreter's end, which takes apart every module that was read: longer than the command.
    os._exit(run() if asked and become(asked) else 0)


if __name__ == "__main__":
    main(sys.argv[1])

"""The command in a fork is the command, and a node in forks is the node: it says and ends as in fresh processes, and
does not outlive who asked."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.forking import Forked, forked
from tests.e2e.running import RAPPORT, Node

HELD = {"RAPPORT_DATA": "here", "COLUMNS": "60"}


@pytest.mark.parametrize(
    "words",
    [
        ["--version"],
        ["org", "--help"],
        ["org", "nonsense"],
        ["org", "show", "nobody"],
        ["declaration", "check", "/dev/stdin"],
        ["org", "list", "--json"],
    ],
    ids=" ".join,
)
def test_it_says_and_ends_as_a_fresh_one_does(tmp_path: Path, words: list[str]) -> None:
    def done(command: list[str]) -> tuple[int, str, str]:
        ended = subprocess.run(
            [*command, *words], input='basis = "none"', capture_output=True, text=True,
            cwd=tmp_path, env={**os.environ, **HELD}, timeout=60, check=False,
        )  # fmt: skip
        return ended.returncode, ended.stdout, ended.stderr

    assert done(forked()) == done(RAPPORT)
    assert {path.name for path in tmp_path.iterdir()} <= {"here"}


def test_it_ends_with_who_asked_for_it(tmp_path: Path) -> None:
    pipe, deadline = tmp_path / "pipe", time.monotonic() + 60
    os.mkfifo(pipe)
    with subprocess.Popen([*forked(), "declaration", "check", str(pipe)]) as asking:
        while (held := opened(pipe)) is None:  # until the command reads it
            assert time.monotonic() < deadline
            time.sleep(0.01)
        asking.kill()
    while still_read(held):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.close(held)


def opened(pipe: Path) -> int | None:
    """A pipe to write to, if anybody reads it."""
    try:
        return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


def still_read(pipe: int) -> bool:
    try:
        return bool(os.write(pipe, b"#"))
    except BrokenPipeError:
        return False


def machine_says(node: Node) -> dict[str, tuple[object, ...]]:
    """What the machine knows of each process of a node, but for numbers that differ from start to start."""
    told = {}
    for part, number in {"up": node.process.pid, **node.children()}.items():
        of = Path(f"/proc/{number}")
        held = [str(one.readlink()) for one in (of / "fd").iterdir()]
        kinds = {re.sub(r"\d+", "N", one.replace(str(node.data), "DATA")) for one in held}
        status = dict(line.split(":", 1) for line in (of / "status").read_text().splitlines())
        words = (of / "cmdline").read_text().rstrip("\0").replace(str(node.port), "PORT")
        told[part] = (
            words.replace(str(node.data), "DATA"),
            str((of / "cwd").readlink()),
            os.getpriority(os.PRIO_PROCESS, number),
            os.getsid(number) == os.getpgid(number) == node.process.pid,
            {kind for kind in kinds if not re.match(r"DATA|anon_inode:\[(eventfd|pidfd)]", kind)},
            [status[mask].strip() for mask in ("SigIgn", "SigCgt", "SigBlk")],
        )
    return told


def alike(one: Node, other: Node) -> bool:
    with suppress(OSError):  # of what came and went meanwhile
        return machine_says(one) == machine_says(other)
    return False


def test_the_processes_of_a_node_are_as_those_of_a_fresh_one(start: Callable[..., Node]) -> None:
    ours, theirs, deadline = start("ours"), start("theirs", fresh=True), time.monotonic() + 60
    while not alike(ours, theirs):  # until the last part of either is there
        assert time.monotonic() < deadline, (machine_says(ours), machine_says(theirs))
        time.sleep(0.05)
    for node in (ours, theirs):
        killed = node.children()["worker"]
        os.kill(killed, signal.SIGKILL)
        while node.children().get("worker", killed) == killed:  # then a fresh one, here as there
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert node.org().send({"type": "track", "event": "Seen", "userId": "ada"}).status == 200
        assert node.org().view("user_id:ada")["events"]["total"] == 1
    assert (ours.stop(), theirs.stop()) == (0, 0)
    assert re.sub(r"\d+", "N", ours.output()) == re.sub(r"\d+", "N", theirs.output())


def test_what_forks_has_no_threads(node: Node) -> None:
    waiting = parent(node.process.pid)
    for number in (waiting, parent(waiting)):
        assert len(list(Path(f"/proc/{number}/task").iterdir())) == 1
    assert parent(parent(waiting)) == os.getpid()


def parent(number: int) -> int:
    return int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_node_that_cannot_start_says_and_ends_as_a_fresh_one_does(tmp_path: Path) -> None:
    said = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        words = ["up", "--data", str(tmp_path / "data"), "--port", str(taken.getsockname()[1])]
        for begin in (Forked, fresh):
            with (tmp_path / "out").open("w+b") as out:
                code = begin(words, out, dict(os.environ)).wait(60)
                out.seek(0)
                said.append((code, out.read()))
    assert said[0] == said[1]
    assert b"in use" in said[0][1]


def fresh(words: list[str], out: object, env: dict[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([*RAPPORT, *words], stdout=out, stderr=out, env=env)  # type: ignore[arg-type]


STARTS = """
import os, sys, tests.e2e.running as r
from pathlib import Path
node = r.Node(Path(sys.argv[1]))
print(node.process.pid, *node.children().values(), flush=True)
sys.stdin.read()
"""


def test_a_node_ends_with_who_started_it(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTS, str(tmp_path / "data")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as starter:
        assert starter.stdout is not None
        numbers = starter.stdout.readline().split()
        assert len(numbers) == 4
        starter.kill()
    deadline = time.monotonic() + 60
    while any(runs(int(number)) for number in numbers):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def runs(number: int) -> bool:
    """Whether a process is there, but for what is left of it until it is asked how it ended."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False

"""The command in a fork is the command: it says and ends as in a fresh process, and does not outlive who asked."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.forking import forked
from tests.e2e.running import RAPPORT

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

"""`make` says what it can do."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def make(*arguments: str) -> str:
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_help_lists_every_target():
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()
    assert {"up", "demo", "test", "prove", "check", "bench", "help"} <= set(targets)
    listed = dict(line.split(maxsplit=2)[1:] for line in make("help").splitlines())
    assert set(listed) == set(targets)


def test_make_alone_prints_the_help():
    assert make() == make("help")

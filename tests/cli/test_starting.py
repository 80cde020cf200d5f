"""The command line starts at once: a command loads what it needs, and the list of commands loads none of them."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from rapport.cli import COMMANDS, command_line
from tests.e2e.running import RAPPORT

WEB, NUMBERS, DATABASE = "starlette", "numpy", "sqlite3"
LISTED = "import sys; sys.argv[1:] = {}\nfrom rapport.cli import main\ntry: main()\nfinally: print('\\n', *sys.modules)"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """The command in a fresh process, which has read nothing yet."""
    return subprocess.run([*RAPPORT, *words], capture_output=True, text=True, timeout=60, check=False)


def loaded_by(*words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", LISTED.format(list(words))], capture_output=True, text=True, timeout=60, check=False
    )
    return set(done.stdout.splitlines()[-1].split())


def test_the_list_of_commands_tells_them_all_in_their_own_words() -> None:
    own = typer.main.get_command(command_line()).commands  # type: ignore[attr-defined]
    assert COMMANDS.keys() == own.keys()
    for name, (_, purpose) in COMMANDS.items():
        help_ = own[name].help or own[name].callback.__doc__
        assert " ".join(help_.split("\n\n")[0].split()) == purpose, name
    shown = run("--help").stdout
    assert all(name in shown for name in COMMANDS)


def test_a_command_loads_no_more_than_it_needs() -> None:
    assert not loaded_by("--help") & {WEB, NUMBERS, DATABASE}
    assert not loaded_by("up", "--help") & {WEB, NUMBERS}
    assert not loaded_by("demo", "--help") & {WEB, NUMBERS}
    assert not loaded_by("person", "add", "--help") & {WEB, NUMBERS}
    assert not loaded_by("verify", "--help") & {WEB, NUMBERS, DATABASE}


def test_no_process_of_a_node_loads_at_its_start_what_it_seldom_needs() -> None:
    modules = ("cli.up", "app.serving", "app.worker", "app.evaluating")
    parts = f"import sys, {', '.join(f'rapport.{name}' for name in modules)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", parts], capture_output=True, text=True, timeout=60, check=True)
    seldom = {NUMBERS, "scipy", "duckdb", "rapidfuzz", "joserfc", "webauthn", "rich.console"}
    assert not set(done.stdout.split()) & seldom


@pytest.mark.parametrize("words", [["persn"], ["--nonsense"], ["--nonsense", "org", "list"], ["org", "nonsense"]])
def test_what_is_no_command_is_told_so(words: list[str]) -> None:
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "No such" in done.stderr


def test_a_command_after_two_dashes_is_a_command(tmp_path: Path) -> None:
    assert run("--", "org", "list", "--data", str(tmp_path), "--json").stdout == "[]\n"


def test_the_version_is_told() -> None:
    assert run("--version").stdout.startswith("rapport ")

"""`rapport demo mutuality`: one person, three companies, one preset, told with a node of its own.

Nothing is acted: every step is a command or a request such as anyone could make, and what it prints is what came back.
Each step says what must hold and looks whether it does; where it does not, the command says so and exits 1.
"""

import contextlib
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from rapport.cli import options
from rapport.cli.demo.mutuality.stage import Stage
from rapport.cli.demo.mutuality.story import play
from rapport.cli.demo.mutuality.telling import Telling
from rapport.kernel.errors import Conflict, RapportError


def register(app: typer.Typer) -> None:
    app.command("mutuality")(mutuality)


def mutuality(
    data: Annotated[
        Path | None, typer.Option("--data", help="An empty directory to play in (default: a temporary one).")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the directory, to look at it afterwards.")] = False,
    json: options.Json = False,
) -> None:
    """Show mutuality: three companies ask for one person's data, and what they promise decides what each is told.

    Starts a node of its own in a directory of its own, and takes about half a minute. Exits 1 where anything is not as
    it should be.
    """
    telling = Telling(aloud=not json)
    with _directory(data, keep=keep) as directory, _ending():
        try:
            with Stage(directory, telling) as stage:
                play(stage, telling)
        except RapportError as error:
            telling.break_off(error.message)
        if keep:
            telling.say(f"Kept: {directory}")
    if json:
        options.print_json({**telling.transcript(), "directory": str(directory) if keep else None})
    if not telling.held:
        raise typer.Exit(1)


@contextlib.contextmanager
def _directory(wanted: Path | None, *, keep: bool) -> Iterator[Path]:
    """A directory to play in, gone afterwards unless it is to be kept. Raises Conflict where it is not empty."""
    if wanted is None:
        directory = Path(tempfile.mkdtemp(prefix="rapport-mutuality-"))
    else:
        if wanted.exists() and (not wanted.is_dir() or any(wanted.iterdir())):
            raise Conflict(f"{wanted} is not empty: the demo plays in a directory of its own", field="data")
        wanted.mkdir(parents=True, exist_ok=True, mode=0o700)
        directory = wanted.resolve()
    try:
        yield directory
    finally:
        if not keep:
            shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def _ending() -> Iterator[None]:
    """SIGTERM ends the play as Ctrl-C does, so that its node ends with it."""

    def interrupt(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

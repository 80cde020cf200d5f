"""Options that many commands share, and how a command says things."""

import contextlib
import json
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from rapport.app.settings import Settings, load

Data = Annotated[str | None, typer.Option("--data", help="The data directory (RAPPORT_DATA, default var).")]
Port = Annotated[int | None, typer.Option("--port", help="The node's port (RAPPORT_PORT, default 8080).")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, for machines.")]


def settings(data: str | None = None, port: int | None = None, **more: Any) -> Settings:
    """The settings in force with these flags."""
    return load({"data": data, "port": port, **more})


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False))


def plain(value: Any) -> str:
    """A value as JSON on one line, without what would steer a terminal: it is shown, not obeyed."""
    text = "absent" if value is None else json.dumps(value, ensure_ascii=False)
    return "".join(letter if letter.isprintable() else "�" for letter in text)


@contextlib.contextmanager
def waiting(text: str, *, quiet: bool = False) -> Iterator[None]:
    """Say on a terminal what is being waited for."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # noqa: PLC0415 (dear to load, for a terminal alone)

    with Console(stderr=True).status(text):
        yield

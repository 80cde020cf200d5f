"""`rapport verify`: check a bundle of receipts, offline, with nothing of the node but its key."""

from pathlib import Path
from typing import Annotated

import typer

from rapport.cli import options
from rapport.kernel import verify as verifier
from rapport.kernel.errors import BadInput

File = Annotated[Path, typer.Argument(metavar="FILE", help="A bundle, as `rapport person bundle` writes it.")]


def register(app: typer.Typer) -> None:
    app.command("verify")(verify)


def verify(
    file: File,
    since: Annotated[
        str | None, typer.Option("--since", help="The head, or the file of the bundle, that you saw last.")
    ] = None,
    key: Annotated[str | None, typer.Option("--key", help="The log's key, if you know it from elsewhere.")] = None,
    json: options.Json = False,
) -> None:
    """Check that no receipt was changed, dropped, added or swapped, and that the log continues the head you saw last.

    Needs no node and no network. Exit 0 only if everything holds.
    """
    try:
        done = verifier.verify(verifier.load(file), key=key, since=_seen(since))
    except verifier.Broken as broken:
        raise BadInput(str(broken), field="file") from None
    if json:
        options.print_json(done)
    elif done["ok"]:
        beside = f" ({done['hidden']} entries beside them tell others, or were erased.)" if done["hidden"] else ""
        typer.echo(f"All {done['receipts']} receipts hold.{beside} The head, for the next time:\n{done['head']}")
    else:
        typer.secho(f"This does not hold: {done['problem']}.", err=True, fg=typer.colors.RED)
    if not done["ok"]:
        raise typer.Exit(1)


def _seen(since: str | None) -> object:
    """What was seen before: a head as text, or a file with a bundle or a head in it."""
    if since is None or not Path(since[:255]).is_file():
        return since
    text = Path(since).read_text("utf-8", "replace").strip()
    return verifier.load(Path(since)) if text.startswith("{") else text

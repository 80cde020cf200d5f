"""`rapport verify`: check a bundle of receipts, offline, with nothing of the node but its key."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

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
    witness: Annotated[
        list[str] | None, typer.Option("--witness", metavar="VKEY", help="The key of a witness you trust; repeatable.")
    ] = None,
    witnesses: Annotated[
        int | None, typer.Option("--witnesses", min=1, help="How many of them must have signed; all, if not said.")
    ] = None,
    log: Annotated[
        str | None,
        typer.Option(
            "--log",
            metavar="DIR|URL",
            help="Walk the log, published at URL or kept in DIR: are the heads shown the newest?",
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Check that no receipt was changed, dropped, added or swapped, and that the log continues the head you saw last.

    Needs no node, and no network but for --log URL. Exit 0 only if everything holds.
    """
    read = None if log is None else verifier.log_at(log)
    try:
        bundle = verifier.load(file)
        done = verifier.verify(bundle, key=key, since=_seen(since), witnesses=witness or (), quorum=witnesses, log=read)
    except verifier.Broken as broken:
        raise BadInput(str(broken), field="file") from None
    if json:
        options.print_json(done)
    elif done["ok"]:
        beside = f" ({done['hidden']} entries beside them tell others, or were erased.)" if done["hidden"] else ""
        typer.echo(f"All {done['receipts']} receipts hold.{beside}")
        for line in _more(done, set(witness or ())):
            typer.echo(line)
        typer.echo(f"The head, for the next time:\n{done['head']}")
    else:
        typer.secho(f"This does not hold: {done['problem']}.", err=True, fg=typer.colors.RED)
    if not done["ok"]:
        raise typer.Exit(1)


def _more(done: dict[str, Any], trusted: set[str]) -> list[str]:
    """Who signed the log, and whether the heads are the newest."""
    said = []
    for one in done["witnesses"]:
        at = datetime.fromtimestamp(min(one["at"], 253_402_300_799), UTC).strftime("%Y-%m-%d %H:%M:%S")
        of = "a log with all of them" if one["all"] else "a log of before the newest of them"
        known = "" if one["key"] in trusted else "; its key is told by the node alone"
        said.append(f"Witness {one['name']} signed {of} ({one['size']} entries) on {at} UTC{known}.")
    if latest := done["latest"]:
        grown = f" {latest['grown']} of their trees have grown since." if latest["grown"] else ""
        said.append(f"Among {latest['entries']} entries, the log has no newer heads than those of the bundle.{grown}")
    return said


def _seen(since: str | None) -> object:
    """What was seen before: a head as text, or a file with a bundle or a head in it."""
    if since is None or not Path(since[:255]).is_file():
        return since
    text = Path(since).read_text("utf-8", "replace").strip()
    return verifier.load(Path(since)) if text.startswith("{") else text

"""`rapport export`: the customers that may be read for a purpose, as one file."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from rapport.app.auditing import noted
from rapport.app.exporting import open_exporter
from rapport.cli import options

_TERMINATED = 143


def register(app: typer.Typer) -> None:
    app.command("export")(export)


def export(
    org: Annotated[str, typer.Argument(metavar="ORG", help="The organization.")],
    purpose: Annotated[str, typer.Option("--purpose", help="What the export is for.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write: .parquet or .csv.")],
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many customers.")] = None,
    recipient: Annotated[
        list[str] | None,
        typer.Option("--recipient", metavar="NAME", help="To whom it is given, as the declaration names them."),
    ] = None,
    audience: Annotated[str, typer.Option("--audience", help="The members of this audience alone.")] = "",
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Export the customers that may be read for a purpose, one row and one receipt for each.

    Who may not be read is not in it. The file says which declaration it rests on, its purpose, and until when it may be
    kept. It is on record who is in it and who is to have it, so that they can be told if a customer wants to be erased.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))  # so that nothing is left behind
    settings = options.settings(data)
    exporter = open_exporter(settings, org)
    with Console(stderr=True, quiet=json or not sys.stderr.isatty()).status("Exporting …") as status:

        def progress(walked: int, customers: int) -> None:
            status.update(f"Exporting … {walked:,} records walked, {customers:,} customers")

        going = exporter.export(
            org, purpose, out, limit=limit, recipients=recipient or (), audience=audience, progress=progress
        )
        with noted(settings, org, "exported to a file"):
            done = asyncio.run(going)
    if json:
        side = None if done.side_file is None else str(done.side_file)
        said = {name.removeprefix("rapport."): value for name, value in done.metadata.items() if value}
        options.print_json(
            {**said, "file": str(done.file), "side_file": side, "customers": done.customers, "columns": done.columns}
        )
        return
    typer.echo(f"{done.customers:,} customers in {done.file} ({done.columns} columns), a receipt for each.")
    if expires := done.metadata["rapport.expires_at"]:
        typer.echo(f"It may be kept until {expires}.")

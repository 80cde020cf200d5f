"""`rapport keys`: what keys there are, and rotating them."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from rapport.app import rotating
from rapport.cli import options
from rapport.kernel.errors import BadInput

_KINDS = {
    "node_key": "of the node and its organizations",
    "log_key": "of the log",
    "record_key": "of records",
    "person_key": "of persons",
    "carve_key": "of what a law keeps of erased persons",
}

keys = typer.Typer(help="Keys: what there are, and new ones in place of old ones.", no_args_is_help=True)

NewKek = Annotated[
    Path | None,
    typer.Option(
        "--new-kek-file", metavar="FILE", help="Where the new key-encryption key is; made if it is not there."
    ),
]
Organization = Annotated[
    str | None, typer.Option("--organization", metavar="ORG", help="Rotate this organization's key instead.")
]


def register(app: typer.Typer) -> None:
    app.add_typer(keys, name="keys")


@keys.command("show")
def show(data: options.Data = None, json: options.Json = False) -> None:
    """Count the keys of each kind; no key is ever shown."""
    counts = rotating.counts(options.settings(data))
    if json:
        options.print_json(counts)
    else:
        typer.echo("\n".join(f"{count:12,}  {_KINDS.get(kind, kind)}" for kind, count in counts.items()))


@keys.command("rotate")
def rotate(
    new_kek_file: NewKek = None,
    organization: Organization = None,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Replace the key-encryption key, or an organization's key, and wrap anew what it wraps. Stop the node first."""
    if organization is not None and new_kek_file is not None:
        raise BadInput("--organization and --new-kek-file are two different rotations: one at a time")
    settings = options.settings(data)
    if organization is not None:
        done = rotating.rotate_organization(settings, organization)
    else:
        done = rotating.rotate_kek(settings, new_kek_file)
    if json:
        options.print_json(msgspec.to_builtins(done))
        return
    typer.echo(f"{done.keys:,} keys are wrapped under a new key.")
    if done.setting == "RAPPORT_KEK":
        typer.echo(f"Set RAPPORT_KEK to what `base64 -w0 {done.key_file}` prints before the node starts again.")
    elif done.setting:
        typer.echo(f"Set {done.setting} to {done.key_file} before the node starts again, and destroy the old file.")

"""`rapport backup` and `rapport restore`: the data in one archive without any key, the keys in another."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from rapport.app import backing_up, restoring
from rapport.app.backing_up import Tell
from rapport.cli import options
from rapport.kernel.errors import BadInput

File = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="The archive to write; gzipped where it ends in .gz or .tgz.")
]
KeysOut = Annotated[
    Path | None,
    typer.Option("--keys", metavar="FILE", help="Back up the keys, to this file, sealed by the backup key."),
]
Archive = Annotated[Path, typer.Argument(metavar="ARCHIVE", help="What rapport backup FILE wrote.")]
KeysIn = Annotated[Path, typer.Option("--keys", metavar="FILE", help="What rapport backup --keys FILE wrote.")]
BackupKey = Annotated[
    Path | None,
    typer.Option("--backup-key", metavar="FILE", help="The backup key (default: what RAPPORT_BACKUP_KEY_FILE names)."),
]


def register(app: typer.Typer) -> None:
    app.command("backup")(backup)
    app.command("restore")(restore)


def backup(file: File = None, keys: KeysOut = None, data: options.Data = None, json: options.Json = False) -> None:
    """Back up a node, running or not: its data into FILE, which holds no key; its keys by --keys, to be kept apart."""
    if file is None and keys is None:
        raise BadInput("name an archive to write, or --keys FILE, or both", field="file")
    settings = options.settings(data)
    told: dict[str, Any] = {}
    if file is not None:
        with _bar() as tell:
            manifest = backing_up.back_up(settings, file, tell)
        told["archive"] = {"file": str(file), "bytes": file.stat().st_size, **msgspec.to_builtins(manifest)}
        if not json:
            waiting = manifest.last - manifest.cursor
            typer.echo(
                f"{file}: {file.stat().st_size:,} bytes, no key among them; {waiting} accepted requests wait in it."
            )
    if keys is not None:
        head = backing_up.back_up_keys(settings, keys)
        told["keys"] = {"file": str(keys), **msgspec.to_builtins(head)}
        if not json:
            sealing = backing_up.backup_key_path(settings)
            typer.echo(f"{keys}: {sum(head.counts.values()):,} keys, sealed under {sealing}.")
            typer.echo("Keep that file, this one and the archive in three places: together they open everything.")
    if json:
        options.print_json(told)


def restore(
    archive: Archive,
    keys: KeysIn,
    backup_key: BackupKey = None,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Restore a backup into a data directory that is empty or not there yet."""
    settings = options.settings(data)
    with _bar() as tell:
        restored = restoring.restore(settings, archive, keys, backup_key, tell)
    if json:
        options.print_json(msgspec.to_builtins(restored))
        return
    typer.echo(
        f"{restored.data}: {restored.records:,} records as of {restored.backup_of}, keys as of {restored.keys_of}"
    )
    if restored.requests_waiting:
        typer.echo(f"{restored.requests_waiting:,} accepted requests are taken in once the node runs.")
    if restored.taken_away:
        typer.echo(
            f"{restored.taken_away:,} passkeys, devices, tokens, claims, addresses and recovery codes that were let go "
            "of after the backup, and changes of terms, were not brought back."
        )
    if restored.records_without_key:
        typer.echo(
            f"{restored.records_without_key:,} records have no key and are gone: they were erased after the backup, "
            "or the backup of keys is older than they are."
        )
    if restored.requests_lost:
        typer.echo(
            f"{restored.requests_lost:,} accepted requests that waited when the backup was made could not be opened: "
            "they were taken in, and their key destroyed, before the keys were backed up."
        )


@contextmanager
def _bar() -> Iterator[Tell]:
    """Progress on a terminal, silent elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    shown = sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not shown) as bar:
        task = bar.add_task("beginning", total=1.0)
        yield lambda what, part: bar.update(task, description=what, completed=part)

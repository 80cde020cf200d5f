"""The `rapport` command. Each command lives in a module of its own; errors become one line and an exit code."""

import sys

import typer

from rapport import __version__
from rapport.cli import agreement, backup, declaration, demo, import_, keys, org, person, show, up, verify
from rapport.kernel.errors import RapportError

app = typer.Typer(
    name="rapport",
    help="A real-time customer data platform that the customer co-owns.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

up.register(app)
demo.register(app)
org.register(app)
person.register(app)
verify.register(app)
import_.register(app)
show.register(app)
backup.register(app)
keys.register(app)
declaration.register(app)
agreement.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rapport {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and leave."
    ),
) -> None:
    del version


def main() -> None:
    """Run the command; errors of ours end it with one line on stderr and their exit code."""
    try:
        app()
    except RapportError as error:
        where = f" ({error.field})" if error.field and error.field not in error.message else ""
        typer.secho(f"rapport: {error.message}{where}", err=True, fg=typer.colors.RED if sys.stderr.isatty() else None)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)

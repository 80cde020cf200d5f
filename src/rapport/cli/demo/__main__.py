"""`python -m rapport.cli.demo --port P --data DIR`: started by `rapport up --demo`, and ends with it."""

import contextlib
import os

import typer

from rapport.cli import demo, options
from rapport.kernel.errors import RapportError


def main(data: options.Data = None, port: options.Port = None) -> None:
    # Ended by Ctrl-C, by SIGTERM or with the node: none of these is news to whoever reads the terminal of `rapport up`.
    with contextlib.suppress(KeyboardInterrupt, demo.NodeGone):
        try:
            demo.beside(options.settings(data, port), os.getppid())
        except RapportError as error:
            if isinstance(error, demo.NodeGone):
                raise
            typer.echo(f"rapport demo: {error.message}", err=True)
            raise typer.Exit(error.exit_code) from None


if __name__ == "__main__":
    typer.run(main)

"""The `rapport` command. Each command lives in a module of its own; errors become one line and an exit code.

A command imports its own module alone, and `rapport --help` none: what they rest on takes longer to load than most of
them take to do their work.
"""

import gc
import sys
from collections.abc import Sequence
from importlib import import_module

import typer

from rapport import __version__
from rapport.kernel.errors import RapportError

COMMANDS = {
    "up": ("up", "Run a node, its processes over one data directory, until Ctrl-C or SIGTERM."),
    "console": (
        "up",
        "Print where to sign in to the console: the first time by a link that opens it once, within ten minutes.",
    ),
    "demo": (
        "demo",
        "Fill a running node with a small high-street company: web shop, app, tills, CRM and support desk.",
    ),
    "org": ("org", "Organizations: the companies that use this node."),
    "source": ("org", "Sources: systems and channels that send data, each with its write key."),
    "person": ("person", "Persons: people with an account, who say who may use what."),
    "agent": ("agent", "Agents: whom people may send to exercise their rights at a company."),
    "request": ("request", "Requests: what people ask a company for by right."),
    "recipient": ("demands", "Recipients: those named in a declaration, and where each takes deletion demands."),
    "demands": (
        "demands",
        "List deletion demands, the newest first: who was asked, and who acknowledged or stays silent.",
    ),
    "destination": ("destination", "Destinations: where what happens to customers is sent, and how each fares."),
    "outbox": ("outbox", "The outbox: what is on its way to other systems, and what could not be delivered."),
    "benefit": ("benefit", "Benefits: what uses gave to the customer and to the company."),
    "verify": (
        "verify",
        (
            "Check that no receipt was changed, dropped, added or swapped, "
            "and that the log continues the head you saw last."
        ),
    ),
    "import": (
        "import_",
        "Import files, or a table of a database, by a mapping from their columns to identifiers, traits and events.",
    ),
    "show": ("show", "Show a customer's view: identifiers, traits with their provenance, events and records."),
    "explain": (
        "show",
        "Explain why a customer's records are together: every piece of evidence, used or not, and why.",
    ),
    "resolve": ("resolve", "Tell what a change of rules would merge and split in today's data; nothing is changed."),
    "export": ("export", "Export the customers that may be read for a purpose, one row and one receipt for each."),
    "audience": ("audience", "Audiences: who is meant, by an expression for a purpose; and who is in."),
    "trait": ("trait", "Computed traits: values worked out of what is known, by expressions and models."),
    "action": ("action", "Actions: what the company can do for a customer, or silence."),
    "learn": ("learn", "What decisions gave to both sides, and what would have given more."),
    "outcome": ("outcome", "Outcomes: what decisions gave, and which events tell."),
    "backup": (
        "backup",
        "Back up a node, running or not: its data into FILE, which holds no key; its keys by --keys, to be kept apart.",
    ),
    "restore": ("backup", "Restore a backup into a data directory that is empty or not there yet."),
    "keys": ("keys", "Keys: what there are, and new ones in place of old ones."),
    "declaration": ("declaration", "Declarations: what an organization promises, signed and versioned."),
    "attester": ("declaration", "Attesters: those whose word on an organization's values counts."),
    "operator": ("operator", "Operators: who signs in to the console, with a passkey and a role."),
    "token": ("operator", "Tokens: what programs show to the HTTP interface."),
    "audit": ("operator", "Tell who did what in the console, by tokens and at the command line, the newest first."),
    "agreement": ("agreement", "Agreements: where people's terms and an organization's promise meet."),
}
"""Each command's module and, in the words of that, what it is for."""


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rapport {__version__}")
        raise typer.Exit


def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and leave."
    ),
) -> None:
    del version


def command_line(modules: Sequence[str] | None = None) -> typer.Typer:
    """The command with those of its commands that live in these modules; by default, with all."""
    app = typer.Typer(
        name="rapport",
        help="A real-time customer data platform that the customer co-owns.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    for name in dict.fromkeys(module for module, _ in COMMANDS.values()) if modules is None else modules:
        import_module(f"rapport.cli.{name}").register(app)
    return app


def _asked_for(words: Sequence[str]) -> typer.Typer:
    """As much of the command line as these words need."""
    if words and words[0] in COMMANDS:
        return command_line([COMMANDS[words[0]][0]])
    if words not in ([], ["--help"], ["--version"]):
        return command_line()
    contents = command_line([])
    for name, (_, purpose) in COMMANDS.items():
        contents.command(name, help=purpose)(_never_run)
    return contents


def _never_run() -> None:
    """Stands for a command in the list of them."""


def main() -> None:
    """Run the command; errors of ours end it with one line on stderr and their exit code."""
    # Modules stay to the end: to look through them for garbage while they come takes a sixth of the time of reading.
    gc.disable()
    try:
        asked = _asked_for(sys.argv[1:])
        gc.enable()
        asked()
    except RapportError as error:
        where = f" ({error.field})" if error.field and error.field not in error.message else ""
        typer.secho(f"rapport: {error.message}{where}", err=True, fg=typer.colors.RED if sys.stderr.isatty() else None)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)

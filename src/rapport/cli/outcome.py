"""`rapport outcome`: which events settle what decisions gave."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from rapport.adapters.embedded.audit import COMMAND_LINE
from rapport.app.actions import named_org
from rapport.app.outcomes import HouseOutcomes, outcomes_at_hand
from rapport.cli import options
from rapport.kernel.errors import BadInput
from rapport.learn.outcomes import Gives
from rapport.learn.rules import Rules, rules_in, told_rules

outcomes = typer.Typer(help="Outcomes: what decisions gave, and which events tell.", no_args_is_help=True)

Org = Annotated[str | None, typer.Option("--org", help="The organization; needed where there is more than one.")]


def register(app: typer.Typer) -> None:
    app.add_typer(outcomes, name="outcome")


@outcomes.command("rules")
def rules(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="TOML, with as many [[rules]] as you like.")],
    org: Org = None,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Say which events settle outcomes, in the place of all rules before."""
    try:
        said = rules_in(file.read_bytes())
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}", code="bad_file") from None
    with _at_hand(data, org) as (house, name):
        _echo(asyncio.run(house.put_rules(name, said, COMMAND_LINE)), json=json)


@outcomes.command("show")
def show(org: Org = None, data: options.Data = None, json: options.Json = False) -> None:
    """Show which events settle outcomes, and what each is worth to both sides."""
    with _at_hand(data, org) as (house, name):
        _echo(asyncio.run(house.rules(name)), json=json)


@contextlib.contextmanager
def _at_hand(data: str | None, org: str | None) -> Iterator[tuple[HouseOutcomes, str]]:
    settings = options.settings(data)
    with outcomes_at_hand(settings) as house:
        yield house, named_org(settings, org)


def _echo(kept: Rules, *, json: bool) -> None:
    told = told_rules(kept)
    if json:
        options.print_json(told)
        return
    for rule, one in zip(kept.rules, told["rules"], strict=True):
        which = "the last decision" if rule.attribution == "last" else "the only decision"
        typer.echo(f"{options.plain(rule.event)} settles {which} of at most {one['days']} days before:")
        typer.echo(f"  {_gives(rule.customer)} to the customer, {_gives(rule.company)} to the company")
    if not kept.rules:
        typer.echo("No event settles outcomes yet: say which with rapport outcome rules FILE.")


def _gives(gives: Gives) -> str:
    if not gives.property:
        return f"{gives.fixed:g}"
    fixed = f" + {gives.fixed:g}" if gives.fixed else ""
    return f"{gives.times:g} × {options.plain(gives.property)}{fixed}"

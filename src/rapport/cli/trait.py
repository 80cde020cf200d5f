"""`rapport trait`: computed traits, by expressions and by models that ship with Rapport."""

import asyncio
from typing import Annotated

import typer

from rapport.adapters.embedded.audit import COMMAND_LINE
from rapport.cli import options
from rapport.cli.definitions import Org, echo_saved, line_of, opened
from rapport.kernel.times import rfc3339
from rapport.web.audiences import Learned, TraitWish, told_definition, told_trait

traits = typer.Typer(
    help="Computed traits: values worked out of what is known, by expressions and models.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The computed trait: letters, digits and _.")]


def register(app: typer.Typer) -> None:
    app.add_typer(traits, name="trait")


@traits.command("add")
def add(
    org: Org,
    name: Name,
    purpose: Annotated[str, typer.Option("--purpose", help="What it is for; a model learns from who lets it.")],
    expression: Annotated[
        str | None, typer.Argument(metavar="[EXPRESSION]", help="What gives the value; left out with --model.")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="A model, such as lifetime_value or rfm.")] = None,
    event: Annotated[str | None, typer.Option("--event", help="With --model: the event that is a purchase.")] = None,
    value: Annotated[
        str | None, typer.Option("--value", help="With --model: its property that says for how much.")
    ] = None,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Save a computed trait, or another version of one."""
    with opened(data, org) as (_, house):
        saved = asyncio.run(house.put(org, name, TraitWish(purpose, expression, model, event, value), COMMAND_LINE))
    echo_saved(saved, json=json)


@traits.command("list")
def listed(org: Org, data: options.Data = None, json: options.Json = False) -> None:
    """List the computed traits of an organization, by name."""
    with opened(data, org) as (_, house):
        found = asyncio.run(house.page(org, "", 1 << 31))
    if json:
        options.print_json([told_definition(one) for one in found])
    else:
        typer.echo("\n".join(map(line_of, found)) or "There is no computed trait yet.")


@traits.command("show")
def show(org: Org, name: Name, data: options.Data = None, json: options.Json = False) -> None:
    """Show a computed trait's definition, and of a model what it learned from."""
    with opened(data, org) as (_, house):
        one, learned = asyncio.run(house.named(org, name))
    if json:
        options.print_json(told_trait(one, learned))
        return
    typer.echo(line_of(one))
    if one.model:
        typer.echo(f"  {_learned(learned)}")


@traits.command("remove")
def remove(org: Org, name: Name, data: options.Data = None) -> None:
    """Remove a computed trait. Not while an audience, another or a destination names it."""
    with opened(data, org) as (_, house):
        asyncio.run(house.delete(org, name, COMMAND_LINE))
    typer.echo(f"{name} is no more.")


def _learned(last: Learned | None) -> str:
    if last is None:
        return "It has learned nothing yet: it waits for its turn."
    if last.trouble:
        return f"It could learn nothing, {rfc3339(last.at)}: {last.trouble}"
    return f"It learned from {last.customers:,} customers, {rfc3339(last.at)}; once a day anew."

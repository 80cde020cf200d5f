"""`rapport audience`: who is meant, by an expression for a purpose; and who is in, through the gate."""

import asyncio
from typing import Annotated, Any

import typer

from rapport.adapters.embedded.audit import COMMAND_LINE
from rapport.cli import options
from rapport.cli.definitions import Org, echo_saved, echo_warnings, opened
from rapport.kernel.times import rfc3339
from rapport.terms.aggregates import words
from rapport.web.audiences import Standing, told_audience, told_day, told_member, told_preview

audiences = typer.Typer(
    help="Audiences: who is meant, by an expression for a purpose; and who is in.", no_args_is_help=True
)

CALLER = "command line"
WEEK = 7
_PAGE = 500

Name = Annotated[str, typer.Argument(metavar="NAME", help="The audience: letters, digits, _ and -.")]
Expression = Annotated[
    str, typer.Argument(metavar="EXPRESSION", help="True or false of a customer, such as 'traits.plan == \"gold\"'.")
]
Purpose = Annotated[str, typer.Option("--purpose", help="What it is for, such as service or offers.")]


def register(app: typer.Typer) -> None:
    app.add_typer(audiences, name="audience")


@audiences.command("add")
def add(
    org: Org,
    name: Name,
    expression: Expression,
    purpose: Purpose,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Save an audience, or another version of one. A running node fills it, and keeps it."""
    with opened(data, org) as (house, _):
        saved = asyncio.run(house.put(org, name, expression, purpose, COMMAND_LINE))
    echo_saved(saved, json=json)


@audiences.command("list")
def listed(org: Org, data: options.Data = None, json: options.Json = False) -> None:
    """List the audiences of an organization, by name, with how many are in."""
    with opened(data, org) as (house, _):
        found = asyncio.run(house.page(org, "", 1 << 31))
    if json:
        options.print_json([told_audience(one) for one in found])
        return
    lines = [
        f"{one.audience.name:24} {_count(one)}  {one.audience.purpose}: {one.audience.expression}" for one in found
    ]
    typer.echo("\n".join(lines) or "There is no audience yet.")


@audiences.command("show")
def show(org: Org, name: Name, data: options.Data = None, json: options.Json = False) -> None:
    """Show an audience: its definition, how many are in, and the last seven days."""
    with opened(data, org) as (house, _):
        one = asyncio.run(house.named(org, name))
        days = asyncio.run(house.history(org, name, WEEK))
    if json:
        options.print_json({**told_audience(one), "days": [told_day(day) for day in days]})
        return
    typer.echo(f"{name}, version {one.audience.version} since {rfc3339(one.audience.at)}, for {one.audience.purpose}")
    typer.echo(f"  {one.audience.expression}\n{_count(one).strip()} in")
    if one.failing:
        typer.echo(f"it fails on {one.failing:,}, who are not in: {one.reason}")
    for day in days:
        told = told_day(day)
        typer.echo(f"  {told['day']}  {day.inside:>9,} in  {day.entered:>7,} entered  {day.left:>7,} left")


@audiences.command("members")
def members(
    org: Org,
    name: Name,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many.")] = None,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """List who is in: each is handed over through the gate, with a receipt."""
    found: list[dict[str, Any]] = []
    with opened(data, org) as (house, _):
        cursor: str | None = None
        while limit is None or len(found) < limit:
            most = _PAGE if limit is None else min(_PAGE, limit - len(found))
            page, cursor = asyncio.run(house.members(org, name, CALLER, cursor, most))
            found += map(told_member, page)
            if cursor is None:
                break
    if json:
        options.print_json({"members": found})
    else:
        typer.echo("\n".join(f"{one['customer']}  since {one['since']}" for one in found) or "Nobody is in.")


@audiences.command("why")
def why(
    org: Org,
    name: Name,
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="type:value, or cus_…")],
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Explain why a customer is in or out: each piece of the expression, with what it saw."""
    with opened(data, org) as (house, _):
        told = asyncio.run(house.why(org, name, customer, CALLER))
    if json:
        options.print_json(told)
        return
    since = f" since {told['since']}" if told["since"] else ""
    typer.echo(f"{told['customer']} is {'in' if told['inside'] else 'out'}{since}")
    for piece in told["why"]:
        _echo_piece(piece, 1)
    if told["due"]:
        typer.echo(f"Time alone changes it no earlier than {told['due']}.")


@audiences.command("preview")
def preview(
    org: Org,
    expression: Expression,
    purpose: Purpose,
    against: Annotated[
        str | None, typer.Option("--against", help="A saved audience, to say who would be new and who would leave.")
    ] = None,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Try an expression on today's data; nothing is saved."""
    with opened(data, org) as (house, _):
        told = asyncio.run(house.preview(org, expression, purpose, against, CALLER))
    if json:
        options.print_json(told_preview(told))
        return
    compared = "" if told.new is None else f", {told.new:,} of them new; {told.left:,} would leave"
    typer.echo(f"{told.inside:,} in{compared}; {words(told.refusing)} may not be read for {purpose}")
    if told.share < 1:
        typer.echo(f"  estimated from {told.share:.0%} of all records")
    if told.failing:
        typer.echo(f"  it fails on {told.failing:,}: {told.reason}")
    echo_warnings(told.warnings)


@audiences.command("remove")
def remove(org: Org, name: Name, data: options.Data = None) -> None:
    """Remove an audience. Not while a destination is given it."""
    with opened(data, org) as (house, _):
        asyncio.run(house.delete(org, name, COMMAND_LINE))
    typer.echo(f"{name} is no more.")


def _count(one: Standing) -> str:
    filling = "" if one.filling is None else f" (being filled: {one.filling.share:.0%})"
    return f"{one.count:>9,}{filling}"


def _echo_piece(piece: dict[str, Any], depth: int) -> None:
    gives = piece["error"] or ("unknown" if piece["result"] is None else options.plain(piece["result"]))
    saw = ", ".join(f"{one['what']} is {options.plain(one['value'])}" for one in piece["saw"])
    of = f"computed.{piece['trait']} = " if "trait" in piece else ""
    typer.echo(f"{'  ' * depth}{of}{piece['text']}  →  {gives}{f'  ({saw})' if saw else ''}")
    for part in piece["parts"]:
        _echo_piece(part, depth + 1)

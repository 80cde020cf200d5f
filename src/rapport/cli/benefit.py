"""`rapport benefit`: what uses gave, settled by events themselves."""

import asyncio
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from rapport.adapters.embedded.benefits import BenefitFile
from rapport.app import embedded, statements
from rapport.cli import options
from rapport.kernel.errors import BadInput, NotFound
from rapport.terms.benefits import parse_mapping
from rapport.terms.estimates import parse_estimates, today

benefits = typer.Typer(help="Benefits: what uses gave to the customer and to the company.", no_args_is_help=True)

Org = Annotated[str, typer.Argument(metavar="ORG", help="The organization.")]


def register(app: typer.Typer) -> None:
    app.add_typer(benefits, name="benefit")


@benefits.command("map")
def map_events(
    org: Org,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Events and what they give, in TOML.")],
    data: options.Data = None,
) -> None:
    """Say which events settle themselves, such as a redeemed voucher. It takes the place of what was said before."""
    try:
        mapped = parse_mapping(file.read_bytes())
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}", field="file") from None
    settings = options.settings(data)
    BenefitFile(embedded.open_ledger(settings)).set_mapping(org, mapped)
    lines = [f"{one.event}  {one.property} → {one.side} {one.kind} ({one.unit})" for one in mapped]
    typer.echo("\n".join(lines) or "No event settles itself any longer.")


@benefits.command("estimate")
def estimate(
    org: Org,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Estimates of groups of people, in TOML.")],
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Put what uses gave to groups of people, against people left alone. Of each group the newest counts; people read
    it on their statements, beside what is settled and never added to it."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}", field="file") from None
    estimates = parse_estimates(content, today())
    book = BenefitFile(embedded.open_ledger(options.settings(data)))
    book.estimate(org, estimates)
    if json:
        options.print_json(
            {"organization": org, "estimates": [msgspec.to_builtins(one) for one in book.estimates(org)]}
        )
    else:
        typer.echo("\n".join(statements.said_estimate(one) for one in estimates))


@benefits.command("settle")
def settle(org: Org, data: options.Data = None, json: options.Json = False) -> None:
    """Keep what such events gave, as far as they may be seen. May be repeated."""
    settings = options.settings(data)
    if not embedded.open_ledger(settings).has_org(org):
        raise NotFound(f"there is no organization {org!r}", field="org")
    count = asyncio.run(statements.settle(settings, org))
    if json:
        options.print_json({"organization": org, "settled": count})
    else:
        typer.echo(f"{count} benefits are new.")

"""`rapport learn`: what decisions gave to both sides, and what other ways to decide would have given."""

import datetime as dt
from typing import Annotated, Any

import msgspec
import typer

from rapport.cli import options
from rapport.kernel.times import now

learn = typer.Typer(help="What decisions gave to both sides, and what would have given more.", no_args_is_help=True)

Org = Annotated[str, typer.Option("--org", help="The organization.")]
_SIDES = {"customer": "customers", "company": "company"}


def register(app: typer.Typer) -> None:
    app.add_typer(learn, name="learn")


@learn.command("evaluate")
def evaluate(
    org: Org,
    tell: Annotated[
        bool, typer.Option("--tell", help="Put the figures into the book of estimates, for statements.")
    ] = False,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Tell what each action gave to those who got it, against silence, with intervals; and whether any harms."""
    from rapport.app import looking_back  # noqa: PLC0415 (NumPy takes a while to load)

    with looking_back.at_hand(options.settings(data), org) as ledger:
        with options.waiting("Looking back on decisions …", quiet=json):
            found = looking_back.evaluated(looking_back.past(ledger, org), now())
        told = looking_back.tell_the_books(ledger, org, found, dt.datetime.now(dt.UTC).date()) if tell else 0
    if json:
        options.print_json({**_plain(found._asdict()), "told": told})
        return
    typer.echo(f"{found.decisions:,} decisions whose time has passed, about {found.customers:,} customers.\n")
    for effect in (*found.all, *found.effects):
        typer.echo(f"{effect.of:28} {_SIDES[effect.side]:10} {_figure(effect.value, effect.low, effect.high)}")
    if not found.decisions:
        typer.echo(
            "Nothing is known yet: a decision counts once its window has passed (rapport learn evaluate --help)."
        )
    for verdict in found.verdicts:
        if verdict.harmful:
            typer.echo(f"\nswitch off: {verdict.said}")
    if tell:
        typer.echo(f"\n{told} figures are in the book of estimates.")


@learn.command("what-if")
def what_if(
    org: Org,
    weight: Annotated[float | None, typer.Option("--weight", help="The customer's weight, between 0 and 1.")] = None,
    without: Annotated[str, typer.Option("--without", metavar="ACTION", help="Had this action not been there.")] = "",
    most: Annotated[int | None, typer.Option("--most", help="At most so many contacts …", min=0)] = None,
    days: Annotated[int, typer.Option("--days", help="… within so many days.", min=1)] = 7,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Tell what one change would have given each side, from decisions that were made: "no proven gain" is an answer."""
    from rapport.app import looking_back  # noqa: PLC0415 (NumPy takes a while to load)

    waiting = options.waiting("Looking back on decisions …", quiet=json)
    with looking_back.at_hand(options.settings(data), org) as ledger, waiting:
        found = looking_back.past(ledger, org)
        answer = looking_back.asked(found, now(), weight=weight, without=without, most=most, days=days)
    if json:
        options.print_json(msgspec.to_builtins(answer))
        return
    typer.echo(f"{answer.what}, over {answer.decisions:,} decisions; {answer.changed:.0%} of the choices change.\n")
    for gain in answer.gains:
        figure = _figure(gain.estimated.value, gain.estimated.low, gain.estimated.high)
        typer.echo(f"{_SIDES[gain.side]:10} {figure:34} {gain.said}")


def _figure(value: float | None, low: float | None, high: float | None) -> str:
    if value is None or low is None or high is None:
        return "too little is known"
    return f"{value:+.3f} [{low:+.3f}, {high:+.3f}]"


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(found)
    return told

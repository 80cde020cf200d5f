"""`rapport learn`: what decisions gave to both sides, and what other ways to decide would have given."""

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from rapport.cli import options, reviewing
from rapport.kernel.times import now, rfc3339

if TYPE_CHECKING:
    from rapport.app.looking_back import Past
    from rapport.app.recomputing import Recomputed

learn = typer.Typer(help="What decisions gave to both sides, and what would have given more.", no_args_is_help=True)

Org = Annotated[str, typer.Option("--org", help="The organization.")]
_SIDES = {"customer": "customers", "company": "company"}


def register(app: typer.Typer) -> None:
    reviewing.register(learn)
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
            at = now()
            past = looking_back.known(ledger, org, at, looking_back.MOST)
            found = looking_back.evaluated(past, at)
        told = looking_back.tell_the_books(ledger, org, found, dt.datetime.now(dt.UTC).date()) if tell else 0
    if json:
        options.print_json({**_plain(found._asdict()), "told": told, **_looked_at(past)})
        return
    typer.echo(f"{found.decisions:,} decisions whose time has passed, about {found.customers:,} customers.\n")
    _say_what_was_left_out(past)
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
        at = now()
        past = looking_back.known(ledger, org, at, looking_back.MOST)
        answer = looking_back.asked(past, at, weight=weight, without=without, most=most, days=days)
    if json:
        options.print_json({**_plain(msgspec.to_builtins(answer)), **_looked_at(past)})
        return
    typer.echo(f"{answer.what}, over {answer.decisions:,} decisions; {answer.changed:.0%} of the choices change.\n")
    _say_what_was_left_out(past)
    for gain in answer.gains:
        figure = _figure(gain.estimated.value, gain.estimated.low, gain.estimated.high)
        typer.echo(f"{_SIDES[gain.side]:10} {figure:34} {gain.said}")


@learn.command("recompute")
def recompute(
    decision: Annotated[str, typer.Argument(metavar="DECISION", help="Its id, dec_….")],
    org: Org,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Make a logged decision once more, and say whether the same comes out, bit for bit. Exit 1 where it does not, or
    cannot be known any more since somebody was erased."""
    from rapport.app import looking_back, recomputing  # noqa: PLC0415 (NumPy takes a while to load)

    waiting = options.waiting("Learning again what was learnt then …", quiet=json)
    with looking_back.at_hand(options.settings(data), org) as ledger, waiting:
        found = recomputing.recomputed(ledger, org, decision)
    if json:
        options.print_json(_recomputed(found))
    else:
        typer.echo(f"{found.decision}: {found.said}.")
        if found.agreement is not None:
            typer.echo(f"{options.plain(found.action)}, with a chance of {found.propensity}, by lesson {found.learnt}.")
            for name, same in found.agreement._asdict().items():
                typer.echo(f"{name:11} {'the same' if same else 'not the same'}")
    if found.status != "agrees":
        raise typer.Exit(1)


@learn.command("anew")
def anew(org: Org, data: options.Data = None, json: options.Json = False) -> None:
    """Learn anew from here on, at the scale of the catalogue in force. What was decided, and what it gave, is kept."""
    from rapport.adapters.embedded.audit import COMMAND_LINE  # noqa: PLC0415 (as above)
    from rapport.adapters.embedded.priors import PriorBook  # noqa: PLC0415
    from rapport.app import looking_back  # noqa: PLC0415

    with looking_back.at_hand(options.settings(data), org) as ledger:
        standing = PriorBook(ledger).anew(org, COMMAND_LINE)
    scales = msgspec.structs.asdict(standing.scales)
    if json:
        options.print_json({"org": org, "since": standing.begins, "scales": scales})
        return
    typer.echo(f"{org} learns anew after lesson {standing.begins}.")
    for side, scale in scales.items():
        typer.echo(f"{_SIDES[side]:10} an action may miss what it declares by {scale:.2f}")


def _looked_at(past: "Past") -> dict[str, Any]:
    return {"since": rfc3339(past.cut) if past.cut else None, "unreadable": past.unreadable}


def _say_what_was_left_out(past: "Past") -> None:
    if past.cut:
        typer.echo(
            f"There are more: these are of the newest, made since {rfc3339(past.cut)}; none of before was looked at.\n"
        )
    if past.unreadable:
        typer.echo(f"{past.unreadable:,} besides cannot be read any more: what was kept of them was damaged.\n")


def _figure(value: float | None, low: float | None, high: float | None) -> str:
    if value is None or low is None or high is None:
        return "too little is known"
    return f"{value:+.3f} [{low:+.3f}, {high:+.3f}]"


def _recomputed(found: "Recomputed") -> dict[str, Any]:
    told: dict[str, Any] = msgspec.structs.asdict(found)
    agreement = found.agreement
    return {**told, "agreement": None if agreement is None else agreement._asdict()}


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(found)
    return told

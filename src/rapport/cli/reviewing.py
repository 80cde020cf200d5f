"""`rapport learn outcomes`, `rapport learn experiments`: what the pages of these names tell, in a terminal."""

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import typer

from rapport.cli import options
from rapport.kernel.times import SECOND
from rapport.web.retrospects import told_review

if TYPE_CHECKING:
    from rapport.learn.reviewed import Compared, Figure, Judged, Review

Org = Annotated[str, typer.Option("--org", help="The organization.")]
_GAINS = {"better": "a gain", "worse": "a loss", "unproven": "no proven gain", "unknown": "not known yet"}
_STANDS = {"better": "better off", "worse": "worse off", "unproven": "no proven gain", "unknown": "not known yet"}
_STEPS = {"day": "day", "week": "week", "month": "four weeks"}
_WHOSE = {"customer": "customers", "company": "the company"}


def register(learn: typer.Typer) -> None:
    learn.command("outcomes")(outcomes)
    learn.command("experiments")(experiments)


def outcomes(org: Org, data: options.Data = None, json: options.Json = False) -> None:
    """Tell whether customers and the company are better off than with silence: over time, and what came after each
    action and after silence. The two sides are never added."""
    found = _reviewed(org, data, json=json)
    if json:
        options.print_json(told_review(found))
        return
    _head(found)
    for whose, one in (("Customers", found.customer), ("The company", found.company)):
        typer.echo(f"{whose:12} {_STANDS[one.added.standing]:15} {_figure(one.added, sign=True)}")
    if found.spans:
        typer.echo(f"\nBy {_STEPS[found.step]}: what came where something was done, and where nothing was.")
    for span in found.spans:
        counts = f"{span.decisions:,} decisions, {span.silences:,} silent"
        typer.echo(f"{_day(span.since)}   {counts}")
        for whose, one in (("customers", span.customer), ("company", span.company)):
            typer.echo(f"  {whose:10} done {_figure(one.reached)}   silence {_figure(one.alone)}")
    if found.actions and found.decisions:
        typer.echo("\nWhat came after each, to whomever it was done.")
    for action in found.actions:
        if action.decisions:
            typer.echo(f"{action.action:28} {action.decisions:,}")
            typer.echo(f"  {'customers':10} {_figure(action.gave_customer)}")
            typer.echo(f"  {'company':10} {_figure(action.gave_company)}")


def experiments(org: Org, data: options.Data = None, json: options.Json = False) -> None:
    """Tell who is left alone by lot, what was gained against them, whether those are found whom it helps, and what the
    guard-rails make of each action."""
    found = _reviewed(org, data, json=json)
    if json:
        options.print_json(told_review(found))
        return
    _head(found)
    lot = found.lot
    declined = "fewer than 20" if lot.declined is None else f"about {lot.declined:,}"
    typer.echo(
        f"{100 * lot.share:.3g} % of customers are left alone by lot: {lot.held_out:,} of {lot.customers:,} so far."
    )
    typer.echo(f"Declined to be: {declined}.\n")
    _added("all", found.customer)
    _added("all", found.company)
    for action in found.actions:
        for one in (action.customer, action.company):
            if one is not None and action.decisions:
                _added(action.action, one)
    typer.echo("\nAre those found whom it helps (the area of a Qini curve over picking at random)?")
    for curve in found.curves:
        typer.echo(f"{_WHOSE[curve.side]:12} {_GAINS[curve.above.standing]:15} {_figure(curve.above, sign=True)}")
    typer.echo("\nGuard-rails, over all looks together:")
    for verdict in found.verdicts:
        typer.echo(f"{verdict.action:28} {_judged(verdict)}")


def _reviewed(org: str, data: options.Data, *, json: bool) -> "Review":
    from rapport.app import looking_back, reviews  # noqa: PLC0415 (NumPy takes a while to load)

    waiting = options.waiting("Looking back on decisions …", quiet=json)
    with looking_back.at_hand(options.settings(data), org) as ledger, waiting:
        return reviews.reviewed(ledger, org)


def _head(found: "Review") -> None:
    typer.echo(
        f"{found.decisions:,} decisions whose time has passed, about {found.customers:,} customers; "
        f"{found.waiting:,} have time left.\n"
    )


def _added(of: str, one: "Compared") -> None:
    said = f"{of:28} {_WHOSE[one.side]:12} {_GAINS[one.added.standing]:15} {_figure(one.added, sign=True)}"
    typer.echo(said.rstrip())


def _judged(one: "Judged") -> str:
    whose = _WHOSE[one.side]
    if one.high is None:
        return f"too little is known to judge it for {whose}"
    if one.harmful:
        return f"harms {whose}, by {-one.high:.2f} each time at the least"
    return f"no harm to {whose} is shown"


def _figure(one: "Figure", *, sign: bool = False) -> str:
    if one.value is None or one.low is None or one.high is None:
        return one.said or "too few"
    mark = "+.2f" if sign else ".2f"
    return f"{one.value:{mark}} [{one.low:{mark}}, {one.high:{mark}}]"


def _day(at: int) -> str:
    return dt.datetime.fromtimestamp(at // SECOND, dt.UTC).date().isoformat()

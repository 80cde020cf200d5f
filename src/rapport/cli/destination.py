"""`rapport destination`: where what happens to customers is sent, and what became of it."""

from typing import Annotated

import typer

from rapport.act.activation import FORMS, Destination, Health, Wish, told, told_delivery, told_trial
from rapport.app.destinations import open_destinations
from rapport.cli import options
from rapport.kernel.errors import BadInput
from rapport.kernel.times import rfc3339

destinations = typer.Typer(
    help="Destinations: where what happens to customers is sent, and how each fares.", no_args_is_help=True
)

Org = Annotated[str, typer.Argument(metavar="ORG", help="The organization.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The destination.")]

_RATHER_NOT_HERE = "Its secret; of a webhook one is made. Rather by the variable: every process reads a command line."


def register(app: typer.Typer) -> None:
    app.add_typer(destinations, name="destination")


@destinations.command("add")
def add(
    org: Org,
    name: Name,
    purpose: Annotated[str, typer.Option("--purpose", help="What it is for, such as offers.")],
    kind: Annotated[str, typer.Option("--kind", help=f"One of {', '.join(FORMS)}.")] = "webhook",
    audience: Annotated[str | None, typer.Option("--audience", help="Tell who enters and leaves this.")] = None,
    event: Annotated[
        list[str] | None, typer.Option("--event", help="Tell events of this name; may be given again.")
    ] = None,
    field: Annotated[
        list[str] | None, typer.Option("--field", help="NAME=EXPRESSION, such as plan=traits.plan; may be given again.")
    ] = None,
    url: Annotated[str, typer.Option("--url", help="Where it takes what is sent: https://…")] = "",
    form: Annotated[str | None, typer.Option("--format", help="Of a file: parquet or csv.")] = None,
    every_hours: Annotated[int | None, typer.Option("--every-hours", help="How often a file is made.")] = None,
    secret: Annotated[str | None, typer.Option("--secret", envvar="RAPPORT_SECRET", help=_RATHER_NOT_HERE)] = None,
    recipient: Annotated[
        str, typer.Option("--recipient", help="Who beyond the organization has what is sent, as declared.")
    ] = "",
    per_second: Annotated[int | None, typer.Option("--per-second", help="At most so many a second.")] = None,
    at_once: Annotated[int, typer.Option("--at-once", help="So many may be on their way at a time.")] = 1,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Make a destination, or change it."""
    wish = Wish(
        kind, purpose, url, secret, audience, tuple(event or ()), _fields(field or ()), recipient, per_second, at_once,
        form, every_hours,
    )  # fmt: skip
    placed = open_destinations(options.settings(data)).put(org, name, wish)
    if json:
        made = {} if placed.secret is None else {"secret": placed.secret}
        shown = {**told(placed.destination, placed.health), "warnings": list(placed.warnings)}
        options.print_json({**shown, **made})
        return
    typer.echo(f"The destination “{name}” is {f'sent to {url}' if url else 'a file, made by the node'}.")
    if placed.secret is not None:
        typer.echo(f"Its secret, told this once: {placed.secret}")
    for warning in placed.warnings:
        typer.echo(f"But {warning}.")


def _fields(given: list[str] | tuple[str, ...]) -> dict[str, str]:
    fields = {}
    for one in given:
        name, found, expression = one.partition("=")
        if not found:
            raise BadInput(f"{one[:60]!r} is no NAME=EXPRESSION", field="field")
        fields[name] = expression
    return fields


@destinations.command("list")
def list_destinations(org: Org, data: options.Data = None, json: options.Json = False) -> None:
    """List destinations, and how each fares."""
    found = open_destinations(options.settings(data)).listed(org)
    if json:
        options.print_json([told(one, health) for one, health in found])
    else:
        typer.echo("\n".join(_line(*pair) for pair in found) or "There is no destination yet: rapport destination add")


@destinations.command("show")
def show(org: Org, name: Name, data: options.Data = None, json: options.Json = False) -> None:
    """Show one: what it is told, and how it fares. Its secret is never shown."""
    one, health = open_destinations(options.settings(data)).named(org, name)
    if json:
        options.print_json(told(one, health))
        return
    about = f"audience {one.audience}" if one.audience is not None else f"events {', '.join(one.events)}"
    lines = [_line(one, health), f"  for {one.purpose}, {about}"]
    lines += [f"  {name} = {expression}" for name, expression in one.fields.items()]
    if health.error:
        lines.append(f"  last trouble, {rfc3339(health.failed_at or 0)}: {health.error}")
    if one.why:
        lines.append(f"  paused by the node: {one.why}")
    typer.echo("\n".join(lines))


@destinations.command("failures")
def failures(
    org: Org,
    name: Name,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many at most.")] = 100,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """List what was given up, the newest first; never who it is about."""
    found, _ = open_destinations(options.settings(data)).failures(org, name, None, limit)
    if json:
        options.print_json([told_delivery(one) for one in found])
    else:
        lines = [f"{one.id}  {one.what:8}  {rfc3339(one.at)}  {one.tries} tries: {one.error}" for one in found]
        typer.echo("\n".join(lines) or "Nothing was given up.")


@destinations.command("replay")
def replay(
    org: Org,
    name: Name,
    delivery: Annotated[str | None, typer.Argument(metavar="[ID]", help="One delivery, msg_…; else all.")] = None,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Try again what was given up, by the node that runs on this directory."""
    count = open_destinations(options.settings(data)).replay(org, name, delivery)
    if json:
        options.print_json({"replayed": count})
    else:
        typer.echo(f"{count} {'is' if count == 1 else 'are'} tried again." if count else "Nothing was given up.")


@destinations.command("test")
def try_(org: Org, name: Name, data: options.Data = None, json: options.Json = False) -> None:
    """Send it a message of nobody, now, and say what it answered; exit code 1 where it was not taken."""
    came = open_destinations(options.settings(data)).trial(org, name)
    if json:
        options.print_json(told_trial(came))
    elif came.error:
        typer.echo(f"The destination “{name}” did not take it: {came.error} ({came.took_ms} ms).")
    else:
        typer.echo(f"The destination “{name}” took it: it answered {came.status} within {came.took_ms} ms.")
    if came.error:
        raise typer.Exit(1)


@destinations.command("file")
def file(org: Org, name: Name, data: options.Data = None, json: options.Json = False) -> None:
    """Have a file made now, by the node that runs on this directory."""
    asked = open_destinations(options.settings(data)).make(org, name)
    if json:
        options.print_json({"export": asked.id, "status": asked.status})
    else:
        typer.echo(f"It is made as {asked.id}: fetch it from /v1/exports/{asked.id}/file")


@destinations.command("pause")
def pause(org: Org, name: Name, data: options.Data = None) -> None:
    """Send nothing more but deletions until it is resumed; what happens meanwhile waits."""
    open_destinations(options.settings(data)).pause(org, name)
    typer.echo(f"The destination “{name}” is paused.")


@destinations.command("resume")
def resume(org: Org, name: Name, data: options.Data = None) -> None:
    """Send what waits."""
    open_destinations(options.settings(data)).resume(org, name)
    typer.echo(f"The destination “{name}” is sent to again.")


@destinations.command("remove")
def remove(org: Org, name: Name, data: options.Data = None) -> None:
    """Send nothing more there, but deletions of those who were handed over and withdraw later."""
    open_destinations(options.settings(data)).remove(org, name)
    typer.echo(f"The destination “{name}” is no more.")


def _line(one: Destination, health: Health) -> str:
    is_file = one.kind == "file"
    ill = (health.failed_at or 0) > (health.sent_at or 0) if is_file else health.waiting
    state = "paused" if one.paused else "trouble" if health.error and ill else "well"
    counts = f"{health.waiting} waiting, {health.sent} sent, {health.withheld} withheld, {health.dead} given up"
    if is_file:
        counts = f"{health.waiting} being made, {health.sent} made"
    return f"{one.name:20} {one.kind:12} {state:8} {counts}  {one.url}"

"""`rapport action`: what the company can do for a customer: loaded from files, listed, shown, tried on somebody."""

import asyncio
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from rapport.adapters.embedded.audit import COMMAND_LINE
from rapport.app.actions import at_hand
from rapport.cli import options
from rapport.cli.definitions import all_problems
from rapport.decide.catalogue_files import CatalogueFile, parse
from rapport.decide.kinds import KINDS
from rapport.kernel.errors import BadInput
from rapport.kernel.expressions import ExpressionError
from rapport.kernel.times import rfc3339
from rapport.web.actions import told, told_page, told_saved, told_units

actions = typer.Typer(help="Actions: what the company can do for a customer, or silence.", no_args_is_help=True)

CALLER = "command line"
_ALL = 1 << 31
_RAILS: Final = {"off": "switched off", "harm": "found to harm, and left on", "on": "switched on again"}

Org = Annotated[str | None, typer.Option("--org", help="The organization; needed where there is more than one.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The action: letters, digits, _ and -.")]


def register(app: typer.Typer) -> None:
    app.add_typer(actions, name="action")


@actions.command("load")
def load(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="TOML, with as many actions as you like.")],
    org: Org = None,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Save the actions of files, or other versions of them: all, or none if anything is wrong."""
    with at_hand(options.settings(data), org) as (house, name), all_problems():
        read = [_read(name, file) for file in files]
        _check_once(files, read)
        saved = asyncio.run(house.load(name, read, COMMAND_LINE))
    if json:
        options.print_json({"actions": [told_saved(one) for one in saved]})
        return
    for one in saved:
        new = "new" if one.fresh else f"version {one.action.version}"
        typer.echo(f"{one.action.id:28} {one.action.kind:7} for {one.action.purpose} ({new})")
        for note in dict.fromkeys(f"{doubt.field}: {doubt.problem.message}" for doubt in one.warnings):
            typer.echo(f"  note: {note}")
    typer.echo(f"{len(saved)} {'action' if len(saved) == 1 else 'actions'}, beside silence.")


@actions.command("list")
def listed(org: Org = None, data: options.Data = None, json: options.Json = False) -> None:
    """List the actions in force, by id, with what each is worth to both sides before anything was learnt."""
    with at_hand(options.settings(data), org) as (house, name):
        found, units = asyncio.run(house.page(name, "", _ALL))
        rails = asyncio.run(house.rails(name))
    if json:
        options.print_json({"actions": told_page(found, units, rails)})
        return
    for one in told_page(found, units, rails):
        worth = one["worth"]
        sides = f"{worth['customer']:>9.2f} {worth['company']:>9.2f}"
        off = "  (switched off: it harms)" if (one["guard_rail"] or {}).get("state") == "off" else ""
        typer.echo(f"{one['id']:28} {one['kind']:7} {sides}  {', '.join(one['content'])}{off}")
    if found:
        typer.echo(f"\nWorth to the customer, and to the company, in {units.currency or 'your money'}.")
    else:
        typer.echo("There is no action yet: load some with rapport action load FILE.")


@actions.command("show")
def show(action: Id, org: Org = None, data: options.Data = None, json: options.Json = False) -> None:
    """Show an action: what it says, to whom, and what it is worth to both sides."""
    with at_hand(options.settings(data), org) as (house, name):
        one, units = asyncio.run(house.named(name, action))
        rail = asyncio.run(house.rails(name)).get(action)
    shown = told(one, units, rail)
    if json:
        options.print_json(shown)
        return
    typer.echo(f"{one.id}, version {one.version} since {shown['since']}, for {one.purpose}")
    if rail is not None:
        typer.echo(f"  {_RAILS[rail.state]} on {rfc3339(rail.at)}: {options.plain(rail.reason or rail.said)}")
    typer.echo(f"  {one.kind}: {KINDS[one.kind].tells}")
    typer.echo(f"  to whom   {options.plain(one.eligible)}")
    worth, money = shown["worth"], units.currency or "your money"
    typer.echo(
        f"  worth     {worth['customer']:.2f} to the customer, {worth['company']:.2f} to the company, in {money}"
    )
    for what in ("goals", "caps", "place", "triggers", "valid"):
        if shown[what] and any(shown[what]) and shown[what] != {"from": None, "until": None}:
            typer.echo(f"  {what:9} {options.plain(shown[what])}")
    for channel, versions in one.content.items():
        for language, parts in versions.items():
            typer.echo(f"  {channel}, {language}")
            for part, text in parts.items():
                typer.echo(f"    {part:9} {options.plain(text)}")


@actions.command("preview")
def preview(
    action: Id,
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="type:value, or cus_…")],
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="Such as inbox, email or web.")],
    language: Annotated[str | None, typer.Option("--language", help="In place of the customer's.")] = None,
    org: Org = None,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Show what an action says to a customer, through the gate, with a receipt; nothing is sent."""
    with at_hand(options.settings(data), org) as (house, name):
        shown = asyncio.run(house.preview(name, action, customer, channel, language, CALLER))
    if json:
        options.print_json(shown)
        return
    _echo_preview(shown)


@actions.command("on")
def switch_on(
    action: Id,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit log and whoever reads it.")],
    org: Org = None,
    data: options.Data = None,
) -> None:
    """Let an action that was switched off be chosen again; it is judged by what is decided from now on."""
    with at_hand(options.settings(data), org) as (house, name):
        asyncio.run(house.switch_on(name, action, COMMAND_LINE, reason))
    typer.echo(f"{action} can be chosen again.")


@actions.command("remove")
def remove(action: Id, org: Org = None, data: options.Data = None) -> None:
    """Remove an action: it is chosen no more. Its versions are kept for decisions that name them."""
    with at_hand(options.settings(data), org) as (house, name):
        asyncio.run(house.delete(name, action, COMMAND_LINE))
    typer.echo(f"{action} is no more.")


@actions.command("units")
def units_of(org: Org = None, data: options.Data = None, json: options.Json = False) -> None:
    """Show in which units both sides count, and what each kind of action is worth by itself."""
    with at_hand(options.settings(data), org) as (house, name):
        units = asyncio.run(house.units(name))
    if json:
        options.print_json(told_units(units))
        return
    typer.echo(f"A minute of a customer's time is worth {units.minute:g} {units.currency or '(no currency is set)'}.")
    for kind, of in KINDS.items():
        worth = units.worth(kind)
        own = " (set by you)" if kind in units.kinds else ""
        typer.echo(f"  {kind:7} {worth.customer:>8.2f} {worth.company:>8.2f}  {of.tells}{own}")
    typer.echo("By itself: to the customer, and to the company. Set them in a file, under [units].")


def _echo_preview(shown: dict[str, Any]) -> None:
    language = f", {shown['language']}" if shown["language"] else ""
    typer.echo(f"{shown['action']}, version {shown['version']}, to {shown['customer']} by {shown['channel']}{language}")
    for part, text in (shown["content"] or {}).items():
        typer.echo(f"  {part:9} {options.plain(text)}")
    if shown["trouble"]:
        typer.echo(f"  It says nothing: {shown['trouble']}")
    if shown["excluded"]:
        said = shown["excluded"]["said"]
        typer.echo(f"  They would not get it: {shown['excluded']['rule']}{f' ({said})' if said else ''}")
    typer.echo(f"  {shown['receipt']}")


def _read(org: str, file: Path) -> CatalogueFile:
    """What a file holds. Raises BadInput that names the file, the action and the field."""
    try:
        body = file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}", code="bad_file") from None
    try:
        return parse(org, body)
    except ExpressionError as error:
        typer.echo(f"rapport: {file}: {error.field}", err=True)
        raise
    except BadInput as error:
        where = f"{error.field}: " if error.field else ""
        raise BadInput(f"{file}: {where}{error.message}", code=error.code) from None


def _check_once(files: list[Path], read: list[CatalogueFile]) -> None:
    """Raises BadInput where two files tell of one action, or both of units."""
    seen: dict[str, Path] = {}
    for file, catalogue in zip(files, read, strict=True):
        names = [f"action {one.id}" for one in catalogue.actions] + (["units"] if catalogue.units else [])
        for name in names:
            if name in seen:
                raise BadInput(f"{file}: {name} is in {seen[name]}, too", code="twice")
            seen[name] = file

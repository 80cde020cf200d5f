"""`rapport resolve`: what other rules of resolution would make of today's data."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from rapport.app.rule_change import simulated
from rapport.cli import options
from rapport.resolve import load_rules

RulesFile = Annotated[
    Path,
    typer.Option("--simulate", help="The rules to try (TOML), of the shape of the built-in ones.", metavar="RULES"),
]
Org = Annotated[str, typer.Option("--org", help="The organization whose customers are looked at.")]
Purpose = Annotated[str, typer.Option("--purpose", help="What customers are looked at for, as examples.")]


def register(app: typer.Typer) -> None:
    app.command("resolve")(resolve)


def resolve(
    rules: RulesFile, org: Org, purpose: Purpose = "service", data: options.Data = None, json: options.Json = False
) -> None:
    """Tell what a change of rules would merge and split in today's data; nothing is changed.

    It reads one snapshot and works beside a running node. Examples are read through the gate, and leave receipts.
    Exit 2: the rules cannot be used.
    """
    tried = load_rules(rules)
    with options.waiting("taking in the evidence by these rules …", quiet=json):
        told = simulated(options.settings(data), org, tried, purpose)
    if json:
        options.print_json(msgspec.to_builtins(told))
        return
    typer.echo(f"{told.records:,} records: {told.customers:,} customers today, {told.customers_then:,} by {rules}")
    if told.merged:
        typer.echo(f"  {told.merged:,} would be made of {told.merged_from:,} that are apart today")
    if told.split:
        typer.echo(f"  {told.split:,} would be split into {told.split_into:,}")
    if not told.merged and not told.split:
        typer.echo("  nobody would be merged or split")
    for title, examples in (("Would become one", told.merges), ("Would be split into", told.splits)):
        if examples:
            table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
            for column in ("customers", "records", "by"):
                table.add_column(column, overflow="fold")
            for one in examples:
                by = ", ".join(f"{count} {kind}" for kind, count in one.by.items())
                who = [f"{shown.customer}  {', '.join(shown.identifiers)}" for shown in one.customers]
                table.add_row("\n".join(who) or "none that may be read", f"{one.records:,}", by)
            typer.echo()
            Console().print(table)

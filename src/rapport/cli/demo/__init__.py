"""`rapport demo`: a small high-street company, Lantern Lane, simulated through the node's own HTTP API.

In: a running node and its data directory. Out: 90 days of a few hundred customers, then visits that happen now. It
always holds that the same seed gives the same people and the same history, so that sending it again changes nothing;
that nobody in it is real; and that it enters no organization but its own unless told to twice.
"""

import sys
import time
from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from rapport.app.settings import Settings
from rapport.cli import options
from rapport.cli.demo import accounts, deciding, living, month, mutuality, play, premises
from rapport.cli.demo.sending import NodeGone, Sender
from rapport.cli.demo.using import Company

CUSTOMERS = 300
RATE = 3.0

_FIRST_ANSWER_SECONDS = 3.0


demos = typer.Typer(invoke_without_command=True)


def register(app: typer.Typer) -> None:
    demos.callback()(demo)
    mutuality.register(demos)
    app.add_typer(demos, name="demo")


def demo(
    context: typer.Context,
    org: Annotated[
        str, typer.Option(help="The organization that gets the data; made if it is not there.")
    ] = premises.ORG,
    customers: Annotated[int, typer.Option(min=1, help="How many customers, about.")] = CUSTOMERS,
    events: Annotated[
        int | None, typer.Option(min=1, help="How many events of history, about, instead of customers.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed gives other people (default: 1).")] = None,
    speed: Annotated[
        float | None,
        typer.Option(min=1, help="Play the history at so many times its own pace (default: as fast as it goes)."),
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Go on with visits that happen now, until Ctrl-C.")] = False,
    rate: Annotated[float, typer.Option(min=0.01, help="Events a second of --live, on average.")] = RATE,
    yes: Annotated[
        bool, typer.Option("--yes", help="Yes, into a data directory that holds other organizations.")
    ] = False,
    data: options.Data = None,
    port: options.Port = None,
    json: options.Json = False,
) -> None:
    """Fill a running node with a small high-street company: web shop, app, tills, CRM and support desk.

    The same seed gives the same company, and sending it again changes nothing. `rapport up --demo` does this by itself.
    """
    if context.invoked_subcommand is not None:
        return
    settings = options.settings(data, port)
    sender = _sender(settings, org)
    sender.await_node(_FIRST_ANSWER_SECONDS)
    premises.admit(settings, org, sure=yes)
    note = premises.recall(settings, org, seed)
    began = time.monotonic()
    people = _history(sender, settings, org, note, play.Extent(customers, events), speed)
    if json:
        told = {"org": org, "seed": note.seed, "customers": people, "events": sender.sent, "rejected": sender.rejected}
        options.print_json(told)
    else:
        typer.echo(_summary(org, people, sender, time.monotonic() - began, live=live))
    if live:
        _live(sender, note, rate, _company(settings, org) if org == premises.ORG else None, say=not json)


def beside(settings: Settings, parent: int) -> None:
    """What `rapport up --demo` runs beside its node: the history where it is missing, then visits as they happen."""
    org, orphaned = premises.ORG, play.orphaned_from(parent)
    sender = _sender(settings, org, orphaned)
    sender.await_node()
    note = premises.recall(settings, org, None)
    began = time.monotonic()
    people = _history(sender, settings, org, note, play.Extent(CUSTOMERS), None)
    typer.echo(_summary(org, people, sender, time.monotonic() - began, live=True))
    typer.echo(f"\n{month.how_to_look(settings, note)}")
    sys.stdout.flush()
    with _company(settings, org) as company:
        play.live(sender, note, RATE, orphaned=orphaned, company=company)


def _host(settings: Settings) -> str:
    host = settings.host.split(",")[0].strip() or "localhost"
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (only compared)


def _sender(settings: Settings, org: str, orphaned: Callable[[], bool] = lambda: False) -> Sender:
    def key(source: str) -> str:
        return premises.write_key(settings, org, source)

    return Sender(_host(settings), settings.port, key, orphaned=orphaned)


def _history(
    sender: Sender, settings: Settings, org: str, note: premises.Note, extent: play.Extent, speed: float | None
) -> int:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[events]:,} events"),
        TimeRemainingColumn(),
    )
    if org == premises.ORG:
        accounts.declare(settings, org)
    bar = Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    with bar:
        task = bar.add_task("90 days of Lantern Lane", total=1.0, events=0)
        people = play.history(
            sender,
            note,
            extent,
            speed,
            keep=lambda: premises.keep(settings, org, note),
            tell=lambda share, events: bar.update(task, completed=min(share, 1.0), events=events),
        )
    if org == premises.ORG:
        note.accounts = accounts.open_accounts(settings, org, note.seed, note.households, note.accounts)
        _month(sender, settings, org, note)
        premises.keep(settings, org, note)
    return people


def _company(settings: Settings, org: str) -> Company:
    return Company(_host(settings), settings.port, lambda: living.token(settings, org))


def _month(sender: Sender, settings: Settings, org: str, note: premises.Note) -> None:
    """Alice's month, once; and what the shop can do, and does for her."""
    month.prepare(settings, org, note)
    premises.keep(settings, org, note)
    with _company(settings, org) as company:
        if not note.lived:
            living.live(sender, company, settings, org, note)
            note.lived = True
            premises.keep(settings, org, note)
        if not note.offered:
            deciding.offer(company)
            note.offered = True
            premises.keep(settings, org, note)
        if not note.decided:
            # At most once: were it cut short, what was settled would be settled once more.
            note.decided = True
            premises.keep(settings, org, note)
            deciding.take_part_always(settings, note.alice)
            sender.send(deciding.for_alice(company, note))


def _summary(org: str, people: int, sender: Sender, seconds: float, *, live: bool) -> str:
    if sender.sent:
        text = f"Demo: organization {org} has {people:,} customers; {sender.sent:,} events sent in {seconds:.1f} s."
    else:
        text = f"Demo: organization {org} has its {people:,} customers already; nothing was sent."
    if sender.rejected:
        text += f" {sender.rejected:,} were rejected: the console shows why."
    if live:
        return f"{text} From now on, visits are sent as they happen."
    return text if sender.sent else f"{text} Add --live for visits that happen now."


def _live(sender: Sender, note: premises.Note, rate: float, company: Company | None, *, say: bool) -> None:
    before = sender.sent
    try:
        play.live(sender, note, rate, company=company)
    except KeyboardInterrupt:
        if say:
            typer.echo(f"\nDemo: {sender.sent - before:,} events of visits sent.")


__all__ = ["NodeGone", "beside", "demo", "register"]

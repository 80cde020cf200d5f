"""`rapport outbox`: what is on its way to other systems, and what could not be delivered."""

from typing import Annotated

import msgspec
import typer

from rapport.act.delivery import Delivery
from rapport.adapters.embedded.outbox import OutboxFile
from rapport.app import embedded
from rapport.cli import options
from rapport.kernel.errors import NotFound
from rapport.kernel.times import rfc3339

box = typer.Typer(
    help="The outbox: what is on its way to other systems, and what could not be delivered.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    app.add_typer(box, name="outbox")


@box.command("list")
def list_deliveries(
    org: Annotated[str | None, typer.Argument(metavar="[ORG]", help="Only of this organization.")] = None,
    status: Annotated[str | None, typer.Option("--status", help="Only those waiting, done or failed.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many at most.")] = 100,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """List deliveries, the newest first: where they go and how far they are; never what they say."""
    ledger = embedded.open_ledger(options.settings(data))
    if org is not None and not ledger.has_org(org):
        raise NotFound(f"there is no organization {org!r}", field="org")
    rows = OutboxFile(ledger).listed(org, status, limit)
    if json:
        options.print_json([_told(one) for one in rows])
    else:
        typer.echo("\n".join(map(_line, rows)) or "Nothing was put in yet.")


@box.command("retry")
def retry(
    delivery: Annotated[str, typer.Argument(metavar="ID", help="The delivery: msg_…")],
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Try a delivery again at once, and for days if need be, as if it had just been put in."""
    found = OutboxFile(embedded.open_ledger(options.settings(data))).retry(delivery)
    if json:
        options.print_json(_told(found))
    else:
        typer.echo(f"It is tried again at once, by the node that runs on this directory: {found.url}")


def _told(one: Delivery) -> dict[str, object]:
    times = {"made_at": rfc3339(one.made_at), "done_at": None if one.done_at is None else rfc3339(one.done_at)}
    waits = rfc3339(one.next_at) if one.status == "waiting" else None
    return {**msgspec.structs.asdict(one), **times, "next_at": waits}


def _line(one: Delivery) -> str:
    tries = "1 try" if one.tries == 1 else f"{one.tries} tries"
    after = f"  after {tries}: {one.error}" if one.error else ""
    return f"{one.id}  {one.status:7}  {one.org}  {one.kind} ({one.about})  {one.url}{after}"

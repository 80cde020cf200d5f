"""`rapport recipient` and `rapport demands`: who takes deletion demands, and what came of them."""

from pathlib import Path
from typing import Annotated

import typer

from rapport.act.demands import Recipient, in_words, told
from rapport.act.destinations import usable
from rapport.adapters.embedded.demands import DemandFile
from rapport.app import embedded
from rapport.app.settings import Settings
from rapport.cli import options
from rapport.kernel.errors import BadInput, NotFound
from rapport.terms.declaration import recipients_of
from rapport.terms.promises import base64url, public_key

recipients = typer.Typer(
    help="Recipients: those named in a declaration, and where each takes deletion demands.", no_args_is_help=True
)

Org = Annotated[str, typer.Argument(metavar="ORG", help="The organization.")]
_LONGEST_PATH = 4_096

Name = Annotated[str, typer.Argument(metavar="NAME", help="The recipient, as the declaration names it.")]


def register(app: typer.Typer) -> None:
    app.add_typer(recipients, name="recipient")
    app.command("demands")(list_demands)


@recipients.command("add")
def add(
    org: Org,
    name: Name,
    url: Annotated[str, typer.Option("--url", help="Where it takes demands: https://…")],
    key: Annotated[
        str | None,
        typer.Option("--key", help="Its own Ed25519 public key, base64url or a PEM file: it can sign its answers."),
    ] = None,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Say where a recipient takes deletion demands, or that it moved; demands that waited for an address are sent."""
    settings = options.settings(data)
    usable(url, private=settings.private_destinations)
    public = None if key is None else public_key(_key_bytes(key))
    ledger = embedded.open_ledger(settings)
    sent = DemandFile(ledger).set_recipient(org, name, url, public)
    named = name in _named(settings, org)
    if json:
        options.print_json({"org": org, "recipient": name, "url": url, "sent": sent, "declared": named})
        return
    typer.echo(f"{name} takes demands at {url}.")
    if sent:
        typer.echo(f"What could not be sent before is on its way: {sent} demand{'s' * (sent > 1)}.")
    if not named:
        typer.echo("No purpose of your declaration names this recipient: exports cannot be for it.")


@recipients.command("list")
def list_recipients(org: Org, data: options.Data = None, json: options.Json = False) -> None:
    """List those named in the declaration and those with an address."""
    settings = options.settings(data)
    ledger = embedded.open_ledger(settings)
    if not ledger.has_org(org):
        raise NotFound(f"there is no organization {org!r}", field="org")
    known = {one.name: one for one in DemandFile(ledger).recipients(org)}
    declared = _named(settings, org)
    names = sorted({*known, *declared})
    if json:
        options.print_json([_entry(name, known.get(name), declared=name in declared) for name in names])
        return
    urls = {name: one.url for name, one in known.items()}
    lines = [f"{name:30} {urls.get(name, 'no address yet: rapport recipient add')}" for name in names]
    typer.echo("\n".join(lines) or "The declaration names nobody, and nobody has an address.")


@recipients.command("remove")
def remove(org: Org, name: Name, data: options.Data = None) -> None:
    """Forget a recipient's address; demands that were not delivered wait for another."""
    DemandFile(embedded.open_ledger(options.settings(data))).remove_recipient(org, name)
    typer.echo(f"{name} has no address any more.")


def list_demands(
    org: Org,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many at most.")] = 100,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """List deletion demands, the newest first: who was asked, and who acknowledged or stays silent.

    They are made when a person is erased whom somebody has in an export.
    """
    ledger = embedded.open_ledger(options.settings(data))
    if not ledger.has_org(org):
        raise NotFound(f"there is no organization {org!r}", field="org")
    book = DemandFile(ledger)
    rows = [demand for _, demand in book.listed(org, limit=limit)]
    if json:
        options.print_json({"recipients": book.counted(org), "demands": [told(one) for one in rows]})
    else:
        typer.echo("\n".join(map(in_words, rows)) or "No erasure had to be told to anybody yet.")


def _key_bytes(key: str) -> bytes:
    try:
        return Path(key).read_bytes() if len(key) < _LONGEST_PATH and Path(key).is_file() else key.encode()
    except OSError as error:
        raise BadInput(f"{key} cannot be read: {error.strerror}", field="key") from None


def _entry(name: str, known: Recipient | None, *, declared: bool) -> dict[str, object]:
    key = None if known is None or known.public is None else base64url(known.public)
    return {"recipient": name, "url": None if known is None else known.url, "key": key, "declared": declared}


def _named(settings: Settings, org: str) -> set[str]:
    """All recipients that the declaration in force names."""
    return recipients_of(embedded.open_promises(settings).standing(org).declaration)

"""`rapport org` and `rapport source`: who uses the node, and what sends data."""

from typing import Annotated

import msgspec
import typer

from rapport.act.destinations import usable
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.purchases import PurchaseFile
from rapport.adapters.embedded.webhooks import WebhookFile
from rapport.app import embedded
from rapport.app.auditing import noted
from rapport.cli import options
from rapport.kernel.errors import BadInput, NotFound
from rapport.terms.purchases import Rule

DEFAULT_SOURCE = "web"
SCOPES = ("read", "operator")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The organization: small letters, digits and '-'.")]

orgs = typer.Typer(help="Organizations: the companies that use this node.", no_args_is_help=True)
sources = typer.Typer(
    help="Sources: systems and channels that send data, each with its write key.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    app.add_typer(orgs, name="org")
    app.add_typer(sources, name="source")


def _tell(ledger: LedgerFile, name: str, port: int, *, as_json: bool) -> None:
    write_key = ledger.sources(name)[0].write_key
    token = ledger.mint_token(name, SCOPES)
    if as_json:
        options.print_json({"org": name, "write_key": write_key, "api_token": token})
        return
    typer.echo(f"organization  {name}\nwrite key     {write_key}\nAPI token     {token}\n")
    typer.echo("Send a first event:")
    typer.echo(
        f"  curl -u {write_key}: -H 'content-type: application/json' http://localhost:{port}/v1/track \\\n"
        '    -d \'{"userId":"ada","event":"Order Completed","properties":{"revenue":42}}\'\n'
        "and read the view:\n"
        f"  curl -H 'authorization: Bearer {token}' 'http://localhost:{port}/v1/customers/user_id:ada/view?purpose=service'"
    )


@orgs.command("add")
def add(name: Name, data: options.Data = None, json: options.Json = False) -> None:
    """Make an organization with a first source, and print its write key and an API token."""
    settings = options.settings(data)
    ledger = embedded.open_ledger(settings)
    ledger.add_org(name)
    ledger.add_source(name, DEFAULT_SOURCE)
    _tell(ledger, name, settings.port, as_json=json)


@orgs.command("show")
def show(name: Name, data: options.Data = None, json: options.Json = False) -> None:
    """Print an organization's write key and a fresh API token; tokens printed before stay valid until they expire."""
    settings = options.settings(data)
    ledger = embedded.open_ledger(settings)
    if not ledger.has_org(name):
        raise NotFound(f"there is no organization {name!r}; these exist: {', '.join(ledger.orgs()) or 'none'}")
    _tell(ledger, name, settings.port, as_json=json)


@orgs.command("list")
def list_orgs(data: options.Data = None, json: options.Json = False) -> None:
    """List the organizations of this node."""
    names = embedded.open_ledger(options.settings(data)).orgs()
    if json:
        options.print_json(names)
    else:
        typer.echo("\n".join(names) or "There is none yet. Make one: rapport org add NAME")


@orgs.command("statement")
def statement(
    org: Annotated[str, typer.Argument(metavar="ORG", help="The organization.")],
    month: Annotated[
        str | None, typer.Option("--month", metavar="YYYY-MM", help="This month (UTC; default: the present one).")
    ] = None,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Tell what an organization used, what that gave to both sides, and what its promises cost it and opened."""
    settings = options.settings(data)
    if not embedded.open_ledger(settings).has_org(org):
        raise NotFound(f"there is no organization {org!r}", field="org")
    from rapport.app import mirrors  # noqa: PLC0415 (it loads most of the terms; `up` reads this module, too)

    book = mirrors.open_mirrors(settings)
    told = book.of(org, month, book.opened(org))
    if json:
        options.print_json(told)
    else:
        typer.echo("\n".join(mirrors.lines(told)))


@orgs.command("purchases")
def purchases(
    org: Annotated[str, typer.Argument(metavar="ORG", help="The organization.")],
    event: Annotated[str | None, typer.Option("--event", help="Events of this name are purchases.")] = None,
    order: Annotated[
        str, typer.Option("--order", metavar="TYPE", help="The type of identifier by which they name the order.")
    ] = "order_id",
    total: Annotated[
        str, typer.Option("--total", metavar="PROPERTY", help="The property with what was paid.")
    ] = "total",
    code: Annotated[
        str, typer.Option("--code", metavar="PROPERTY", help="The property with a code printed on the receipt.")
    ] = "",
    zone: Annotated[str, typer.Option("--zone", help="Where a day begins, such as Europe/London.")] = "UTC",
    days: Annotated[int, typer.Option("--days", help="How long a purchase counts, and a claim by it.")] = 60,
    off: Annotated[bool, typer.Option("--off", help="Take none any longer; claims by them are suspended.")] = False,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Say by which purchases people may claim what an organization knows of them, or tell what it says."""
    settings = options.settings(data)
    ledger = embedded.open_ledger(settings)
    if not ledger.has_org(org):
        raise NotFound(f"there is no organization {org!r}", field="org")
    book = PurchaseFile(ledger)
    if off or event is not None:
        rule = None if off else Rule(event or "", order, total, code, zone, days)
        with noted(settings, org, "set purchases", "none" if rule is None else rule.event):
            book.set(org, rule)
    kept = book.rules().get(org)
    if json:
        options.print_json(None if kept is None else msgspec.to_builtins(kept))
    elif kept is None:
        typer.echo(f"{org} takes no purchase as a proof. To take some: rapport org purchases {org} --event NAME")
    else:
        asked = f"{kept.identifier}, {kept.total} and the day ({kept.zone})" + (
            f" and {kept.code}" if kept.code else ""
        )
        typer.echo(f"{org} takes {kept.event!r} as a proof by {asked}, for {kept.days} days")


@sources.command("add")
def add_source(
    org: Annotated[str, typer.Argument(metavar="ORG", help="The organization.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="The source, such as web, app, crm or till.")],
    trusted: Annotated[
        bool, typer.Option("--trusted", help="It is a system of the organization's own, not a browser or an app.")
    ] = False,
    trust: Annotated[int, typer.Option(help="Of two values of a trait, the source of greater trust is shown.")] = 0,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Add a source and print its write key."""
    source = embedded.open_ledger(options.settings(data)).add_source(org, name, trusted=trusted, trust=trust)
    if json:
        options.print_json({"org": org, "source": name, "write_key": source.write_key, "trusted": trusted})
    else:
        typer.echo(f"write key of {org}/{name}: {source.write_key}")


@sources.command("webhook")
def webhook(
    org: Annotated[str, typer.Argument(metavar="ORG", help="The organization.")],
    name: Annotated[str, typer.Argument(metavar="SOURCE", help="The source.")],
    url: Annotated[str | None, typer.Option("--url", help="Where it is told: https://…")] = None,
    off: Annotated[bool, typer.Option("--off", help="Tell it nothing more, not what waits either.")] = False,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Tell a source, by signed webhooks, of what concerns it, such as a correction; print a signing secret, once."""
    settings = options.settings(data)
    if (url is None) != off:
        raise BadInput("say either --url URL or --off", field="url")
    hooks = WebhookFile(embedded.open_ledger(settings))
    if url is None:
        hooks.off(org, name)
        secret = None
    else:
        secret = hooks.set(org, name, usable(url, private=settings.private_destinations))
    if json:
        options.print_json({"org": org, "source": name, "url": url, "secret": secret})
    else:
        typer.echo(f"signing secret of {org}/{name}: {secret}" if secret else f"{org}/{name} is told nothing more.")


@sources.command("list")
def list_sources(
    org: Annotated[str, typer.Argument(metavar="ORG", help="The organization.")],
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """List an organization's sources with their write keys."""
    ledger = embedded.open_ledger(options.settings(data))
    if not ledger.has_org(org):
        raise NotFound(f"there is no organization {org!r}")
    rows = ledger.sources(org)
    if json:
        options.print_json([{"source": s.name, "write_key": s.write_key, "trusted": s.trusted} for s in rows])
    else:
        typer.echo("\n".join(f"{s.name:20} {s.write_key}{'  trusted' if s.trusted else ''}" for s in rows))

"""`rapport up`: run a node in the foreground; `rapport console`: where to sign in to its console."""

import sys
from typing import Annotated

import typer

from rapport.adapters.embedded.audit import COMMAND_LINE, AuditLog
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.operators import Operators
from rapport.app import embedded
from rapport.app.settings import Settings
from rapport.app.supervise import Supervisor
from rapport.cli import options
from rapport.cli.org import DEFAULT_SOURCE, SCOPES

DEMO = "demo"
SIGNIN = "/console/signin"
_KEY_BESIDE_DATA = (
    "the key-encryption key lies in the data directory, where whoever copies the data copies the key: "
    "set RAPPORT_KEK_FILE or RAPPORT_KEK"
)


def register(app: typer.Typer) -> None:
    app.command("up")(up)
    app.command("console")(console)


def up(
    demo: Annotated[
        bool, typer.Option("--demo", help="Fill a fresh node with a small high-street company, live.")
    ] = False,
    data: options.Data = None,
    port: options.Port = None,
    host: Annotated[
        str | None, typer.Option(help="Addresses to bind, separated by commas (default: loopback).")
    ] = None,
    origin: Annotated[
        str | None, typer.Option(help="How browsers reach the node (default: http://localhost:PORT).")
    ] = None,
    rules: Annotated[str | None, typer.Option(help="A file of resolution rules in place of the built-in one.")] = None,
) -> None:
    """Run a node, its processes over one data directory, until Ctrl-C or SIGTERM."""
    settings = options.settings(data, port, host=host, origin=origin, rules=rules)
    supervisor = Supervisor(settings)
    try:
        ledger = embedded.open_ledger(settings)
        live = demo and _make_demo(ledger)
        if settings.production and not (settings.kek or settings.kek_file):
            typer.echo(f"rapport: warning: {_KEY_BESIDE_DATA}", err=True)
        supervisor.start()
        if not supervisor.stopping:
            _banner(ledger, settings)
        if live and not supervisor.stopping:
            supervisor.beside(
                [sys.executable, "-m", "rapport.cli.demo", "--port", str(settings.port), "--data", settings.data]
            )
        ledger.close()
        code = supervisor.run()
    finally:
        supervisor.close()
    raise typer.Exit(code)


def _make_demo(ledger: LedgerFile) -> bool:
    """Make the demo organization, but never in a directory that holds others; return whether demo data may flow."""
    orgs = ledger.orgs()
    if [org for org in orgs if org != DEMO]:
        typer.echo("No demo data: this data directory holds other organizations.", err=True)
        return False
    if DEMO not in orgs:
        ledger.add_org(DEMO)
        ledger.add_source(DEMO, DEFAULT_SOURCE)
    return True


def _banner(ledger: LedgerFile, settings: Settings) -> None:
    orgs = [org for org in ledger.orgs() if ledger.sources(org)]  # one may be in the making just now
    url = settings.url
    typer.echo(f"\nRapport is running at {url}\n")
    if not orgs:
        typer.echo("There is no organization yet. In another terminal:\n  rapport org add acme\n")
        return
    org = DEMO if DEMO in orgs else orgs[0]
    write_key = ledger.sources(org)[0].write_key
    token = ledger.mint_token(org, SCOPES)
    customer = "email:alice@example.com" if org == DEMO else "user_id:ada"
    _console_banner(ledger, org, url)
    typer.echo(f"Organization  {org}\nWrite key     {write_key}\nAPI token     {token}\n")
    typer.echo(
        "Send an event:\n"
        f"  curl -u {write_key}: -H 'content-type: application/json' {url}/v1/track \\\n"
        '    -d \'{"userId":"ada","event":"Order Completed","properties":{"revenue":42}}\'\n'
        "Read a view:\n"
        f"  curl -H 'authorization: Bearer {token}' '{url}/v1/customers/{customer}/view?purpose=service'\n"
    )
    sys.stdout.flush()


def _console_banner(ledger: LedgerFile, org: str, url: str) -> None:
    if Operators(ledger).alone(org):
        typer.echo(f"Console (opens once, within 10 minutes):\n  {url}/console/start?code={ledger.mint_link(org)}\n")
    else:
        typer.echo(f"Console (with your passkey):\n  {url}{SIGNIN}\n")


def console(
    org: Annotated[str | None, typer.Argument(metavar="[ORG]", help="The organization (default: the first).")] = None,
    recover: Annotated[
        bool, typer.Option("--recover", help="Print a link though there is an owner with a passkey, who lost it.")
    ] = False,
    data: options.Data = None,
    port: options.Port = None,
    json: options.Json = False,
) -> None:
    """Print where to sign in to the console: the first time by a link that opens it once, within ten minutes."""
    settings = options.settings(data, port)
    ledger = embedded.open_ledger(settings)
    orgs = ledger.orgs()
    chosen = org or (DEMO if DEMO in orgs else next(iter(orgs), None))
    if chosen is None or chosen not in orgs:
        typer.echo(f"rapport: there is no organization {chosen or 'yet'}: make one with rapport org add NAME", err=True)
        raise typer.Exit(1)
    if recover or Operators(ledger).alone(chosen):
        link = f"{settings.url}/console/start?code={ledger.mint_link(chosen)}"
        AuditLog(ledger).note(chosen, COMMAND_LINE, "printed a link that opens the console")
    else:
        link = f"{settings.url}{SIGNIN}"
    if json:
        options.print_json({"url": link})
    else:
        typer.echo(link)

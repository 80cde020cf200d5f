"""`rapport operator`, `rapport token` and `rapport audit`: who comes into the console, what programs show, and what was
done."""

from typing import Annotated

import msgspec
import typer

from rapport.adapters.embedded import audit as book
from rapport.adapters.embedded.audit import COMMAND_LINE, AuditLog, start_of
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.operators import Operators
from rapport.adapters.embedded.tokens import GRACE, Listed, TokenFile, life_of
from rapport.app import embedded
from rapport.app.console_operators import who_of
from rapport.app.settings import Settings
from rapport.cli import options
from rapport.kernel.errors import BadInput, NotFound
from rapport.kernel.times import HOUR, rfc3339
from rapport.signin.operators import MEANS, Operator

operators = typer.Typer(help="Operators: who signs in to the console, with a passkey and a role.", no_args_is_help=True)
tokens = typer.Typer(help="Tokens: what programs show to the HTTP interface.", no_args_is_help=True)

Org = Annotated[str, typer.Argument(metavar="ORG", help="The organization.")]
Who = Annotated[str, typer.Argument(metavar="OPERATOR", help="The operator: opr_…")]
Which = Annotated[str, typer.Argument(metavar="TOKEN", help="The token's handle, tok_…, not the token itself.")]
Role = Annotated[str, typer.Option("--role", help="; ".join(f"{role}: {means}" for role, means in MEANS.items()) + ".")]


def register(app: typer.Typer) -> None:
    app.add_typer(operators, name="operator")
    app.add_typer(tokens, name="token")
    app.command("audit")(audit)


def _link(settings: Settings, code: str) -> str:
    return f"{settings.url}/console/signin/invite?code={code}"


@operators.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What they are called.")],
    role: Role,
    org: Annotated[str | None, typer.Option("--org", help="The organization whose console it is.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="At every organization of this node.")] = False,
    data: options.Data = None,
    port: options.Port = None,
    json: options.Json = False,
) -> None:
    """Add an operator, and print a link by which they make a passkey: once, within ten minutes."""
    if (org is None) != all_:
        raise BadInput("say either --org ORG or --all", field="org")
    settings = options.settings(data, port)
    file = Operators(embedded.open_ledger(settings))
    made = file.add(name, org, role, COMMAND_LINE)
    link = _link(settings, file.invite(made.handle, None, COMMAND_LINE))
    if json:
        options.print_json({**_told(made), "url": link})
    else:
        typer.echo(f"{made.handle}  {made.name}, {made.role} at {made.org or 'every organization'}")
        typer.echo(f"Their link (works once, within 10 minutes):\n  {link}")


@operators.command("list")
def list_operators(
    org: Annotated[str | None, typer.Option("--org", help="Only those who come in at this organization.")] = None,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """List operators with their roles."""
    rows = Operators(embedded.open_ledger(options.settings(data))).of(org)
    if json:
        options.print_json([_told(one) for one in rows])
        return
    for one in rows:
        keys = f"{one.passkeys} passkeys" if one.passkeys != 1 else "1 passkey"
        last = f", signed in {rfc3339(one.used_at)}" if one.used_at else ""
        typer.echo(f"{one.handle}  {one.role:8}  {one.org or 'everywhere':16}  {one.name} ({keys}{last})")
    if not rows:
        typer.echo("There is none yet: whoever opens the link of rapport console is the first owner.")


@operators.command("role")
def role_(
    operator: Who,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="owner, marketer, agent or auditor.")],
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Give an operator another role; it holds at once, where they are signed in, too."""
    file = Operators(embedded.open_ledger(options.settings(data)))
    file.change(operator, None, COMMAND_LINE, role=role)
    if json:
        options.print_json(_told(file.named(operator)))
    else:
        typer.echo(f"{operator} is {role} from now on.")


@operators.command("remove")
def remove(operator: Who, data: options.Data = None) -> None:
    """Let an operator in no more; where they are signed in, it ends at once."""
    Operators(embedded.open_ledger(options.settings(data))).remove(operator, None, COMMAND_LINE)
    typer.echo(f"{operator} does not come in any more.")


@operators.command("invite")
def invite(operator: Who, data: options.Data = None, port: options.Port = None, json: options.Json = False) -> None:
    """Print a link by which an operator makes a passkey: once, within ten minutes."""
    settings = options.settings(data, port)
    code = Operators(embedded.open_ledger(settings)).invite(operator, None, COMMAND_LINE)
    if json:
        options.print_json({"url": _link(settings, code)})
    else:
        typer.echo(_link(settings, code))


def _told(one: Operator) -> dict[str, object]:
    used = None if one.used_at is None else rfc3339(one.used_at)
    return {
        "operator": one.handle,
        "name": one.name,
        "org": one.org,
        "role": one.role,
        "passkeys": one.passkeys,
        "signed_in": used,
    }


# -- tokens


@tokens.command("add")
def add_token(
    org: Org,
    scope: Annotated[list[str], typer.Option("--scope", help="What it is for: read, or operator; may be repeated.")],
    days: Annotated[int, typer.Option("--days", help="How many days it lives.")] = 90,
    name: Annotated[str, typer.Option("--name", help="What it is called in lists.")] = "",
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Make a token, and print it, once."""
    file = TokenFile(embedded.open_ledger(options.settings(data)))
    token, handle = file.mint(org, scope, life=life_of(days), name=name)
    if json:
        options.print_json({"token": handle, "org": org, "api_token": token})
    else:
        typer.echo(f"{token}\n{handle} is its handle. The token itself is not shown again.")


@tokens.command("list")
def list_tokens(org: Org, data: options.Data = None, json: options.Json = False) -> None:
    """List an organization's tokens: what each is for, until when, and when it was used last; never the token."""
    rows = TokenFile(_known(options.settings(data), org)).of(org)
    if json:
        options.print_json([_token(one) for one in rows])
        return
    for one in rows:
        told = _token(one)
        used = f"used {told['used']}" if one.used_at else "never used"
        typer.echo(f"{one.handle}  {' '.join(one.scopes):13}  until {told['expires']}, {used}  {one.name}")
    if not rows:
        typer.echo("There is none.")


@tokens.command("rotate")
def rotate(
    org: Org,
    token: Which,
    grace: Annotated[int, typer.Option("--grace", help="How many hours the old one goes on.")] = GRACE // HOUR,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Make a token in place of another, for the same; the old one goes on for a grace."""
    ledger = _known(options.settings(data), org)
    made, handle, ends = TokenFile(ledger).rotate(org, token, grace=grace * HOUR)
    if json:
        options.print_json({"token": handle, "org": org, "api_token": made, "old_expires": rfc3339(ends)})
    else:
        typer.echo(f"{made}\n{handle} is its handle. The old one ends at {rfc3339(ends)}.")


@tokens.command("revoke")
def revoke(org: Org, token: Which, data: options.Data = None) -> None:
    """End a token; it is refused within a second."""
    TokenFile(_known(options.settings(data), org)).revoke(org, token)
    typer.echo(f"{token} is refused from now on.")


def _token(one: Listed) -> dict[str, object]:
    return {
        "token": one.handle,
        "name": one.name,
        "scopes": list(one.scopes),
        "created": rfc3339(one.created_at),
        "expires": rfc3339(one.expires_at),
        "used": None if one.used_at is None else rfc3339(one.used_at),
    }


# -- the audit log


def audit(
    org: Annotated[str | None, typer.Argument(metavar="[ORG]", help="The organization; else the whole node.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="How many lines at most.")] = book.PAGE,
    cursor: Annotated[str | None, typer.Option("--cursor", help="Go on where a list ended.")] = None,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Tell who did what in the console, by tokens and at the command line, the newest first."""
    settings = options.settings(data)
    ledger = embedded.open_ledger(settings) if org is None else _known(settings, org)
    if not 0 < limit <= 10_000:
        raise BadInput("a limit is from 1 to 10000", field="limit")
    rows, following = AuditLog(ledger).page(org, start_of(cursor), limit)
    names = Operators(ledger).names({row.who for row in rows if row.who.startswith("opr_")})
    if json:
        lines = [{**msgspec.to_builtins(row), "at": rfc3339(row.at), "name": who_of(row, names)} for row in rows]
        options.print_json({"audit": lines, "next": None if following is None else str(following)})
        return
    for row in rows:
        failed = f": not done ({row.failed})" if row.failed else ""
        typer.echo(f"{rfc3339(row.at)}  {row.org or '-':12}  {who_of(row, names)}  {row.what}{failed}  {row.about}")
    if following is not None:
        typer.echo(f"There is more: --cursor {following}")
    elif not rows:
        typer.echo("Nothing was done yet.")


def _known(settings: Settings, org: str) -> LedgerFile:
    ledger = embedded.open_ledger(settings)
    if not ledger.has_org(org):
        raise NotFound(f"there is no organization {org!r}", field="org")
    return ledger

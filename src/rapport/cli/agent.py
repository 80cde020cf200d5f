"""`rapport agent`: whom organizations trust to exercise people's rights for them, by the Data Rights Protocol."""

import base64
from typing import Annotated, Any

import typer

from rapport.adapters.embedded.agent_requests import AgentRequests, Row
from rapport.adapters.embedded.agents import AgentFile, Trusted
from rapport.app import embedded
from rapport.app.agents import directory_entry
from rapport.cli import options
from rapport.kernel.errors import NotFound
from rapport.kernel.times import now, rfc3339
from rapport.terms.data_rights import agent_key

agents = typer.Typer(help="Agents: whom people may send to exercise their rights at a company.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The agent's id in the protocol's directory.")]
Org = Annotated[str, typer.Argument(metavar="ORG", help="The organization.")]


def register(app: typer.Typer) -> None:
    app.add_typer(agents, name="agent")


@agents.command("add")
def add(
    name: Name,
    key: Annotated[str, typer.Option("--key", metavar="BASE64", help="Its public Ed25519 key; it is pinned.")],
    org: Annotated[
        list[str] | None, typer.Option("--org", help="An organization that trusts it; may be repeated.")
    ] = None,
    attests: Annotated[
        bool, typer.Option("--attests", help="Its word counts that an e-mail address or phone number is a person's.")
    ] = False,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Trust an agent at an organization. One that does not attest there can ask, and is told no."""
    book = AgentFile(embedded.open_ledger(options.settings(data)))
    _tell([book.add(name, agent_key(key), org or (), attests=attests, at=now())], as_json=json)


@agents.command("list")
def list_agents(data: options.Data = None, json: options.Json = False) -> None:
    """List the agents that are trusted, where, and by which key."""
    _tell(AgentFile(embedded.open_ledger(options.settings(data))).listed(), as_json=json)


@agents.command("remove")
def remove(
    name: Name,
    org: Annotated[str | None, typer.Option("--org", help="Only at this organization.")] = None,
    data: options.Data = None,
) -> None:
    """Trust an agent no longer: its tokens end at once, and what it asked for and was not done is not done."""
    AgentFile(embedded.open_ledger(options.settings(data))).remove(name, org)
    typer.echo(f"{name} is not trusted any more{f' at {org}' if org else ''}.")


@agents.command("requests")
def requests(org: Org, data: options.Data = None, json: options.Json = False) -> None:
    """List what agents asked of an organization, the newest first, as the agents see it: never for whom."""
    ledger = embedded.open_ledger(options.settings(data))
    if not ledger.has_org(org):
        raise NotFound(f"there is no organization {org!r}", field="org")
    rows = [_told(row) for row in AgentRequests(ledger).of_org(org)]
    if json:
        options.print_json(rows)
        return
    for row in rows:
        how = f"{row['status']} {row['reason']}".strip()
        typer.echo(f"{row['request']}  {row['received_at'][:16]}  {row['agent']:20} {row['exercise']:12} {how}")
    if not rows:
        typer.echo("No agent asked for anything yet.")


@agents.command("entry")
def entry(org: Org, data: options.Data = None, port: options.Port = None) -> None:
    """Print what a service directory of the protocol needs to know of an organization, as JSON to complete."""
    settings = options.settings(data, port)
    ledger = embedded.open_ledger(settings)
    if not ledger.has_org(org):
        raise NotFound(f"there is no organization {org!r}", field="org")
    name = embedded.open_promises(settings, ledger).standing(org).declaration.name
    options.print_json(directory_entry(settings, org, name or org))


def _told(row: Row) -> dict[str, Any]:
    seen = row.told(now())
    return {
        "request": row.id,
        "agent": row.agent_name,
        "exercise": row.exercise,
        "received_at": rfc3339(row.at),
        "due_at": rfc3339(row.due_at),
        "status": seen.json()["status"],
        "reason": seen.reason,
        "details": seen.details,
    }


def _tell(found: list[Trusted], *, as_json: bool) -> None:
    told: list[dict[str, Any]] = [
        {
            "agent": one.name,
            "key": base64.b64encode(one.public).decode(),
            "orgs": list(one.orgs),
            "attests": list(one.attests),
            "added_at": rfc3339(one.added_at),
        }
        for one in found
    ]
    if as_json:
        options.print_json(told)
        return
    for one in told:
        where = ", ".join(f"{org}{' (attests)' if org in one['attests'] else ''}" for org in one["orgs"])
        typer.echo(f"{one['agent']:20} {one['key']}  {where}")
    if not told:
        typer.echo("No agent is trusted yet.")

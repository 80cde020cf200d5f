"""`rapport request`: what people ask a company for by right, and what it answers."""

import asyncio
from typing import Annotated

import msgspec
import typer

from rapport.app.auditing import noted
from rapport.app.rights_desk import open_rights_desk
from rapport.cli import options
from rapport.cli.person_rights import line, told
from rapport.kernel.errors import NotFound
from rapport.terms.rights import took_words

requests = typer.Typer(help="Requests: what people ask a company for by right.", no_args_is_help=True)

Org = Annotated[str, typer.Argument(metavar="ORG", help="The organization.")]


def register(app: typer.Typer) -> None:
    app.add_typer(requests, name="request")


@requests.command("list")
def list_requests(
    org: Org,
    all_: Annotated[bool, typer.Option("--all", help="Also those that ended.")] = False,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """List requests that wait for an organization's answer, the oldest first."""
    book = open_rights_desk(options.settings(data)).book
    cases = book.of_org(org)[0] if all_ else book.waiting(org)
    if json:
        options.print_json([told(case) for case in cases])
        return
    for case in cases:
        typer.echo(line(case))
        if case.asked.words:
            typer.echo(f"    {case.asked.words}")
    if not cases:
        typer.echo("Nobody waits for an answer.")


@requests.command("answer")
def answer(
    org: Org,
    request: Annotated[str, typer.Argument(metavar="REQUEST", help="The request: rrq_…")],
    words: Annotated[str, typer.Option("--words", help="What the person will read.")],
    done: Annotated[bool, typer.Option("--done/--refused", help="It was done, or it is refused.")],
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Answer a request, once, in words that the person will read."""
    settings = options.settings(data)
    desk = open_rights_desk(settings)
    with noted(settings, org, "answered a request", request):
        case = asyncio.run(desk.answer(org, request, "done" if done else "refused", words))
    if json:
        options.print_json(told(case))
    else:
        typer.echo(f"Answered, {took_words(case.took or 0)} after it was asked.")


@requests.command("times")
def times(
    org: Annotated[str | None, typer.Argument(metavar="[ORG]", help="Those addressed to it; else the node's.")] = None,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Tell how long requests took, by what was asked for."""
    settings = options.settings(data)
    desk = open_rights_desk(settings)
    if org is not None and not desk.knows(org):
        raise NotFound(f"there is no organization {org!r}", field="org")
    answered = desk.book.times(org)
    if json:
        options.print_json([msgspec.to_builtins(one) for one in answered])
        return
    for one in answered:
        took = "" if one.median is None else f"half within {took_words(one.median)}, all within "
        took += "" if one.longest is None else took_words(one.longest)
        typer.echo(f"{one.right:13} {one.ended:6} ended {one.waiting:6} waiting  {took}")
    if not answered:
        typer.echo("Nothing was asked for yet.")

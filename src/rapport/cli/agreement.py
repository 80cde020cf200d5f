"""`rapport agreement`: where people's terms and an organization's promise meet, as both sides keep it."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from rapport.adapters.embedded.agreements import Agreement
from rapport.app.agreeing import open_agreeing
from rapport.cli import options
from rapport.kernel.errors import BadInput
from rapport.kernel.times import rfc3339
from rapport.terms import by_hand
from rapport.terms.agreements import Agreed, verify

agreements = typer.Typer(
    help="Agreements: where people's terms and an organization's promise meet.", no_args_is_help=True
)

Handle = Annotated[str, typer.Argument(metavar="AGREEMENT", help="The agreement: agr_…")]


def register(app: typer.Typer) -> None:
    app.add_typer(agreements, name="agreement")


@agreements.command("list")
def list_agreements(
    org: Annotated[str | None, typer.Option("--org", help="Those of this organization.")] = None,
    person: Annotated[str | None, typer.Option("--person", help="Those of this person (per_…).")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Of an organization also those that ended.")] = False,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """List the agreements of an organization, or of a person, the newest first."""
    if (org is None) == (person is None):
        raise BadInput("say whose with --org ORG or with --person PERSON", field="org")
    parts = open_agreeing(options.settings(data))
    listed: list[Agreement] = []
    if person is not None:
        listed = parts.book.of_person(parts.people.person(person).id)
    elif org is not None:
        parts.promises.document(org)  # (raises where there is no such organization)
        before: int | None = 1 << 62
        while before is not None:
            page, before = parts.book.of_org(org, before, 500, active=not all_)
            listed += page
    if json:
        options.print_json([_plain(each) for each in listed])
    else:
        lines = [f"{each.handle}  {each.org:20} {each.status:7} {_purposes(each)}" for each in listed]
        typer.echo("\n".join(lines) or "There is none: nobody's own terms meet a promise here yet.")


@agreements.command("show")
def show(agreement: Handle, data: options.Data = None, json: options.Json = False) -> None:
    """Show an agreement, the same as both sides keep it; with --json the signed document."""
    parts = open_agreeing(options.settings(data))
    shown = parts.book.show(agreement)
    document = shown["agreement"]
    org, version = document["second_party"]["organization"], document["declaration"]["version"]
    signed = verify(document, parts.promises.document(org, version))
    if json:
        options.print_json({**shown, "verified": signed})
        return
    ended = f", ended on {shown['ended']}" if shown["ended"] else ""
    typer.echo(f"{agreement}  {shown['status']} since {document['since']}{ended}")
    typer.echo(f"first party   a person, known here as {document['first_party']['pseudonym']}")
    typer.echo(f"second party  {document['second_party']['name']} ({org}), declaration version {version}")
    for each in document["purposes"]:
        typer.echo("\n".join(_lines(each)))
    typer.echo(f"signatures    {'both are good' if signed else 'DO NOT VERIFY'}")
    typer.echo(f"by hand       {_by_hand(shown, _wrong_by_hand(shown))}")


@agreements.command("verify")
def verify_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A copy of an agreement, as /me/agreements gives it.")],
    declaration: Annotated[
        Path | None,
        typer.Option("--declaration", help="The published declaration, needed where the organization signed that."),
    ] = None,
    origin: Annotated[
        str, typer.Option("--origin", help="Where the person must have signed, such as https://rapport.example.")
    ] = "",
    json: options.Json = False,
) -> None:
    """Check a copy of an agreement without any node: both signatures, and the person's own by a passkey. Exit 1 where
    one does not hold."""
    copy = _object(file)
    document = copy.get("agreement")
    if not isinstance(document, dict):
        raise BadInput(f"{file} holds no agreement", field="file")
    signed = _verified(document, None if declaration is None else _object(declaration))
    problem = _wrong_by_hand(copy, origin)
    if json:
        by_them = copy.get("hand") is not None and not problem
        options.print_json({"verified": signed, "by_hand": by_them, "problem": problem})
    else:
        typer.echo(f"signatures    {'both are good' if signed else 'DO NOT VERIFY'}")
        typer.echo(f"by hand       {_by_hand(copy, problem)}")
    if problem or not signed:
        raise typer.Exit(1)


def _object(file: Path) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(file.read_bytes())
    except (OSError, msgspec.DecodeError, RecursionError) as error:
        raise BadInput(f"{file} cannot be read: {error}", field="file") from None
    if not isinstance(found, dict):
        raise BadInput(f"{file} holds no JSON object", field="file")
    return found


def _verified(document: dict[str, Any], declaration: dict[str, Any] | None) -> bool:
    try:
        return verify(document, declaration)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return False  # it is no agreement at all


def _wrong_by_hand(copy: dict[str, Any], origin: str = "") -> str:
    hand = copy.get("hand")
    return "" if hand is None else by_hand.wrong(copy["agreement"], hand, origin)


def _by_hand(copy: dict[str, Any], problem: str) -> str:
    hand = copy.get("hand")
    if hand is None:
        return "not signed by the person's own hand: the node signed for them"
    if problem:
        return f"DOES NOT VERIFY: {problem}"
    return f"signed by a passkey of the person's at {hand['origin']}, {hand['at']}"


@agreements.command("receipt")
def receipt(agreement: Handle, data: options.Data = None) -> None:
    """Print an agreement's consent receipt: JSON with the fields of ISO/IEC TS 27560."""
    settings = options.settings(data)
    options.print_json(open_agreeing(settings).book.receipt(agreement, origin=settings.url))


def _plain(agreement: Agreement) -> dict[str, Any]:
    return {
        "agreement": agreement.handle,
        "org": agreement.org,
        "status": agreement.status,
        "version": agreement.version,
        "since": rfc3339(agreement.since),
        "ended_at": None if agreement.ended_at is None else rfc3339(agreement.ended_at),
        "purposes": [{"purpose": each.purpose, "categories": list(each.categories)} for each in agreement.agreed],
        "previous": agreement.previous,
    }


def _purposes(agreement: Agreement) -> str:
    return ", ".join(each.purpose + _by(each) for each in agreement.agreed)


def _by(agreed: Agreed) -> str:
    return " (by its other offer)" if agreed.offer == "alternative" else ""


def _lines(agreed: dict[str, Any]) -> list[str]:
    days = agreed.get("retention_days")
    clauses = ", ".join(agreed.get("clauses", ()))
    return [
        f"{agreed['purpose']:13} {', '.join(agreed['categories']) or 'nothing collected here'}",
        f"{'':13} on {agreed['basis'].replace('_', ' ')}, by the person's {clauses}",
        f"{'':13} kept {'for as long as it does not say' if days is None else f'{days} days'}",
    ]

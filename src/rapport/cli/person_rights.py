"""Commands of `rapport person` for what people may ask for by law, beside locks, terms and erasure."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from rapport.app.portability import open_portability
from rapport.app.rights_desk import EVERYTHING, open_rights_desk
from rapport.cli import options
from rapport.kernel.errors import BadInput, Conflict
from rapport.kernel.times import rfc3339
from rapport.terms.rights import LAW, Case, took_words
from rapport.terms.sentences import clause_sentence

Handle = Annotated[str, typer.Argument(metavar="PERSON", help="The person: per_…")]

_TERMINATED = 143


def register(people: typer.Typer) -> None:
    people.command("export")(export)
    people.command("object")(object_)
    people.command("restrict")(restrict)
    people.command("correct")(correct)
    people.command("ask-review")(ask_review)
    people.command("requests")(requests)
    people.command("withdraw")(withdraw)


def export(
    person: Handle,
    out: Annotated[Path, typer.Option("--out", help="The directory to make; it must be empty or not there.")],
    form: Annotated[str, typer.Option("--format", help="json, csv, parquet or jsonld.")] = "json",
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Write all that companies know about a person, with full timelines, terms, agreements, notices and receipts.

    A receipt of it is in the person's own book.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))  # so that nothing is left behind
    exporter = open_portability(options.settings(data))
    with options.waiting("Exporting …", quiet=json):
        taken = asyncio.run(exporter.export(person, out, form))
    if json:
        where = {"directory": str(taken.directory), "files": list(taken.files)}
        options.print_json({"person": person, "format": form, **where, "rows": taken.rows, "seconds": taken.seconds})
        return
    for name, rows in taken.rows.items():
        typer.echo(f"{name:12} {rows:,}")
    typer.echo(f"All of it is in {out}/ since {taken.seconds:.1f} s after you asked; a receipt of it is in your book.")


def object_(
    person: Handle,
    org: Annotated[str, typer.Option("--org", help="The organization that must stop.")],
    purpose: Annotated[str, typer.Option("--purpose", help="What for; any: everything.")],
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Object to one organization's use for one purpose: a clause that denies it, from the next read on."""
    desk = open_rights_desk(options.settings(data))
    before = desk.terms(person)
    case = asyncio.run(desk.object(person, org, purpose))
    after = desk.terms(person)
    said = [clause_sentence(clause) for clause in after.clauses if clause.id.startswith("objection-")]
    if json:
        options.print_json({**told(case), "added": after != before, "objections": said})
    else:
        typer.echo("\n".join(said))


def restrict(
    person: Handle,
    org: Annotated[str, typer.Option("--org", help="The organization that must stop.")],
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Restrict an organization to keeping what it has: it may use nothing, whatever for, from the next read on."""
    object_(person, org, EVERYTHING, data, json)


def correct(
    person: Handle,
    org: Annotated[str, typer.Option("--org", help="The organization that has it wrong.")],
    trait: Annotated[str, typer.Option("--trait", help="What is wrong, by its name in the view, such as phone.")],
    value: Annotated[
        str | None, typer.Option("--value", help="What is right: text, or JSON; of an address, some of its parts.")
    ] = None,
    take_back: Annotated[bool, typer.Option("--take-back", help="Say no longer what was said of it.")] = False,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Correct one thing that an organization knows of a person; their word wins until they take it back."""
    if (value is None) != take_back:
        raise BadInput("say either --value VALUE or --take-back", field="value")
    desk = open_rights_desk(options.settings(data))
    case = asyncio.run(desk.correct(person, org, trait, None if value is None else _meant(value)))
    receivers = [one._asdict() for one in desk.corrector.told(case)]
    if json:
        options.print_json({**told(case), "told": receivers})
    elif case.status == "done":
        typer.echo(f"{'Taken back' if take_back else 'Corrected'}, {took_words(case.took or 0)} after you asked.")
        typer.echo(f"Told: {', '.join(one['source'] for one in receivers) or 'no system'}. {case.answer}".rstrip())
    if case.status == "refused":
        raise Conflict(case.answer, code="refused")


def _meant(said: str) -> Any:
    """A value from the command line: a JSON text or object as what it says, all else as it was typed: whether digits
    are a number is for what is there to say."""
    try:
        value = msgspec.json.decode(said)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return said
    if value is None:
        raise BadInput("null is no value: say --take-back to say nothing of it any more", field="value")
    return value if isinstance(value, str | dict | list) else said


def ask_review(
    person: Handle,
    receipt: Annotated[str, typer.Option("--receipt", help="The receipt of the use (rcp_…) that it was decided with.")],
    words: Annotated[str, typer.Option("--words", help="What is wrong, or what should be looked at.")] = "",
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Ask that a human at the company looks at what was decided with a use of a person's data."""
    desk = open_rights_desk(options.settings(data))
    case = asyncio.run(desk.review(person, receipt, words))
    if json:
        options.print_json(told(case))
    else:
        typer.echo(f"{case.id}: {case.asked.org} is asked, and has until {rfc3339(case.deadline)[:10]} to answer.")


def requests(person: Handle, data: options.Data = None, json: options.Json = False) -> None:
    """List what a person asked for by right, what came of it, and how long it took."""
    cases, _ = open_rights_desk(options.settings(data)).cases(person)
    if json:
        options.print_json([told(case) for case in cases])
        return
    for case in cases:
        typer.echo(line(case))
    if not cases:
        typer.echo("Nothing was asked for yet: see rapport person --help.")


def withdraw(
    person: Handle,
    request: Annotated[str, typer.Argument(metavar="REQUEST", help="The request: rrq_…")],
    data: options.Data = None,
) -> None:
    """Take back a request that still waits."""
    asyncio.run(open_rights_desk(options.settings(data)).withdraw(person, request))
    typer.echo("It is taken back.")


def line(case: Case) -> str:
    """A request in a line."""
    where = case.asked.org or "all companies"
    ended = f"by {rfc3339(case.deadline)[:10]}" if case.took is None else f"after {took_words(case.took)}"
    answer = f"  {case.answer}" if case.answer else ""
    return f"{case.id}  {rfc3339(case.at)[:16]}  {case.asked.right:13} {where:16} {case.status:9} {ended}{answer}"


def told(case: Case) -> dict[str, Any]:
    """A request, for machines."""
    ended = None if case.ended_at is None else rfc3339(case.ended_at)
    seconds = None if case.took is None else case.took / 1e6
    return {
        "request": case.id,
        "right": case.asked.right,
        "law": LAW[case.asked.right],
        "org": case.asked.org,
        "about": case.asked.about,
        "value": case.asked.value,
        "words": case.asked.words,
        "by": case.asked.by,
        "asked_at": rfc3339(case.at),
        "deadline": rfc3339(case.deadline),
        "status": case.status,
        "ended_at": ended,
        "seconds": seconds,
        "answer": case.answer,
        "receipts": list(case.receipts),
    }

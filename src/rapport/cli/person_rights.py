"""`rapport person export` and `object`: what people may ask for by law, beside locks, terms and erasure."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from rapport.app import embedded
from rapport.app.portability import open_portability
from rapport.cli import options
from rapport.kernel.errors import NotFound
from rapport.terms.objecting import objected
from rapport.terms.sentences import clause_sentence

Handle = Annotated[str, typer.Argument(metavar="PERSON", help="The person: per_…")]

_TERMINATED = 143


def register(people: typer.Typer) -> None:
    people.command("export")(export)
    people.command("object")(object_)


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
    settings = options.settings(data)
    book = embedded.open_people(settings)
    if not embedded.open_ledger(settings).has_org(org):
        raise NotFound(f"there is no organization {org!r}", field="org")
    before = book.person(person).terms
    after = objected(before, org, purpose)
    if after is not before:
        book.set_terms(person, after)
    said = [clause_sentence(clause) for clause in after.clauses if clause.id.startswith("objection-")]
    if json:
        options.print_json({"person": person, "added": after is not before, "objections": said})
    else:
        typer.echo("\n".join(said))

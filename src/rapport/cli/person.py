"""`rapport person`: people's accounts, until they sign in themselves: for tests, the demo and the support desk."""

import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from rapport.act.demands import in_words, told
from rapport.adapters.embedded.accounts import Accounts
from rapport.adapters.embedded.doors import Doors
from rapport.adapters.embedded.people import Person
from rapport.app import bundling, embedded, erasing, proving, rights, statements
from rapport.cli import options, person_rights
from rapport.kernel.errors import BadInput
from rapport.kernel.times import rfc3339
from rapport.signin import codes
from rapport.terms import Terms, cedar
from rapport.terms.presets import PRESETS, TITLES
from rapport.terms.reading import parse_terms
from rapport.terms.sentences import clause_sentence

people = typer.Typer(help="Persons: people with an account, who say who may use what.", no_args_is_help=True)

Handle = Annotated[str, typer.Argument(metavar="PERSON", help="The person: per_…")]
Org = Annotated[str | None, typer.Option("--org", help="Only towards this organization.")]
Claim = Annotated[
    list[str] | None,
    typer.Option("--claim", metavar="ORG:TYPE:VALUE", help="An identifier that is this person's; may be repeated."),
]


Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="The e-mail address that was typed on the page.")]


def register(app: typer.Typer) -> None:
    app.add_typer(people, name="person")
    person_rights.register(people)


@people.command("add")
def add(claim: Claim = None, data: options.Data = None, json: options.Json = False) -> None:
    """Make a person who claims customers. They start on the node's default terms, so nothing changes until they say."""
    person = embedded.open_people(options.settings(data)).add(claim or [])
    _tell(person, as_json=json)


@people.command("claim")
def claim_more(person: Handle, claim: Claim = None, data: options.Data = None, json: options.Json = False) -> None:
    """Claim further identifiers for a person."""
    if not claim:
        raise BadInput("say what with --claim ORG:TYPE:VALUE", field="claim")
    _tell(embedded.open_people(options.settings(data)).claim(person, claim), as_json=json)


@people.command("list")
def list_persons(data: options.Data = None, json: options.Json = False) -> None:
    """List the persons of this node."""
    book = embedded.open_people(options.settings(data))
    rows: list[tuple[int, str, str]] = []
    while page := book.persons(rows[-1][0] if rows else 0, 1_000):
        rows += page
    if json:
        options.print_json([{"person": handle, "status": status} for _, handle, status in rows])
    else:
        typer.echo("\n".join(f"{handle}  {status}" for _, handle, status in rows) or "There is nobody yet.")


@people.command("show")
def show(person: Handle, data: options.Data = None, json: options.Json = False) -> None:
    """Show a person's claims, locks and terms."""
    _tell(embedded.open_people(options.settings(data)).person(person), as_json=json)


@people.command("open")
def open_page(person: Handle, data: options.Data = None, port: options.Port = None, json: options.Json = False) -> None:
    """Print a link that opens the person's own page once, within ten minutes."""
    settings = options.settings(data, port)
    code = Doors(embedded.open_ledger(settings)).mint(person)
    _tell_link(f"{settings.url}/me/open?code={code}", as_json=json)


@people.command("invite")
def invite(person: Handle, data: options.Data = None, port: options.Port = None, json: options.Json = False) -> None:
    """Print a link that lets the person make a passkey for their page, once, within ten minutes."""
    settings = options.settings(data, port)
    code = Accounts(embedded.open_ledger(settings)).invite(person)
    _tell_link(f"{settings.url}/signin/invite?code={code}", as_json=json)


@people.command("sign-out")
def sign_out(person: Handle, data: options.Data = None, json: options.Json = False) -> None:
    """End every sign-in of a person and let go of their bound devices, from the next request on; passkeys stay.

    For the support desk, once somebody says that another is in their account.
    """
    ledger = embedded.open_ledger(options.settings(data))
    ended = Accounts(ledger).end_everything(person)
    if json:
        options.print_json({"person": person, "ended": ended.sign_ins, "devices": ended.devices})
    else:
        typer.echo(f"{ended.sign_ins} sign-ins ended, {ended.devices} bound devices let go.")


@people.command("code")
def code(address: Address, data: options.Data = None, json: options.Json = False) -> None:
    """Print a code in place of the one that was asked for last by an e-mail address, once you know who asks for it.

    For a node that sends no mail: whoever gets the code is taken for the one who reads that address.
    """
    proofs = proving.open_proofs(options.settings(data))
    made = proofs.contacts.again(*codes.contact("email", address))
    if json:
        options.print_json({"code": made})
    else:
        typer.echo(codes.spaced(made))


@people.command("lock")
def lock(person: Handle, org: Org = None, data: options.Data = None, json: options.Json = False) -> None:
    """Shut everyone out of everything, or one organization; it holds from the next read on, in every process."""
    book = embedded.open_people(options.settings(data))
    book.lock(person, org)
    _tell(book.person(person), as_json=json)


@people.command("unlock")
def unlock(person: Handle, org: Org = None, data: options.Data = None, json: options.Json = False) -> None:
    """Undo a lock: exactly what was readable before it is readable again."""
    book = embedded.open_people(options.settings(data))
    book.unlock(person, org)
    _tell(book.person(person), as_json=json)


@people.command("terms")
def terms(
    person: Handle,
    preset: Annotated[str | None, typer.Option("--preset", help=f"Begin from one of: {', '.join(PRESETS)}.")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="Terms in TOML or JSON.")] = None,
    as_cedar: Annotated[bool, typer.Option("--cedar", help="Show them as Cedar policies, for an audit.")] = False,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Show a person's terms as sentences, or set them from a preset or a file."""
    book = embedded.open_people(options.settings(data))
    if preset is not None and file is not None:
        raise BadInput("either --preset or --file, not both")
    if preset is not None:
        if preset not in PRESETS:
            raise BadInput(f"{preset[:40]!r} is no preset: {', '.join(PRESETS)} are", field="preset")
        book.set_terms(person, PRESETS[preset])
    if file is not None:
        book.set_terms(person, _read(file))
    found = book.person(person)
    if json:
        written = {"cedar": cedar.policies(found.terms)} if as_cedar else {}
        options.print_json({"person": person, **_terms(found.terms), **written})
    else:
        typer.echo(cedar.policies(found.terms) if as_cedar else _sentences(found.terms))


@people.command("bundle")
def bundle(
    person: Handle,
    out: Annotated[Path, typer.Option("--out", help="The file to write; an older one there is replaced.")],
    since: Annotated[
        str | None, typer.Option("--since", help="A head that `rapport verify` printed: prove that this continues it.")
    ] = None,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Write a person's receipts with all that is needed to verify them offline: `rapport verify FILE`."""
    made = bundling.open_bundler(options.settings(data)).bundle(person, since)
    raw = msgspec.json.encode(made)
    _write(out, raw)
    count = len(made["receipts"])
    if json:
        options.print_json({"person": person, "file": str(out), "receipts": count, "bytes": len(raw)})
    else:
        typer.echo(f"{count} receipts in {out} ({len(raw):,} bytes). Check them: rapport verify {out}")


@people.command("statement")
def statement(
    person: Handle,
    month: Annotated[str | None, typer.Option("--month", metavar="YYYY-MM", help="This month alone (UTC).")] = None,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Tell who used what of a person's, why, by which of their clauses, what it gave to both sides, and who got
    nothing."""
    told = statements.open_statements(options.settings(data)).of(person, month)
    if json:
        options.print_json(told)
    else:
        typer.echo("\n".join(statements.lines(told)))


@people.command("shred")
def shred(
    person: Handle,
    yes: Annotated[bool, typer.Option("--yes", help="Yes, for good: this cannot be undone.")] = False,
    proof: Annotated[
        Path | None, typer.Option("--proof", help="Write their last receipts to this file, to verify: theirs to keep.")
    ] = None,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Erase a person for good: every record that holds a claimed identifier, in the log, the state and the backups.

    What comes again under their identifiers is refused until they lift it. Returns once it is complete and durable.
    """
    if not yes:
        raise BadInput("this erases for good and cannot be undone: say --yes")
    settings = options.settings(data)
    with options.waiting("Erasing …", quiet=json):
        shredded = rights.shred_person(settings, person)
    erased = shredded.erased
    if proof is not None and shredded.proof:
        _write(proof, msgspec.json.encode(shredded.proof))
    if json:
        demanded = {"demands": [told(one) for one in shredded.demands]}
        options.print_json({"person": person, **msgspec.to_builtins(erased), **demanded})
        return
    typer.echo(
        f"erased      {erased.records} records with {erased.events} events\n"
        f"shut out    {erased.identifiers} identifiers: what comes under them is refused from now on"
    )
    for carved in erased.carved:
        until = rfc3339(carved.until)[:10]
        typer.echo(f"kept by law {carved.org}: {carved.events} events until {until} ({carved.law})")
    for one in shredded.demands:
        typer.echo(f"to delete   {one.org}: {in_words(one)}")
    if erased.reviews:
        typer.echo(f"to look at  {len(erased.reviews)} records were only joined to these: rapport person review")
    if proof is not None:
        lost = "none: it was lost when the erasure was cut short before"
        typer.echo(f"proof       {f'{proof}: rapport verify {proof}' if shredded.proof else lost}")
    typer.echo("Backups of keys made before are useless now: make a new one (rapport backup --keys FILE).")


@people.command("lift")
def lift(person: Handle, data: options.Data = None, json: options.Json = False) -> None:
    """Let what an erased person shut out come in again, from now on."""
    count = erasing.lift(options.settings(data), person)
    if json:
        options.print_json({"person": person, "identifiers": count})
    else:
        typer.echo(f"{count} identifiers may come in again.")


@people.command("review")
def review(org: Org = None, data: options.Data = None, json: options.Json = False) -> None:
    """List records that were only joined to an erased person's, and wait to be looked at."""
    reviews = erasing.review(options.settings(data), org=org)
    if json:
        options.print_json([msgspec.to_builtins(item) for item in reviews])
        return
    for item in reviews:
        deadline = rfc3339(item.deadline)[:10]
        typer.echo(f"{item.id:6}  {item.org}/{item.source}  {item.handle}  by {deadline}  {item.why}")
    if not reviews:
        typer.echo("Nothing waits to be looked at.")


@people.command("settle")
def settle(
    person: Handle,
    reviews: Annotated[list[int], typer.Argument(metavar="REVIEW...", help="Numbers from `rapport person review`.")],
    erase: Annotated[bool, typer.Option("--erase/--keep", help="They are the person's, or somebody else's.")],
    data: options.Data = None,
) -> None:
    """Decide on records that waited to be looked at: erase them too, or keep them."""
    settings = options.settings(data)
    if erase:
        typer.echo(f"{rights.erase_reviewed(settings, person, reviews).records} records are erased.")
    else:
        typer.echo(f"{erasing.keep(settings, person, reviews)} records are kept.")


def _write(out: Path, raw: bytes) -> None:
    draft = out.with_name(f"{out.name}.part")
    try:
        draft.write_bytes(raw)
        draft.replace(out)
    except OSError as error:
        raise BadInput(f"{out} cannot be written: {error.strerror}", field="out") from None


def _read(file: Path) -> Terms:
    try:
        raw = file.read_bytes()
        if file.suffix == ".toml":
            raw = msgspec.json.encode(tomllib.loads(raw.decode()))
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}", field="file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{file}: {error}", field="file") from None
    return parse_terms(raw)


def _terms(terms: Terms) -> dict[str, Any]:
    sentences = [{"id": clause.id, "sentence": clause_sentence(clause)} for clause in terms.clauses]
    return {"preset": terms.preset, "terms": msgspec.to_builtins(terms), "sentences": sentences}


def _sentences(terms: Terms) -> str:
    title = TITLES.get(terms.preset, "Terms of one's own")
    lines = [f"{number}. {clause_sentence(clause)}" for number, clause in enumerate(terms.clauses, 1)]
    return "\n".join([title, *(lines or ["What the node's default terms allow, and no clause of one's own."])])


def _tell_link(url: str, *, as_json: bool) -> None:
    if as_json:
        options.print_json({"url": url})
    else:
        typer.echo(url)


def _tell(person: Person, *, as_json: bool) -> None:
    if as_json:
        options.print_json(
            {
                "person": person.handle,
                "created_at": rfc3339(person.created_at),
                "status": person.status,
                "locked": person.locked,
                "locked_for": list(person.locked_for),
                "claims": [{"org": org, "type": kind, "value": value} for org, kind, value in person.claims],
                **_terms(person.terms),
            }
        )
        return
    shut = "everyone" if person.locked else ", ".join(person.locked_for) or "nobody"
    typer.echo(f"person      {person.handle}  ({person.status})\nlocked out  {shut}")
    for org, kind, value in person.claims:
        typer.echo(f"claims      {org}  {kind}:{value}")
    typer.echo(f"terms       {_sentences(person.terms)}")

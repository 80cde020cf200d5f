"""`rapport declaration` and `rapport attester`: what an organization promises, and whose word counts for its values."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rapport.app import agreeing, embedded
from rapport.app.auditing import noted
from rapport.cli import options
from rapport.kernel.errors import BadInput
from rapport.kernel.times import now, rfc3339
from rapport.terms import promises
from rapport.terms.aggregates import words
from rapport.terms.declaration import DEFAULT, Benefit, Declaration, Promise, Standing, ValueClaim

Org = Annotated[str, typer.Argument(metavar="ORG", help="The organization.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="The declaration, TOML or JSON.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The attester, by the name that claims give it.")]

declarations = typer.Typer(
    help="Declarations: what an organization promises, signed and versioned.", no_args_is_help=True
)
attesters = typer.Typer(help="Attesters: those whose word on an organization's values counts.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(declarations, name="declaration")
    app.add_typer(attesters, name="attester")


# -- declarations


@declarations.command("show")
def show(
    org: Org,
    version: Annotated[int | None, typer.Option("--version", help="This version instead of the one in force.")] = None,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Show what an organization promises; with --json, the published document with its signature."""
    book = embedded.open_promises(options.settings(data))
    document = book.document(org, version)
    if json:
        options.print_json(document)
        return
    standing = book.standing(org) if version is None else book.version(org, version)
    signature = document["signature"]
    by = f"signed by key {signature['key']['x']}" if signature else "the node's default: nothing was declared yet"
    typer.echo(f"{standing.declaration.name or org}, version {standing.version} since {document['since']}, {by}")
    typer.echo("\n".join(_told(standing)))
    if version is None:
        _echo_remarks(book.remarks(org))


@declarations.command("put")
def put(
    org: Org,
    file: File,
    key: Annotated[
        Path | None, typer.Option("--key", help="The organization's own private key (PEM), where it registered one.")
    ] = None,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Declare what is in a file, and show what changed for people."""
    settings = options.settings(data)
    book = embedded.open_promises(settings)
    body, form = _read(file)
    declaration = _parse(file, body, form)
    before = book.standing(org)
    own, expected = promises.OwnSignature(), None
    if key is not None:
        since = max(now(), before.since + 1)
        signature = _private(key).sign(promises.canonical_json(book.draft(org, declaration, since)))
        own, expected = promises.OwnSignature(signature, since=since), before.version
    with noted(settings, org, "declared a promise"):
        after = book.put(org, body, form, own, expected)
    agreeing.review(settings, org)
    changed = promises.changes(before.declaration, after.declaration)
    remarks = book.remarks(org)
    if json:
        options.print_json({"published": book.document(org), "changes": changed, "remarks": remarks})
        return
    if after.version == before.version:
        typer.echo(f"This is version {after.version}, which is in force already.")
    else:
        typer.echo(f"Version {after.version} is in force. {after.declaration.name or org}")
        typer.echo("\n".join(f"  · {sentence}" for sentence in changed) or "  · promises the same in other words")
    _echo_remarks(remarks)


@declarations.command("simulate")
def simulate(org: Org, file: File, data: options.Data = None, json: options.Json = False) -> None:
    """Say how many customers would let the organization in by the declaration in a file, and what would open more
    doors. Nothing is written; numbers are of many people, and rounded."""
    body, form = _read(file)
    declaration = _parse(file, body, form)
    told = agreeing.simulated(agreeing.open_agreeing(options.settings(data)), org, declaration)
    if json:
        options.print_json(msgspec.to_builtins(told))
        return
    typer.echo(f"{words(told.people)} people with an account claim to be customers of {org}")
    for each in told.purposes:
        if each.by_law:
            typer.echo(f"{each.purpose:16} by law: nobody is asked")
            continue
        more = f"; {words(each.gained)} would come, {words(each.lost)} would go" if each.then != each.now else ""
        typer.echo(f"{each.purpose:16} now {words(each.now)}, then {words(each.then)}{more}")
    for door in told.doors:
        typer.echo(f"{door.purpose:16} {door.words}: {words(door.gained)} more")


@declarations.command("check")
def check(file: File, json: options.Json = False) -> None:
    """Say whether a file is a declaration, and if not, what is wrong and where; nothing is written."""
    body, form = _read(file)
    declaration = _parse(file, body, form)
    digest = promises.hash_of(declaration)
    if json:
        options.print_json({"valid": True, "hash": digest, "purposes": list(declaration.purposes)})
    else:
        typer.echo(f"{file} is a valid declaration: {', '.join(declaration.purposes) or 'no purpose at all'}\n{digest}")


@declarations.command("history")
def history(org: Org, data: options.Data = None, json: options.Json = False) -> None:
    """List the versions of an organization's declaration, the newest first, with what each changed."""
    versions = embedded.open_promises(options.settings(data)).history(org)
    rows = []
    for number, each in enumerate(versions):
        older = versions[number + 1].declaration if number + 1 < len(versions) else DEFAULT
        rows.append((each, promises.changes(older, each.declaration)))
    if json:
        options.print_json(
            [{"version": s.version, "since": rfc3339(s.since), "hash": s.hash, "changes": c} for s, c in rows]
        )
        return
    for each, changed in rows:
        typer.echo(f"version {each.version}  {rfc3339(each.since)}  {each.hash}")
        typer.echo("\n".join(f"  · {sentence}" for sentence in changed))


@declarations.command("key")
def key(
    org: Org,
    set_: Annotated[
        Path | None, typer.Option("--set", help="Register this public key (PEM or JWK) as the organization's own.")
    ] = None,
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Show the key that an organization signs with; with --set it signs for itself from now on, and the node cannot."""
    book = embedded.open_promises(options.settings(data))
    found = book.key(org) if set_ is None else book.set_key(org, promises.public_key(_bytes(set_)))
    if json:
        options.print_json({"org": org, "key": promises.jwk(found.public), "held_by": _holder(own=found.own)})
    else:
        typer.echo(f"{promises.base64url(found.public)}  held by the {_holder(own=found.own)}")


# -- attesters


@attesters.command("add")
def add_attester(
    name: Name,
    file: Annotated[Path, typer.Argument(metavar="KEYFILE", help="Its public Ed25519 key, PEM or JWK.")],
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Let an attester's word count: claims that it signed are attested from now on."""
    added = embedded.open_promises(options.settings(data)).add_attester(name, promises.public_key(_bytes(file)))
    _tell_attesters([added], as_json=json, alone=True)


@attesters.command("list")
def list_attesters(data: options.Data = None, json: options.Json = False) -> None:
    """List the attesters whose word counts at this node."""
    _tell_attesters(embedded.open_promises(options.settings(data)).attesters(), as_json=json)


@attesters.command("remove")
def remove_attester(name: Name, data: options.Data = None) -> None:
    """Let an attester's word count no longer: what it vouched for is self-declared from now on."""
    embedded.open_promises(options.settings(data)).remove_attester(name)


@attesters.command("sign")
def sign(
    name: Name,
    org: Org,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="The value, such as living_wage.")],
    key: Annotated[Path, typer.Option("--key", help="The attester's private key (PEM).")],
    text: Annotated[str, typer.Option("--text", help="What is attested, in words.")] = "",
    evidence: Annotated[str, typer.Option("--evidence", help="Where the evidence is, such as an address.")] = "",
    issued: Annotated[str, typer.Option("--issued", help="Since when, a date.")] = "",
    expires: Annotated[str, typer.Option("--expires", help="Until when, a date.")] = "",
    json: options.Json = False,
) -> None:
    """Sign a claim to a value as its attester, and print it for the organization's declaration. Needs no node."""
    bare = promises.plain(ValueClaim(value, text, name, evidence, issued, expires))
    claim = promises.parse(promises.canonical_json({"values": [bare]}), "json").values[0]
    told = promises.plain(promises.attest(org, claim, _private(key)))
    if json:
        options.print_json(told)
    else:
        lines = [f"{field} = {promises.canonical_json(content).decode()}" for field, content in told.items()]
        typer.echo("\n".join(["[[values]]", *lines]))


def _tell_attesters(listed: list[promises.Attester], *, as_json: bool, alone: bool = False) -> None:
    told = [{"attester": a.name, "key": promises.jwk(a.public), "added_at": rfc3339(a.added_at)} for a in listed]
    if as_json:
        options.print_json(told[0] if alone else told)
    else:
        lines = [f"{a.name:30} {promises.base64url(a.public)}" for a in listed]
        typer.echo("\n".join(lines) or "There is none yet: all values are self-declared.")


# -- files and words


def _bytes(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(promises.MAX_BYTES + 1)
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}", field="FILE") from None


def _read(file: Path) -> tuple[bytes, promises.Format]:
    """The file's content, and its format: by its name, or else by its first sign."""
    body = _bytes(file)
    is_json = file.suffix.lower() == ".json" or (file.suffix.lower() != ".toml" and body.lstrip()[:1] == b"{")
    return body, "json" if is_json else "toml"


def _parse(file: Path, body: bytes, form: promises.Format) -> Declaration:
    try:
        return promises.parse(body, form)
    except BadInput as error:
        raise BadInput(f"{file}: {error.message}", code=error.code, field=error.field) from None


def _private(file: Path) -> Ed25519PrivateKey:
    try:
        return promises.private_key(_bytes(file))
    except BadInput as error:
        raise BadInput(f"{file}: {error.message}", code=error.code) from None


def _holder(*, own: bool) -> str:
    return "organization" if own else "node"


def _echo_remarks(remarks: list[str]) -> None:
    for remark in remarks:
        typer.echo(f"note: {remark}")


def _told(standing: Standing) -> list[str]:
    """A declaration on the terminal."""
    lines = []
    for purpose, promise in standing.declaration.purposes.items():
        lines += [f"\n{purpose}", *_promise(promise)]
        if promise.alternative is not None:
            lines += ["  or else", *(f"  {line}" for line in _promise(promise.alternative))]
    if standing.declaration.consent:
        lines.append("\nconsent")
        lines += [
            f"  {name:12} → {', '.join(opens) or 'nothing'}" for name, opens in standing.declaration.consent.items()
        ]
    if standing.declaration.values:
        lines.append("\nvalues")
        lines += [f"  {claim.value:24} {_vouching(standing, claim.value)}" for claim in standing.declaration.values]
    return lines


def _promise(promise: Promise) -> list[str]:
    onward = {None: "not said", True: "yes", False: "no"}[promise.onward]
    recipients = "not said" if promise.recipients is None else ", ".join(promise.recipients) or "nobody"
    kept = "not said" if promise.retention_days is None else f"{promise.retention_days} days"
    rows: list[tuple[str, Any]] = [
        ("basis", f"{promise.basis}{f' ({promise.law})' if promise.law else ''}"),
        ("data", ", ".join(promise.categories)),
        ("kept", kept),
        ("given to", recipients),
        ("passed on", onward),
        ("place", "not said" if promise.place is None else ", ".join(promise.place)),
        *(("offers", _benefit(benefit)) for benefit in promise.benefits),
    ]
    return [f"  {name:10} {told}" for name, told in rows]


def _benefit(benefit: Benefit) -> str:
    amount = f"{benefit.amount:g} {benefit.unit}" if benefit.kind != "service" else benefit.text
    per = f" per {benefit.per}" if benefit.per else ""
    more = f" ({benefit.text})" if benefit.text and benefit.kind != "service" else ""
    return f"{benefit.kind}: {amount}{per}{more}"


def _vouching(standing: Standing, value: str) -> str:
    present = now()
    for word, held in (("attested", standing.attested), ("self-declared", standing.claimed)):
        if value in held:
            until = held[value]
            if until is None:
                return word
            if until > present:
                return f"{word}, until {rfc3339(until)}"
    return "does not count"

"""Agreements: a person's terms and an organization's declaration that meet, as one document that both sides keep.

After IEEE 7012 the person is the first party, who proffers terms; the organization accepts them with what it promises,
with the one other offer of its declaration (`alternative`), or not at all: then there is no agreement, and it does not
learn that there was a person to refuse. The document is written in words of DPV and of its extension for P7012
(https://w3id.org/dpv/standards/p7012), has one canonical form (RFC 8785), and is signed for both sides (Ed25519).

Two organizations that lay their agreements side by side must not find the same person. So all that is the person's is
pairwise: pseudonym, key and the commitment to the terms; clauses that are no preset's go by number; the other companies
that a clause names stay out; `since` is a day.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from rapport.kernel import ids
from rapport.kernel.times import rfc3339
from rapport.kernel.vocabulary import ANY, names_in
from rapport.terms import promises
from rapport.terms.clauses import Clause, Elsewhere, Terms
from rapport.terms.declaration import Basis, Benefit, Promise, Standing
from rapport.terms.policy import Judge, Verdict, promise_for
from rapport.terms.presets import PRESETS

Status = Literal["active", "ended"]

CONTEXT = {"dpv": "https://w3id.org/dpv#", "p7012": "https://w3id.org/dpv/standards/p7012#"}
HELD_FOR_THE_PERSON = "the node, for the person"
HELD_FOR_THE_ORGANIZATION = "the node, for the organization"

_OF_PRESETS = frozenset(clause for preset in PRESETS.values() for clause in preset.clauses)


class Shared(msgspec.Struct, frozen=True, omit_defaults=True):
    """What of the person's doings at other companies may be seen, and how finely (see `clauses.Elsewhere`)."""

    categories: tuple[str, ...]
    detail: Literal["exact", "coarse"] = "coarse"
    named: bool = False


class Agreed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is agreed for one purpose: data, and on what promise. `offer`: whether it is the declaration's promise or
    its alternative; `clauses`: those of the person it rests on; `at_most`: how often (`4 a month`); `quiet`: hours in
    which the person is not to be reached out to."""

    purpose: str
    offer: Literal["promise", "alternative"]
    basis: Basis
    categories: tuple[str, ...]
    elsewhere: tuple[Shared, ...] = ()
    retention_days: int | None = None
    recipients: tuple[str, ...] | None = None
    onward: bool | None = None
    place: tuple[str, ...] | None = None
    benefits: tuple[Benefit, ...] = ()
    clauses: tuple[str, ...] = ()
    at_most: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()


def has_own(terms: Terms) -> bool:
    """Whether a person said anything of their own. Who did not has no agreements: nothing was proffered."""
    return terms.preset != "default" or bool(terms.clauses)


# -- where they meet


def purposes_between(terms: Terms, standing: Standing) -> list[str]:
    """The purposes at which terms and declaration are held against each other: those that the declaration names, and
    what clauses name within them. What a law obliges to is no matter of agreement."""
    named = {name for clause in terms.clauses if clause.effect == "allow" for name in clause.purposes if name != ANY}
    found = []
    for purpose in sorted({*standing.declaration.purposes, *named}):
        promise = promise_for(standing, purpose)
        if promise is not None and promise.basis != "legal_obligation":
            found.append(purpose)
    return found


def meet(judge: Judge, terms: Terms, key: bytes, standing: Standing, at: int) -> tuple[Agreed, ...]:
    """What terms (`key`: their content hash) and a declaration agree on at a time (µs); nothing where they never meet.

    It is what the gate lets through on a day without quiet hours, before any limit of frequency is used up.
    """
    if not has_own(terms):
        return ()
    agreed = []
    for purpose in purposes_between(terms, standing):
        verdict = judge.decide(terms, key, standing, purpose, at)
        promise = promise_for(standing, purpose)
        if verdict.permitted and promise is not None:
            offered = promise.alternative if verdict.offer == "alternative" else promise
            agreed.append(_agreed(purpose, verdict, offered or promise, terms))
    return tuple(agreed)


def _agreed(purpose: str, verdict: Verdict, promise: Promise, terms: Terms) -> Agreed:
    relied = [clause for clause in terms.clauses if clause.id in verdict.clauses]
    return Agreed(
        purpose,
        "alternative" if verdict.offer == "alternative" else "promise",
        promise.basis,
        names_in(verdict.collected),
        tuple(_shared(mask & verdict.elsewhere, how) for mask, how in verdict.grants if mask & verdict.elsewhere),
        promise.retention_days,
        promise.recipients,
        promise.onward,
        promise.place,
        promise.benefits,
        tuple(_name(clause, terms) for clause in relied),
        tuple(f"{f.times} a {f.per}" for f in (clause.frequency for clause in relied) if f is not None),
        tuple(clause.quiet for clause in relied if clause.quiet),
    )


def _shared(mask: int, how: Elsewhere) -> Shared:
    return Shared(names_in(mask), how.detail, how.named)


def _name(clause: Clause, terms: Terms) -> str:
    return clause.id if clause in _OF_PRESETS else f"clause {terms.clauses.index(clause) + 1}"


# -- the document


class Parties(msgspec.Struct, frozen=True):
    """Who agrees. `person` is the pseudonym of the person towards this organization; `name` what people call the
    organization; `commitment` stands for the person's terms, and says nothing of them to whoever has no key."""

    org: str
    name: str
    person: str
    commitment: str


def document(
    handle: str,
    parties: Parties,
    agreed: Sequence[Agreed],
    declaration: tuple[int, str],
    since: int,
    previous: str | None = None,
) -> dict[str, Any]:
    """The agreement before it is signed. `declaration`: version and hash; `since` in µs; `previous`: the handle of the
    agreement that this one follows."""
    version, digest = declaration
    return {
        "context": CONTEXT,
        "type": "p7012:Agreement",
        "agreement": handle,
        "status": "p7012:AgreementAccepted",
        "first_party": {"type": "p7012:Person", "pseudonym": parties.person, "terms": parties.commitment},
        "second_party": {"type": "p7012:Entity", "organization": parties.org, "name": parties.name or parties.org},
        "answer": "alternative" if any(one.offer == "alternative" for one in agreed) else "accept",
        "purposes": promises.plain(list(agreed)),
        "declaration": {"version": version, "hash": digest},
        "since": rfc3339(since)[:10],
        "previous": previous,
    }


def content(agreed: Sequence[Agreed]) -> bytes:
    """What is agreed, in its canonical form: agreements that mean the same have the same."""
    return promises.canonical_json(promises.plain(list(agreed)))


def pseudonym(secret: bytes, person: int, org: str) -> str:
    """By what an organization knows a person: another at each, which only the node can tell to be the same."""
    return ids.text_of("psn", _keyed(secret, b"pseudonym", person, org))


def commitment(secret: bytes, person: int, org: str, terms: Terms) -> str:
    """What stands for terms in a document (HMAC-SHA-256 under a key of person and organization): it commits to them,
    and says nothing of them."""
    key = _keyed(secret, b"commitment", person, org)
    digest = hmac.new(key, promises.canonical_json(promises.plain(terms)), hashlib.sha256).hexdigest()
    return f"hmac-sha256:{digest}"


def _keyed(secret: bytes, label: bytes, person: int, org: str) -> bytes:
    told = label + b"\0" + person.to_bytes(8, "big") + org.encode()
    return hashlib.blake2b(told, key=secret, digest_size=16).digest()


# -- signatures


def person_key(raw: bytes, org: str) -> Ed25519PrivateKey:
    """The key that the node signs with for a person towards one organization, by HKDF (RFC 5869) from the person's own
    32 bytes: it is gone when they are."""
    derived = HKDF(SHA256(), 32, salt=None, info=b"rapport agreement\0" + org.encode()).derive(raw)
    return Ed25519PrivateKey.from_private_bytes(derived)


def signature(key: Ed25519PrivateKey, unsigned: Mapping[str, Any], party: str, held_by: str) -> dict[str, Any]:
    """One side's signature over the canonical form of the document without `signatures`."""
    return {
        "party": party,
        "alg": "EdDSA",
        "key": promises.jwk(key.public_key().public_bytes_raw()),
        "held_by": held_by,
        "over": "agreement",
        "value": promises.base64url(key.sign(promises.canonical_json(dict(unsigned)))),
    }


def standing_offer(key: Mapping[str, str], value: str) -> dict[str, Any]:
    """In place of an organization's signature where it signs with a key of its own: that over the declaration named in
    the document, which it published as an offer to everybody whose terms it meets."""
    return {
        "party": "organization",
        "alg": "EdDSA",
        "key": dict(key),
        "held_by": "organization",
        "over": "declaration",
        "value": value,
    }


def verify(signed: Mapping[str, Any], declaration: Mapping[str, Any] | None = None) -> bool:
    """Whether an agreement is whole and signed for both sides by the keys it names. `declaration`: the published
    document it rests on, needed where the organization signed that."""
    unsigned = {name: value for name, value in signed.items() if name != "signatures"}
    signatures = signed.get("signatures")
    if not isinstance(signatures, list):
        return False
    parties = {one.get("party") for one in signatures if isinstance(one, dict)}
    return parties == {"organization", "person"} and all(_holds(one, unsigned, declaration) for one in signatures)


def _holds(one: Mapping[str, Any], unsigned: Mapping[str, Any], declaration: Mapping[str, Any] | None) -> bool:
    key = promises.from_base64url(str(dict(one.get("key") or {}).get("x")), 32)
    value = promises.from_base64url(str(one.get("value")), 64)
    if key is None or value is None:
        return False
    if one.get("over") == "agreement":
        return promises.signed_by(key, value, promises.canonical_json(dict(unsigned)))
    if one.get("party") != "organization" or declaration is None:
        return False
    named = unsigned.get("declaration") == {"version": declaration.get("version"), "hash": declaration.get("hash")}
    made = declaration.get("signature")
    same = isinstance(made, dict) and made.get("value") == one.get("value")
    return named and same and promises.verify(declaration, key)

"""Declarations as documents: their canonical form and hash, who signed them, and which of their values are vouched for.

A published declaration is `{"organization", "version", "declaration", "hash", "since", "previous", "signature"}`. Its
signature (Ed25519, RFC 8032) covers the canonical form (RFC 8785) of the document without `signature`; whoever has the
key can check it with any JSON and any Ed25519 library. Keys are written as JSON Web Keys (RFC 8037).

An attester signs the canonical form of `{"organization", "claim"}`, where `claim` is the value claim without its
signature: it is bound to the organization that it was given to.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from rapport.kernel.errors import BadInput
from rapport.kernel.times import DAY, rfc3339
from rapport.terms.declaration import Declaration, Standing, ValueClaim
from rapport.terms.promise_changes import changes
from rapport.terms.promise_reading import MAX_BYTES, parse, times_of
from rapport.terms.tables import Format

__all__ = [
    "MAX_BYTES",
    "UNSIGNED",
    "Attester",
    "Format",
    "OrgKey",
    "OwnSignature",
    "canonical",
    "changes",
    "hash_of",
    "parse",
    "published",
    "signed",
    "standing",
    "verify",
]

Attesters = Mapping[str, bytes]
"""The public keys (32 bytes) of attesters by name."""


class Attester(msgspec.Struct, frozen=True):
    """Somebody who vouches for values. `public`: 32 bytes; `added_at` in µs."""

    name: str
    public: bytes
    added_at: int


class OwnSignature(msgspec.Struct, frozen=True):
    """What an organization that signs for itself gives with a declaration: its signature over the canonical document
    that will be published, the key (where it names it), and the `since` that it wrote there, µs."""

    signature: bytes | None = None
    public: bytes | None = None
    since: int | None = None


UNSIGNED = OwnSignature()


class OrgKey(msgspec.Struct, frozen=True):
    """An organization's public key, who holds its private half, and those that it signed with earlier."""

    public: bytes
    own: bool
    earlier: tuple[bytes, ...]


# -- the canonical form


def plain(value: Any) -> Any:
    """A declaration, or a part of one, as JSON has it; what is as it would be anyway is left out."""
    if isinstance(value, msgspec.Struct):
        members = {field.name: (getattr(value, field.name), field) for field in msgspec.structs.fields(value)}
        return {name: plain(member) for name, (member, field) in members.items() if member != _default(field)}
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [plain(member) for member in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def canonical_json(value: Any) -> bytes:
    """RFC 8785 of what holds numbers of at most four decimals and 15 digits, as declarations do: Python writes those as
    every other language. Names are sorted by UTF-16 units, as the RFC asks."""
    return json.dumps(_sorted(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value, key=lambda name: name.encode("utf-16-be"))}
    return [_sorted(member) for member in value] if isinstance(value, list) else value


def canonical(declaration: Declaration) -> bytes:
    """The one form of a declaration: what means the same is the same, byte for byte."""
    return canonical_json(plain(declaration))


def hash_of(declaration: Declaration) -> str:
    """`sha256:` and 64 hexadecimal digits, over the canonical form."""
    return _hash(plain(declaration))


def _hash(content: Any) -> str:
    return f"sha256:{hashlib.sha256(canonical_json(content)).hexdigest()}"


# -- keys and signatures


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_base64url(text: str, size: int) -> bytes | None:
    """So many bytes, or None where the text is not exactly what `base64url` writes of as many."""
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
    return raw if len(raw) == size and base64url(raw) == text else None


def jwk(public: bytes) -> dict[str, str]:
    """A public key (32 bytes) as a JSON Web Key."""
    return {"kty": "OKP", "crv": "Ed25519", "x": base64url(public)}


def public_key(text: bytes) -> bytes:
    """The 32 bytes of a public Ed25519 key given as PEM, as a JSON Web Key, or as base64url. Raises BadInput `bad_key`,
    for a private key, too: it has no business here."""
    if b"PRIVATE KEY" in text:
        raise BadInput("this is a private key: give its public half, and keep this one", code="bad_key")
    try:
        if b"BEGIN PUBLIC KEY" in text:
            key = serialization.load_pem_public_key(text)
            return key.public_bytes_raw() if isinstance(key, Ed25519PublicKey) else _no_key()
        told = json.loads(text) if text.lstrip().startswith(b"{") else {"x": text.decode().strip()}
    except (ValueError, UnsupportedAlgorithm):
        return _no_key()
    named = told.get("kty", "OKP") == "OKP" and told.get("crv", "Ed25519") == "Ed25519" and "d" not in told
    x = told.get("x")
    return (from_base64url(x, 32) if named and isinstance(x, str) else None) or _no_key()


def _no_key() -> bytes:
    message = "this is no public Ed25519 key: PEM, a JSON Web Key or its x is needed"
    raise BadInput(message, code="bad_key")


def private_key(pem: bytes) -> Ed25519PrivateKey:
    """A private key in an unencrypted PEM file (PKCS #8). Raises BadInput `bad_key`."""
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInput("this is no private Ed25519 key in PEM without a password", code="bad_key")
    return key


def signed_by(public: bytes, signature: bytes, content: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True


# -- the published document


def published(org: str, version: int, declaration: dict[str, Any], since: int, previous: str | None) -> dict[str, Any]:
    """The document of a declaration (as `plain` gives it), before it is signed. `since` is in µs, `previous` the hash
    of the version before."""
    return {
        "organization": org,
        "version": version,
        "declaration": declaration,
        "hash": _hash(declaration),
        "since": rfc3339(since),
        "previous": previous,
    }


def signed(document: dict[str, Any], public: bytes, signature: bytes) -> dict[str, Any]:
    """The document with its signature."""
    return {**document, "signature": {"alg": "EdDSA", "key": jwk(public), "value": base64url(signature)}}


def sign(document: dict[str, Any], key: Ed25519PrivateKey) -> dict[str, Any]:
    """The document, signed with this key."""
    return signed(document, key.public_key().public_bytes_raw(), key.sign(canonical_json(document)))


def verify(document: Mapping[str, Any], public: bytes | None = None) -> bool:
    """Whether a published document is whole and signed: by the key given, else by the one that it names itself."""
    signature = document.get("signature")
    rest = {name: value for name, value in document.items() if name != "signature"}
    if not isinstance(signature, dict) or not isinstance(signature.get("key"), dict):
        return False
    key = from_base64url(str(signature["key"].get("x")), 32)
    value = from_base64url(str(signature.get("value")), 64)
    if key is None or value is None or (public is not None and key != public):
        return False
    return document.get("hash") == _hash(document.get("declaration")) and signed_by(key, value, canonical_json(rest))


# -- values and who vouches for them


def claim_bytes(org: str, claim: ValueClaim) -> bytes:
    """What an attester signs."""
    bare = msgspec.structs.replace(claim, signature="")
    return canonical_json({"organization": org, "claim": plain(bare)})


def attest(org: str, claim: ValueClaim, key: Ed25519PrivateKey) -> ValueClaim:
    """The claim with its attester's signature."""
    return msgspec.structs.replace(claim, signature=base64url(key.sign(claim_bytes(org, claim))))


def vouched(org: str, claim: ValueClaim, attesters: Attesters) -> bool | None:
    """Whether a known attester vouches for the claim; None where it names none that is known, or shows no signature."""
    key = attesters.get(claim.attester) if claim.attester else None
    if key is None or not claim.signature:
        return None
    signature = from_base64url(claim.signature, 64)
    return signature is not None and signed_by(key, signature, claim_bytes(org, claim))


def check_claims(org: str, declaration: Declaration, attesters: Attesters, at: int) -> None:
    """Raises BadInput: `forged_claim` where a known attester never signed what is said in its name, `bad_time` where a
    claim is from the future by more than the day that clocks may be off."""
    for number, claim in enumerate(declaration.values):
        where = f"values[{number}]"
        if vouched(org, claim, attesters) is False:
            message = (
                f"{where} {claim.value!r} is not signed by {claim.attester!r}: not for {org}, or not in these words"
            )
            raise BadInput(message, code="forged_claim", field=f"{where}.signature")
        issued = times_of(claim)[0]
        if issued is not None and issued > at + DAY:
            message = f"{where}.issued {claim.issued} is in the future"
            raise BadInput(message, code="bad_time", field=f"{where}.issued")


def standing(org: str, declaration: Declaration, version: int, since: int, attesters: Attesters) -> Standing:
    """The declaration as it stands, with its values and until when they hold. What an attester who is known by now did
    not sign is neither claimed nor attested; of several claims to one value the one that holds longest counts."""
    claimed: dict[str, int | None] = {}
    attested: dict[str, int | None] = {}
    for claim in declaration.values:
        by_attester = vouched(org, claim, attesters)
        if by_attester is False:
            continue
        until = times_of(claim)[1]
        _longest(claimed, claim.value, until)
        if by_attester:
            _longest(attested, claim.value, until)
    return Standing(org, declaration, version, hash_of(declaration), since, claimed, attested)


def _longest(held: dict[str, int | None], value: str, until: int | None) -> None:
    before = held.get(value, 0)
    held[value] = None if before is None or until is None else max(before, until)


def remarks(org: str, declaration: Declaration, attesters: Attesters, at: int) -> list[str]:
    """A sentence for each claim that counts for less than its writer may think."""
    said = []
    for number, claim in enumerate(declaration.values):
        where, until = f"values[{number}] {claim.value!r}", times_of(claim)[1]
        if until is not None and until <= at:
            said.append(f"{where} expired on {claim.expires}: it counts as not claimed")
        elif claim.attester and claim.attester not in attesters:
            said.append(f"{where} counts as self-declared: {claim.attester!r} is no attester that this node knows")
        elif claim.attester and not claim.signature:
            said.append(f"{where} counts as self-declared: it has no signature of {claim.attester!r}")
        elif claim.attester and vouched(org, claim, attesters) is False:
            said.append(f"{where} does not count: {claim.attester!r} did not sign this")
    return said

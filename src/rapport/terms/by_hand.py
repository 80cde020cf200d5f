"""Agreements that a person signed by their own hand: an assertion of a passkey of theirs (WebAuthn Level 3) over the
hash of what is agreed, kept with the agreement, and checked by anyone without the node.

    digest     SHA-256 of the agreement's canonical form, without its handle (given when it is recorded) and signatures
    challenge  SHA-256(domain ‖ nonce ‖ digests, sorted): so one touch of a finger signs all agreements of one act
    signed     authenticator data ‖ SHA-256(client data), where the client data hold the challenge and the origin

A passkey is the same towards every organization. So none of this is part of the document, which both sides keep, and an
organization is told only that there is such a signature: two that laid theirs side by side would find one person.
Whose passkey it is the person's own key towards that organization vouches for, the one that signs the document.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from rapport.terms import promises

_DOMAIN = b"rapport agreement by hand 1\0"
_OWN = ("agreement", "signatures")
"""Members of a document that what is signed does not have: they are made when it is recorded."""
_PRESENT, _VERIFIED = 0x01, 0x04
_HEAD = 37
"""Bytes of authenticator data before extensions: hash of the relying party's id, flags, counter."""
MOST = 1_000
"""Agreements that are signed at once."""


class Hand(msgspec.Struct, frozen=True):
    """A signature as it is kept. `agreements` are the digests of all that was signed at once (hexadecimal, sorted);
    `public_key` is SubjectPublicKeyInfo (DER), and like `nonce` and the rest base64url; `at` is RFC 3339."""

    at: str
    origin: str
    nonce: str
    agreements: tuple[str, ...]
    public_key: str
    authenticator_data: str
    client_data: str
    signature: str


def digest(document: Mapping[str, Any]) -> str:
    """What stands for an agreement in what is signed: 64 hexadecimal digits."""
    signed = {name: value for name, value in document.items() if name not in _OWN}
    return hashlib.sha256(promises.canonical_json(signed)).hexdigest()


def together(digests: Sequence[str]) -> str:
    """What stands for all that is signed at once, whatever their order."""
    return hashlib.sha256(b"".join(bytes.fromhex(one) for one in sorted(digests))).hexdigest()


def challenge(nonce: bytes, digests: Sequence[str]) -> bytes:
    """What a passkey is asked to sign."""
    told = b"".join(bytes.fromhex(one) for one in sorted(digests))
    return hashlib.sha256(_DOMAIN + len(nonce).to_bytes(2, "big") + nonce + told).digest()


# -- whose it is


def vouched(hand: Hand, key: Ed25519PrivateKey) -> dict[str, Any]:
    """The signature as JSON, with that of the person's key towards the organization over it."""
    plain = promises.plain(hand)
    return {**plain, "vouched": promises.base64url(key.sign(promises.canonical_json(plain)))}


# -- checking


def wrong(document: Mapping[str, Any], signed: Mapping[str, Any], origin: str = "") -> str:
    """What is wrong with a person's signature under an agreement; "" where it is good. `origin`: of the node where it
    was made (`https://rapport.example`); else the one that the signature names is taken for it.

    It says nothing of the document's own signatures (`agreements.verify`), except that the same key vouches for both.
    """
    try:
        plain = {name: value for name, value in dict(signed).items() if name != "vouched"}
        hand = msgspec.convert(plain, Hand)
        return wrong_in(document, hand, origin or hand.origin) or _unvouched(document, plain, signed.get("vouched"))
    except (msgspec.ValidationError, ValueError, TypeError, KeyError, RecursionError):
        return "it is no signature as Rapport writes them"


def wrong_in(document: Mapping[str, Any], hand: Hand, origin: str) -> str:
    """The same of a signature that nobody vouches for yet. Raises ValueError where a part of it cannot be read."""
    if hand.origin != origin:
        return "it was made at another node"
    if digest(document) not in hand.agreements:
        return "it is over another agreement than this one"
    said = msgspec.json.decode(_raw(hand.client_data), type=dict[str, Any])
    if (
        said.get("type") != "webauthn.get"
        or said.get("origin") != origin
        or said.get("crossOrigin", False) is not False
    ):
        return "it was not asked for by the node's own pages"
    expected = promises.base64url(challenge(_raw(hand.nonce), hand.agreements))
    if not hmac.compare_digest(str(said.get("challenge")).encode(), expected.encode()):
        return "it is over other agreements than those it names"
    told = _raw(hand.authenticator_data)
    if len(told) < _HEAD or told[:32] != hashlib.sha256((urlsplit(origin).hostname or "").encode()).digest():
        return "it is of a passkey for another site"
    if told[32] & (_PRESENT | _VERIFIED) != _PRESENT | _VERIFIED:
        return "nobody was verified by the device that signed"
    body = told + hashlib.sha256(_raw(hand.client_data)).digest()
    return "" if _signed(_raw(hand.public_key), _raw(hand.signature), body) else "the passkey did not sign this"


def _signed(public: bytes, signature: bytes, body: bytes) -> bool:
    """By ES256, EdDSA or RS256: the algorithms that passkeys are asked for here."""
    try:
        key = load_der_public_key(public)
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, body, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, body)
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, body, padding.PKCS1v15(), hashes.SHA256())
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _unvouched(document: Mapping[str, Any], plain: dict[str, Any], value: object) -> str:
    keys = [one["key"]["x"] for one in document["signatures"] if one["party"] == "person"]
    public = promises.from_base64url(str(keys[0]), 32) if len(keys) == 1 else None
    signature = promises.from_base64url(str(value), 64)
    good = public is not None and signature is not None
    if good and promises.signed_by(public or b"", signature or b"", promises.canonical_json(plain)):
        return ""
    return "nobody vouches that the passkey is of the person who agreed"


def _raw(text: str) -> bytes:
    """Raises ValueError where the text is not exactly what `base64url` writes."""
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise ValueError("no base64url") from None
    if promises.base64url(raw) != text:
        raise ValueError("base64url has one spelling")
    return raw

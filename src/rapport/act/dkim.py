"""Signing mail by DKIM (RFC 6376), with RSA or Ed25519 (RFC 8463), over headers and body in relaxed form.

Signing alone, by the keys of `cryptography`: whoever verifies asks the DNS, and nothing here does. The headers that say
from whom, to whom, about what and when are signed once more than they occur, so that none can be added on the way.
"""

import base64
import hashlib
import re
from typing import Final, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from rapport.kernel.errors import BadInput

LEAST_BITS: Final = 2048
MOST_BITS: Final = 4096
MOST_PEM: Final = 8_000
_SINGLE: Final = ("from", "to", "subject", "date", "reply-to")
"""Of which there may be one: a second, added on the way, breaks the signature."""
_SIGNED: Final = (
    *_SINGLE, "message-id", "mime-version", "content-type", "content-transfer-encoding", "content-language",
    "list-unsubscribe", "list-unsubscribe-post", "auto-submitted",
)  # fmt: skip
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{4,253}}\Z)(?:{_LABEL}\.)+{_LABEL}")
_SELECTOR = re.compile(rf"(?=.{{1,200}}\Z){_LABEL}(?:\.{_LABEL})*")
_WSP = re.compile(rb"[ \t]+")
_LINE: Final = 72

Private = RSAPrivateKey | Ed25519PrivateKey


class Signer(NamedTuple):
    """The public half is in the DNS at `selector._domainkey.domain`."""

    domain: str
    selector: str
    key: Private


def signer(domain: str, selector: str, pem: str) -> Signer:
    """Raises BadInput (`bad_dkim`), naming the field. `pem`: a private key (PKCS #8 or PKCS #1), without a password."""
    if not _DOMAIN.fullmatch(domain):
        raise _bad("this is no domain in small letters, such as acme.example", "dkim.domain")
    if not _SELECTOR.fullmatch(selector):
        raise _bad("a selector is a name in small letters, such as mail2026", "dkim.selector")
    try:
        key = serialization.load_pem_private_key(pem[:MOST_PEM].encode("ascii", "replace"), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _bad("this is no private key in PEM, without a password", "dkim.key") from None
    if isinstance(key, RSAPrivateKey) and LEAST_BITS <= key.key_size <= MOST_BITS:
        return Signer(domain, selector, key)
    if isinstance(key, Ed25519PrivateKey):
        return Signer(domain, selector, key)
    raise _bad(f"keys are RSA of {LEAST_BITS} to {MOST_BITS} bits, or Ed25519", "dkim.key")


def record(one: Signer) -> tuple[str, str]:
    """Where in the DNS its public half belongs, and the TXT record that is to stand there."""
    public = one.key.public_key()
    if isinstance(one.key, Ed25519PrivateKey):
        kind, form, coding = "ed25519", serialization.PublicFormat.Raw, serialization.Encoding.Raw
    else:
        kind, form, coding = "rsa", serialization.PublicFormat.SubjectPublicKeyInfo, serialization.Encoding.DER
    said = base64.b64encode(public.public_bytes(coding, form)).decode()
    return f"{one.selector}._domainkey.{one.domain}", f"v=DKIM1; k={kind}; p={said}"


def signed(mail: bytes, one: Signer) -> bytes:
    """A mail (lines end with CRLF) with its signature before it."""
    head, _, body = mail.partition(b"\r\n\r\n")
    headers = _headers(head)
    there = [name for name, _ in headers]
    named = [name for name in _SIGNED for _ in range(there.count(name) + (name in _SINGLE))]
    kind = "ed25519" if isinstance(one.key, Ed25519PrivateKey) else "rsa"
    digest = base64.b64encode(hashlib.sha256(relaxed_body(body)).digest()).decode()
    tags = [
        f"v=1; a={kind}-sha256; c=relaxed/relaxed; d={one.domain}; s={one.selector};",
        *_folded_names(named),
        f"bh={digest};",
        "b=",
    ]
    unsigned = "DKIM-Signature: " + "\r\n ".join(tags)
    signature = sign(one.key, data_to_sign(headers, named, unsigned.encode()))
    text = base64.b64encode(signature).decode()
    folded = "".join(f"\r\n {text[at : at + _LINE]}" for at in range(0, len(text), _LINE))
    return unsigned.encode() + folded.encode() + b"\r\n" + mail


def data_to_sign(headers: list[tuple[str, bytes]], named: list[str], unsigned: bytes) -> bytes:
    """What is signed (§3.7): the named headers, of several of one name the last first, and the signature's own header
    with nothing after `b=`."""
    left = list(headers)
    said = b""
    for name in named:
        place = next((at for at in range(len(left) - 1, -1, -1) if left[at][0] == name), None)
        if place is not None:
            said += relaxed_header(left.pop(place)[1]) + b"\r\n"
    return said + relaxed_header(unsigned)


def sign(key: Private, said: bytes) -> bytes:
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(hashlib.sha256(said).digest())
    return key.sign(said, padding.PKCS1v15(), hashes.SHA256())


def relaxed_header(line: bytes) -> bytes:
    """§3.4.2, without the end of the line."""
    name, _, value = line.partition(b":")
    unfolded = value.replace(b"\r\n", b"")
    return name.strip(b" \t").lower() + b":" + _WSP.sub(b" ", unfolded).strip(b" ")


def relaxed_body(body: bytes) -> bytes:
    """§3.4.4."""
    lines = [_WSP.sub(b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"".join([line + b"\r\n" for line in lines])


def _headers(head: bytes) -> list[tuple[str, bytes]]:
    """(name in small letters, the header as it stands)."""
    found: list[bytes] = []
    for line in head.split(b"\r\n"):
        if line[:1] in (b" ", b"\t") and found:
            found[-1] += b"\r\n" + line
        else:
            found.append(line)
    return [(one.partition(b":")[0].strip().decode("ascii", "replace").lower(), one) for one in found]


def _folded_names(named: list[str]) -> list[str]:
    lines = ["h="]
    for place, name in enumerate(named):
        more = name + (";" if place == len(named) - 1 else ":")
        if len(lines[-1]) + len(more) > _LINE:
            lines.append("")
        lines[-1] += more
    return lines


def _bad(message: str, field: str) -> BadInput:
    return BadInput(message, code="bad_dkim", field=field)

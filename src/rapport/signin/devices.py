"""Bound devices: a watch, a TV, a button or a screen that signs each of its requests with a P-256 key of its own, in
the manner of DPoP (RFC 9449).

A proof is a JWS (ES256) over the method, the address, the body's digest, a time and a number that is used once. The
signature is joserfc's; what must be in a proof is decided here. Whoever accepts one keeps its number in mind, not its
text: an ES256 signature can be written in two ways, and base 64 in more.
"""

import base64
import hashlib
import hmac
import secrets
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, get_args

import msgspec

from rapport.kernel.errors import BadInput, Unauthorized
from rapport.kernel.times import HOUR, MINUTE, SECOND
from rapport.signin.challenges import UNPROVED

if TYPE_CHECKING:
    from joserfc.jwk import ECKey

Kind = Literal["watch", "wearable", "tv", "button", "screen", "other"]
KINDS: tuple[str, ...] = get_args(Kind)
LIFE = MINUTE
"""How old a proof may be."""
AHEAD = 5 * SECOND
"""How far a device's clock may be ahead."""
NONCE_LIFE = MINUTE
MAX_PROOF = 2_048
MAX_NAME = 60
PAIRING_LIFE = 5 * MINUTE
OF_OTHERS = ("screen",)
"""Kinds that are somebody else's, as often as not: they are told nothing of the account, and stop nothing."""
SCREEN_LIFE = 12 * HOUR
"""A screen is somebody else's, as often as not: what is bound of it ends by itself."""
TAP_LIFE = 30 * SECOND
POLL_S = 2
"""Seconds between two questions whether a pairing was approved."""
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so that no code is a word (RFC 8628, 6.1)."""
_CODE = 8


class Device(msgspec.Struct, frozen=True):
    """A device that is bound to a person. `until`: it ends by itself then; times in µs."""

    id: int
    person: str
    kind: str
    name: str
    created_at: int
    seen_at: int
    until: int | None = None


class Proof(msgspec.Struct, frozen=True):
    """What a signed request proved: the key it is from (its RFC 7638 thumbprint), and what to remember of it until when
    (µs), so that it is not accepted again. `nonce`: what of this node's it was signed after; "" for none."""

    key: bytes
    number: bytes
    expires: int
    nonce: str = ""


class _Key(msgspec.Struct, forbid_unknown_fields=True):
    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: str
    y: str


class _Header(msgspec.Struct, forbid_unknown_fields=True):
    typ: Literal["dpop+jwt"]
    alg: Literal["ES256"]
    jwk: _Key


class _Claims(msgspec.Struct):
    htm: str
    htu: str
    iat: int
    jti: str
    sha256: str
    nonce: str = ""


_header = msgspec.json.Decoder(_Header).decode
_claims = msgspec.json.Decoder(_Claims).decode


def proved(proof: str, method: str, url: str, body: bytes, at: int) -> Proof:
    """What a request's proof proves at a time (µs). `url` is the node's own idea of where it was sent, without a
    query, for none is signed. Raises Unauthorized, alike for all that can be wrong."""
    from joserfc import jws  # noqa: PLC0415 (dear to load; whatever opens a ledger reads this module)
    from joserfc.errors import JoseError  # noqa: PLC0415 (dear to load)

    if len(proof) > MAX_PROOF:
        raise Unauthorized(UNPROVED, code="unproved")
    try:
        header = _header(_decoded(proof.partition(".")[0]))
        key, thumbprint = _imported(header.jwk.x, header.jwk.y)
        claims = _claims(jws.deserialize_compact(proof, key, algorithms=["ES256"]).payload)
        said = (claims.htm, claims.htu, claims.sha256)
    except (JoseError, msgspec.MsgspecError, ValueError, TypeError, KeyError, RecursionError):
        raise Unauthorized(UNPROVED, code="unproved") from None
    issued = claims.iat * SECOND
    timely = at - LIFE <= issued <= at + AHEAD
    if said != (method, url, digest(body)) or not timely or not 16 <= len(claims.jti) <= 128:
        raise Unauthorized(UNPROVED, code="unproved")
    number = hashlib.sha256(thumbprint + claims.jti.encode("utf-8", "surrogatepass")).digest()
    return Proof(thumbprint, number, issued + LIFE + AHEAD, claims.nonce)


def digest(body: bytes) -> str:
    """A body's SHA-256 as proofs have it: base 64 for addresses, without padding."""
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@lru_cache(1024)
def _imported(x: str, y: str) -> "tuple[ECKey, bytes]":
    """A key and its thumbprint. Raises ValueError for a point that is none of the curve's."""
    if len(x) != 43 or len(y) != 43:
        raise ValueError("a coordinate of P-256 is 32 bytes")
    from joserfc.jwk import ECKey  # noqa: PLC0415 (dear to load)

    public: dict[str, Any] = {"kty": "EC", "crv": "P-256", "x": x, "y": y}
    key = ECKey.import_key(public)
    return key, _decoded(key.thumbprint())


# -- pairing


def new_code() -> str:
    """A code to be typed, such as `BCDF-GHJK`: 34 bits, for five minutes, once."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(_CODE))
    return f"{letters[:4]}-{letters[4:]}"


def plain_code(text: str) -> str:
    """A code as it is compared, however it was typed."""
    return "".join(letter for letter in text.upper()[:40] if letter not in "- ")


def new_number() -> str:
    """Two digits, which the device shows once a person has typed its code: only who sees the device now knows them."""
    return f"{secrets.randbelow(100):02}"


def same_number(said: str, number: str) -> bool:
    return hmac.compare_digest(said.strip().encode("utf-8", "surrogatepass"), number.encode())


def checked(kind: str, name: str) -> tuple[str, str]:
    """What a device says of itself. Raises BadInput."""
    if kind not in KINDS:
        raise BadInput(f"a device is one of {', '.join(KINDS)}", code="bad_device", field="kind")
    shown = " ".join(name.split())
    if not shown or len(shown) > MAX_NAME or not shown.isprintable():
        raise BadInput(f"a device has a name of at most {MAX_NAME} characters", code="bad_device", field="name")
    return kind, shown


# -- how sure it is


def level(*, proximity: bool = False, verified: bool = False, near: bool | None = None) -> int | None:
    """How sure it is of who is there: 0 by a bound key, 1 with proximity shown just now, 2 with a fresh verification.
    `near` is what a geofence says: it may lower that and never raises it, for whoever has the device says where it is.
    None: nobody is there."""
    if near is False:
        return None
    return 2 if verified else 1 if proximity else 0

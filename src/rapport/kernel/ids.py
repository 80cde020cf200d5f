"""Handles: random ones that mean nothing, those of customers, and those that name something by its content."""

import hashlib
import secrets
from collections.abc import Sequence

from rapport.kernel.keys import BlindKey

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_SIXTY = (1 << 60) - 1
_DIGITS = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")
"""To the digits that `int` reads to base 32."""
_LONGEST = 52
"""Characters of the longest content: 32 bytes."""

CUSTOMER = b"cus"

_SIZES = {"rec": 16, "evi": 32, "rcp": 16}
"""Bytes in the handles that are kept as bytes: those of a record and of its evidence (by content), of a receipt."""


def _text(raw: bytes) -> str:
    """Crockford-like base 32 in lower case, without padding; two characters at a time."""
    length = -(-len(raw) * 8 // 5)
    bits = (length + 1) // 2 * 10
    number = int.from_bytes(raw, "big") << bits - len(raw) * 8
    return "".join([_PAIRS[number >> place & 1023] for place in range(bits - 10, -1, -10)])[:length]


def _text16(raw: bytes) -> str:
    """The same of 16 bytes, as most handles have: written out, in numbers that a machine word holds, it takes half."""
    number = int.from_bytes(raw, "big") << 2
    high, low, p = number >> 70, number >> 10 & _SIXTY, _PAIRS
    return (
        f"{p[high >> 50]}{p[high >> 40 & 1023]}{p[high >> 30 & 1023]}{p[high >> 20 & 1023]}{p[high >> 10 & 1023]}"
        f"{p[high & 1023]}{p[low >> 50]}{p[low >> 40 & 1023]}{p[low >> 30 & 1023]}{p[low >> 20 & 1023]}"
        f"{p[low >> 10 & 1023]}{p[low & 1023]}{p[number & 1023]}"
    )


def _bytes(text: str) -> bytes | None:
    """The inverse of `_text`; None for whatever it did not write."""
    if len(text) > _LONGEST:
        return None
    size = len(text) * 5 // 8
    try:
        raw = (int(text.translate(_DIGITS), 32) >> len(text) * 5 - size * 8).to_bytes(size, "big")
    except (ValueError, OverflowError):
        return None
    return raw if _text(raw) == text else None


def fresh(prefix: str) -> str:
    """A random handle of fixed length, such as `rcp_06f3…` (128 bits)."""
    return f"{prefix}_{_text16(secrets.token_bytes(16))}"


def secret(prefix: str) -> str:
    """A random credential (192 bits) that says by its prefix what it opens."""
    return f"{prefix}_{secrets.token_urlsafe(24)}"


def hashed(secret: str) -> bytes:
    """What is kept of such a credential: of what is random, a plain SHA-256 tells nothing."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def text_of(prefix: str, content: bytes) -> str:
    """The handle of something that is named by a content hash: the same on every node."""
    return f"{prefix}_{_text16(content) if len(content) == 16 else _text(content)}"


def bytes_of(prefix: str, text: str) -> bytes | None:
    """The bytes behind a handle of `text_of` or `fresh`, or None where it is none."""
    raw = _bytes(text.removeprefix(f"{prefix}_")) if text.startswith(f"{prefix}_") else None
    return raw if raw is not None and len(raw) == _SIZES[prefix] else None


def handle(key: BlindKey, kind: bytes, record: int) -> str:
    """The durable handle of what a record belongs to, such as `cus_…` for its customer.

    One AES block over (kind, record number): no table is needed to find the record again, handles do not reveal the
    number, and those of two organizations have nothing in common.
    """
    return f"{kind.decode()}_{_text16(key.blind(kind + bytes(5) + record.to_bytes(8, 'big')))}"


def handles(key: BlindKey, kind: bytes, records: Sequence[int]) -> list[str]:
    """The handles of many records at once."""
    start, prefix = kind + bytes(5), f"{kind.decode()}_"
    raw = key.blind(b"".join([start + record.to_bytes(8, "big") for record in records]))
    return [prefix + _text16(raw[at : at + 16]) for at in range(0, len(raw), 16)]


def record_of(key: BlindKey, kind: bytes, text: str) -> int | None:
    """The record number behind a handle, or None where it was not made by `handle` with this key and kind."""
    prefix = f"{kind.decode()}_"
    if not text.startswith(prefix) or len(text) != len(prefix) + 26:
        return None
    raw = _bytes(text[len(prefix) :])
    if raw is None or len(raw) != 16:
        return None
    plain = key.reveal(raw)
    if plain[:8] != kind + bytes(5):
        return None
    return int.from_bytes(plain[8:], "big")

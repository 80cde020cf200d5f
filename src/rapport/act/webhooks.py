"""Messages to sources, signed in the manner of Standard Webhooks (https://www.standardwebhooks.com, specification 1.0).

A secret is `whsec_` and base64 of random bytes. What is signed is `id.timestamp.body`, by HMAC-SHA-256; the timestamp
is that of the try, in seconds, the id is the delivery's and stays the same.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import Any

import msgspec

from rapport.act.delivery import Dressed
from rapport.kernel.times import SECOND, rfc3339

KIND = "webhook"
PREFIX = "whsec_"
TOLERANCE_S = 300
"""How old a message may be for a receiver, by the specification's advice."""
_SECRET_BYTES = 32
_LEAST_SECRET_BYTES = 24


def fresh_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def key_size(secret: str) -> int | None:
    """How many bytes a secret signs with; None where it is none."""
    try:
        return len(base64.b64decode(secret.removeprefix(PREFIX), validate=True))
    except (ValueError, binascii.Error):
        return None


def is_secret(secret: str) -> bool:
    """Whether messages can be signed with it."""
    try:
        return secret.startswith(PREFIX) and len(_key(secret)) >= _LEAST_SECRET_BYTES
    except (ValueError, binascii.Error):
        return False


def message(kind: str, body: dict[str, Any], at: int) -> bytes:
    """The bytes of a message: `{"type", "timestamp", "data"}`."""
    return msgspec.json.encode({"type": kind, "timestamp": rfc3339(at), "data": body})


def dressed(delivery: str, body: bytes, secret: str, at: int) -> Dressed:
    """A message as it is sent now."""
    seconds = at // SECOND
    headers = {
        "webhook-id": delivery,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{_signature(delivery, seconds, body, secret)}",
    }
    return Dressed(body, headers)


def verified(headers: dict[str, str], body: bytes, secret: str, at: int) -> bool:
    """Whether a message is by who has the secret, and of these minutes: what a receiver does. Names of headers are in
    small letters."""
    try:
        seconds = int(headers.get("webhook-timestamp", ""))
        wanted = _signature(headers.get("webhook-id", ""), seconds, body, secret)
    except (ValueError, binascii.Error):
        return False
    if abs(at // SECOND - seconds) > TOLERANCE_S:
        return False
    given = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(one.encode(), f"v1,{wanted}".encode()) for one in given)


def _signature(delivery: str, seconds: int, body: bytes, secret: str) -> str:
    key = _key(secret)
    said = f"{delivery}.{seconds}.".encode() + body
    return base64.b64encode(hmac.new(key, said, hashlib.sha256).digest()).decode()


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX), validate=True)

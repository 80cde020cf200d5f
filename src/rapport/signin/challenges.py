"""Challenges that a device signs to prove itself: made without being kept, good for one use, once.

A challenge is `random(16) ‖ expiry(8, µs) ‖ HMAC-SHA-256(16)`, so that asking for one costs the node nothing that
somebody could fill up. The HMAC binds it to what it was asked for. Whoever accepts one keeps it in mind until it
expires, in the transaction that acts on it: of many who bring the same, one wins, in every process.
"""

import hmac
import os
from collections.abc import Callable

from rapport.kernel.errors import Unauthorized
from rapport.kernel.keys import keyed_hash
from rapport.kernel.times import MINUTE, now

LIFE = 5 * MINUTE
_RANDOM, _EXPIRY, _MAC = 16, 8, 16
UNPROVED = "That did not prove who you are. Try it again from the beginning."
"""One sentence for every failed proof: which part of it failed helps nobody who is honest."""


class Challenges:
    """Challenges under one secret of 32 bytes."""

    def __init__(self, secret: bytes, clock: Callable[[], int] = now) -> None:
        self._secret = secret
        self._now = clock

    def make(self, use: str, subject: str = "", life: int = LIFE) -> bytes:
        """A challenge for a use (`sign in`), and for one subject (a person, an invitation) where there is one."""
        body = os.urandom(_RANDOM) + (self._now() + life).to_bytes(_EXPIRY, "big")
        return body + self._mac(body, use, subject)

    def check(self, challenge: bytes, use: str, subject: str = "") -> int:
        """When it expires, µs: until then it must not be accepted again. Raises Unauthorized where it was not made here
        for this, or is too old."""
        body, mac = challenge[: _RANDOM + _EXPIRY], challenge[_RANDOM + _EXPIRY :]
        if len(challenge) != _RANDOM + _EXPIRY + _MAC or not hmac.compare_digest(mac, self._mac(body, use, subject)):
            raise Unauthorized(UNPROVED, code="unproved")
        expires = int.from_bytes(body[_RANDOM:], "big")
        if expires < self._now():
            raise Unauthorized(UNPROVED, code="unproved")
        return expires

    def _mac(self, body: bytes, use: str, subject: str) -> bytes:
        named = f"{len(use)}:{use}{subject}".encode("utf-8", "surrogatepass")
        return keyed_hash(self._secret, body + named)[:_MAC]

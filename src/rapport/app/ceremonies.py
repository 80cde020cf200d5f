"""Passkeys' ceremonies, as WebAuthn calls them, the same for persons and operators: what a browser brings is held
against a challenge that was made here, in a thread of its own, since every sign-in is synced."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from rapport.kernel.errors import Unauthorized
from rapport.kernel.times import MINUTE, now
from rapport.signin import passkeys
from rapport.signin.challenges import UNPROVED, Challenges
from rapport.signin.limits import Limit
from rapport.signin.passkeys import Made, Passkey, Proved, RelyingParty

TRIES_A_MINUTE = 60
# The base point of P-256, which is no passkey of anybody: an unknown one takes as long to refuse as a known one.
DECOY = bytes.fromhex(
    "a5010203262001215820"
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "225820"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
_Books = TypeVar("_Books")
_Result = TypeVar("_Result")

Spent = tuple[bytes, int]
"""A challenge that an answer is to, and when it expires, µs: it is spent in the transaction that acts on it."""


class Ceremonies(Generic[_Books]):
    """`open_books` opens, in the thread, what passkeys are kept in."""

    def __init__(self, open_books: Callable[[], _Books], name: str, secret: bytes, origin: str) -> None:
        self.challenges = Challenges(secret)
        self.party = RelyingParty(origin)
        self.limit = Limit(TRIES_A_MINUTE, MINUTE)
        self._open = open_books
        self._books: _Books | None = None
        self._thread = ThreadPoolExecutor(1, name)

    def answered(self, response: dict[str, Any], use: str, subject: str = "") -> Spent:
        """The challenge that an answer is to. Raises Unauthorized where it was not made for this use and subject."""
        challenge = passkeys.challenge_of(response)
        return challenge, self.challenges.check(challenge, use, subject)

    def made(self, raw: bytes, use: str, subject: str) -> tuple[Made, Spent]:
        """The passkey that a browser made. Raises BadInput, Unauthorized."""
        response = passkeys.read(raw)
        spent = self.answered(response, use, subject)
        return self.party.made(spent[0], response), spent

    def proved(
        self, response: dict[str, Any], spent: Spent, known: Passkey | None, whose: str = ""
    ) -> tuple[Passkey, Proved]:
        """What an answer proves of the passkey that it names: anybody's, or that of one. Raises Unauthorized, in the
        same time for one that is not `known`."""
        passkey = known or Passkey(
            0, "", passkeys.credential_of(response), DECOY, 0, "", synced=False, created_at=now()
        )
        proved = self.party.proved(spent[0], response, passkey)
        if known is None or (whose and known.person != whose):
            raise Unauthorized(UNPROVED, code="unproved")
        return known, proved

    async def in_thread(self, work: Callable[[_Books], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(self._own_books()))

    def _own_books(self) -> _Books:
        if self._books is None:
            self._books = self._open()
        return self._books

    def close(self) -> None:
        self._thread.shutdown()

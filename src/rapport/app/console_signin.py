"""The console's desk for signing in: passkeys against operators, in a thread of its own, since every sign-in is
synced. It is of the same make as that of persons (`signing_in`), over other passkeys and for other challenges."""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple, TypeVar

from rapport.adapters.embedded import audit
from rapport.adapters.embedded.audit import AuditLog
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.operators import Operators
from rapport.app.signing_in import DECOY, TRIES_A_MINUTE, name_of
from rapport.kernel.errors import TooMany, Unauthorized
from rapport.kernel.times import MINUTE, now
from rapport.signin import passkeys
from rapport.signin.challenges import UNPROVED, Challenges
from rapport.signin.limits import Limit
from rapport.signin.operators import Operator
from rapport.signin.passkeys import Passkey, RelyingParty
from rapport.web.console import operators_desk as shown
from rapport.web.console.session import Session

SIGN_IN: Final = "console sign in"
ENROL: Final = "console enrol"
AGAIN: Final = "console again"
MORE: Final = "console one more"
_Result = TypeVar("_Result")


class _Books(NamedTuple):
    operators: Operators
    audit: AuditLog


class ConsoleSignin:
    """The ConsoleSigninDesk over an embedded node. `open_ledger` opens a connection for its thread."""

    def __init__(self, open_ledger: Callable[[], LedgerFile], secret: bytes, origin: str) -> None:
        self._open = open_ledger
        self._challenges = Challenges(secret)
        self._party = RelyingParty(origin)
        self._thread = ThreadPoolExecutor(1, "console-signin")
        self._books: _Books | None = None
        self._limit = Limit(TRIES_A_MINUTE, MINUTE)
        # Whoever tries without end fills neither the disk nor the page: one line a minute says so.
        self._told = Limit(1, MINUTE)

    async def ready(self) -> bool:
        return await self._in_thread(lambda books: any(one.passkeys for one in books.operators.of(None)))

    # -- a passkey that is there

    async def ask(self, client: str) -> dict[str, Any]:
        self._limit.count(f"ask {client}")
        return self._party.asking(self._challenges.make(SIGN_IN))

    async def prove(self, raw: bytes, client: str) -> str:
        self._limit.count(f"prove {client}")
        return await self._in_thread(lambda books: self._prove(books, raw, SIGN_IN, "", ""))

    def _prove(self, books: _Books, raw: bytes, use: str, whose: str, leaving: str) -> str:
        """A session for a proof of any operator's passkey, or of the one's alone whose it must be."""
        response = passkeys.read(raw)
        challenge = passkeys.challenge_of(response)
        expires = self._challenges.check(challenge, use, whose)
        credential = passkeys.credential_of(response)
        known = books.operators.passkey(credential)
        passkey = known or Passkey(0, "", credential, DECOY, 0, "", synced=False, created_at=now())
        try:
            proved = self._party.proved(challenge, response, passkey)
            return books.operators.sign_in(_of(known, whose), proved, (challenge, expires), leaving)
        except Unauthorized as error:
            self._refused(books, known.person if known else audit.NOBODY, error.code)
            raise

    def _refused(self, books: _Books, who: str, code: str) -> None:
        with contextlib.suppress(TooMany):
            self._told.count(who)
            found = next((one for one in books.operators.of(None) if one.handle == who), None)
            books.audit.note(found.org if found else None, who, "tried to sign in", failed=code)

    # -- a first one

    async def invited(self, code: str) -> bool:
        return await self._in_thread(lambda books: books.operators.invited(code)) is not None

    async def enrolling(self, code: str, client: str) -> dict[str, Any]:
        self._limit.count(f"ask {client}")

        def options(books: _Books) -> dict[str, Any]:
            who = _invited(books, code)
            return self._making(books, who.handle, ENROL, who.org)

        return await self._in_thread(options)

    def _making(self, books: _Books, who: str, use: str, org: str | None) -> dict[str, Any]:
        known = [one.credential for one in books.operators.passkeys(who)]
        return self._party.enrolling(self._challenges.make(use, who), who, known, f"Console of {org or 'the node'}")

    async def enrol(self, code: str, raw: bytes, client: str, browser: str) -> str:
        self._limit.count(f"prove {client}")

        def enrol(books: _Books) -> str:
            made, spent = self._made(raw, ENROL, lambda: _invited(books, code).handle)
            return books.operators.accept(code, made, name_of(browser), spent)

        return await self._in_thread(enrol)

    def _made(self, raw: bytes, use: str, whose: Callable[[], str]) -> tuple[passkeys.Made, tuple[bytes, int]]:
        response = passkeys.read(raw)
        challenge = passkeys.challenge_of(response)
        expires = self._challenges.check(challenge, use, whose())
        return self._party.made(challenge, response), (challenge, expires)

    # -- of who is signed in

    async def keys(self, session: Session) -> tuple[shown.Key, ...]:
        found = await self._in_thread(lambda books: books.operators.passkeys(session.handle))
        return tuple(shown.Key(one.id, one.name, one.synced, one.created_at, one.used_at) for one in found)

    async def proving(self, session: Session, client: str) -> dict[str, Any]:
        self._limit.count(f"ask {client}")
        known = await self._in_thread(lambda books: books.operators.passkeys(session.handle))
        challenge = self._challenges.make(AGAIN, session.handle)
        return self._party.asking(challenge, [one.credential for one in known])

    async def prove_again(self, session: Session, token: str, raw: bytes, client: str) -> str:
        self._limit.count(f"prove {client}")
        if session.by_link:
            raise Unauthorized("Make a passkey first: a link cannot be shown again.", code="unproved")
        return await self._in_thread(lambda books: self._prove(books, raw, AGAIN, session.handle, token))

    async def making(self, session: Session, client: str) -> dict[str, Any]:
        self._limit.count(f"ask {client}")
        return await self._in_thread(lambda books: self._making(books, _subject(session), MORE, session.org))

    async def make(self, session: Session, token: str, raw: bytes, client: str, browser: str) -> str:
        self._limit.count(f"prove {client}")

        def make(books: _Books) -> str:
            made, spent = self._made(raw, MORE, lambda: _subject(session))
            if session.by_link:
                return books.operators.first(token, made, name_of(browser), spent)
            books.operators.add_passkey(session.handle, made, name_of(browser), spent)
            return token

        return await self._in_thread(make)

    async def revoke(self, session: Session, key: int) -> None:
        await self._in_thread(lambda books: books.operators.revoke(session.handle, key))

    async def _in_thread(self, work: Callable[[_Books], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(self._own_books()))

    def _own_books(self) -> _Books:
        if self._books is None:
            ledger = self._open()
            self._books = _Books(Operators(ledger), AuditLog(ledger))
        return self._books

    def close(self) -> None:
        self._thread.shutdown()


def _of(known: Passkey | None, whose: str) -> Passkey:
    """Raises Unauthorized for a passkey that is unknown, or another's."""
    if known is None or (whose and known.person != whose):
        raise Unauthorized(UNPROVED, code="unproved")
    return known


def _subject(session: Session) -> str:
    return session.handle or f"link {session.id}"


def _invited(books: _Books, code: str) -> Operator:
    found = books.operators.invited(code)
    if found is None:
        raise Unauthorized(UNPROVED, code="unproved")
    return found

"""The console's desk for signing in: passkeys against operators. It is of the same make as that of persons
(`signing_in`), over other passkeys and for other challenges."""

import contextlib
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from rapport.adapters.embedded import audit
from rapport.adapters.embedded.audit import AuditLog
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.operators import Operators
from rapport.app.ceremonies import Ceremonies
from rapport.app.signing_in import name_of
from rapport.kernel.errors import TooMany, Unauthorized
from rapport.kernel.times import MINUTE
from rapport.signin import passkeys
from rapport.signin.challenges import UNPROVED
from rapport.signin.limits import Limit
from rapport.signin.operators import Operator
from rapport.web.console.session import Session
from rapport.web.passkeys import Key

SIGN_IN: Final = "console sign in"
ENROL: Final = "console enrol"
AGAIN: Final = "console again"
MORE: Final = "console one more"


class _Books(NamedTuple):
    operators: Operators
    audit: AuditLog


def _books(ledger: LedgerFile) -> _Books:
    return _Books(Operators(ledger), AuditLog(ledger))


class ConsoleSignin(Ceremonies[_Books]):
    """The ConsoleSigninDesk over an embedded node. `open_ledger` opens a connection for its thread."""

    def __init__(self, open_ledger: Callable[[], LedgerFile], secret: bytes, origin: str) -> None:
        super().__init__(lambda: _books(open_ledger()), "console-signin", secret, origin)
        # Whoever tries without end fills neither the disk nor the page: one line a minute says so.
        self._told = Limit(1, MINUTE)

    async def ready(self) -> bool:
        return await self.in_thread(lambda books: any(one.passkeys for one in books.operators.of(None)))

    # -- a passkey that is there

    async def ask(self, client: str) -> dict[str, Any]:
        self.limit.count(f"ask {client}")
        return self.party.asking(self.challenges.make(SIGN_IN))

    async def prove(self, raw: bytes, client: str) -> str:
        self.limit.count(f"prove {client}")
        return await self.in_thread(lambda books: self._prove(books, raw, SIGN_IN, "", ""))

    def _prove(self, books: _Books, raw: bytes, use: str, whose: str, leaving: str) -> str:
        """A session for a proof of any operator's passkey, or of the one's alone whose it must be."""
        response = passkeys.read(raw)
        spent = self.answered(response, use, whose)
        known = books.operators.passkey(passkeys.credential_of(response))
        try:
            return books.operators.sign_in(*self.proved(response, spent, known, whose), spent, leaving)
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
        return await self.in_thread(lambda books: books.operators.invited(code)) is not None

    async def enrolling(self, code: str, client: str) -> dict[str, Any]:
        self.limit.count(f"ask {client}")

        def options(books: _Books) -> dict[str, Any]:
            who = _invited(books, code)
            return self._making(books, who.handle, ENROL, who.org)

        return await self.in_thread(options)

    def _making(self, books: _Books, who: str, use: str, org: str | None) -> dict[str, Any]:
        known = [one.credential for one in books.operators.passkeys(who)]
        return self.party.enrolling(self.challenges.make(use, who), who, known, f"Console of {org or 'the node'}")

    async def enrol(self, code: str, raw: bytes, client: str, browser: str) -> str:
        self.limit.count(f"prove {client}")

        def enrol(books: _Books) -> str:
            made, spent = self.made(raw, ENROL, _invited(books, code).handle)
            return books.operators.accept(code, made, name_of(browser), spent)

        return await self.in_thread(enrol)

    # -- of who is signed in

    async def keys(self, session: Session) -> tuple[Key, ...]:
        found = await self.in_thread(lambda books: books.operators.passkeys(session.handle))
        return tuple(Key(one.id, one.name, one.synced, one.created_at, one.used_at) for one in found)

    async def proving(self, session: Session, client: str) -> dict[str, Any]:
        self.limit.count(f"ask {client}")
        known = await self.in_thread(lambda books: books.operators.passkeys(session.handle))
        challenge = self.challenges.make(AGAIN, session.handle)
        return self.party.asking(challenge, [one.credential for one in known])

    async def prove_again(self, session: Session, token: str, raw: bytes, client: str) -> str:
        self.limit.count(f"prove {client}")
        if session.by_link:
            raise Unauthorized("Make a passkey first: a link cannot be shown again.", code="unproved")
        return await self.in_thread(lambda books: self._prove(books, raw, AGAIN, session.handle, token))

    async def making(self, session: Session, client: str) -> dict[str, Any]:
        self.limit.count(f"ask {client}")
        return await self.in_thread(lambda books: self._making(books, _subject(session), MORE, session.org))

    async def make(self, session: Session, token: str, raw: bytes, client: str, browser: str) -> str:
        self.limit.count(f"prove {client}")

        def make(books: _Books) -> str:
            made, spent = self.made(raw, MORE, _subject(session))
            if session.by_link:
                return books.operators.first(token, made, name_of(browser), spent)
            books.operators.add_passkey(session.handle, made, name_of(browser), spent)
            return token

        return await self.in_thread(make)

    async def revoke(self, session: Session, key: int) -> None:
        await self.in_thread(lambda books: books.operators.revoke(session.handle, key))


def _subject(session: Session) -> str:
    return session.handle or f"link {session.id}"


def _invited(books: _Books, code: str) -> Operator:
    found = books.operators.invited(code)
    if found is None:
        raise Unauthorized(UNPROVED, code="unproved")
    return found

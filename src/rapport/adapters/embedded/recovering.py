"""Recovery in ledger.db: back into an account whose every passkey is lost, by two independent factors and a delay.

One factor is what the person keeps on paper (a recovery code), the other that they read a contact which they showed
before; two mailboxes are not two factors, since mostly one device opens both. Then a delay, in which every session and
contact knows of it and any session can end it. At its end a passkey is made, and all that was in the account before is
void: whoever had come in is out.
"""

import sqlite3
from typing import TYPE_CHECKING

import msgspec

from rapport.adapters.embedded.accounts import ACTIVE, Accounts
from rapport.adapters.embedded.contacts import RECOVER, Contacts
from rapport.adapters.embedded.sqlite import transaction
from rapport.kernel import ids
from rapport.kernel.errors import NotFound, Unauthorized
from rapport.kernel.times import DAY, HOUR, now
from rapport.signin.challenges import UNPROVED
from rapport.signin.passkeys import Made
from rapport.signin.sessions import Session

if TYPE_CHECKING:
    from rapport.adapters.embedded.claims import Claims
    from rapport.adapters.embedded.people import PeopleFile

WINDOW = 7 * DAY
"""How long a recovery can be finished once its delay is over."""
_PENDING = """
    SELECT handle, began_at, ripe_at, until FROM recovery JOIN person ON person.id = recovery.person
    WHERE until > ? AND status = ? AND
"""


class Pending(msgspec.Struct, frozen=True):
    """A recovery that was begun; times in µs. From `ripe_at` on it can be finished."""

    person: str
    began_at: int
    ripe_at: int
    until: int


class Recovering:
    """Recoveries over one ledger connection; one instance per thread. `hours`: the delay."""

    def __init__(self, people: "PeopleFile", contacts: Contacts, claims: "Claims", hours: int) -> None:
        self._db = people.db
        self._keys = people.keys
        self._contacts = contacts
        self._claims = claims
        self._delay = hours * HOUR
        self._accounts = Accounts(people.ledger)

    def begin(self, made: str, code: str, paper: str) -> tuple[str, Pending, list[str]]:
        """Begin by both factors, which are spent: the secret by which the one who began it goes on, when it is ripe,
        and where to tell of it. An earlier one of the account ends. Raises Unauthorized alike for whichever factor is
        wrong; then the recovery code is not spent."""
        self._contacts.try_code(RECOVER, made, code)
        hashed = self._contacts.recovery_hash(paper)
        secret, at = ids.secret("rcv"), now()
        with transaction(self._db):
            person, token, _ = self._contacts.spend(RECOVER, made)
            query = "DELETE FROM recovery_code WHERE hash = ? AND person = ?"
            handle = self._handle(person)
            # A wrong one leaves all as it was, the sent code too: it has its five tries for both.
            if handle is None or not self._db.execute(query, (hashed, person)).rowcount:
                raise Unauthorized(UNPROVED, code="unproved")
            found = Pending(handle, at, at + self._delay, at + self._delay + WINDOW)
            row = (person, ids.hashed(secret), token, found.began_at, found.ripe_at, found.until)
            self._db.execute("INSERT OR REPLACE INTO recovery VALUES (?, ?, ?, ?, ?, ?)", row)
            self._claims.tell(person, "Somebody began to recover your account with a recovery code and a code by mail.")
            addresses = self._contacts.addresses(person)
        return secret, found, addresses

    def pending(self, secret: str) -> Pending | None:
        """The recovery of whoever began it, while it goes on."""
        return self._found("hash = ?", ids.hashed(secret))

    def of(self, handle: str) -> Pending | None:
        """The recovery of an account, while it goes on."""
        return self._found("handle = ?", handle)

    def _found(self, where: str, value: object) -> Pending | None:
        row = self._db.execute(f"{_PENDING} {where}", (now(), ACTIVE, value)).fetchone()
        return None if row is None else Pending(*row)

    def cancel(self, handle: str) -> list[str]:
        """End a recovery, by whoever has a session: where to tell of it. Raises NotFound."""
        with transaction(self._db):
            query = "DELETE FROM recovery WHERE person = (SELECT id FROM person WHERE handle = ?) RETURNING person"
            row = self._db.execute(query, (handle,)).fetchone()
            if row is None:
                raise NotFound("nobody is recovering your account")
            self._claims.tell(row[0], "The recovery of your account was stopped from one of your devices.")
            return self._contacts.addresses(row[0])

    def finish(
        self, secret: str, made: Made, name: str, browser: str, spent: tuple[bytes, int]
    ) -> tuple[str, Session, list[str]]:
        """Make the passkey of a recovery whose delay is over; all else that opened the account is void. Of many tries
        exactly one succeeds. Raises Unauthorized."""
        at = now()
        with transaction(self._db):
            query = "DELETE FROM recovery WHERE hash = ? AND ripe_at <= ? AND until > ? RETURNING person, contact"
            row = self._db.execute(query, (ids.hashed(secret), at, at)).fetchone()
            if row is None:
                raise Unauthorized(UNPROVED, code="unproved")
            person, contact = row
            addresses = self._contacts.addresses(person)
            self._void(person, contact)
            token, session = self._accounts.begin_anew(person, made, name, browser, spent)
            said = "Your account was recovered: a new passkey was made, and all that opened it before was revoked."
            self._claims.tell(person, said)
        return token, session, addresses

    def _void(self, person: int, contact: bytes) -> None:
        self._contacts.void_all(person)
        # An address that somebody else had added is no way back in; what rests on it waits to be shown again.
        others = "SELECT token FROM contact WHERE person = ? AND token != ?"
        for (token,) in self._db.execute(others, (person, contact)).fetchall():
            self._claims.suspend_with(person, token)
            self._db.execute("DELETE FROM contact WHERE token = ?", (token,))

    def _handle(self, person: int) -> str | None:
        row = self._db.execute("SELECT handle FROM person WHERE id = ? AND status = ?", (person, ACTIVE)).fetchone()
        return None if row is None else str(row[0])


def ripe_at(db: sqlite3.Connection, handle: str) -> int:
    """When the recovery of an account that goes on can be finished, µs; 0: there is none."""
    query = """
        SELECT ripe_at FROM recovery JOIN person ON person.id = recovery.person WHERE handle = ? AND until > ?
    """
    row = db.execute(query, (handle, now())).fetchone()
    return 0 if row is None else int(row[0])

"""Two accounts of one person, in ledger.db: what one claims, and its contacts, move to the other, and back again.

Both are proved at the moment of joining. The account that was joined stays, with its passkeys and its receipts, which
were made for it and are verified as before; what it said about being reached holds in both from then on. What moved is
remembered, so that parting gives back what is still there.
"""

from typing import TYPE_CHECKING

from rapport.adapters.embedded.accounts import ACTIVE, Accounts
from rapport.adapters.embedded.claims import TABLES, Claims
from rapport.adapters.embedded.sqlite import remove, transaction
from rapport.adapters.embedded.wishes import WishBook
from rapport.kernel.errors import Conflict
from rapport.signin.passkeys import Passkey, Proved

if TYPE_CHECKING:
    from rapport.adapters.embedded.people import PeopleFile

_SEALED = "SELECT sealed FROM {} WHERE token = ? AND person = ?"
_MOVE = "UPDATE {} SET person = ?, sealed = ? WHERE token = ? AND person = ?"


class Joining:
    """Over one ledger connection; one instance per thread."""

    def __init__(self, people: "PeopleFile", claims: Claims) -> None:
        self._people = people
        self._claims = claims
        self._db = people.db
        self._keys = people.keys

    def join(self, handle: str, other: Passkey, proved: Proved, spent: tuple[bytes, int]) -> int:
        """Move what another account claims, and its contacts, to this one, for somebody who just proved a passkey of
        each; `spent` is the challenge and when it expires. Return how many claims moved. What both claim stays with
        both. Raises Unauthorized, Conflict for one account alone."""
        person, former = self._claims.active(handle), self._claims.active(other.person)
        if person == former:
            raise Conflict("that passkey is of this account: use one of the other's", code="same_account")
        with transaction(self._db):
            Accounts(self._people.ledger).use(other, proved, spent)
            for one in (person, former):
                remove(self._db, ("sent_code", "recovery", "invite"), one)
            moved = [self._move(token, former, person) for token in self._all(former)]
            for (token,) in self._db.execute("SELECT token FROM contact WHERE person = ?", (former,)).fetchall():
                self._move_contact(token, former, person)
                self._db.execute("INSERT OR REPLACE INTO joined VALUES (?, ?, ?)", (token, person, former))
            tokens = [token for token in moved if token is not None]
            rows = [(token, person, former) for token in tokens]
            self._db.executemany("INSERT OR REPLACE INTO joined VALUES (?, ?, ?)", rows)
            WishBook(self._people).carry(former, person)
            self._both_moved(person, former)
            self._claims.loud(person, "Another account of yours was joined to this one.")
            self._claims.tell(former, "This account was joined to another of yours, which has now what it claimed.")
        return len(tokens)

    def part(self, handle: str) -> int:
        """Undo all joining: what came from other accounts goes back to them, as far as it is still here. Return how
        many claims."""
        person, count = self._claims.active(handle), 0
        with transaction(self._db):
            query = "SELECT token, former FROM joined WHERE person = ? ORDER BY former, token"
            rows = self._db.execute(query, (person,)).fetchall()
            self._db.execute("DELETE FROM joined WHERE person = ?", (person,))
            formers = {former for _, former in rows if self._is_active(former)}
            for token, former in rows:
                if former in formers:
                    count += self._move(token, person, former) is not None
                    if self._db.execute(
                        "SELECT 1 FROM contact WHERE token = ? AND person = ?", (token, person)
                    ).fetchone():
                        self._move_contact(token, person, former)
            for former in formers:
                self._both_moved(person, former)
        return count

    def _both_moved(self, one: int, other: int) -> None:
        self._people.moved(one)
        self._people.moved(other)

    def _all(self, person: int) -> list[bytes]:
        query = "SELECT token FROM claim WHERE person = ?1 UNION SELECT token FROM proved_claim WHERE person = ?1"
        return [token for (token,) in self._db.execute(query, (person,)).fetchall()]

    def _move(self, token: bytes, source: int, target: int) -> bytes | None:
        """Move a claim; None where the other has one of it already, or there is none."""
        if any(self._sealed(table, token, target) is not None for table in TABLES):
            return None
        moved = None
        for table in TABLES:
            sealed = self._sealed(table, token, source)
            if sealed is not None:
                fresh = self._resealed(sealed, token, source, target)
                self._db.execute(_MOVE.format(table), (target, fresh, token, source))
                moved = token
        return moved

    def _sealed(self, table: str, token: bytes, person: int) -> bytes | None:
        row = self._db.execute(_SEALED.format(table), (token, person)).fetchone()
        return None if row is None else row[0]

    def _move_contact(self, token: bytes, source: int, target: int) -> None:
        (sealed,) = self._db.execute("SELECT sealed FROM contact WHERE token = ?", (token,)).fetchone()
        fresh = self._resealed(sealed, b"contact" + token, source, target)
        self._db.execute("UPDATE contact SET person = ?, sealed = ? WHERE token = ?", (target, fresh, token))

    def _resealed(self, sealed: bytes, place: bytes, source: int, target: int) -> bytes:
        before, after = self._keys.person(source), self._keys.person(target)
        if before is None or after is None:
            raise Conflict("this person is erased", code="erased")
        return after.seal(before.open(sealed, place), place)

    def joined(self, handle: str) -> int:
        """How much of what an account has came from others that were joined to it."""
        query = "SELECT count(*) FROM joined WHERE person = ?"
        return int(self._db.execute(query, (self._claims.active(handle),)).fetchone()[0])

    def _is_active(self, person: int) -> bool:
        query = "SELECT 1 FROM person WHERE id = ? AND status = ?"
        return self._db.execute(query, (person, ACTIVE)).fetchone() is not None

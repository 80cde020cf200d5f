"""Contacts in ledger.db: addresses that people have shown to be theirs, codes on their way to them, and recovery codes.

Whoever has the file signs in as nobody by it: codes are kept as keyed hashes, under a secret in keys.db, and addresses
are sealed under the person's key. What finds an address is its blinded token; of one address at most one person has
shown lately that it is theirs, and who shows it takes it over (Sudhodanan and Paverd, "Pre-hijacked accounts", 2022).
"""

import sqlite3
from typing import TYPE_CHECKING

import msgspec

from rapport.adapters.embedded.accounts import ACTIVE, WAYS_IN, active
from rapport.adapters.embedded.claims import Claims, token_of
from rapport.adapters.embedded.sqlite import remove, transaction
from rapport.kernel import ids
from rapport.kernel.errors import Conflict, NotFound, Unauthorized
from rapport.kernel.times import DAY, now
from rapport.resolve import identifier_node
from rapport.signin import codes
from rapport.signin.challenges import UNPROVED

if TYPE_CHECKING:
    from rapport.adapters.embedded.people import PeopleFile

SCHEMA = """
    CREATE TABLE contact (token BLOB PRIMARY KEY, person INTEGER NOT NULL, sealed BLOB NOT NULL,
                          verified_at INTEGER NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX contact_of ON contact (person);
    CREATE TABLE sent_code (handle TEXT PRIMARY KEY, use TEXT NOT NULL, person INTEGER, token BLOB NOT NULL,
                            sealed BLOB, hash BLOB NOT NULL, tries INTEGER NOT NULL,
                            expires_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX sent_code_of ON sent_code (token);
    CREATE TABLE recovery_code (hash BLOB PRIMARY KEY, person INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX recovery_code_of ON recovery_code (person);
    CREATE TABLE recovery (person INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, contact BLOB NOT NULL,
                           began_at INTEGER NOT NULL, ripe_at INTEGER NOT NULL, until INTEGER NOT NULL)
"""

VERIFY, RECOVER = "contact", "recover"
MOST_CONTACTS = 20
_PLACE = b"contact"


class Contact(msgspec.Struct, frozen=True):
    """An address that a person has shown to be theirs; times in µs. `id` names it to its person alone."""

    id: str
    kind: str
    value: str
    verified_at: int
    until: int


class Waiting(msgspec.Struct, frozen=True):
    """A code on its way: `handle` is not secret; whoever has it and the code has shown that they read the address."""

    handle: str
    code: str | None
    """None where nobody is to get one, which its answer does not show."""


class Contacts:
    """Contacts over one ledger connection; one instance per thread. `days`: how long showing an address counts;
    `phone_days`: a phone number, which is sooner somebody else's."""

    def __init__(self, people: "PeopleFile", claims: Claims, days: int, phone_days: int) -> None:
        self._db = people.db
        self._keys = people.keys
        self._claims = claims
        self._lives = {"phone": phone_days * DAY}
        self._life = days * DAY
        self._secret = self._keys.secret("codes")

    # -- sending

    def start(self, handle: str, kind: str, value: str) -> Waiting:
        """A code by which a person shows that an address is theirs. Nothing else follows from asking for one."""
        person = active(self._db, handle)
        key = self._keys.person(person)
        if key is None:
            raise Conflict("this person is erased", code="erased")
        token = self._token(kind, value)
        sealed = key.seal(msgspec.msgpack.encode((kind, value)), _PLACE + token)
        return self._put(VERIFY, person, token, sealed)

    def start_recovery(self, kind: str, value: str) -> Waiting:
        """A code towards recovery, by a contact that was shown lately. For any other there is none, and the same is
        done as where there is one."""
        token = self._token(kind, value)
        query = """
            SELECT person FROM contact JOIN person ON person.id = contact.person
            WHERE token = ? AND until > ? AND status = ?
        """
        row = self._db.execute(query, (token, now(), ACTIVE)).fetchone()
        return self._put(RECOVER, None if row is None else int(row[0]), token, None)

    def _put(self, use: str, person: int | None, token: bytes, sealed: bytes | None) -> Waiting:
        made, code, at = ids.fresh("cod"), codes.new_code(), now()
        row = (made, use, person, token, sealed, self._hash(use, made, code), codes.TRIES, at + codes.CODE_LIFE)
        with transaction(self._db):
            self._db.execute("DELETE FROM sent_code WHERE expires_at <= ?", (at,))
            self._db.execute("INSERT INTO sent_code VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        return Waiting(made, None if person is None else code)

    def again(self, kind: str, value: str) -> str:
        """Another code in place of the one that was asked for last by an address, for the support desk to tell whoever
        has shown it who they are. Raises NotFound where none is waiting."""
        query = """
            SELECT handle, use FROM sent_code WHERE token = ? AND person IS NOT NULL AND expires_at > ?
            ORDER BY expires_at DESC LIMIT 1
        """
        code = codes.new_code()
        with transaction(self._db):
            row = self._db.execute(query, (self._token(kind, value), now())).fetchone()
            if row is None:
                raise NotFound("no code is waiting for that address: ask for one on the page first")
            query = "UPDATE sent_code SET hash = ?, tries = ? WHERE handle = ?"
            self._db.execute(query, (self._hash(row[1], row[0], code), codes.TRIES, row[0]))
        return code

    # -- proving

    def try_code(self, use: str, made: str, code: str) -> None:
        """Count a try at a code. Raises Unauthorized alike for a wrong one, one that was tried too often, is too old,
        was spent or never was; where it is right nothing is spent yet (`_spend`)."""
        with transaction(self._db):
            query = (
                "UPDATE sent_code SET tries = tries - 1 WHERE handle = ? AND use = ? RETURNING hash, tries, expires_at"
            )
            row = self._db.execute(query, (made, use)).fetchone()
            if row is not None and row[1] < 0:
                self._db.execute("DELETE FROM sent_code WHERE handle = ?", (made,))
        said = self._hash(use, made, codes.plain_digits(code))
        wanted, tries, expires = row or (bytes(32), 0, 0)
        if wanted != said or tries < 0 or expires <= now():  # of keyed hashes, time tells nothing
            raise Unauthorized(UNPROVED, code="unproved")

    def spend(self, use: str, made: str, person: int | None = None) -> tuple[int, bytes, bytes | None]:
        """Spend a code that was right, within the transaction that acts on it: (person, address, sealed). Of many who
        bring one, one gets it. Raises Unauthorized."""
        query = """
            DELETE FROM sent_code WHERE handle = ?1 AND use = ?2 AND expires_at > ?3 AND person IS NOT NULL
            AND (?4 IS NULL OR person = ?4) RETURNING person, token, sealed
        """
        row = self._db.execute(query, (made, use, now(), person)).fetchone()
        if row is None:
            raise Unauthorized(UNPROVED, code="unproved")
        return int(row[0]), row[1], row[2]

    def verify(self, handle: str, made: str, code: str, session: int, passkey: int | None) -> Contact:
        """A person has shown that they read an address. What was pending or added before on it, by whomever, is void:
        others' hold on the address and what rests on that, codes, recoveries. Where it is the account's first, all
        that came into the account before anybody had shown anything is void as well, but for the session and the
        passkey that they are here with. Raises Unauthorized, Conflict where there are too many."""
        person = active(self._db, handle)
        self.try_code(VERIFY, made, code)
        at = now()
        with transaction(self._db):
            _, token, sealed = self.spend(VERIFY, made, person)
            (count,) = self._db.execute(
                "SELECT count(*) FROM contact WHERE person = ? AND token != ?", (person, token)
            ).fetchone()
            if count >= MOST_CONTACTS:
                raise Conflict(f"{MOST_CONTACTS} addresses are all there may be: let one go first", code="too_many")
            kind, value = self._opened(person, token, sealed or b"")
            had = self._has(person, token)
            self._void(person, token, session, passkey, first=count == 0 and not had)
            if count and not had:
                self._claims.loud(person, "Another address was added to your account.")
            until = at + self.life_of(kind)
            row = (token, person, sealed, at, until)
            self._db.execute("INSERT OR REPLACE INTO contact VALUES (?, ?, ?, ?, ?)", row)
            self._claims.proved_again(person, token, at, until)
        return Contact(token.hex(), kind, value, at, until)

    def life_of(self, kind: str) -> int:
        """How long it counts that somebody has shown a contact of this kind to be theirs, µs."""
        return self._lives.get(kind, self._life)

    def _has(self, person: int, token: bytes) -> bool:
        query = "SELECT 1 FROM contact WHERE person = ? AND token = ?"
        return self._db.execute(query, (person, token)).fetchone() is not None

    def _void(self, person: int, token: bytes, session: int, passkey: int | None, *, first: bool) -> None:
        db = self._db
        row = db.execute("SELECT person FROM contact WHERE token = ? AND person != ?", (token, person)).fetchone()
        if row is not None:
            db.execute("DELETE FROM contact WHERE token = ?", (token,))
            self._claims.shown_by_another(int(row[0]), token)
        # Two accounts that were joined may both have claimed by it: whoever has the contact, all that rests on it ends.
        resting = "SELECT DISTINCT person FROM proved_claim WHERE contact = ? AND person != ? AND suspended IS NULL"
        for (other,) in db.execute(resting, (token, person)).fetchall():
            self._claims.shown_by_another(int(other), token)
        db.execute("DELETE FROM sent_code WHERE token = ? OR person = ?", (token, person))
        query = "DELETE FROM recovery WHERE contact = ? OR person = ? RETURNING person"
        for (other,) in db.execute(query, (token, person)).fetchall():
            self._claims.loud(int(other), "A recovery of your account that had begun is void.")
        db.execute("DELETE FROM invite WHERE person = ?", (person,))
        if first and self.void_all(person, session, passkey):
            self._claims.loud(
                person,
                "You have shown your first address. What was in this account before is void: other passkeys, devices, "
                "sign-ins and codes.",
            )

    def void_all(self, person: int, session: int | None = None, passkey: int | None = None) -> int:
        """Let nothing that opens an account open it any more, but for one session and one passkey; return how much
        there was. Within a transaction."""
        db = self._db
        count = db.execute("DELETE FROM own_session WHERE person = ? AND id IS NOT ?", (person, session)).rowcount
        count += db.execute("DELETE FROM passkey WHERE person = ? AND id IS NOT ?", (person, passkey)).rowcount
        others = [table for table in WAYS_IN if table != "own_session"]
        return count + remove(db, (*others, "sent_code", "recovery", "recovery_code"), person)

    # -- contacts

    def contacts(self, handle: str) -> list[Contact]:
        """A person's contacts, also those that were shown too long ago, the oldest first."""
        person = active(self._db, handle)
        query = "SELECT token, sealed, verified_at, until FROM contact WHERE person = ? ORDER BY verified_at, token"
        return [
            Contact(token.hex(), *self._opened(person, token, sealed), at, until)
            for token, sealed, at, until in self._db.execute(query, (person,)).fetchall()
        ]

    def addresses(self, person: int, *, counting: bool = False) -> list[str]:
        """Where a person is told of what happens to their account; `counting`: of what was shown lately alone, since
        others may be somebody else's by now."""
        if self._keys.person(person) is None:
            return []
        query = "SELECT token, sealed FROM contact WHERE person = ? AND until > ?"
        rows = self._db.execute(query, (person, now() if counting else 0)).fetchall()
        return [self._opened(person, token, sealed)[1] for token, sealed in rows]

    def let_go(self, handle: str, contact: str) -> None:
        """Let go of a contact, and of the claims that rest on it. Raises NotFound."""
        person = active(self._db, handle)
        token = token_of(contact)
        with transaction(self._db):
            query = "DELETE FROM contact WHERE person = ? AND token = ?"
            if not self._db.execute(query, (person, token)).rowcount:
                raise NotFound("you have no such contact")
            self._db.execute("DELETE FROM recovery WHERE contact = ?", (token,))
            self._db.execute("DELETE FROM sent_code WHERE token = ?", (token,))
            self._claims.let_go_with(person, token)

    # -- recovery codes

    def new_recovery_codes(self, handle: str) -> list[str]:
        """Ten codes, told once; those before are void."""
        person = active(self._db, handle)
        made = [codes.new_recovery_code() for _ in range(codes.RECOVERY_CODES)]
        said = "New recovery codes were made for your account; those before are void."
        with transaction(self._db):
            self._db.execute("DELETE FROM recovery_code WHERE person = ?", (person,))
            rows = [(self.recovery_hash(code), person) for code in made]
            self._db.executemany("INSERT INTO recovery_code VALUES (?, ?)", rows)
            self._claims.loud(person, said)
        return made

    def recovery_codes(self, handle: str) -> int:
        """How many are left."""
        query = "SELECT count(*) FROM recovery_code WHERE person = ?"
        return int(self._db.execute(query, (active(self._db, handle),)).fetchone()[0])

    def recovery_hash(self, code: str) -> bytes:
        return codes.hashed(self._secret, "paper", b"", codes.plain_letters(code))

    # -- within

    def _hash(self, use: str, made: str, code: str) -> bytes:
        return codes.hashed(self._secret, use, made.encode("utf-8", "surrogatepass"), code)

    def _token(self, kind: str, value: str) -> bytes:
        # No organization's: `identifier_node` of "" is apart from every claim.
        return self._keys.blind.blind(identifier_node("", kind, value))

    def _opened(self, person: int, token: bytes, sealed: bytes) -> tuple[str, str]:
        key = self._keys.person(person)
        if key is None:
            raise Conflict("this person is erased", code="erased")
        return msgspec.msgpack.decode(key.open(sealed, _PLACE + token), type=tuple[str, str])


def forget(db: sqlite3.Connection, person: int) -> None:
    """Leave an erased person no contact, no code and no recovery. Within a transaction."""
    db.execute("DELETE FROM sent_code WHERE token IN (SELECT token FROM contact WHERE person = ?)", (person,))
    remove(db, ("contact", "sent_code", "recovery_code", "recovery"), person)

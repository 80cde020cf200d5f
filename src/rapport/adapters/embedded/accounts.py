"""Accounts in ledger.db: a person's passkeys, their sessions, invitations to make a first passkey, and proofs that were
accepted and are not again.

Public keys and hashes alone are kept, so that whoever has the file signs in as nobody. Names of passkeys and browsers
are sealed under the person's key, and go with it.
"""

import contextlib
import hashlib
import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from rapport.adapters.embedded.sqlite import remove, transaction
from rapport.kernel import ids
from rapport.kernel.errors import Conflict, NotFound, Unauthorized
from rapport.kernel.times import MINUTE, now
from rapport.signin.challenges import UNPROVED
from rapport.signin.passkeys import Made, Passkey, Proved
from rapport.signin.sessions import IDLE, LIFE, Session

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

SCHEMA = """
    CREATE TABLE passkey (id INTEGER PRIMARY KEY AUTOINCREMENT, credential BLOB NOT NULL UNIQUE,
                          person INTEGER NOT NULL, public BLOB NOT NULL, counter INTEGER NOT NULL,
                          synced INTEGER NOT NULL, name BLOB NOT NULL,
                          created_at INTEGER NOT NULL, used_at INTEGER);
    CREATE INDEX passkey_of ON passkey (person);
    CREATE TABLE own_session (id INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE, person INTEGER NOT NULL,
                              passkey INTEGER, created_at INTEGER NOT NULL, seen_at INTEGER NOT NULL,
                              verified_at INTEGER NOT NULL, browser BLOB NOT NULL);
    CREATE INDEX own_session_of ON own_session (person);
    CREATE TABLE invite (hash BLOB PRIMARY KEY, person INTEGER NOT NULL, expires_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE spent (hash BLOB PRIMARY KEY, expires_at INTEGER NOT NULL) WITHOUT ROWID
"""

BACKED_UP = "ALTER TABLE passkey ADD COLUMN backed_up INTEGER NOT NULL DEFAULT 0; UPDATE passkey SET backed_up = synced"

ACTIVE = "active"
_SIGN_INS = ("own_session", "session")
_WAITING = ("link", "invite", "pairing", "tap", "presence")
WAYS_IN = (*_SIGN_INS, "device", *_WAITING)
"""Tables with what opens an account, or stands for its person, beside passkeys and what recovers them."""
INVITE_LIFE = 10 * MINUTE
MOST_PASSKEYS = 50
MOST_SESSIONS = 100
"""Of one person at a time; with another the oldest ends."""
_SEEN_EVERY = MINUTE
"""A session's last use is noted at most so often: each note is a write."""
_PLACE = b"account"
_PASSKEYS = """
    SELECT passkey.id, person.id, person.handle, credential, public, counter, name, synced, passkey.created_at, used_at,
           backed_up
    FROM passkey JOIN person ON person.id = passkey.person WHERE person.status = 'active' AND
"""


Also = Callable[[int], None]
"""What is done in the same transaction; it gets the person's number."""


class Ended(NamedTuple):
    sign_ins: int
    devices: int


class Accounts:
    """Accounts over one ledger connection; one instance per thread."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._db = ledger.db
        self._keys = ledger.keys

    # -- invitations

    def invite(self, handle: str) -> str:
        """A code that lets its holder make a passkey for this person, once, within ten minutes. Raises NotFound,
        Conflict where they are erased."""
        person = active(self._db, handle)
        code = ids.secret("inv")
        with transaction(self._db):
            self._db.execute("DELETE FROM invite WHERE expires_at <= ?", (now(),))
            self._db.execute("INSERT INTO invite VALUES (?, ?, ?)", (ids.hashed(code), person, now() + INVITE_LIFE))
        return code

    def invited(self, code: str) -> str | None:
        """Whom a code invites, while it can be used; looking at it spends nothing."""
        query = """
            SELECT handle FROM invite JOIN person ON person.id = invite.person
            WHERE hash = ? AND expires_at > ? AND status = ?
        """
        row = self._db.execute(query, (ids.hashed(code), now(), ACTIVE)).fetchone()
        return None if row is None else str(row[0])

    def accept(
        self, code: str, made: Made, name: str, browser: str, spent: tuple[bytes, int], leaving: str = ""
    ) -> tuple[str, Session]:
        """Spend an invitation for a passkey, and sign in with it; `spent` is the challenge and when it expires,
        `leaving` the session that this browser had, whosever, which ends. Of many tries at one code exactly one
        succeeds. Raises Unauthorized."""
        with transaction(self._db):
            query = "DELETE FROM invite WHERE hash = ? AND expires_at > ? RETURNING person"
            row = self._db.execute(query, (ids.hashed(code), now())).fetchone()
            if row is None:
                raise Unauthorized(UNPROVED, code="unproved")
            spend(self._db, *spent)
            passkey = self._put_passkey(row[0], made, name)
            self._leave(leaving)
            return self._begin(row[0], passkey, browser)

    def begin_anew(
        self, person: int, made: Made, name: str, browser: str, spent: tuple[bytes, int]
    ) -> tuple[str, Session]:
        """A passkey and a session for who recovered their account, within the transaction that voids all others. Raises
        Unauthorized."""
        spend(self._db, *spent)
        return self._begin(person, self._put_passkey(person, made, name), browser)

    # -- passkeys

    def add_passkey(
        self, handle: str, made: Made, name: str, spent: tuple[bytes, int], also: Also = lambda _: None
    ) -> Passkey:
        """Raises Unauthorized where the challenge was accepted before, Conflict where the passkey is there already."""
        person = active(self._db, handle)
        with transaction(self._db):
            spend(self._db, *spent)
            number = self._put_passkey(person, made, name)
            also(person)
        return next(one for one in self.passkeys(handle) if one.id == number)

    def _put_passkey(self, person: int, made: Made, name: str) -> int:
        key = self._keys.person(person)
        if key is None:
            raise Conflict("this person is erased", code="erased")
        (count,) = self._db.execute("SELECT count(*) FROM passkey WHERE person = ?", (person,)).fetchone()
        if count >= MOST_PASSKEYS:
            raise Conflict(f"{MOST_PASSKEYS} passkeys are all there may be: revoke one first", code="too_many_passkeys")
        sealed = key.seal(name.encode("utf-8", "replace"), _PLACE)
        row = (made.credential, person, made.public, made.counter, made.synced, sealed, now(), made.backed_up)
        query = (
            "INSERT INTO passkey (credential, person, public, counter, synced, name, created_at, backed_up) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        )
        try:
            return self._db.execute(query, row).lastrowid or 0
        except sqlite3.IntegrityError:
            raise Conflict("this passkey is known already", code="exists") from None

    def passkeys(self, handle: str) -> list[Passkey]:
        """A person's passkeys, the oldest first."""
        return self._passkeys("person.handle = ? ORDER BY passkey.id", handle)

    def passkey(self, credential: bytes) -> Passkey | None:
        found = self._passkeys("credential = ?", credential)
        return found[0] if found else None

    def _passkeys(self, where: str, value: object) -> list[Passkey]:
        found = []
        for number, person, handle, credential, public, counter, name, *rest in self._db.execute(
            f"{_PASSKEYS} {where}", (value,)
        ).fetchall():
            key = self._keys.person(person)
            if key is not None:
                told = key.open(name, _PLACE).decode()
                synced, created, used, backed_up = rest
                flags = bool(synced), created, used, bool(backed_up)
                found.append(Passkey(number, handle, credential, public, counter, told, *flags))
        return found

    def accepted(self, token: str) -> tuple[str, list[bytes]] | None:
        """Whose a session is (`per_…`), and which passkeys of theirs are taken."""
        query = """
            SELECT handle, credential FROM own_session AS s JOIN person ON person.id = s.person
            JOIN passkey ON passkey.person = s.person WHERE s.hash = ? AND status = ? ORDER BY passkey.id
        """
        rows = self._db.execute(query, (ids.hashed(token), ACTIVE)).fetchall()
        return (rows[0][0], [credential for _, credential in rows]) if rows else None

    def rename(self, handle: str, passkey: int, name: str) -> None:
        """Call a passkey something else. Raises NotFound."""
        person = active(self._db, handle)
        key = self._keys.person(person)
        with transaction(self._db):
            sealed = b"" if key is None else key.seal(name.encode("utf-8", "replace"), _PLACE)
            query = "UPDATE passkey SET name = ? WHERE id = ? AND person = ?"
            if key is None or not self._db.execute(query, (sealed, passkey, person)).rowcount:
                raise NotFound("you have no such passkey")

    def revoke(self, handle: str, passkey: int, also: Also = lambda _: None) -> None:
        """Let go of a passkey, and of every session that it began. Raises NotFound, Conflict where it is the last."""
        person = active(self._db, handle)
        with transaction(self._db):
            (others,) = self._db.execute(
                "SELECT count(*) FROM passkey WHERE person = ? AND id != ?", (person, passkey)
            ).fetchone()
            if not others:
                raise Conflict("this is your last passkey: make another first, or you are out", code="last_passkey")
            query = "DELETE FROM passkey WHERE id = ? AND person = ?"
            if not self._db.execute(query, (passkey, person)).rowcount:
                raise NotFound("you have no such passkey")
            self._db.execute("DELETE FROM own_session WHERE person = ? AND passkey = ?", (person, passkey))
            also(person)

    # -- sessions

    def sign_in(
        self, passkey: Passkey, proved: Proved, browser: str, spent: tuple[bytes, int], leaving: str = ""
    ) -> tuple[str, Session]:
        """A new session's secret, which only the browser keeps, and the session; the one that the browser had
        (`leaving`) ends. Raises Unauthorized where the challenge was accepted before, or the passkey was revoked or
        used meanwhile."""
        with transaction(self._db):
            person = self._use(passkey, proved, spent)
            self._leave(leaving)
            return self._begin(person, passkey.id, browser)

    def step_up(
        self, token: str, passkey: Passkey, proved: Proved, browser: str, spent: tuple[bytes, int]
    ) -> tuple[str, Session]:
        """Verify the holder of a session again: it goes on under a new secret. Raises Unauthorized likewise, and where
        the passkey is another person's."""
        with transaction(self._db):
            person = self._use(passkey, proved, spent)
            query = "DELETE FROM own_session WHERE hash = ? AND person = ?"
            if not self._db.execute(query, (ids.hashed(token), person)).rowcount:
                raise Unauthorized(UNPROVED, code="unproved")
            return self._begin(person, passkey.id, browser)

    def use(self, passkey: Passkey, proved: Proved, spent: tuple[bytes, int]) -> None:
        """Note that a passkey signed something other than a sign-in, within the transaction that keeps it. Raises
        Unauthorized likewise."""
        self._use(passkey, proved, spent)

    def _use(self, passkey: Passkey, proved: Proved, spent: tuple[bytes, int]) -> int:
        spend(self._db, *spent)
        query = """
            UPDATE passkey SET counter = ?, backed_up = ?, used_at = ? WHERE id = ? AND counter = ? RETURNING person
        """
        row = (proved.counter, proved.backed_up, now(), passkey.id, passkey.counter)
        found = self._db.execute(query, row).fetchone()
        if found is None:
            raise Unauthorized(UNPROVED, code="unproved")
        return int(found[0])

    def _begin(self, person: int, passkey: int | None, browser: str) -> tuple[str, Session]:
        key = self._keys.person(person)
        row = self._db.execute("SELECT handle FROM person WHERE id = ? AND status = ?", (person, ACTIVE)).fetchone()
        if key is None or row is None:
            raise Unauthorized(UNPROVED, code="unproved")
        secret, at = ids.secret("own"), now()
        sealed = key.seal(browser.encode("utf-8", "replace"), _PLACE)
        query = (
            "INSERT INTO own_session (hash, person, passkey, created_at, seen_at, verified_at, browser) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)"
        )
        number = self._db.execute(query, (ids.hashed(secret), person, passkey, at, at, at, sealed)).lastrowid or 0
        query = """
            DELETE FROM own_session WHERE person = ?1
            AND id <= (SELECT id FROM own_session WHERE person = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)
        """
        self._db.execute(query, (person, MOST_SESSIONS))
        return secret, Session(number, row[0], at, at, at, passkey)

    def session(self, token: str) -> Session | None:
        """The live session of a secret; that it was used is noted now and then, where there is room."""
        query = """
            SELECT own_session.id, handle, own_session.created_at, seen_at, verified_at, passkey
            FROM own_session JOIN person ON person.id = own_session.person WHERE hash = ? AND status = ?
        """
        row = self._db.execute(query, (ids.hashed(token), ACTIVE)).fetchone()
        if row is None:
            return None
        found, at = Session(*row), now()
        if at - found.created_at > LIFE or at - found.seen_at > IDLE:
            self.end(token)
            return None
        if at - found.seen_at > _SEEN_EVERY:
            # A full disk keeps nobody from their page.
            with contextlib.suppress(sqlite3.Error), transaction(self._db):
                self._db.execute("UPDATE own_session SET seen_at = ? WHERE id = ?", (at, found.id))
        return found

    def passkey_of(self, session: int) -> int | None:
        """By which passkey a session was begun."""
        row = self._db.execute("SELECT passkey FROM own_session WHERE id = ?", (session,)).fetchone()
        return None if row is None else row[0]

    def sessions(self, handle: str) -> list[tuple[Session, str]]:
        """A person's live sessions, the latest used first, each with the browser it is in."""
        person = active(self._db, handle)
        key = self._keys.person(person)
        at = now()
        query = """
            SELECT id, created_at, seen_at, verified_at, passkey, browser FROM own_session
            WHERE person = ? AND created_at > ? AND seen_at > ? ORDER BY seen_at DESC, id DESC
        """
        rows = self._db.execute(query, (person, at - LIFE, at - IDLE)).fetchall()
        return [
            (Session(number, handle, created, seen, verified, passkey), key.open(browser, _PLACE).decode())
            for number, created, seen, verified, passkey, browser in rows
            if key is not None
        ]

    def end(self, token: str) -> None:
        with transaction(self._db):
            self._leave(token)

    def _leave(self, token: str) -> None:
        """End a session, also one that began by a link."""
        if token:
            self._db.execute("DELETE FROM own_session WHERE hash = ?", (ids.hashed(token),))
            self._db.execute("DELETE FROM session WHERE hash = ? AND person IS NOT NULL", (ids.hashed(token),))

    def end_sessions(self, handle: str, *, only: int | None = None, keep: str = "") -> int:
        """End one session of a person; or all but that of a token, also those that began by a link, and with them the
        links and invitations by which others would begin. Return how many sessions ended."""
        person = active(self._db, handle)
        with transaction(self._db):
            if only is not None:
                query = "DELETE FROM own_session WHERE person = ? AND id = ?"
                return self._db.execute(query, (person, only)).rowcount
            for query in ("DELETE FROM link WHERE person = ?", "DELETE FROM invite WHERE person = ?"):
                self._db.execute(query, (person,))
            ended = 0
            for query in (
                "DELETE FROM own_session WHERE person = ? AND hash != ?",
                "DELETE FROM session WHERE person = ? AND hash != ?",
            ):
                ended += self._db.execute(query, (person, ids.hashed(keep))).rowcount
            return ended

    def end_everything(self, handle: str) -> Ended:
        """End every sign-in and let go of every bound device at once, with whatever others would begin by. Passkeys
        stay. Raises NotFound, Conflict."""
        person = active(self._db, handle)
        with transaction(self._db):
            ended = Ended(remove(self._db, _SIGN_INS, person), remove(self._db, ("device",), person))
            remove(self._db, _WAITING, person)
        return ended


def active(db: sqlite3.Connection, handle: str) -> int:
    """The number of a person who is not erased. Raises NotFound, Conflict."""
    row = db.execute("SELECT id, status FROM person WHERE handle = ?", (handle,)).fetchone()
    if row is None:
        raise NotFound(f"there is no person {handle[:60]!r}")
    if row[1] != ACTIVE:
        raise Conflict("this person is erased, or about to be", code="erased")
    return int(row[0])


def spend(db: sqlite3.Connection, challenge: bytes, expires: int) -> None:
    """Note that a challenge was accepted, or a device's proof (its number), within the transaction that acts on it.
    Raises Unauthorized where it was before."""
    db.execute("DELETE FROM spent WHERE expires_at < ?", (now(),))
    try:
        db.execute("INSERT INTO spent VALUES (?, ?)", (hashlib.sha256(challenge).digest(), expires))
    except sqlite3.IntegrityError:
        raise Unauthorized(UNPROVED, code="unproved") from None


def forget(db: sqlite3.Connection, person: int) -> None:
    """Leave an erased person no way in, and no device. Within a transaction."""
    remove(db, ("passkey", *WAYS_IN), person)

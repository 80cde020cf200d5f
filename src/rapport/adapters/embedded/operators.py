"""Operators in ledger.db: who may sign in to the console, with which passkeys, and the sessions they are in.

Their passkeys are in a table of their own, so that no query about persons ever finds one. Public keys and hashes alone
are kept. Names are sealed under the node's own key. Whoever is removed keeps their row, since the audit log speaks of
them, but nothing that opens anything. Each change notes itself in the audit log, in its own transaction.
"""

import hashlib
import sqlite3
from typing import TYPE_CHECKING, Final

from rapport.adapters.embedded import audit
from rapport.adapters.embedded.accounts import spend
from rapport.adapters.embedded.sqlite import transaction
from rapport.kernel import ids
from rapport.kernel.errors import BadInput, Conflict, NotFound, Unauthorized
from rapport.kernel.times import DAY, MINUTE, now
from rapport.signin.challenges import UNPROVED
from rapport.signin.operators import ROLES, ConsoleSession, Operator, Role
from rapport.signin.passkeys import Made, Passkey, Proved

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

SCHEMA = """
    CREATE TABLE operator (id INTEGER PRIMARY KEY AUTOINCREMENT, handle TEXT NOT NULL UNIQUE, name BLOB NOT NULL,
                           org TEXT, role TEXT NOT NULL, status TEXT NOT NULL, created_at INTEGER NOT NULL);
    CREATE INDEX operator_at ON operator (org);
    CREATE TABLE operator_passkey (id INTEGER PRIMARY KEY AUTOINCREMENT, credential BLOB NOT NULL UNIQUE,
                                   operator INTEGER NOT NULL, public BLOB NOT NULL, counter INTEGER NOT NULL,
                                   synced INTEGER NOT NULL, name BLOB NOT NULL, created_at INTEGER NOT NULL,
                                   used_at INTEGER);
    CREATE INDEX operator_passkey_of ON operator_passkey (operator);
    CREATE TABLE operator_invite (hash BLOB PRIMARY KEY, operator INTEGER NOT NULL,
                                  expires_at INTEGER NOT NULL) WITHOUT ROWID;
    ALTER TABLE session ADD COLUMN operator INTEGER;
    ALTER TABLE session ADD COLUMN passkey INTEGER;
    ALTER TABLE session ADD COLUMN verified_at INTEGER NOT NULL DEFAULT 0
"""

INVITE_LIFE: Final = 10 * MINUTE
SESSION_LIFE: Final = DAY // 2
MOST_PASSKEYS: Final = 20
LONGEST_NAME: Final = 80
FIRST_NAME: Final = "Owner"
"""What the owner is called who came by the first start's link; they may change it."""
_PLACE = b"operator"
_ALL = "SELECT id, handle, name, org, role, created_at, {} FROM operator"
_COUNTED = (
    "(SELECT count(*) FROM operator_passkey WHERE operator = operator.id), "
    "(SELECT max(used_at) FROM operator_passkey WHERE operator = operator.id)"
)
_PASSKEYS = """
    SELECT p.id, handle, credential, public, counter, p.name, synced, p.created_at, used_at
    FROM operator_passkey p JOIN operator ON operator.id = p.operator WHERE status = 'active' AND
"""
_LEFT_WITHOUT = (
    "DELETE FROM operator_passkey WHERE operator = ?",
    "DELETE FROM operator_invite WHERE operator = ?",
    "DELETE FROM session WHERE operator = ?",
)
_FIRST_START = (
    "DELETE FROM link WHERE person IS NULL AND (?1 IS NULL OR org = ?1)",
    "DELETE FROM session WHERE person IS NULL AND operator IS NULL AND (?1 IS NULL OR org = ?1)",
)
_SESSION = """
    SELECT session.org, purpose, verified_at, operator, passkey, who.handle, name, who.org, role, created_at
    FROM session LEFT JOIN operator who ON who.id = session.operator AND who.status = 'active'
    WHERE hash = ? AND expires_at > ? AND person IS NULL
"""


class Operators:
    """Operators over one ledger connection; one instance per thread. `by` is who does it, as the audit log says it."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._db = ledger.db
        self._key = ledger.keys.node("operators")
        self._ledger = ledger

    # -- who there is

    def add(self, name: str, org: str | None, role: str, by: str) -> Operator:
        """Raises NotFound where there is no such organization, BadInput for an unusable name or role."""
        if org is not None and not self._ledger.has_org(org):
            raise NotFound(f"there is no organization {org!r}", field="org")
        said = _named(name)
        with transaction(self._db):
            number = self._put(said, org, role_of(role), by)
        return self._one("id = ?", number)

    def _put(self, name: str, org: str | None, role: Role, by: str) -> int:
        handle = ids.fresh("opr")
        row = (handle, self._key.seal(name.encode(), _PLACE), org, role, now())
        query = "INSERT INTO operator (handle, name, org, role, status, created_at) VALUES (?, ?, ?, ?, 'active', ?)"
        number = self._db.execute(query, row).lastrowid or 0
        audit.note(self._db, org, by, f"added an operator as {role}", handle)
        return number

    def of(self, org: str | None) -> list[Operator]:
        """Who may come in at an organization, those for all organizations too; None: whoever there is."""
        where = "status = 'active' AND (?1 IS NULL OR org = ?1 OR org IS NULL) ORDER BY id"
        return self._listed(where, org)

    def names(self, handles: set[str]) -> dict[str, str]:
        """What operators are called, those too who were removed."""
        query = "SELECT name FROM operator WHERE handle = ?"
        found = {handle: self._db.execute(query, (handle,)).fetchone() for handle in handles}
        return {handle: self._name(row[0]) for handle, row in found.items() if row is not None}

    def named(self, handle: str, org: str | None = None) -> Operator:
        """An operator, with `org` only one of that organization alone. Raises NotFound."""
        return self._one("handle = ?1 AND status = 'active' AND (?2 IS NULL OR org = ?2)", handle, org)

    def alone(self, org: str) -> bool:
        """Whether no owner of an organization has a passkey, so that a link is the only way in."""
        query = """
            SELECT 1 FROM operator JOIN operator_passkey ON operator = operator.id
            WHERE (org = ? OR org IS NULL) AND role = 'owner' AND status = 'active' LIMIT 1
        """
        return self._db.execute(query, (org,)).fetchone() is None

    def change(
        self, handle: str, org: str | None, by: str, *, name: str | None = None, role: str | None = None
    ) -> None:
        """Give another name or role, which holds at once, in sessions too. Raises NotFound, BadInput, Conflict where
        nobody would be owner any more."""
        said = None if name is None else _named(name)
        another = None if role is None else role_of(role)
        with transaction(self._db):
            found = self.named(handle, org)
            if said is not None and said != found.name:
                sealed = self._key.seal(said.encode(), _PLACE)
                self._db.execute("UPDATE operator SET name = ? WHERE id = ?", (sealed, found.id))
                audit.note(self._db, found.org, by, "renamed an operator", handle)
            if another is not None and another != found.role:
                self._not_the_last(found)
                self._db.execute("UPDATE operator SET role = ? WHERE id = ?", (another, found.id))
                audit.note(self._db, found.org, by, f"made an operator {another}, who was {found.role}", handle)

    def remove(self, handle: str, org: str | None, by: str) -> None:
        """Let somebody in no more, and end their sessions. Raises NotFound, Conflict for the last owner."""
        with transaction(self._db):
            found = self.named(handle, org)
            self._not_the_last(found)
            self._db.execute("UPDATE operator SET status = 'removed' WHERE id = ?", (found.id,))
            for query in _LEFT_WITHOUT:
                self._db.execute(query, (found.id,))
            audit.note(self._db, found.org, by, f"removed an operator, who was {found.role}", handle)

    def _not_the_last(self, found: Operator) -> None:
        query = "SELECT count(*) FROM operator WHERE org IS ? AND role = 'owner' AND status = 'active' AND id != ?"
        (others,) = self._db.execute(query, (found.org, found.id)).fetchone()
        if found.role == "owner" and not others:
            raise Conflict("this is the last owner: make somebody else owner first", code="last_owner")

    # -- invitations

    def invite(self, handle: str, org: str | None, by: str) -> str:
        """A code that lets its holder make a passkey for this operator, once, within ten minutes. Raises NotFound."""
        code = ids.secret("opi")
        with transaction(self._db):
            found = self.named(handle, org)
            self._db.execute("DELETE FROM operator_invite WHERE expires_at <= ?", (now(),))
            row = (ids.hashed(code), found.id, now() + INVITE_LIFE)
            self._db.execute("INSERT INTO operator_invite VALUES (?, ?, ?)", row)
            audit.note(self._db, found.org, by, "invited an operator", handle)
        return code

    def invited(self, code: str) -> Operator | None:
        """Whom a code invites, while it can be used; looking at it spends nothing."""
        where = "status = 'active' AND id = (SELECT operator FROM operator_invite WHERE hash = ? AND expires_at > ?)"
        found = self._listed(where, ids.hashed(code), now())
        return found[0] if found else None

    def accept(self, code: str, made: Made, name: str, spent: tuple[bytes, int]) -> str:
        """Spend an invitation for a passkey, and sign in with it. Of many tries at one code exactly one succeeds.
        Raises Unauthorized, Conflict."""
        with transaction(self._db):
            query = "DELETE FROM operator_invite WHERE hash = ? AND expires_at > ? RETURNING operator"
            row = self._db.execute(query, (ids.hashed(code), now())).fetchone()
            if row is None:
                raise Unauthorized(UNPROVED, code="unproved")
            spend(self._db, *spent)
            passkey = self._put_passkey(row[0], made, name)
            return self._begin(row[0], passkey)

    def first(self, token: str, made: Made, name: str, spent: tuple[bytes, int]) -> str:
        """Make an owner of whom a link from the machine let in: their session goes on as this owner's, and links that
        were not used yet open nothing any more. Raises Unauthorized."""
        with transaction(self._db):
            query = """
                DELETE FROM session WHERE hash = ? AND operator IS NULL AND person IS NULL AND org IS NOT NULL
                    AND expires_at > ? RETURNING org
            """
            row = self._db.execute(query, (ids.hashed(token), now())).fetchone()
            if row is None:
                raise Unauthorized(UNPROVED, code="unproved")
            spend(self._db, *spent)
            operator = self._put(FIRST_NAME, row[0], "owner", audit.BY_LINK)
            passkey = self._put_passkey(operator, made, name)
            return self._begin(operator, passkey)

    # -- passkeys

    def add_passkey(self, handle: str, made: Made, name: str, spent: tuple[bytes, int]) -> None:
        """Raises Unauthorized where the challenge was accepted before, NotFound, Conflict."""
        with transaction(self._db):
            found = self.named(handle)
            spend(self._db, *spent)
            self._put_passkey(found.id, made, name)

    def _put_passkey(self, operator: int, made: Made, name: str) -> int:
        found = self._one("id = ? AND status = 'active'", operator)
        if found.passkeys >= MOST_PASSKEYS:
            raise Conflict(f"{MOST_PASSKEYS} passkeys are all there may be: revoke one first", code="too_many_passkeys")
        sealed = self._key.seal(name.encode("utf-8", "replace"), _PLACE)
        row = (made.credential, operator, made.public, made.counter, made.synced, sealed, now())
        query = """
            INSERT INTO operator_passkey (credential, operator, public, counter, synced, name, created_at)
            VALUES (?, ?, ?, ?, ?, ?, ?)
        """
        try:
            number = self._db.execute(query, row).lastrowid or 0
        except sqlite3.IntegrityError:
            raise Conflict("this passkey is known already", code="exists") from None
        if found.role == "owner":
            # The link was for the first start. Whoever came by one before is not taken for an owner any more.
            for query in _FIRST_START:
                self._db.execute(query, (found.org,))
        audit.note(self._db, found.org, found.handle, "made a passkey", found.handle)
        return number

    def passkeys(self, handle: str) -> list[Passkey]:
        return self._passkeys("handle = ? ORDER BY p.id", handle)

    def passkey(self, credential: bytes) -> Passkey | None:
        found = self._passkeys("credential = ?", credential)
        return found[0] if found else None

    def _passkeys(self, where: str, value: object) -> list[Passkey]:
        return [
            Passkey(number, handle, credential, public, counter, self._name(name), bool(synced), created, used)
            for number, handle, credential, public, counter, name, synced, created, used in self._db.execute(
                f"{_PASSKEYS} {where}", (value,)
            ).fetchall()
        ]

    def revoke(self, handle: str, passkey: int) -> None:
        """Let go of a passkey, and of every session that it began. Raises NotFound, Conflict where it is the last."""
        with transaction(self._db):
            found = self.named(handle)
            if found.passkeys < 2:
                raise Conflict("this is your last passkey: make another first, or you are out", code="last_passkey")
            query = "DELETE FROM operator_passkey WHERE id = ? AND operator = ?"
            if not self._db.execute(query, (passkey, found.id)).rowcount:
                raise NotFound("you have no such passkey")
            self._db.execute("DELETE FROM session WHERE operator = ? AND passkey = ?", (found.id, passkey))
            audit.note(self._db, found.org, handle, "revoked a passkey", handle)

    # -- sessions

    def sign_in(self, passkey: Passkey, proved: Proved, spent: tuple[bytes, int], leaving: str = "") -> str:
        """A new session's secret; the session `leaving`, where it is theirs, ends and what it looked at goes on. Raises
        Unauthorized where the challenge was accepted before, or the passkey was revoked or used meanwhile."""
        with transaction(self._db):
            spend(self._db, *spent)
            query = """
                UPDATE operator_passkey SET counter = ?, synced = ?, used_at = ? WHERE id = ? AND counter = ?
                RETURNING operator
            """
            row = (proved.counter, proved.synced, now(), passkey.id, passkey.counter)
            found = self._db.execute(query, row).fetchone()
            if found is None:
                raise Unauthorized(UNPROVED, code="unproved")
            kept = None
            if leaving:
                query = "DELETE FROM session WHERE hash = ? AND operator = ? RETURNING org, purpose"
                kept = self._db.execute(query, (ids.hashed(leaving), found[0])).fetchone()
                if kept is None:
                    raise Unauthorized(UNPROVED, code="unproved")
            return self._begin(found[0], passkey.id, kept)

    def _begin(self, operator: int, passkey: int, kept: tuple[str, str] | None = None) -> str:
        found = self._listed("id = ? AND status = 'active'", operator)
        if not found:
            raise Unauthorized(UNPROVED, code="unproved")
        org = kept[0] if kept else found[0].org or next(iter(self._ledger.orgs()), None)
        if org is None:
            raise Unauthorized("There is no organization yet. Make one: rapport org add NAME", code="unproved")
        secret, at = ids.secret("ses"), now()
        self._db.execute("DELETE FROM session WHERE expires_at <= ?", (at,))
        query = """
            INSERT INTO session (hash, org, purpose, csrf, expires_at, operator, passkey, verified_at)
            VALUES (?, ?, ?, '', ?, ?, ?, ?)
        """
        row = (ids.hashed(secret), org, kept[1] if kept else "service", at + SESSION_LIFE, operator, passkey, at)
        self._db.execute(query, row)
        what = "showed again that it is they" if kept else "signed in"
        audit.note(self._db, found[0].org, found[0].handle, what, f"console.{name_of_session(secret)}")
        return secret

    def session(self, token: str) -> ConsoleSession | None:
        """The live session of a secret, with the role that its operator has now."""
        row = self._db.execute(_SESSION, (ids.hashed(token), now())).fetchone()
        if row is None or row[0] is None:
            return None
        org, purpose, verified, operator, passkey, handle, name, home, role, created = row
        if operator is None:
            alone = self.alone(org)
            return ConsoleSession(org, purpose, now() if alone else verified, alone=alone)
        if handle is None or (home is not None and home != org):
            return None
        who = Operator(operator, handle, self._name(name), home, role, created)
        return ConsoleSession(org, purpose, verified, who, passkey)

    # -- reading

    def _listed(self, where: str, *values: object) -> list[Operator]:
        rows = self._db.execute(f"{_ALL.format(_COUNTED)} WHERE {where}", values).fetchall()
        return [Operator(row[0], row[1], self._name(row[2]), *row[3:]) for row in rows]

    def _one(self, where: str, *values: object) -> Operator:
        found = self._listed(where, *values)
        if not found:
            raise NotFound("there is no such operator", field="operator")
        return found[0]

    def _name(self, sealed: bytes) -> str:
        return self._key.open(sealed, _PLACE).decode()


def role_of(text: str) -> Role:
    """Raises BadInput."""
    if text not in ROLES:
        raise BadInput(f"{text[:40]!r} is no role: {', '.join(ROLES)}", field="role")
    return text


def name_of_session(secret: str) -> str:
    """Names a session in receipts and in the audit log; opens nothing."""
    return hashlib.blake2b(secret.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def _named(name: str) -> str:
    said = " ".join(name.split())
    if not 0 < len(said) <= LONGEST_NAME or not said.isprintable():
        raise BadInput(f"an operator has a name of at most {LONGEST_NAME} characters", field="name")
    return said

"""API tokens in ledger.db: what programs show instead of a password. Their hashes alone are kept (they are random, so a
plain SHA-256 suffices); a token is seen once, by who made it.

A token has scopes, an end, and a handle `tok_…` that names it without opening anything. Rotating makes another of the
same scopes and lets the old one go on for a grace, so that programs can be changed over one by one.
"""

import contextlib
import functools
import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from rapport.adapters.embedded import audit
from rapport.adapters.embedded.sqlite import transaction
from rapport.kernel import ids
from rapport.kernel.errors import BadInput, NotFound
from rapport.kernel.keys import SealKey
from rapport.kernel.times import DAY, HOUR, MINUTE, now

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

SCHEMA = """
    ALTER TABLE token ADD COLUMN handle TEXT;
    ALTER TABLE token ADD COLUMN name BLOB;
    ALTER TABLE token ADD COLUMN used_at INTEGER;
    UPDATE token SET handle = 'tok_' || lower(hex(randomblob(13)));
    CREATE UNIQUE INDEX token_handle ON token (handle);
    CREATE INDEX token_of ON token (org, created_at)
"""

SCOPES: Final = ("read", "operator")
TOKEN_LIFE: Final = 365 * DAY
MOST_DAYS: Final = 1095
GRACE: Final = DAY
MOST_GRACE: Final = 30 * DAY
USED_EVERY: Final = 10 * MINUTE
"""That a token was used is noted at most so often: each note is a write."""
LONGEST_NAME: Final = 80
_PLACE = b"token"


class Token(msgspec.Struct, frozen=True):
    """Who holds a token, and what it is for."""

    org: str
    scopes: frozenset[str]
    handle: str = ""
    used_at: int | None = None
    expires_at: int = 0


class Listed(msgspec.Struct, frozen=True):
    """A token as it is listed, which is without itself. Times in µs; `used_at`: about when it was used last."""

    handle: str
    name: str
    scopes: tuple[str, ...]
    created_at: int
    expires_at: int
    used_at: int | None


class TokenFile:
    """Tokens over one ledger connection; one instance per thread."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._db = ledger.db
        self._ledger = ledger

    def mint(
        self,
        org: str,
        scopes: Sequence[str],
        *,
        life: int = TOKEN_LIFE,
        name: str = "",
        by: str = audit.COMMAND_LINE,
    ) -> tuple[str, str]:
        """The token itself, which is not to be had again, and its handle. Raises NotFound, BadInput."""
        if not self._ledger.has_org(org):
            raise NotFound(f"there is no organization {org!r}", field="org")
        wanted = scopes_of(scopes)
        with transaction(self._db):
            made = self._put(org, wanted, life, _named(name))
            audit.note(self._db, org, by, f"made a token for {' and '.join(wanted)}", made[1])
        return made

    def _put(self, org: str, scopes: tuple[str, ...], life: int, name: str) -> tuple[str, str]:
        token, handle, at = ids.secret("rap"), ids.fresh("tok"), now()
        sealed = self._key.seal(name.encode(), _PLACE)
        query = """
            INSERT INTO token (hash, org, scopes, created_at, expires_at, handle, name) VALUES (?, ?, ?, ?, ?, ?, ?)
        """
        self._db.execute(query, (ids.hashed(token), org, " ".join(scopes), at, at + life, handle, sealed))
        return token, handle

    def find(self, token: str) -> Token | None:
        """The holder of a token that has not expired."""
        query = "SELECT org, scopes, handle, used_at, expires_at FROM token WHERE hash = ? AND expires_at > ?"
        row = self._db.execute(query, (ids.hashed(token), now())).fetchone()
        return None if row is None else Token(row[0], frozenset(row[1].split()), *row[2:])

    def used(self, handle: str) -> None:
        """Note that it was used. A full disk keeps nobody from reading."""
        with contextlib.suppress(sqlite3.Error), transaction(self._db):
            self._db.execute("UPDATE token SET used_at = ? WHERE handle = ?", (now(), handle))

    def of(self, org: str) -> list[Listed]:
        """The tokens of an organization that have not expired, the newest first."""
        query = """
            SELECT handle, name, scopes, created_at, expires_at, used_at FROM token
            WHERE org = ? AND expires_at > ? ORDER BY created_at DESC, handle
        """
        return [
            Listed(handle, self._name(name), tuple(scopes.split()), created, expires, used)
            for handle, name, scopes, created, expires, used in self._db.execute(query, (org, now())).fetchall()
        ]

    def rotate(
        self, org: str, handle: str, *, grace: int = GRACE, by: str = audit.COMMAND_LINE
    ) -> tuple[str, str, int]:
        """Another token in place of one, of the same scopes, name and length of life; the old one goes on for `grace`
        µs at most. Returns the new one, its handle, and when the old one ends. Raises NotFound, BadInput."""
        if not 0 <= grace <= MOST_GRACE:
            raise BadInput(f"a grace is from 0 hours to {MOST_GRACE // HOUR}", field="grace")
        at = now()
        with transaction(self._db):
            query = """
                SELECT scopes, name, created_at, expires_at FROM token WHERE org = ? AND handle = ? AND expires_at > ?
            """
            row = self._db.execute(query, (org, handle, at)).fetchone()
            if row is None:
                raise NotFound("there is no such token", field="token")
            scopes, name, created, expires = row
            ends = min(expires, at + grace)
            self._db.execute("UPDATE token SET expires_at = ? WHERE handle = ?", (ends, handle))
            token, fresh = self._put(org, tuple(scopes.split()), expires - created, self._name(name))
            audit.note(self._db, org, by, "rotated a token", handle)
            audit.note(self._db, org, by, "made a token in its place", fresh)
        return token, fresh, ends

    def revoke(self, org: str, handle: str, by: str = audit.COMMAND_LINE) -> None:
        """End a token: it is refused within a second, in every process. Raises NotFound."""
        with transaction(self._db):
            query = "DELETE FROM token WHERE org = ? AND handle = ? AND expires_at > ?"
            if not self._db.execute(query, (org, handle, now())).rowcount:
                raise NotFound("there is no such token", field="token")
            audit.note(self._db, org, by, "revoked a token", handle)

    @functools.cached_property
    def _key(self) -> SealKey:
        return self._ledger.keys.node("tokens")

    def _name(self, sealed: bytes | None) -> str:
        return "" if sealed is None else self._key.open(sealed, _PLACE).decode()


def scopes_of(scopes: Sequence[str]) -> tuple[str, ...]:
    """Raises BadInput where there is none, or one that is not known."""
    for scope in scopes:
        if scope not in SCOPES:
            raise BadInput(f"{scope[:40]!r} is no scope: {', '.join(SCOPES)}", field="scope")
    if not scopes:
        raise BadInput(f"say what the token is for: {', '.join(SCOPES)}", field="scope")
    return tuple(scope for scope in SCOPES if scope in scopes)


def life_of(days: int) -> int:
    """µs. Raises BadInput."""
    if not 1 <= days <= MOST_DAYS:
        raise BadInput(f"a token lives from 1 day to {MOST_DAYS}", field="days")
    return days * DAY


def _named(name: str) -> str:
    said = " ".join(name.split())
    if len(said) > LONGEST_NAME or not (said.isprintable() or not said):
        raise BadInput(f"a token's name has at most {LONGEST_NAME} characters", field="name")
    return said

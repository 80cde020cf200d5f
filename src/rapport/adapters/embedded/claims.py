"""How claims came to be, in ledger.db: by what a person proved each, when, until when, and which are suspended.

A claim that holds is a row of `claim`, as the gate and the person's own looks read it; `proved_claim` says beside it
how it was proved. A suspended one has its row here alone, so that nothing else need know of it: it opens nothing, and
is back as it was once it is proved again. Whoever proved something last has it; before them somebody else's claim is
suspended, and they are told.
"""

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from rapport.adapters.embedded.accounts import active
from rapport.adapters.embedded.sqlite import remove, transaction
from rapport.kernel import ids
from rapport.kernel.errors import Conflict, NotFound, Unauthorized
from rapport.kernel.times import MINUTE, now
from rapport.signin.challenges import UNPROVED

if TYPE_CHECKING:
    from rapport.adapters.embedded.people import PeopleFile

SCHEMA = """
    CREATE TABLE proved_claim (token BLOB, person INTEGER, org TEXT NOT NULL, sealed BLOB NOT NULL, how TEXT NOT NULL,
                               contact BLOB, verified_at INTEGER NOT NULL, until INTEGER, suspended TEXT,
                               PRIMARY KEY (token, person)) WITHOUT ROWID;
    CREATE INDEX proved_claim_of ON proved_claim (person);
    CREATE INDEX proved_claim_by ON proved_claim (contact);
    CREATE TABLE claim_link (hash BLOB PRIMARY KEY, org TEXT NOT NULL, sealed BLOB NOT NULL,
                             expires_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE account_news (id INTEGER PRIMARY KEY AUTOINCREMENT, person INTEGER NOT NULL, at INTEGER NOT NULL,
                               sealed BLOB NOT NULL);
    CREATE INDEX account_news_of ON account_news (person);
    CREATE TABLE joined (token BLOB, person INTEGER, former INTEGER NOT NULL,
                         PRIMARY KEY (token, person)) WITHOUT ROWID;
    CREATE INDEX joined_of ON joined (former)
"""

UNTOLD = """
    ALTER TABLE account_news ADD COLUMN untold INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX account_news_untold ON account_news (id) WHERE untold
"""

BY_CODE, BY_LINK, BY_PURCHASE, BY_DESK = "code", "link", "purchase", "desk"
"""A code to a contact; a link of the organization's; a purchase that was told; the word of this node's own desk,
without proof."""
LINK_LIFE = 10 * MINUTE
EXPIRED, ANOTHER, TOO_LITTLE = "expired", "another", "too_little"
_WHY = {
    EXPIRED: "it was long ago that you showed it",
    ANOTHER: "somebody else has shown since that it is theirs",
    TOO_LITTLE: "a purchase is not enough for it any more",
}
MOST_NEWS = 50
_PROVED = """
    INTO proved_claim (token, person, org, sealed, how, contact, verified_at, until, suspended)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
TABLES = ("claim", "proved_claim")
"""Where claims are, each by its token and person, and sealed for them."""
_PLACE = b"account news"


class Claimed(msgspec.Struct, frozen=True):
    """A claim and how it came to be; times in µs. `suspended` says why it opens nothing: "" where it holds."""

    id: str
    org: str
    kind: str
    value: str
    how: str
    verified_at: int
    until: int | None
    suspended: str


class Bought(msgspec.Struct, frozen=True):
    """A claim by a purchase that holds, and the records that it was proved for."""

    token: bytes
    person: int
    org: str
    kind: str
    value: str
    records: tuple[int, ...]


class Linked(msgspec.Struct, frozen=True):
    """What a link of an organization's says is somebody's."""

    org: str
    kind: str
    value: str


class News(msgspec.Struct, frozen=True):
    at: int
    said: str


class Claims:
    """Claims with their proofs over one ledger connection; one instance per thread."""

    def __init__(self, people: "PeopleFile") -> None:
        self._people = people
        self._db = people.db
        self._keys = people.keys

    # -- claiming

    def claim_by_contact(self, handle: str, org: str, contact: str) -> None:
        """Claim at an organization whoever has an address that the person has shown to be theirs and that counts.
        Raises NotFound, Conflict where it was shown too long ago."""
        person = self.active(handle)
        self._people.known_org(org)
        token = token_of(contact)
        with transaction(self._db):
            query = "SELECT sealed, verified_at, until FROM contact WHERE person = ? AND token = ?"
            row = self._db.execute(query, (person, token)).fetchone()
            if row is None:
                raise NotFound("you have no such contact")
            if row[2] <= now():
                raise Conflict("you showed that too long ago: show again that it is yours", code="expired")
            kind, value = self._opened(person, row[0], b"contact" + token)
            self._put(person, (org, kind, value), BY_CODE, token, row[1], row[2])

    def mint(self, org: str, kind: str, value: str) -> tuple[str, int]:
        """A link's code by which an organization says that whoever has it is this customer, and when it ends. Raises
        BadInput."""
        parsed = self._people.parsed(f"{org}:{kind}:{value}")
        code, until = ids.secret("clm"), now() + LINK_LIFE
        sealed = self._keys.org(org).seal(msgspec.msgpack.encode(parsed[1:]), ids.hashed(code))
        with transaction(self._db):
            self._db.execute("DELETE FROM claim_link WHERE expires_at <= ?", (now(),))
            self._db.execute("INSERT INTO claim_link VALUES (?, ?, ?, ?)", (ids.hashed(code), org, sealed, until))
        return code, until

    def linked(self, code: str) -> Linked | None:
        """What a link says, while it can be used; looking at it spends nothing."""
        query = "SELECT org, sealed FROM claim_link WHERE hash = ? AND expires_at > ?"
        row = self._db.execute(query, (ids.hashed(code), now())).fetchone()
        return None if row is None else self._linked(row[0], row[1], code)

    def claim_by_link(self, handle: str, code: str) -> Linked:
        """Spend a link for a claim; of many tries at one exactly one succeeds. Raises Unauthorized."""
        person, at = self.active(handle), now()
        with transaction(self._db):
            query = "DELETE FROM claim_link WHERE hash = ? AND expires_at > ? RETURNING org, sealed"
            row = self._db.execute(query, (ids.hashed(code), at)).fetchone()
            if row is None:
                raise Unauthorized(UNPROVED, code="unproved")
            found = self._linked(row[0], row[1], code)
            self._put(person, (found.org, found.kind, found.value), BY_LINK, None, at, None)
        return found

    def _linked(self, org: str, sealed: bytes, code: str) -> Linked:
        kind, value = msgspec.msgpack.decode(self._keys.org(org).open(sealed, ids.hashed(code)), type=tuple[str, str])
        return Linked(org, kind, value)

    # -- by a purchase

    def claim_by_purchase(self, handle: str, claim: tuple[str, str, str], records: Sequence[int], until: int) -> None:
        """Claim an order's number, which opens these records. What the person has by a stronger proof stays."""
        person = self.active(handle)
        with transaction(self._db):
            (token,) = self._people.tokens_of([claim])
            query = "SELECT how FROM proved_claim WHERE token = ? AND person = ? AND suspended IS NULL"
            row = self._db.execute(query, (token, person)).fetchone()
            if row is None or row[0] == BY_PURCHASE:
                self._put(person, claim, BY_PURCHASE, None, now(), until)
                query = "UPDATE proved_claim SET records = ? WHERE token = ? AND person = ?"
                self._db.execute(query, (msgspec.msgpack.encode(tuple(records)), token, person))

    def by_purchase(self, after: tuple[bytes, int], most: int) -> list[Bought]:
        """Claims by purchases that hold, in the order of (token, person)."""
        query = """
            SELECT token, person, org, sealed, records FROM proved_claim
            WHERE how = ? AND suspended IS NULL AND (token, person) > (?, ?) ORDER BY token, person LIMIT ?
        """
        return [
            Bought(token, person, org, *self._opened(person, sealed, token), _numbers(records))
            for token, person, org, sealed, records in self._db.execute(query, (BY_PURCHASE, *after, most)).fetchall()
        ]

    def suspend_purchases(self, but: int, claims: Sequence[tuple[str, str, str]]) -> None:
        """Suspend what others than one person claim of these by purchases."""
        with transaction(self._db):
            for token in self._people.tokens_of(claims):
                query = "SELECT person FROM proved_claim WHERE token = ? AND how = ? AND person != ?"
                for (other,) in self._db.execute(query, (token, BY_PURCHASE, but)).fetchall():
                    self._suspend(other, [token], ANOTHER)

    def suspend_purchase(self, one: Bought, why: str) -> None:
        with transaction(self._db):
            self._suspend(one.person, [one.token], why)

    def alarm(self, people: Sequence[int], said: str) -> None:
        """Tell people of what somebody else tried."""
        with transaction(self._db):
            for person in people:
                self.loud(person, said)

    def _put(
        self, person: int, claim: tuple[str, str, str], how: str, contact: bytes | None, at: int, until: int | None
    ) -> None:
        """Whoever proves something last has it: claims of it that others made before are suspended. Raises Conflict
        where somebody has proved it since this proof was given."""
        (token,) = self._people.tokens_of([claim])
        query = "SELECT max(verified_at) FROM proved_claim WHERE token = ? AND person != ? AND suspended IS NULL"
        (latest,) = self._db.execute(query, (token, person)).fetchone()
        if latest is not None and latest > at:
            raise Conflict(
                "somebody else has shown since that this is theirs: show again that it is yours", code="claimed_since"
            )
        others = self._db.execute("SELECT person FROM claim WHERE token = ? AND person != ?", (token, person))
        for (other,) in others.fetchall():
            self._suspend(other, [token], ANOTHER)
        self._people.put_claims(person, [claim])
        (sealed,) = self._db.execute(
            "SELECT sealed FROM claim WHERE token = ? AND person = ?", (token, person)
        ).fetchone()
        row = (token, person, claim[0], sealed, how, contact, at, until, None)
        self._db.execute(f"INSERT OR REPLACE {_PROVED}", row)
        self._own(person, token)
        self._people.moved(person)

    def _own(self, person: int, token: bytes) -> None:
        """It is no other account's that was joined to this one."""
        self._db.execute("DELETE FROM joined WHERE token = ? AND person = ?", (token, person))

    # -- letting go

    def unclaim(self, handle: str, claim: str) -> None:
        """Let go of a claim, whether it holds or not: all is as if it had never been made. Raises NotFound."""
        person, token = self.active(handle), token_of(claim)
        with transaction(self._db):
            if not remove(self._db, TABLES, person, token):
                raise NotFound("you claim no such thing")
            self._own(person, token)
            self._people.moved(person)

    def shown_by_another(self, person: int, contact: bytes) -> None:
        """Somebody else has shown that an address is theirs: what rests on it is suspended. Within a transaction."""
        self.loud(person, "Somebody else has shown that an address of yours is theirs. It is yours here no longer.")
        self._suspend(person, self._resting(person, contact), ANOTHER)

    def suspend_with(self, person: int, contact: bytes) -> None:
        """An address counts for nothing until it is shown again, nor does what rests on it. Within a transaction."""
        self._suspend(person, self._resting(person, contact), EXPIRED)

    def let_go_with(self, person: int, contact: bytes) -> None:
        """A person lets go of an address: what rests on it goes with it. Within a transaction."""
        tokens = self._resting(person, contact, suspended=True)
        self._own(person, contact)
        for token in tokens:
            self._own(person, token)
            remove(self._db, TABLES, person, token)
        if tokens:
            self._people.moved(person)

    def expire(self) -> int:
        """Suspend claims whose proof has lost its time; return how many."""
        query = "SELECT person, token FROM proved_claim WHERE until <= ? AND suspended IS NULL"
        if not self._db.execute(query, (now(),)).fetchone():
            return 0
        with transaction(self._db):
            rows = self._db.execute(query, (now(),)).fetchall()
            for person, token in rows:
                self._suspend(person, [token], EXPIRED)
        return len(rows)

    def proved_again(self, person: int, contact: bytes, at: int, until: int) -> None:
        """An address was shown again: what rests on it holds from now on, again or for longer. Within a transaction."""
        for token in self._resting(person, contact, suspended=True):
            query = "SELECT org, sealed FROM proved_claim WHERE token = ? AND person = ?"
            org, sealed = self._db.execute(query, (token, person)).fetchone()
            kind, value = self._opened(person, sealed, token)
            self._put(person, (org, kind, value), BY_CODE, contact, at, until)

    def _resting(self, person: int, contact: bytes, *, suspended: bool = False) -> list[bytes]:
        """Claims that rest on an address and hold; or suspended ones, too."""
        query = """
            SELECT token FROM proved_claim WHERE person = ? AND contact = ? AND (suspended IS NULL OR ?) ORDER BY token
        """
        return [token for (token,) in self._db.execute(query, (person, contact, suspended)).fetchall()]

    def _suspend(self, person: int, tokens: Sequence[bytes], why: str) -> None:
        for token in tokens:
            query = "DELETE FROM claim WHERE token = ? AND person = ? RETURNING org, sealed, at"
            row = self._db.execute(query, (token, person)).fetchone()
            if row is None:
                continue
            org, sealed, at = row
            values = (token, person, org, sealed, BY_DESK, None, at, None, why)
            self._db.execute(f"INSERT OR IGNORE {_PROVED}", values)
            query = "UPDATE proved_claim SET suspended = ? WHERE token = ? AND person = ?"
            self._db.execute(query, (why, token, person))
            name = self._people.name_of(org)
            said = f"What you claimed at {name} opens nothing any more: {_WHY[why]}. Show again that it is yours."
            self.loud(person, said)
        if tokens:
            self._people.moved(person)

    # -- what there is

    def claims(self, handle: str) -> list[Claimed]:
        """A person's claims, those that hold and those that are suspended."""
        person = self.active(handle)
        query = """
            SELECT claim.token, claim.org, claim.sealed, coalesce(how, 'desk'), coalesce(verified_at, at), until, ''
            FROM claim LEFT JOIN proved_claim USING (token, person) WHERE person = ?1
            UNION ALL SELECT token, org, sealed, how, verified_at, until, suspended
            FROM proved_claim AS one WHERE person = ?1
            AND NOT EXISTS (SELECT 1 FROM claim WHERE claim.token = one.token AND claim.person = ?1) ORDER BY 2, 5, 1
        """
        return [
            Claimed(token.hex(), org, *self._opened(person, sealed, token), how, at, until, suspended)
            for token, org, sealed, how, at, until, suspended in self._db.execute(query, (person,)).fetchall()
        ]

    def news(self, handle: str) -> list[News]:
        """What happened to an account lately, the latest first."""
        person = self.active(handle)
        key = self._keys.person(person)
        query = "SELECT at, sealed FROM account_news WHERE person = ? ORDER BY id DESC"
        rows = self._db.execute(query, (person,)).fetchall()
        return [] if key is None else [News(at, key.open(sealed, _PLACE).decode()) for at, sealed in rows]

    def loud(self, person: int, said: str) -> None:
        """Note a sentence for a person, of which they are told at their addresses, too. Within a transaction."""
        self._tell(person, said, untold=True)

    def tell(self, person: int, said: str) -> None:
        """Note a sentence for a person, within a transaction."""
        self._tell(person, said, untold=False)

    def _tell(self, person: int, said: str, *, untold: bool) -> None:
        key = self._keys.person(person)
        if key is None:
            return
        row = (person, now(), key.seal(said.encode(), _PLACE), untold)
        self._db.execute("INSERT INTO account_news (person, at, sealed, untold) VALUES (?, ?, ?, ?)", row)
        query = """
            DELETE FROM account_news WHERE person = ?1
            AND id <= (SELECT id FROM account_news WHERE person = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)
        """
        self._db.execute(query, (person, MOST_NEWS))

    def untold(self) -> tuple[dict[int, list[str]], int]:
        """Person → what they are still to be told of beside their page, the oldest first and each sentence once; and
        the number of the last, for `told`."""
        rows = self._db.execute("SELECT id, person, sealed FROM account_news WHERE untold ORDER BY id").fetchall()
        found: dict[int, list[str]] = {}
        for _, person, sealed in rows:
            key = self._keys.person(person)
            if key is not None:
                found.setdefault(person, []).append(key.open(sealed, _PLACE).decode())
        return {person: list(dict.fromkeys(said)) for person, said in found.items()}, rows[-1][0] if rows else 0

    def told(self, last: int) -> None:
        """All that was still to be told, up to a number, is on its way."""
        with transaction(self._db):
            self._db.execute("UPDATE account_news SET untold = 0 WHERE untold AND id <= ?", (last,))

    def _opened(self, person: int, sealed: bytes, place: bytes) -> tuple[str, str]:
        key = self._keys.person(person)
        if key is None:
            raise Conflict("this person is erased", code="erased")
        return msgspec.msgpack.decode(key.open(sealed, place), type=tuple[str, str])

    def active(self, handle: str) -> int:
        """The number of a person who can claim. Raises NotFound, Conflict where they are erased."""
        return active(self._db, handle)


def forget(db: sqlite3.Connection, person: int) -> None:
    """Leave nothing of an erased person's. Within a transaction."""
    db.execute("DELETE FROM joined WHERE former = ?", (person,))
    remove(db, ("proved_claim", "account_news", "joined"), person)


def token_of(claim: str) -> bytes:
    """The token behind the name by which a person names what is theirs; b"" where it is none."""
    return bytes.fromhex(claim) if len(claim) == 32 and set(claim) <= set("0123456789abcdef") else b""


def _numbers(packed: bytes | None) -> tuple[int, ...]:
    return () if packed is None else msgspec.msgpack.decode(packed, type=tuple[int, ...])

"""ledger.db: organizations, sources, tokens, sessions and receipts; every commit is synced.

Credentials are kept as hashes (they are random, so a plain SHA-256 suffices); write keys beside that sealed, since the
console and `rapport org show` print them again.
"""

import re
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from rapport.adapters.embedded import audit, operators, tallies, told_too
from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.ledger_rows import MIGRATIONS
from rapport.adapters.embedded.operators import SESSION_LIFE
from rapport.adapters.embedded.receipt_log import ReceiptLog
from rapport.adapters.embedded.sqlite import connect, put_rows, transaction, translated
from rapport.adapters.embedded.tokens import TOKEN_LIFE, TokenFile
from rapport.kernel import cycles, ids
from rapport.kernel.errors import BadInput, Conflict, NotFound
from rapport.kernel.ports import MESSAGES, OWN_WORD, PRESENCE, YOU, Source
from rapport.kernel.times import DAY, MINUTE, now
from rapport.terms import Pending, Receipt

LINK_LIFE = 10 * MINUTE

_WAL_PAGES = 4_000
_ORG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_OWN_SOURCES = {
    YOU: "what customers correct themselves",
    PRESENCE: "what customers' own devices tell",
    MESSAGES: "what comes back of messages",
}
_PUT_RECEIPT = "receipt (seq, id, org, at, body, person, purpose, decision, unmet, tree, place, leaf, previous)"
_RECEIPTS = "SELECT r.seq, r.org, t.customer, r.body FROM receipt r LEFT JOIN tree t ON t.id = r.tree"
# Of the receipts that name a person, and of those that tell them too: each in the order of its index.
_TOLD = f"""
    {_RECEIPTS} WHERE r.person = ?1 AND {{when}}
    UNION ALL
    {_RECEIPTS} WHERE r.seq IN ({told_too.RECEIPTS}) AND {{when}}
    ORDER BY r.seq DESC LIMIT {{most}}
"""
_COUNT_USE = "INSERT INTO uses VALUES (?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1"
_encode = msgspec.msgpack.Encoder().encode


class LedgerFile:
    """One connection to the ledger; one instance per thread. Transactions are short, so that processes take turns. It
    closes its keyring with itself."""

    def __init__(self, data: Path, keys: Keyring) -> None:
        self.path = data / "ledger.db"
        self.keys = keys
        self._seal = keys.node("write-keys")
        self.db = connect(self.path, MIGRATIONS, durable=True)
        # Each commit touches the same few pages again (the log's end and head): copied back less often, less is copied.
        self.db.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        self.receipt_log = ReceiptLog(self.db, keys)

    # -- organizations and sources

    def orgs(self) -> list[str]:
        return [name for (name,) in self.db.execute("SELECT name FROM org ORDER BY name")]

    def has_org(self, org: str) -> bool:
        return self.db.execute("SELECT 1 FROM org WHERE name = ?", (org,)).fetchone() is not None

    def expect_org(self, org: str) -> None:
        """Raises NotFound, which names those there are: for who has the node at hand, and nobody else."""
        if not self.has_org(org):
            raise NotFound(f"there is no organization {org!r}; these exist: {', '.join(self.orgs()) or 'none'}")

    def add_org(self, org: str) -> None:
        """Make an organization. Raises BadInput for an unusable name, Conflict where it exists."""
        if not _ORG.fullmatch(org):
            message = f"{org[:70]!r} cannot name an organization: use small letters, digits and '-', at most 63"
            raise BadInput(message, code="bad_name", field="name")
        try:
            with transaction(self.db):
                self.db.execute("INSERT INTO org VALUES (?, ?)", (org, now()))
        except sqlite3.IntegrityError:
            raise Conflict(f"organization {org!r} exists already", code="exists", field="name") from None

    def add_source(self, org: str, name: str, *, trusted: bool = False, trust: int = 0) -> Source:
        """Make a source with a fresh write key. Raises NotFound, BadInput, Conflict."""
        if not self.has_org(org):
            raise NotFound(f"there is no organization {org!r}", field="org")
        if not _SOURCE.fullmatch(name):
            message = f"{name[:70]!r} cannot name a source: use letters, digits, '_', '.' and '-', at most 63"
            raise BadInput(message, code="bad_name", field="name")
        if taken := _OWN_SOURCES.get(name.lower()):
            raise BadInput(f"{name!r} cannot name a source: {taken} is from there", code="bad_name", field="name")
        if not -OWN_WORD < trust < OWN_WORD:
            raise BadInput("no source can be trusted that much, or that little", code="bad_trust", field="trust")
        key = ids.secret("wk")
        row = (org, name, ids.hashed(key), self._seal.seal(key.encode(), b"wk"), trusted, trust, _encode({}), now())
        try:
            with transaction(self.db):
                self.db.execute("INSERT INTO source VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        except sqlite3.IntegrityError:
            raise Conflict(f"{org} has a source {name!r} already", code="exists", field="name") from None
        return Source(org, name, trusted, trust, key)

    def rotate_write_key(self, org: str, name: str) -> Source:
        """Give a source a fresh write key; the old one ends at once."""
        key = ids.secret("wk")
        with transaction(self.db):
            query = "UPDATE source SET key_hash = ?, key_sealed = ? WHERE org = ? AND name = ?"
            sealed = self._seal.seal(key.encode(), b"wk")
            if not self.db.execute(query, (ids.hashed(key), sealed, org, name)).rowcount:
                raise NotFound(f"{org} has no source {name!r}", field="source")
        return self.source(org, name)

    def source(self, org: str, name: str) -> Source:
        """Raises NotFound."""
        found = [source for source in self.sources(org) if source.name == name]
        if not found:
            raise NotFound(f"{org} has no source {name!r}", field="source")
        return found[0]

    def sources(self, org: str) -> list[Source]:
        """An organization's sources, the oldest first."""
        return [source for source, _ in self.sources_with_age(org)]

    def sources_with_age(self, org: str) -> list[tuple[Source, int]]:
        """Sources with the time they were made (µs), the oldest first."""
        query = (
            "SELECT name, trusted, trust, key_sealed, created_at FROM source WHERE org = ? ORDER BY created_at, name"
        )
        return [
            (Source(org, name, bool(trusted), trust, self._seal.open(sealed, b"wk").decode()), created)
            for name, trusted, trust, sealed, created in self.db.execute(query, (org,)).fetchall()
        ]

    def by_write_key(self, write_key: str) -> Source | None:
        query = "SELECT org, name, trusted, trust FROM source WHERE key_hash = ?"
        row = self.db.execute(query, (ids.hashed(write_key),)).fetchone()
        return None if row is None else Source(row[0], row[1], bool(row[2]), row[3])

    # -- credentials

    def mint_token(self, org: str, scopes: Sequence[str], life: int = TOKEN_LIFE) -> str:
        """A token without a name, as `rapport org show` makes them (`tokens.TokenFile` makes all others)."""
        return TokenFile(self).mint(org, scopes, life=life)[0]

    def mint_link(self, org: str | None) -> str:
        """A code that opens the console once, within ten minutes."""
        code = ids.secret("go")
        with transaction(self.db):
            self.db.execute("DELETE FROM link WHERE expires_at <= ?", (now(),))
            self.db.execute(
                "INSERT INTO link (hash, org, expires_at) VALUES (?, ?, ?)", (ids.hashed(code), org, now() + LINK_LIFE)
            )
        return code

    def redeem_link(self, code: str) -> str | None:
        """Exchange a code for a session's secret; of many tries at one code exactly one succeeds."""
        with transaction(self.db):
            query = "DELETE FROM link WHERE hash = ? AND expires_at > ? AND person IS NULL RETURNING org"
            row = self.db.execute(query, (ids.hashed(code), now())).fetchone()
            if row is None:
                return None
            secret = ids.secret("ses")
            self.db.execute("DELETE FROM session WHERE expires_at <= ?", (now(),))
            # `csrf` is of an older version: what forms carry follows from the session's token (`rapport.web.forms`).
            query = """
                INSERT INTO session (hash, org, purpose, csrf, expires_at, verified_at)
                VALUES (?, ?, 'service', '', ?, ?)
            """
            at = now()
            self.db.execute(query, (ids.hashed(secret), row[0], at + SESSION_LIFE, at))
            name = operators.name_of_session(secret)
            audit.note(self.db, row[0], audit.BY_LINK, "came in by a link", f"console.{name}")
        return secret

    def update_session(self, secret: str, *, org: str, purpose: str) -> None:
        with transaction(self.db):
            self.db.execute(
                "UPDATE session SET org = ?, purpose = ? WHERE hash = ?", (org, purpose, ids.hashed(secret))
            )

    def end_session(self, secret: str) -> None:
        with transaction(self.db):
            self.db.execute("DELETE FROM session WHERE hash = ?", (ids.hashed(secret),))

    # -- receipts

    def append_receipts(
        self, batches: Sequence[Sequence[Pending]], still_holds: Callable[[sqlite3.Connection, Pending], bool]
    ) -> int:
        """Write receipts in one synced transaction, and what goes along with them; those that rest on what has changed
        since are marked stale and left out. Returns the sequence number of the last."""
        try:
            with transaction(self.db):
                (epoch,) = self.db.execute("SELECT value FROM epoch").fetchone()
                kept: list[Pending] = []
                for batch in batches:
                    for pending in batch:
                        unmoved = pending.ground.epoch == epoch and not pending.limits
                        holds = unmoved or still_holds(self.db, pending)
                        pending.stale = not (holds and self._keep_along(pending))
                        if not pending.stale:
                            kept.append(pending)
                            if pending.limits:
                                self._count(pending)
                last = self._put_receipts(kept)
        except sqlite3.Error as error:
            raise translated(error, self.path) from error
        return last

    def _keep_along(self, pending: Pending) -> bool:
        """Write what goes along with a receipt, all of it or nothing. Where that fails, nobody else's receipt does."""
        if pending.along is None:
            return True
        self.db.execute("SAVEPOINT along")
        try:
            kept = pending.along(self)
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 (it is raised where this receipt is waited for)
            pending.failed, kept = error, False
        if not kept:
            self.db.execute("ROLLBACK TO along")
        self.db.execute("RELEASE along")
        return kept

    def _count(self, pending: Pending) -> None:
        """Count a use that is limited, at once: the next in the same batch may be the one too many."""
        for person, purpose in {(limit.person, limit.purpose) for limit in pending.limits}:
            self.db.execute(_COUNT_USE, (person, pending.receipt.org, purpose, pending.receipt.at // DAY))

    def _put_receipts(self, kept: Sequence[Pending]) -> int:
        row = self.db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'receipt'").fetchone()
        first: int = 1 if row is None else row[0] + 1
        with cycles.not_searched():
            rows = []
            for seq, (pending, at) in enumerate(zip(kept, self.receipt_log.append(kept, first), strict=True), first):
                r, (*place, body) = pending.receipt, at
                person, unmet = pending.person or None, pending.unmet or None
                rows.append((seq, r.id, r.org, r.at, body, person, r.purpose, r.decision, unmet, *place))
            put_rows(self.db, _PUT_RECEIPT, rows)
            told_too.note_receipts(self.db, [(one, seq) for seq, p in enumerate(kept, first) for one in p.others])
        tallies.note(self.db, kept)
        return first + len(kept) - 1

    def receipts_of(self, person: int, before: int = 1 << 62, limit: int = 50) -> list[tuple[int, Receipt]]:
        """The newest receipts that concern a person, each with its sequence number."""
        query = _TOLD.format(when="r.seq < ?2", most="?3")
        return self._opened(query, (person, before, limit))

    def receipt_told(self, person: int, receipt: str) -> Receipt | None:
        """A receipt that concerns a person, by its id."""
        found = self.use_told(person, receipt)
        return found[0] if found is not None else None

    def use_told(self, person: int, receipt: str) -> tuple[Receipt, int | None] | None:
        """Likewise, with the number of the record whose handle the customer showed."""
        row = self.db.execute(_TOLD.format(when="r.id = ?2", most="1"), (person, receipt)).fetchone()
        told = None if row is None else self.receipt_log.opener().receipt(*row[1:])
        return None if told is None else (told, row[2])

    def receipt(self, org: str, customer: int, receipt: str) -> Receipt | None:
        """A receipt in the tree of a customer (the number of the record whose handle they showed), by its id; None also
        where they were erased."""
        query = f"{_RECEIPTS} WHERE t.org = ? AND t.customer = ? AND r.id = ?"
        row = self.db.execute(query, (org, customer, receipt)).fetchone()
        return None if row is None else self.receipt_log.opener().receipt(*row[1:])

    def receipts(self, org: str, limit: int = 100) -> list[Receipt]:
        """The newest receipts of an organization, but for those of customers who were erased."""
        query = f"{_RECEIPTS} WHERE r.org = ? ORDER BY r.seq DESC LIMIT ?"
        return [receipt for _, receipt in self._opened(query, (org, limit))]

    def given(self, org: str, before: int, limit: int) -> list[tuple[int, Receipt]]:
        """The newest receipts of what an organization was given, each with its sequence number."""
        query = f"{_RECEIPTS} WHERE r.org = ? AND r.decision = 'permitted' AND r.seq < ? ORDER BY r.seq DESC LIMIT ?"
        return self._opened(query, (org, before, limit))

    def _opened(self, query: str, parameters: Sequence[object]) -> list[tuple[int, Receipt]]:
        rows = self.db.execute(query, parameters).fetchall()
        opener = self.receipt_log.opener()
        opened = ((seq, opener.receipt(org, customer, body)) for seq, org, customer, body in rows)
        return [(seq, receipt) for seq, receipt in opened if receipt is not None]

    def told(self, person: int, since: int, until: int, limit: int) -> list[Receipt]:
        """The newest receipts that concern a person, of a span of time."""
        query = _TOLD.format(when="r.at >= ?2 AND r.at < ?3", most="?4")
        return [receipt for _, receipt in self._opened(query, (person, since, until, limit))]

    def version(self) -> Any:
        """Changes whenever another process has committed."""
        return self.db.execute("PRAGMA data_version").fetchone()[0]

    def close(self) -> None:
        self.db.close()
        self.keys.close()

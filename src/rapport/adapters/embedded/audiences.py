"""Definitions in ledger.db: audiences and computed traits, version by version; and what stirs their verdicts there.

    Definitions(ledger)                                   one instance per thread, as the ledger
      .put_audience(org, name, expression, purpose, who)  → Audience; the same version where nothing changes
      .audience(org, name) .audiences(org)                the ones in force
      .audience_versions(org, name)                       all that there were, newest first
      .delete_audience(org, name, who)
      .put_trait(trait, who) .trait .traits .trait_versions .delete_trait      likewise, of ComputedTrait
      .put_fitted(org, trait, fitted) .fitted(org)        what a model was fitted to
      .rulebook(org)                                      all of it compiled; made anew only where something changed
      .version()                                          moves with every change of any definition
    using(db, org, kind, name) / unused(…)                rows of `in_use`: while there is any, what happens is followed

A definition that was deleted keeps its versions; when its name is put again, the next version follows. `stir` is a feed
that triggers write, in whatever process and transaction a person, a claim or a declaration changes: rows of blinded
identifiers (`token`, as `edge.other` in state.db) whose customers may be judged otherwise now, of whole organizations
(token NULL), or of everybody (org NULL). It costs nothing while nothing is in use.
"""

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from rapport.adapters.embedded import audit
from rapport.adapters.embedded.sqlite import rows_in, transaction
from rapport.decide import Audience, ComputedTrait, Rulebook, audience, next_version, with_trait
from rapport.decide.models import Fitted
from rapport.kernel.errors import Conflict, NotFound
from rapport.kernel.times import now

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

SCHEMA = """
    CREATE TABLE definition (org TEXT, kind TEXT, name TEXT, version INTEGER, at INTEGER NOT NULL, body BLOB NOT NULL,
                             deleted_at INTEGER, PRIMARY KEY (org, kind, name, version)) WITHOUT ROWID;
    CREATE TABLE fitted (org TEXT, trait TEXT, at INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (org, trait))
        WITHOUT ROWID;
    CREATE TABLE defined (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL);
    INSERT INTO defined VALUES (1, 1);
    CREATE TABLE in_use (org TEXT, kind TEXT, name TEXT, PRIMARY KEY (org, kind, name)) WITHOUT ROWID;
    CREATE TABLE stir (seq INTEGER PRIMARY KEY AUTOINCREMENT, org TEXT, token BLOB);
    CREATE TRIGGER stir_person AFTER UPDATE OF version ON person WHEN EXISTS (SELECT 1 FROM in_use)
        BEGIN INSERT INTO stir (org, token) SELECT org, token FROM claim WHERE person = NEW.id; END;
    CREATE TRIGGER stir_claim AFTER INSERT ON claim WHEN EXISTS (SELECT 1 FROM in_use)
        BEGIN INSERT INTO stir (org, token) VALUES (NEW.org, NEW.token); END;
    CREATE TRIGGER stir_unclaim AFTER DELETE ON claim WHEN EXISTS (SELECT 1 FROM in_use)
        BEGIN INSERT INTO stir (org, token) VALUES (OLD.org, OLD.token); END;
    CREATE TRIGGER stir_declared AFTER INSERT ON declaration WHEN EXISTS (SELECT 1 FROM in_use)
        BEGIN INSERT INTO stir (org, token) VALUES (NEW.org, NULL); END;
    CREATE TRIGGER stir_attested AFTER INSERT ON attester WHEN EXISTS (SELECT 1 FROM in_use)
        BEGIN INSERT INTO stir (org, token) VALUES (NULL, NULL); END;
    CREATE TRIGGER stir_unattested AFTER DELETE ON attester WHEN EXISTS (SELECT 1 FROM in_use)
        BEGIN INSERT INTO stir (org, token) VALUES (NULL, NULL); END;
    CREATE TRIGGER stir_source AFTER UPDATE OF trusted, trust ON source WHEN EXISTS (SELECT 1 FROM in_use)
        BEGIN INSERT INTO stir (org, token) VALUES (NEW.org, NULL); END
"""

MOST: Final = 5_000
"""Audiences, and computed traits, of one organization."""
AUDIENCE, TRAIT = "audience", "trait"
_WORDS = {AUDIENCE: "audience", TRAIT: "computed trait"}
_ARTICLE = {AUDIENCE: "an audience", TRAIT: "a computed trait"}
_SAID = 5
_encode = msgspec.msgpack.Encoder().encode
_CURRENT = """
    SELECT body FROM definition d WHERE org = ? AND kind = ? AND deleted_at IS NULL
    AND version = (SELECT max(version) FROM definition e WHERE e.org = d.org AND e.kind = d.kind AND e.name = d.name)
"""
Kept = TypeVar("Kept", Audience, ComputedTrait)


class Stir(msgspec.Struct, frozen=True):
    """One row of the feed. `org` None: any; `token` None: all customers."""

    seq: int
    org: str | None
    token: bytes | None


class Definitions:
    """Definitions over one ledger connection. `who`: as in the audit log."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._db = ledger.db
        self._rulebooks: dict[str, tuple[int, Rulebook]] = {}

    # -- audiences

    def put_audience(
        self, org: str, name: str, expression: str, purpose: str, who: str, expected: int | None = None
    ) -> Audience:
        """`expected`: the version that it is to follow, 0 for none. Raises BadInput for a bad name or purpose,
        ExpressionError, Conflict (`too_many`; `outdated` where another version is in force)."""
        with transaction(self._db):
            before = self._last(org, AUDIENCE, name, Audience)
            _check_expected(before, expected)
            made = audience(org, name, expression, purpose)
            if before is None:
                return self._write(org, AUDIENCE, msgspec.structs.replace(made, at=now()), who)
            following = next_version(before[0], expression, purpose, now())
            if following is before[0]:
                if not before[1]:
                    return following
                following = msgspec.structs.replace(following, version=following.version + 1, at=now())
            return self._write(org, AUDIENCE, following, who)

    def audience(self, org: str, name: str) -> Audience:
        """Raises NotFound."""
        return self._standing(org, AUDIENCE, name, Audience)

    def audiences(self, org: str) -> list[Audience]:
        """By name."""
        return self._all(org, AUDIENCE, Audience)

    def audience_versions(self, org: str, name: str) -> list[Audience]:
        """Newest first. Raises NotFound."""
        return self._versions(org, AUDIENCE, name, Audience)

    def delete_audience(self, org: str, name: str, who: str) -> None:
        """Raises NotFound."""
        with transaction(self._db):
            self._delete(org, AUDIENCE, name, who)

    # -- computed traits

    def put_trait(self, trait: ComputedTrait, who: str, expected: int | None = None) -> ComputedTrait:
        """A checked trait, whatever version it says; `expected` as above. Raises Conflict (`cycle`, `too_many`,
        `outdated`)."""
        org = trait.org
        with transaction(self._db):
            with_trait(self.traits(org), trait)
            before = self._last(org, TRAIT, trait.name, ComputedTrait)
            _check_expected(before, expected)
            if before is not None:
                alike = msgspec.structs.replace(trait, version=before[0].version, at=before[0].at)
                if alike == before[0] and not before[1]:
                    return before[0]
            version = 1 if before is None else before[0].version + 1
            return self._write(org, TRAIT, msgspec.structs.replace(trait, version=version, at=now()), who)

    def trait(self, org: str, name: str) -> ComputedTrait:
        """Raises NotFound."""
        return self._standing(org, TRAIT, name, ComputedTrait)

    def traits(self, org: str) -> list[ComputedTrait]:
        """By name."""
        return self._all(org, TRAIT, ComputedTrait)

    def trait_versions(self, org: str, name: str) -> list[ComputedTrait]:
        """Newest first. Raises NotFound."""
        return self._versions(org, TRAIT, name, ComputedTrait)

    def delete_trait(self, org: str, name: str, who: str) -> None:
        """Raises NotFound, Conflict (`in_use`) while an audience or another trait names it."""
        with transaction(self._db):
            if uses := self.rulebook(org).uses(name):
                raise in_use("these name it:", uses, "change them first")
            self._delete(org, TRAIT, name, who)

    # -- what models were fitted to

    def put_fitted(self, org: str, trait: str, fitted: Fitted) -> None:
        with transaction(self._db):
            row = (org, trait, now(), _encode(fitted))
            self._db.execute("INSERT OR REPLACE INTO fitted VALUES (?, ?, ?, ?)", row)
            self._moved()

    def fitted(self, org: str) -> dict[str, Fitted]:
        rows = self._db.execute("SELECT trait, body FROM fitted WHERE org = ?", (org,)).fetchall()
        return {trait: msgspec.msgpack.decode(body, type=Fitted) for trait, body in rows}

    # -- all together

    def rulebook(self, org: str) -> Rulebook:
        """From memory while no definition changed."""
        version = self.version()
        known = self._rulebooks.get(org)
        if known is None or known[0] != version:
            made = Rulebook(self.audiences(org), self.traits(org), self.fitted(org))
            known = self._rulebooks[org] = (version, made)
        return known[1]

    def version(self) -> int:
        return version_of(self._db)

    def orgs(self, kind: str = AUDIENCE) -> list[str]:
        """Organizations that have audiences, or computed traits."""
        query = "SELECT DISTINCT org FROM in_use WHERE kind = ? ORDER BY org"
        return [org for (org,) in self._db.execute(query, (kind,)).fetchall()]

    def in_use(self) -> list[str]:
        """Organizations of which anything is in use."""
        return [org for (org,) in self._db.execute("SELECT DISTINCT org FROM in_use ORDER BY org").fetchall()]

    # -- what stirs verdicts

    def with_own_terms(self, plain: bytes, after: int, limit: int) -> tuple[int, list[tuple[str, bytes]]]:
        """(organization, token) of what is claimed by the next persons whose terms are not the node's `plain` ones, and
        the last of these persons; 0: there are no more."""
        query = "SELECT id FROM person WHERE id > ? AND terms <> ? ORDER BY id LIMIT ?"
        persons = [person for (person,) in self._db.execute(query, (after, plain, limit)).fetchall()]
        query = "SELECT org, token FROM claim WHERE person IN ({})"
        return max(persons, default=0), list(rows_in(self._db, query, persons))

    def stirred(self, after: int, limit: int) -> list[Stir]:
        query = "SELECT seq, org, token FROM stir WHERE seq > ? ORDER BY seq LIMIT ?"
        return [Stir(*row) for row in self._db.execute(query, (after, limit)).fetchall()]

    def settled(self, upto: int) -> None:
        """Let go of what was dealt with."""
        if self._db.execute("SELECT 1 FROM stir WHERE seq <= ?", (upto,)).fetchone() is not None:
            with transaction(self._db):
                self._db.execute("DELETE FROM stir WHERE seq <= ?", (upto,))

    # -- rows

    def _last(self, org: str, kind: str, name: str, of: type[Kept]) -> tuple[Kept, bool] | None:
        """The last version, and whether it was deleted."""
        query = (
            "SELECT body, deleted_at FROM definition WHERE org = ? AND kind = ? AND name = ? "
            "ORDER BY version DESC LIMIT 1"
        )
        row = self._db.execute(query, (org, kind, name)).fetchone()
        return None if row is None else (msgspec.msgpack.decode(row[0], type=of), row[1] is not None)

    def _standing(self, org: str, kind: str, name: str, of: type[Kept]) -> Kept:
        found = self._last(org, kind, name, of)
        if found is None or found[1]:
            raise NotFound(f"there is no such {_WORDS[kind]}", field="name")
        return found[0]

    def _all(self, org: str, kind: str, of: type[Kept]) -> list[Kept]:
        rows = self._db.execute(f"{_CURRENT} ORDER BY name", (org, kind)).fetchall()
        decoder = msgspec.msgpack.Decoder(of)
        return [decoder.decode(body) for (body,) in rows]

    def _versions(self, org: str, kind: str, name: str, of: type[Kept]) -> list[Kept]:
        query = "SELECT body FROM definition WHERE org = ? AND kind = ? AND name = ? ORDER BY version DESC"
        rows: Sequence[tuple[Any]] = self._db.execute(query, (org, kind, name)).fetchall()
        if not rows:
            raise NotFound(f"there is no such {_WORDS[kind]}", field="name")
        return [msgspec.msgpack.decode(body, type=of) for (body,) in rows]

    def _write(self, org: str, kind: str, made: Kept, who: str) -> Kept:
        query = "SELECT count(*) FROM in_use WHERE org = ? AND kind = ? AND name <> ?"
        if self._db.execute(query, (org, kind, made.name)).fetchone()[0] >= MOST:
            raise Conflict(f"there are {MOST} already: delete some first", code="too_many")
        row = (org, kind, made.name, made.version, made.at, _encode(made))
        self._db.execute("INSERT INTO definition VALUES (?, ?, ?, ?, ?, ?, NULL)", row)
        using(self._db, org, kind, made.name)
        audit.note(self._db, org, who, f"put {_ARTICLE[kind]}", made.name)
        self._moved()
        return made

    def _delete(self, org: str, kind: str, name: str, who: str) -> None:
        query = "UPDATE definition SET deleted_at = ? WHERE org = ? AND kind = ? AND name = ? AND deleted_at IS NULL"
        if not self._db.execute(query, (now(), org, kind, name)).rowcount:
            raise NotFound(f"there is no such {_WORDS[kind]}", field="name")
        self._db.execute("DELETE FROM fitted WHERE org = ? AND trait = ? AND ? = 'trait'", (org, name, kind))
        unused(self._db, org, kind, name)
        audit.note(self._db, org, who, f"deleted {_ARTICLE[kind]}", name)
        self._moved()

    def _moved(self) -> None:
        self._db.execute("UPDATE defined SET version = version + 1")


def _check_expected(before: tuple[Audience | ComputedTrait, bool] | None, expected: int | None) -> None:
    standing = 0 if before is None or before[1] else before[0].version
    if expected is not None and expected != standing:
        there = f"version {standing} is in force" if standing else "there is none"
        raise Conflict(f"{there}, another than you had: look at what changed", code="outdated")


def in_use(by: str, names: Sequence[str], then: str) -> Conflict:
    """That something cannot go while others name it; of many, a few are said."""
    others = " and others" if len(names) > _SAID else ""
    return Conflict(f"{by} {', '.join(names[:_SAID])}{others}; {then}", code="in_use", field="name")


def version_of(db: sqlite3.Connection) -> int:
    """Moves with every change of any definition, and of what is in use."""
    version: int = db.execute("SELECT version FROM defined").fetchone()[0]
    return version


def using(db: sqlite3.Connection, org: str, kind: str, name: str) -> None:
    """Say, within a transaction, that something rests on what happens at an organization: the worker follows it."""
    db.execute("INSERT OR IGNORE INTO in_use VALUES (?, ?, ?)", (org, kind, name))
    db.execute("UPDATE defined SET version = version + 1")


def unused(db: sqlite3.Connection, org: str, kind: str, name: str) -> None:
    db.execute("DELETE FROM in_use WHERE org = ? AND kind = ? AND name = ?", (org, kind, name))
    db.execute("UPDATE defined SET version = version + 1")

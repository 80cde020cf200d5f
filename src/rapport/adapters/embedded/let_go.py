"""What was let go of, in ledger.db: revoked passkeys, devices and tokens, claims and addresses that count no longer,
recovery codes that were spent, and whose terms or locks were changed; so that restoring an older backup revives none.

Triggers write it down, so no way of letting go can forget to. The backup of keys, which is the younger of the two,
carries it (`key_archive`); a restore takes away what the restored files still have and the list has not
(`take_away`). A row in them that is younger than its place on the list was made anew since, and stays.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rapport.adapters.embedded.claims import Claims
from rapport.adapters.embedded.sqlite import transaction, translating

if TYPE_CHECKING:
    from rapport.adapters.embedded.people import PeopleFile

FRAME = "let_go"
_AT = "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"


class _Kind(NamedTuple):
    """A table whose rows open something: what names a row, whose it is, and when it was made."""

    table: str
    what: str
    person: str = "person"
    made: str = "created_at"


_KINDS = {
    "passkey": _Kind("passkey", "credential"),
    "operator": _Kind("operator_passkey", "credential", "0"),
    "device": _Kind("device", "thumbprint"),
    "token": _Kind("token", "hash", "0"),
    "claim": _Kind("claim", "token", made="at"),
    "proof": _Kind("proved_claim", "token", made="verified_at"),
    "contact": _Kind("contact", "token", made="verified_at"),
    "paper": _Kind("recovery_code", "hash", made="0"),
}


def _noted(name: str, when: str, kind: str, what: str, person: str) -> str:
    noted = f"INSERT OR REPLACE INTO let_go VALUES ('{kind}', {what}, {person}, {_AT})"  # noqa: S608 (written here)
    return f"CREATE TRIGGER {name} AFTER {when} BEGIN {noted}; END;\n"


def _schema() -> str:
    made = """
    CREATE TABLE let_go (kind TEXT, what BLOB, person INTEGER, at INTEGER NOT NULL,
                         PRIMARY KEY (kind, what, person)) WITHOUT ROWID;
    CREATE INDEX let_go_of ON let_go (person);
    """
    for kind, (table, what, person, _) in _KINDS.items():
        whose = person if person == "0" else f"OLD.{person}"
        made += _noted(f"let_go_{kind}", f"DELETE ON {table}", kind, f"OLD.{what}", whose)
    shorter = "UPDATE OF expires_at ON token WHEN NEW.expires_at < OLD.expires_at"
    made += _noted("let_go_rotated", shorter, "token", "OLD.hash", "0")
    suspended = "UPDATE OF suspended ON proved_claim WHEN NEW.suspended IS NOT NULL"
    made += _noted("let_go_suspended", suspended, "proof", "OLD.token", "OLD.person")
    for name, when, row in (
        ("terms", "UPDATE OF terms, locked ON person", "NEW.id"),
        ("locked", "INSERT ON lock", "NEW.person"),
        ("unlocked", "DELETE ON lock", "OLD.person"),
    ):
        made += _noted(f"let_go_{name}", when, "terms", "x''", row)
    return made


def _moved() -> str:
    """Whose it is no longer, where two accounts were joined, or parted."""
    when = "UPDATE OF person ON {0} WHEN NEW.person IS NOT OLD.person"
    return "".join(
        _noted(f"let_go_moved_{kind}", when.format(table), kind, f"OLD.{what}", "OLD.person")
        for kind, (table, what, _, _) in _KINDS.items()
        if kind in {"claim", "proof", "contact"}
    )


SCHEMA, MOVED = _schema(), _moved()

ENDED = (
    "own_session",
    "session",
    "link",
    "invite",
    "operator_invite",
    "claim_link",
    "pairing",
    "tap",
    "presence",
    "sent_code",
    "recovery",
)
"""What a restore ends, all of it: it is made again in a moment, by whoever may."""

_LOCKED = (
    "This node was restored from a backup that is older than your last change of terms. "
    "Everyone is locked out until you look at your terms and unlock."
)
_KEPT = "INSERT INTO let_go VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)"

Row = Sequence[object]
"""(kind, what, person, at in µs)"""


def rows_of(data: Path) -> list[Row]:
    """What was let go of so far; nothing where the ledger is none, or of an older version."""
    path = data / "ledger.db"
    if not path.exists():
        return []
    with translating(path), closing(sqlite3.connect(path)) as db:
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'let_go'").fetchone() is None:
            return []
        return db.execute("SELECT kind, what, person, at FROM let_go").fetchall()


def take_away(people: "PeopleFile", rows: Iterable[Row]) -> int:
    """Take from a restored ledger what was let go of since it was backed up, and end every session, link and code.
    Whose terms or locks were changed since has everyone locked out, until they say what they want now. Returns how
    many rows were taken away."""
    db, taken, moved = people.db, 0, set()
    locked = []
    with transaction(db):
        for table in ENDED:
            db.execute(f"DELETE FROM {table}")  # noqa: S608 (names of our own tables)
        for kind, what, person, at in rows:
            if kind == "terms":
                known = "SELECT 1 FROM let_go WHERE kind = 'terms' AND person = ? AND at >= ?"
                if db.execute(known, (person, at)).fetchone() is None:
                    locked.append(person)
            elif kind in _KINDS:
                table, column, whose, made = _KINDS[str(kind)]
                query = f"DELETE FROM {table} WHERE {column} = ? AND {whose} = ? AND {made} <= ?"  # noqa: S608 (as above)
                gone = db.execute(query, (what, person, at)).rowcount
                taken += gone
                if gone and kind == "claim":
                    moved.add(person)
            db.execute(_KEPT, (kind, what, person, at))
        for person in moved:
            people.moved(int(str(person)))
    for person in locked:
        row = db.execute("SELECT handle FROM person WHERE id = ? AND status = 'active'", (person,)).fetchone()
        if row is not None:
            people.lock(row[0])
            with transaction(db):
                Claims(people).tell(int(str(person)), _LOCKED)
    return taken + len(locked)


def forget(db: sqlite3.Connection, person: int) -> None:
    """Leave nothing of an erased person's. Within a transaction, after all else of theirs is gone."""
    db.execute("DELETE FROM let_go WHERE person = ?", (person,))

"""What was let go of, in ledger.db: revoked passkeys, devices and tokens, claims and addresses that count no longer,
recovery codes that were spent, who unsubscribed, goals that companies may know no longer, and whose terms, locks or
wishes were changed; so that restoring an older backup revives none.

Triggers write it down, so no way of letting go can forget to. The backup of keys, which is the younger of the two,
carries it (`key_archive`), and a restore takes away what is on it and was not yet on that of the restored ledger
(`take_away`): what that one knew of already was let go of before it, and whatever it has was made anew since.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from rapport.adapters.embedded import messages, noticed
from rapport.adapters.embedded.claims import Claims
from rapport.adapters.embedded.sqlite import transaction, translating
from rapport.adapters.embedded.wishes import EVERYWHERE, WishBook

if TYPE_CHECKING:
    from rapport.adapters.embedded.people import PeopleFile

FRAME = "let_go"
_AT = "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"


class _Kind(NamedTuple):
    """A table whose rows open something: what names a row, and whose it is."""

    table: str
    what: str
    person: str = "person"


_KINDS = {
    "passkey": _Kind("passkey", "credential"),
    "operator": _Kind("operator_passkey", "credential", "0"),
    "device": _Kind("device", "thumbprint"),
    "token": _Kind("token", "hash", "0"),
    "claim": _Kind("claim", "token"),
    "proof": _Kind("proved_claim", "token"),
    "contact": _Kind("contact", "token"),
    "paper": _Kind("recovery_code", "hash"),
}
_GOALS = {"goal_told": _Kind("goal_told", "what"), "goal_ended": _Kind("goal_told", "goal")}
_OPENING = _KINDS | _GOALS
"""All of which rows are taken away."""


SCHEMA = """
    CREATE TABLE let_go (kind TEXT, what BLOB, person INTEGER, at INTEGER NOT NULL,
                         PRIMARY KEY (kind, what, person)) WITHOUT ROWID;
    CREATE INDEX let_go_of ON let_go (person)
"""
MOVED = ""
"""Once a part of the triggers, which are all made by NOTED now."""


def _noted(name: str, when: str, kind: str, what: str, person: str) -> str:
    # Each time is later than the one before, whatever the clock says: it tells which of two ledgers is the younger.
    # (`OR REPLACE` would be overruled by an `OR IGNORE` of the statement that fires the trigger.)
    noted = f"""
        INSERT INTO let_go VALUES ('{kind}', {what}, {person}, {_AT})
            ON CONFLICT DO UPDATE SET at = max(at + 1, excluded.at)
    """  # noqa: S608 (our own names)
    return f"DROP TRIGGER IF EXISTS {name};\nCREATE TRIGGER {name} AFTER {when} BEGIN {noted}; END;\n"


def _triggers() -> str:
    made = ""
    for kind, (table, what, person) in _KINDS.items():
        whose = person if person == "0" else f"OLD.{person}"
        made += _noted(f"let_go_{kind}", f"DELETE ON {table}", kind, f"OLD.{what}", whose)
        if kind in {"claim", "proof", "contact"}:  # they move where two accounts are joined, or parted
            moved = f"UPDATE OF person ON {table} WHEN NEW.person IS NOT OLD.person"
            made += _noted(f"let_go_moved_{kind}", moved, kind, f"OLD.{what}", whose)
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


NOTED = _triggers()

TOLD = (
    _noted("let_go_goal_told", "DELETE ON goal_told", "goal_told", "OLD.what", "OLD.person")
    + _noted(
        "let_go_goal_ended",
        "UPDATE OF paused_at, finished_at ON goal WHEN coalesce(NEW.paused_at, NEW.finished_at) IS NOT NULL",
        "goal_ended",
        "NEW.id",
        "NEW.person",
    )
    + _noted("let_go_wish", "INSERT ON wish", "wish", "x''", "NEW.person")
)

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
_ALONE = (
    "This node was restored from a backup that is older than what you last said about being reached. "
    "Everybody leaves you alone until you say otherwise."
)
_KNOWN = "SELECT 1 FROM let_go WHERE kind = ? AND what = ? AND person = ? AND at >= ?"
_KEPT = "INSERT INTO let_go VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)"

_NUMBERS = "numbers"
_GIVEN = "SELECT ?, CAST(name AS BLOB), seq, 0 FROM sqlite_sequence WHERE name IN ('person', 'agreement')"
"""What organizations call a person, and an agreement, follows from their numbers: they are not given again either."""
_NOT_AGAIN = "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = CAST(? AS TEXT)"

Row = Sequence[object]
"""(kind, what, person, at in µs); of the kind `numbers`: (kind, table, the last that was given, 0)."""


def rows_of(data: Path) -> list[Row]:
    """What was let go of so far, and which numbers were given; nothing where the ledger is none, or of an older
    version."""
    path = data / "ledger.db"
    if not path.exists():
        return []
    with translating(path), closing(sqlite3.connect(path)) as db:
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'let_go'").fetchone() is None:
            return []
        rows = db.execute("SELECT kind, what, person, at FROM let_go").fetchall()
        return [*rows, *db.execute(_GIVEN, (_NUMBERS,)).fetchall()]


def take_away(people: "PeopleFile", rows: Sequence[Row]) -> int:
    """Take from a restored ledger what was let go of since it was backed up, and end every session, link and code.
    Whose terms or locks were changed since has everyone locked out, and whose wishes were is left alone, until they say
    what they want now. Returns how many rows were taken away, and people locked or left alone."""
    db, taken, moved = people.db, 0, set()
    locked, alone = [], []
    with transaction(db):
        for table in ENDED:
            db.execute(f"DELETE FROM {table}")  # noqa: S608 (our own names)
        messages.end_waiting(db)
        noticed.end_waiting(db)
        _count_on(db, [row for row in rows if row[0] == _NUMBERS])
        for row in rows:
            kind, what, person, _ = row
            if kind == _NUMBERS or db.execute(_KNOWN, row).fetchone() is not None:
                continue
            if kind == "terms":
                locked.append(person)
            elif kind == "wish":
                alone.append(person)
            elif kind == messages.CARRIED and isinstance(what, bytes):
                taken += messages.stop_again(db, what)
            elif kind in _OPENING:
                table, column, whose = _OPENING[str(kind)]
                query = f"DELETE FROM {table} WHERE {column} = ? AND {whose} = ?"  # noqa: S608 (our own names)
                gone = db.execute(query, (what, person)).rowcount
                taken += gone
                if gone and kind == "claim":
                    moved.add(person)
            db.execute(_KEPT, row)
        for person in moved:
            people.moved(int(str(person)))
    return taken + sum(_locked_out(people, one) for one in locked) + sum(_left_alone(people, one) for one in alone)


def _locked_out(people: "PeopleFile", person: object) -> int:
    """Lock everyone out for a person and tell them so; how many that were (1 or 0)."""
    db = people.db
    row = db.execute("SELECT handle FROM person WHERE id = ? AND status = 'active'", (person,)).fetchone()
    if row is None:
        return 0
    people.lock(row[0])
    with transaction(db):
        Claims(people).tell(int(str(person)), _LOCKED)
    return 1


def _left_alone(people: "PeopleFile", person: object) -> int:
    """Let nothing come to a person and tell them so; how many that were (1 or 0)."""
    db = people.db
    row = db.execute("SELECT handle FROM person WHERE id = ? AND status = 'active'", (person,)).fetchone()
    if row is None:
        return 0
    still = {"alone": True, "alone_until": None}
    WishBook(people).say(row[0], EVERYWHERE, lambda says: msgspec.structs.replace(says, **still))
    with transaction(db):
        Claims(people).tell(int(str(person)), _ALONE)
    return 1


def _count_on(db: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Give no number again that was given to somebody who is lost."""
    for _, table, last, _ in rows:
        if not db.execute(_NOT_AGAIN, (last, table)).rowcount:
            db.execute("INSERT INTO sqlite_sequence VALUES (CAST(? AS TEXT), ?)", (table, last))


def forget(db: sqlite3.Connection, person: int) -> None:
    """Leave nothing of an erased person's. Within a transaction, after all else of theirs is gone."""
    db.execute("DELETE FROM let_go WHERE person = ?", (person,))

"""The audit log in ledger.db: who did what in the console, by a token, or at the command line, and when.

Rows are added and never changed; the file itself refuses to change or drop one. Of customers they hold handles at most,
which mean nothing outside this node. What fails is told in a row of its own, after that of the try.
"""

import re
import sqlite3
from typing import TYPE_CHECKING, Final

import msgspec

from rapport.adapters.embedded.sqlite import transaction
from rapport.kernel.errors import BadInput
from rapport.kernel.times import now

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

SCHEMA = """
    CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, org TEXT, who TEXT NOT NULL,
                        what TEXT NOT NULL, about TEXT NOT NULL, failed TEXT NOT NULL);
    CREATE INDEX audit_at ON audit (org, id);
    CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit WHEN NEW.id IN (SELECT id FROM audit)
        BEGIN SELECT RAISE(ABORT, 'the audit log is kept'); END;
    CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is kept'); END;
    CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is kept'); END
"""

BY_LINK: Final = "link"
"""Who came by a link from the machine itself."""
COMMAND_LINE: Final = "command line"
NOBODY: Final = ""
GUARD_RAILS: Final = "guard-rails"
"""What the node does by itself with actions that harm."""
PAGE: Final = 50
_ABOUT = re.compile(r"[A-Za-z0-9_.-]{0,80}")


class Row(msgspec.Struct, frozen=True):
    """One line. `who`: an operator's handle `opr_…`, a token's `tok_…`, `link`, `command line`, `guard-rails`, or ""
    for nobody known; `about`: a handle or the name of a source; `failed`: an error's code, "" where it was done."""

    id: int
    at: int
    org: str | None
    who: str
    what: str
    about: str = ""
    failed: str = ""


def note(db: sqlite3.Connection, org: str | None, who: str, what: str, about: str = "", failed: str = "") -> None:
    """Add a row, within a transaction. What `about` must not hold, such as an address, is left out."""
    said = about if _ABOUT.fullmatch(about) else ""
    query = "INSERT INTO audit (at, org, who, what, about, failed) VALUES (?, ?, ?, ?, ?, ?)"
    db.execute(query, (now(), org, who, what, said, failed))


class AuditLog:
    """The audit log over one ledger connection; one instance per thread."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._db = ledger.db

    def note(self, org: str | None, who: str, what: str, about: str = "", failed: str = "") -> None:
        """Add a row; it is synced when this returns."""
        with transaction(self._db):
            note(self._db, org, who, what, about, failed)

    def page(self, org: str | None, before: int | None = None, limit: int = PAGE) -> tuple[list[Row], int | None]:
        """The newest rows of an organization, or (None) of the whole node, and where the next page begins."""
        query = "SELECT id, at, org, who, what, about, failed FROM audit WHERE id < ? {} ORDER BY id DESC LIMIT ?"
        start = 1 << 62 if before is None else before
        if org is None:
            rows = self._db.execute(query.format(""), (start, limit + 1)).fetchall()
        else:
            rows = self._db.execute(query.format("AND org = ?"), (start, org, limit + 1)).fetchall()
        found = [Row(*row) for row in rows[:limit]]
        return found, found[-1].id if len(rows) > limit else None


def start_of(cursor: str | None) -> int | None:
    """Raises BadInput for a cursor that no page gave out."""
    if cursor is None or not cursor:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise BadInput("the cursor is not one that this list gave out", code="bad_cursor", field="cursor")
    return int(cursor)

"""What witnesses signed of the node's log, of each the last, in ledger.db; and the log as it is published with that.

A cosignature says that the witness has seen no log of this name that this checkpoint does not continue (C2SP
tlog-cosignature). It goes with the checkpoint it is for, since the log has often grown by the time it comes.
"""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from rapport.adapters.embedded.receipt_log import ReceiptLog
from rapport.adapters.embedded.sqlite import transaction
from rapport.adapters.embedded.tile_log import TILE
from rapport.kernel.times import MINUTE, now

SCHEMA = """
    CREATE TABLE cosignature (witness TEXT PRIMARY KEY, size INTEGER NOT NULL, checkpoint TEXT NOT NULL,
                              line TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID
"""
FRESH = MINUTE
"""For so long a cosigned checkpoint is published in place of a newer one that nobody has signed yet."""


class Cosigned(NamedTuple):
    """A checkpoint with the lines of all witnesses who signed it, the keys of those, and when the last came (µs)."""

    size: int
    at: int
    note: str
    witnesses: Sequence[str]


class Cosignatures:
    """Over one connection to the ledger. Witnesses go by their verifier keys."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def last(self, witness: str) -> tuple[int, int]:
        """(size of the log, when) of what a witness signed last; zeros for one that has signed nothing."""
        row = self._db.execute("SELECT size, at FROM cosignature WHERE witness = ?", (witness,)).fetchone()
        return (0, 0) if row is None else (row[0], row[1])

    def keep(self, witness: str, size: int, checkpoint: str, line: str) -> None:
        row = (witness, size, checkpoint, line, now())
        with transaction(self._db):
            self._db.execute("INSERT OR REPLACE INTO cosignature VALUES (?, ?, ?, ?, ?)", row)

    def only(self, witnesses: Sequence[str]) -> None:
        """Forget what others signed: they are asked no more."""
        known = [witness for (witness,) in self._db.execute("SELECT witness FROM cosignature")]
        if gone := [(witness,) for witness in known if witness not in witnesses]:
            with transaction(self._db):
                self._db.executemany("DELETE FROM cosignature WHERE witness = ?", gone)

    def notes(self) -> list[Cosigned]:
        """All that is signed, the newest checkpoint first."""
        found: dict[tuple[int, str], list[tuple[str, str, int]]] = {}
        query = "SELECT size, checkpoint, witness, line, at FROM cosignature ORDER BY size DESC, witness"
        for size, checkpoint, witness, line, at in self._db.execute(query):
            found.setdefault((size, checkpoint), []).append((witness, line, at))
        return [
            Cosigned(
                size,
                max(at for *_, at in some),
                checkpoint + "".join(line for _, line, _ in some),
                [w for w, *_ in some],
            )
            for (size, checkpoint), some in found.items()
        ]


class PublishedLog:
    """The log as anybody reads it: its checkpoint with the lines of those who witnessed it."""

    def __init__(self, log: ReceiptLog, cosignatures: Cosignatures) -> None:
        self._log = log
        self._cosignatures = cosignatures

    @property
    def key(self) -> str:
        return self._log.key

    def checkpoint(self) -> str | None:
        """The newest that is cosigned, where it is fresh; else the newest. None while the log is empty."""
        present = self._log.checkpoint()
        newest = next(iter(self._cosignatures.notes()), None)
        if present is None or newest is None:
            return present
        # (A log that is in use has always grown since it was signed.)
        fresh = abs(now() - newest.at) < FRESH
        return newest.note if fresh or newest.note.startswith(present) else present

    def empty_checkpoint(self) -> str:
        return self._log.empty_checkpoint()

    def tile(self, level: int, number: int, width: int = TILE) -> bytes | None:
        return self._log.tile(level, number, width)

    def entries(self, number: int, width: int = TILE) -> bytes | None:
        return self._log.entries(number, width)

"""Retention in state.db: how far a round over all records has come, and which keys are to be destroyed after it.

It shares the worker's connection, and so its transaction: a round that is killed goes on where it was committed.
"""

from collections.abc import Callable, Collection

from rapport.adapters.embedded.state import StateFile

_ROUND, _PLACE = "retention_round", "retention_place"


class RetentionTables:
    """What keeping to promises reads and writes beside records. `destroy`: the keys of records."""

    def __init__(self, state: StateFile, destroy: Callable[[Collection[int]], None]) -> None:
        self.state = state
        self._destroy = destroy

    def progress(self) -> tuple[int, int]:
        """(when the last round began (µs), the last record it has seen to; 0 where it is at its end)"""
        return self._meta(_ROUND), self._meta(_PLACE)

    def put_progress(self, began: int, place: int) -> None:
        query = "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
        self.state.db.executemany(query, [(_ROUND, began), (_PLACE, place)])

    def _meta(self, name: str) -> int:
        row = self.state.db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

    def orgs(self) -> dict[int, str]:
        return dict(self.state.db.execute("SELECT id, name FROM org").fetchall())

    def records(self, after: int, limit: int) -> list[tuple[int, int]]:
        """(number, organization's number) of the records after one, in order."""
        query = "SELECT id, org FROM record WHERE id > ? ORDER BY id LIMIT ?"
        return self.state.db.execute(query, (after, limit)).fetchall()

    def destroy_keys(self, cursor: int) -> None:
        """Destroy the keys of what was removed, now that its rows are gone for good. Raises Busy where another would
        not let go of a file; it is to be called again then."""
        erasures = self.state.erasures
        doomed = erasures.doomed()
        if doomed and not erasures.unfinished():  # else the erasure does it
            self.state.make_gone()
            self._destroy(doomed)
            erasures.finish()
            self.state.commit(cursor)

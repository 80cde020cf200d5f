"""How far the worker has come in joining all records anew by other rules.

It shares the connection of state.db, and so the transaction of what is joined: a pass that is killed goes on where it
was committed.
"""

from typing import NamedTuple

from rapport.adapters.embedded.state import StateFile
from rapport.profile.working_set import Held

_NAMES = ("rules", "rules_pass", "rules_place")


class Progress(NamedTuple):
    """By which rules the records are, or are to be, joined (their fingerprint); the pass that is under way, from 1, or
    0 for none; the number of the last record that it has seen to."""

    rules: int
    number: int = 0
    place: int = 0


class RejoiningTables:
    """What joining anew reads and writes beside evidence."""

    def __init__(self, state: StateFile) -> None:
        self._state = state

    def progress(self) -> Progress | None:
        """None where nothing was noted yet."""
        found = dict(self._state.db.execute("SELECT name, value FROM meta"))
        return Progress(*(found[name] for name in _NAMES)) if _NAMES[0] in found else None

    def put(self, progress: Progress) -> None:
        """Note it, with the next commit."""
        query = "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
        self._state.db.executemany(query, zip(_NAMES, progress, strict=True))

    def records(self, after: int, limit: int) -> list[tuple[int, Held | None]]:
        """The records after one, in order, past the working set, since each is looked at once; None where its key is
        destroyed."""
        query = "SELECT id FROM record WHERE id > ? ORDER BY id LIMIT ?"
        numbers = [number for (number,) in self._state.db.execute(query, (after, limit)).fetchall()]
        loaded = [(number, self._state.load(number)) for number in numbers]
        return [(number, None if one is None else Held(number, *one)) for number, one in loaded]

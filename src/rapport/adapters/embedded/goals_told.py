"""Which organizations a person lets know of which goal, in ledger.db: none, unless they say so.

To let know, or to take it back, moves the person's version, like a change of terms: a decision that is being made
meanwhile, in any process, is not kept and made anew. So does whatever else ends a goal that somebody knows.
"""

import sqlite3
from typing import TYPE_CHECKING

from rapport.adapters.embedded.goals import GoalFile, Said
from rapport.kernel.errors import NotFound
from rapport.kernel.times import now

if TYPE_CHECKING:
    from rapport.adapters.embedded.people import PeopleFile

SCHEMA = """
    CREATE TABLE goal_told (goal INTEGER, org TEXT, person INTEGER NOT NULL, at INTEGER NOT NULL,
                            what TEXT GENERATED ALWAYS AS (goal || ' ' || org), PRIMARY KEY (goal, org)) WITHOUT ROWID;
    CREATE INDEX goal_told_by ON goal_told (person)
"""


class GoalsTold:
    """Over one ledger connection; one instance per thread. `person` is a person's handle, but for `open_to`."""

    def __init__(self, people: "PeopleFile") -> None:
        self._people = people
        self._db = people.db
        self._file = GoalFile(people.ledger)

    def of(self, person: str) -> dict[str, tuple[str, ...]]:
        """Goal → the organizations that may know it, by name."""
        query = """
            SELECT goal.handle, org FROM goal_told JOIN goal ON goal.id = goal_told.goal
            JOIN person ON person.id = goal.person WHERE person.handle = ? ORDER BY org
        """
        found: dict[str, tuple[str, ...]] = {}
        for goal, org in self._db.execute(query, (person,)).fetchall():
            found[goal] = (*found.get(goal, ()), org)
        return found

    def open_to(self, number: int, org: str) -> list[Said]:
        """The goals that a person (by number) lets an organization know and that go on, the newest first."""
        query = """
            SELECT goal.id FROM goal_told JOIN goal ON goal.id = goal_told.goal
            WHERE goal.person = ? AND org = ? AND paused_at IS NULL AND finished_at IS NULL ORDER BY goal.id DESC
        """
        rows = self._db.execute(query, (number, org)).fetchall()
        return self._file.numbered(number, [goal for (goal,) in rows]) if rows else []

    def tell(self, person: str, goal: str, org: str, *, told: bool) -> None:
        """Let an organization know a goal, or take that back. Raises NotFound."""
        with self._people.changing(person) as number:
            row = self._db.execute("SELECT id FROM goal WHERE handle = ? AND person = ?", (goal, number)).fetchone()
            if row is None:
                raise NotFound("you have no such goal")
            if told:
                query = "INSERT OR IGNORE INTO goal_told (goal, org, person, at) VALUES (?, ?, ?, ?)"
                self._db.execute(query, (row[0], org, number, now()))
            else:
                self._db.execute("DELETE FROM goal_told WHERE goal = ? AND org = ?", (row[0], org))


def forget(db: sqlite3.Connection, person: int) -> None:
    """Within a transaction, before the goals themselves."""
    db.execute("DELETE FROM goal_told WHERE person = ?", (person,))

"""decide.db, the readers' side: counts, members and history of audiences, as committed by the evaluator.

    DecideReader(data)                        one instance per thread
      .state(org, name)                       → State(version, inside, filling) | None: not evaluated yet
      .filled_down_to(org, name)              → the record that a fill came down to | None: none goes on
      .members(org, name, after, limit)       → [(customer, since)], by customer; `after`: the last of the page before
      .membership(org, name, customer)        → Member | None
      .audiences_of(org, customer)            → [(name, since)] of those that the customer is in
      .history(org, name, before, limit)      → [Event], newest first; `before`: seq of the last of the page before
      .daily(org, name, since)                → [(day, inside, entered, left)], oldest first; no row: no moves
      .failing(org, name, limit)              → [(customer, error)] on whom the expression fails
      .reasons(org, name, limit)              → [(error, on how many)], the most frequent first

Numbers of customers are no answer: pass each through the gate for the audience's purpose (`Gate.each`), and give out
the handle that it finds. A customer's audiences for a purpose are those whose own purpose it is.
"""

from pathlib import Path
from typing import NamedTuple

from rapport.adapters.embedded.decide_rows import MIGRATIONS
from rapport.adapters.embedded.sqlite import connect
from rapport.decide import Cause, Member


class State(NamedTuple):
    """How far an audience is: the version that was asked last, how many are in, whether everybody was asked."""

    version: int
    inside: int
    filling: bool


class Event(NamedTuple):
    """Somebody entered or left."""

    seq: int
    audience: str
    customer: int
    kind: str
    at: int
    cause: Cause
    version: int


class DecideReader:
    def __init__(self, data: Path) -> None:
        self._db = connect(data / "decide.db", MIGRATIONS, durable=True, cache_mb=8)

    def state(self, org: str, name: str) -> State | None:
        query = """
            SELECT version, inside, EXISTS (SELECT 1 FROM fill WHERE fill.audience = audience.id)
            FROM audience WHERE org = ? AND name = ?
        """
        row = self._db.execute(query, (org, name)).fetchone()
        return None if row is None else State(row[0], row[1], bool(row[2]))

    def _number(self, org: str, name: str) -> int | None:
        """What an audience goes by in the other tables; None, which is equal to nothing: there is none."""
        row = self._db.execute("SELECT id FROM audience WHERE org = ? AND name = ?", (org, name)).fetchone()
        return None if row is None else row[0]

    def filled_down_to(self, org: str, name: str) -> int | None:
        row = self._db.execute("SELECT before FROM fill WHERE audience = ?", (self._number(org, name),)).fetchone()
        return None if row is None else row[0]

    def members(self, org: str, name: str, after: int = 0, limit: int = 100) -> list[tuple[int, int]]:
        query = (
            "SELECT customer, since FROM member WHERE audience = ? AND customer > ? "
            "AND since IS NOT NULL ORDER BY customer LIMIT ?"
        )
        return self._db.execute(query, (self._number(org, name), after, limit)).fetchall()

    def membership(self, org: str, name: str, customer: int) -> Member | None:
        query = "SELECT since, version, due, error FROM member WHERE audience = ? AND customer = ?"
        row = self._db.execute(query, (self._number(org, name), customer)).fetchone()
        return None if row is None else Member(*row)

    def audiences_of(self, org: str, customer: int) -> list[tuple[str, int]]:
        query = (
            "SELECT name, since FROM member JOIN audience ON audience.id = member.audience "
            "WHERE customer = ? AND org = ? AND since IS NOT NULL ORDER BY name"
        )
        return self._db.execute(query, (customer, org)).fetchall()

    def history(self, org: str, name: str, before: int = 1 << 62, limit: int = 100) -> list[Event]:
        query = (
            "SELECT seq, name, customer, kind, at, cause, history.version FROM history "
            "JOIN audience ON audience.id = history.audience WHERE org = ? AND name = ? AND seq < ? "
            "ORDER BY seq DESC LIMIT ?"
        )
        return [Event(*row) for row in self._db.execute(query, (org, name, before, limit)).fetchall()]

    def daily(self, org: str, name: str, since: int = 0) -> list[tuple[int, int, int, int]]:
        query = "SELECT day, inside, entered, left FROM daily WHERE audience = ? AND day >= ? ORDER BY day"
        return self._db.execute(query, (self._number(org, name), since)).fetchall()

    def failing(self, org: str, name: str, limit: int = 20) -> list[tuple[int, str]]:
        query = "SELECT customer, error FROM member WHERE audience = ? AND error <> '' LIMIT ?"
        return self._db.execute(query, (self._number(org, name), limit)).fetchall()

    def reasons(self, org: str, name: str, limit: int = 10) -> list[tuple[str, int]]:
        query = (
            "SELECT error, count(*) FROM member WHERE audience = ? AND error <> '' "
            "GROUP BY error ORDER BY 2 DESC, 1 LIMIT ?"
        )
        return self._db.execute(query, (self._number(org, name), limit)).fetchall()

    def close(self) -> None:
        self._db.close()

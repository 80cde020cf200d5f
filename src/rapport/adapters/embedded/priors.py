"""Which priors an organization's models began with, in ledger.db: the scales of both sides (see `decide.priors`).

Until the first lesson they follow the catalogue in force. They are kept in the transaction that writes that lesson, by
whichever process does, and do not change from then on: so a fold over lessons gives the same bits in every process and
at any later time, whatever becomes of the catalogue. Who begins anew (`anew`) leaves what was learnt behind: a lesson
that teaches nothing marks where, and the scales are those of the catalogue then.

    PriorBook(ledger)                             one instance per thread, as the ledger
      .standing(org)               → Standing: the scales that hold now
      .at(org, lesson)             → Standing: those of what was learnt up to a lesson
      .fix(org)                    in the transaction that writes a lesson
      .anew(org, who)              → Standing
"""

from typing import TYPE_CHECKING, Final, NamedTuple

from rapport.adapters.embedded import audit
from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.sqlite import transaction
from rapport.decide.priors import Scales, scales_of, weighed
from rapport.kernel.times import now

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

# Of before there were scales, all had the same.
SCHEMA = """
    CREATE TABLE prior (org TEXT, since INTEGER, at INTEGER NOT NULL, customer REAL NOT NULL, company REAL NOT NULL,
                        PRIMARY KEY (org, since)) WITHOUT ROWID;
    INSERT INTO prior SELECT DISTINCT org, 0, 0, 10.0, 10.0 FROM lesson;
    ALTER TABLE mind ADD COLUMN since INTEGER NOT NULL DEFAULT 0
"""
OPEN: Final = -1
_FIRST: Final = "SELECT since, customer, company FROM prior WHERE org = ? AND since <= ? ORDER BY since DESC LIMIT 1"


class Standing(NamedTuple):
    """`since`: after which lesson learning began with these scales; OPEN: it has not begun."""

    since: int
    scales: Scales

    @property
    def begins(self) -> int:
        """The lesson up to which nothing was learnt."""
        return max(0, self.since)


class PriorBook:
    """Priors over one ledger connection. `who`: as in the audit log."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._db = ledger.db
        self._actions = ActionBook(ledger)
        self._open: dict[str, tuple[int, Scales]] = {}

    def standing(self, org: str) -> Standing:
        """Those that hold now."""
        return self.at(org, 1 << 62)

    def at(self, org: str, lesson: int) -> Standing:
        """Those with which was learnt what was known up to a lesson."""
        row = self._db.execute(_FIRST, (org, lesson)).fetchone()
        return Standing(OPEN, self._in_force(org)) if row is None else Standing(row[0], Scales(*row[1:]))

    def fix(self, org: str) -> None:
        """Keep what holds now, if nothing is kept; in the transaction that its caller holds."""
        if self._db.execute("SELECT 1 FROM prior WHERE org = ?", (org,)).fetchone() is None:
            self._put(org, 0, now())

    def anew(self, org: str, who: str) -> Standing:
        """Learn anew from here, by the catalogue in force; where nothing was learnt, nothing changes."""
        with transaction(self._db):
            last = self._db.execute("SELECT max(seq) FROM lesson WHERE org = ?", (org,)).fetchone()[0]
            if last is not None and last > self.standing(org).begins:
                at = now()
                # No decision has such a number: it is nobody's lesson.
                query = """
                    INSERT INTO lesson (org, decision, at, body)
                    SELECT ?, -1 - coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'lesson'), 0), ?, x''
                """
                mark = self._db.execute(query, (org, at)).lastrowid or 0
                self._put(org, mark, at)
                audit.note(self._db, org, who, "had what decisions gave learnt anew")
            return self.standing(org)

    def _put(self, org: str, since: int, at: int) -> None:
        scales = self._computed(org)
        self._db.execute("INSERT INTO prior VALUES (?, ?, ?, ?, ?)", (org, since, at, scales.customer, scales.company))

    def _in_force(self, org: str) -> Scales:
        """Those of the catalogue in force, from memory as long as it is the same."""
        version, known = self._actions.version(), self._open.get(org)
        if known is None or known[0] != version:
            known = self._open[org] = (version, self._computed(org))
        return known[1]

    def _computed(self, org: str) -> Scales:
        units = self._actions.units(org)
        return scales_of(weighed(self._actions.actions(org), units), units)

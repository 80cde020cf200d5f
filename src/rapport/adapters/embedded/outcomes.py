"""What decisions gave, in ledger.db: outcomes as they came (see `learn.outcomes`), and the lessons that models learn.

A decision may have many outcomes (opened, bought, sent back), each kept once. It gives *one lesson*. Models are a fold
over lessons in their order, so nothing of a lesson changes once it is there.

    OutcomeBook(ledger)                           one instance per thread, as the ledger
      .awaited(kept)                → a decision as it waits for what comes of it
      .keep(kept, step)             what came of it, with its lesson
      .lapse(now, most)             lessons of decisions of which nothing came; → how many were closed
      .lessons(org, after, most)    → in their order
      .mind(org) .put_mind(org, mind)                what was learnt up to a lesson, so that nobody starts at the first
      .taught(records) .hold_back(records) .release(records)         before and after these are erased

All that tells of a customer is sealed under the key of their record, and goes with it: of an erased one a lesson is
left that teaches nothing. Before the key goes, what was learnt of it is kept, for all who start later; and from then on
nothing more of theirs is learnt. So what is learnt does not hang on when a process started.
"""

import logging
from collections.abc import Collection
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from rapport.adapters.embedded.decisions import UNREACHED, DecisionBook, Kept
from rapport.adapters.embedded.priors import PriorBook
from rapport.adapters.embedded.sqlite import transaction
from rapport.decide.decision import Decision
from rapport.decide.kinds import Worth
from rapport.kernel.errors import Corrupt
from rapport.kernel.keys import digest16
from rapport.learn.outcomes import Awaited, Outcome, Step, lapsed

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

log: Final = logging.getLogger(__name__)

SCHEMA = """
    CREATE TABLE outcome (id INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE, decision INTEGER NOT NULL,
                          at INTEGER NOT NULL, body BLOB NOT NULL);
    CREATE INDEX outcome_of ON outcome (decision);
    CREATE TABLE lesson (seq INTEGER PRIMARY KEY AUTOINCREMENT, org TEXT NOT NULL, decision INTEGER NOT NULL UNIQUE,
                         at INTEGER NOT NULL, body BLOB NOT NULL);
    CREATE INDEX lesson_of ON lesson (org, seq);
    CREATE TABLE mind (org TEXT PRIMARY KEY, lesson INTEGER NOT NULL, customer BLOB NOT NULL, company BLOB NOT NULL)
        WITHOUT ROWID
"""
HELD_BACK: Final = "CREATE TABLE held_back (record INTEGER PRIMARY KEY)"
BEFORE: Final = """
    CREATE TABLE mind_then (org TEXT NOT NULL, lesson INTEGER NOT NULL, customer BLOB NOT NULL, company BLOB NOT NULL,
                            since INTEGER NOT NULL);
    CREATE UNIQUE INDEX mind_then_of ON mind_then (org, lesson)
"""
MINDS: Final = 8
"""So many that were kept before are kept on, to recompute decisions from that rest on somebody who was erased since."""
_PLACE: Final = b"outcome"
_LESSON: Final = b"lesson"
_NEVER: Final = 1 << 62
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Outcome).decode


class Taught(NamedTuple):
    """A lesson; `decision` None: of somebody who was erased, its time has passed, or it cannot be read; it teaches
    nothing."""

    seq: int
    at: int
    decision: Decision | None
    worth: Worth


class Mind(NamedTuple):
    """Both models, packed, as they were after a `lesson`. `since`: where learning began (see `priors`)."""

    lesson: int
    customer: bytes
    company: bytes
    since: int = 0


class OutcomeBook:
    """Outcomes over one ledger connection."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._ledger = ledger
        self._db = ledger.db
        self._decisions = DecisionBook(ledger)
        self.priors = PriorBook(ledger)
        self._secret = ledger.keys.secret("outcomes")

    # -- outcomes

    def awaited(self, kept: Kept) -> Awaited | None:
        """None of somebody who was erased, and where it, or anything that came of it, cannot be read."""
        if kept.content is None:
            return None
        seal = self._ledger.receipt_log.sealing_key(kept.org, kept.record)
        rows = self._db.execute("SELECT body FROM outcome WHERE decision = ? ORDER BY id", (kept.seq,)).fetchall()
        try:
            outcomes = () if seal is None else tuple([_decode(seal.open(body, _PLACE)) for (body,) in rows])
        except (Corrupt, msgspec.MsgspecError) as error:
            log.warning("what came of decision %d of %s cannot be read: %s", kept.seq, kept.org, type(error).__name__)
            return None
        learnt = self._db.execute("SELECT 1 FROM lesson WHERE decision = ?", (kept.seq,)).fetchone() is not None
        learnt = learnt or kept.delivery in UNREACHED  # which teaches nothing
        delivered = kept.delivery in ("asked", "delivered")
        action, until = kept.content.action, kept.content.closes
        return Awaited(kept.org, kept.id, str(kept.record), action, kept.at, until, delivered, outcomes, learnt)

    def keep(self, kept: Kept, step: Step, now: int) -> None:
        """Keep what is new, with its lesson. What another kept meanwhile is not kept twice."""
        with transaction(self._db):
            self.keep_along(kept, step, now)

    def lapse(self, now: int, most: int) -> int:
        """Make lessons of decisions of which nothing came; return how many were closed."""
        with transaction(self._db):
            query = "SELECT id, org FROM decision WHERE closes <= ? ORDER BY closes, seq LIMIT ?"
            rows = self._db.execute(query, (now, most)).fetchall()
            for name, org in rows:
                self._db.execute("UPDATE decision SET closes = NULL WHERE id = ?", (name,))
                try:
                    self._lapse(org, name, now)
                except (Corrupt, msgspec.MsgspecError) as error:  # it must not stop those behind it
                    log.warning("a decision of %s cannot be read, and teaches nothing: %s", org, type(error).__name__)
        return len(rows)

    def _lapse(self, org: str, name: str, now: int) -> None:
        kept = self._decisions.decision(org, name)
        awaited = self.awaited(kept)
        if awaited is not None:
            self.keep_along(kept, lapsed(awaited, now), now)

    def settled(self, org: str, source: str, message: str) -> bool:
        """Whether an event of a source, by its message id, settled a decision, whosever it was."""
        key = self._event_key(org, source, message)
        return self._db.execute("SELECT 1 FROM outcome WHERE key = ?", (key,)).fetchone() is not None

    def _event_key(self, org: str, source: str, message: str) -> bytes:
        return digest16(self._secret, msgspec.msgpack.encode(("event", org, source, message)))

    def keep_along(self, kept: Kept, step: Step, now: int, source: str = "") -> None:
        """The same, in the transaction that its caller holds. `source`: from where the event came that shows it; each
        settles once, whatever is merged or split meanwhile."""
        seal = self._ledger.receipt_log.sealing_key(kept.org, kept.record)
        if seal is None or self._is_held_back(kept.record):
            return
        if step.outcome is not None:
            key = self._event_key(kept.org, source, step.outcome.source)
            if not step.outcome.source:
                key = digest16(self._secret, msgspec.msgpack.encode((kept.id, step.outcome.kind, "")))
            query = "INSERT OR IGNORE INTO outcome (key, decision, at, body) VALUES (?, ?, ?, ?)"
            self._db.execute(query, (key, kept.seq, now, seal.seal(_encode(step.outcome), _PLACE)))
        if step.lesson is not None:
            self.priors.fix(kept.org)
            query = "INSERT OR IGNORE INTO lesson (org, decision, at, body) VALUES (?, ?, ?, ?)"
            body = seal.seal(_encode(step.lesson.worth), _LESSON)
            self._db.execute(query, (kept.org, kept.seq, now, body))
            self._db.execute("UPDATE decision SET closes = NULL WHERE seq = ?", (kept.seq,))

    # -- lessons

    def last(self, org: str) -> int:
        """The newest lesson of an organization."""
        return int(self._db.execute("SELECT max(seq) FROM lesson WHERE org = ?", (org,)).fetchone()[0] or 0)

    def lessons(self, org: str, after: int, most: int) -> list[Taught]:
        query = """
            SELECT l.seq, l.at, d.id, l.body FROM lesson l JOIN decision d ON d.seq = l.decision
            WHERE l.org = ? AND l.seq > ? ORDER BY l.seq LIMIT ?
        """
        return [self._opened(org, *row) for row in self._db.execute(query, (org, after, most)).fetchall()]

    def _opened(self, org: str, seq: int, at: int, name: str, body: bytes) -> Taught:
        nothing = Taught(seq, at, None, Worth())
        try:
            kept = self._decisions.decision(org, name)
            seal = self._ledger.receipt_log.sealing_key(org, kept.record)
            if seal is None or kept.content is None:
                return nothing
            return Taught(seq, at, kept.content, msgspec.msgpack.decode(seal.open(body, _LESSON), type=Worth))
        except (Corrupt, msgspec.MsgspecError) as error:
            log.warning("a lesson of %s cannot be read, and teaches nothing: %s", org, type(error).__name__)
            return nothing

    # -- what was learnt

    def mind(self, org: str, since: int, least: int = 0, most: int = _NEVER) -> Mind | None:
        """The last that was kept of what was learnt from there on, and goes up to a lesson between these."""
        query = """
            SELECT lesson, customer, company, since FROM mind
            WHERE org = ? AND since = ? AND lesson BETWEEN ? AND ?
            UNION ALL SELECT lesson, customer, company, since FROM mind_then
            WHERE org = ? AND since = ? AND lesson BETWEEN ? AND ?
            UNION ALL SELECT lesson, customer, company, since FROM mind_first
            WHERE org = ? AND since = ? AND lesson BETWEEN ? AND ?
            ORDER BY lesson DESC LIMIT 1
        """
        row = self._db.execute(query, (org, since, least, most) * 3).fetchone()
        return None if row is None else Mind(*row)

    def kept_up_to(self, org: str) -> int:
        """The lesson up to which what was learnt is kept."""
        row = self._db.execute("SELECT lesson FROM mind WHERE org = ?", (org,)).fetchone()
        return 0 if row is None else int(row[0])

    def put_mind(self, org: str, mind: Mind) -> None:
        """Keep what was learnt, unless more was kept already."""
        with transaction(self._db):
            self.put_mind_along(org, mind)

    def put_mind_along(self, org: str, mind: Mind) -> None:
        """The same, in the transaction that its caller holds."""
        row = self._db.execute("SELECT since, lesson FROM mind WHERE org = ?", (org,)).fetchone()
        if row is not None and row > (mind.since, mind.lesson):
            return
        if row is not None and row < (mind.since, mind.lesson):
            self._db.execute("INSERT INTO mind_then SELECT * FROM mind WHERE org = ?", (org,))
        self._db.execute("INSERT OR REPLACE INTO mind VALUES (?, ?, ?, ?, ?)", (org, *mind))
        query = """
            DELETE FROM mind_then WHERE org = ? AND lesson <
                (SELECT lesson FROM mind_then WHERE org = ? ORDER BY lesson DESC LIMIT 1 OFFSET ?)
        """
        self._db.execute(query, (org, org, MINDS - 1))

    # -- before an erasure

    def taught(self, records: Collection[int]) -> dict[str, set[int]]:
        """Those of some records of whom models have something to learn that no kept mind holds, by organization."""
        query = """
            SELECT DISTINCT l.org FROM decision d JOIN lesson l ON l.decision = d.seq LEFT JOIN mind m ON m.org = l.org
            WHERE d.record = ? AND (m.lesson IS NULL OR l.seq > m.lesson)
        """
        found: dict[str, set[int]] = {}
        for number in records:
            for (org,) in self._db.execute(query, (number,)).fetchall():
                found.setdefault(org, set()).add(number)
        return dict(sorted(found.items()))

    def hold_back(self, records: Collection[int]) -> None:
        """Keep and learn nothing more of some records; in the transaction that its caller holds."""
        rows = [(number,) for number in records]
        self._db.executemany("INSERT OR IGNORE INTO held_back VALUES (?)", rows)

    def release(self, records: Collection[int]) -> None:
        """Now that their keys are destroyed, nothing can be kept of them."""
        with transaction(self._db):
            self._db.executemany("DELETE FROM held_back WHERE record = ?", [(number,) for number in records])

    def _is_held_back(self, record: int) -> bool:
        return self._db.execute("SELECT 1 FROM held_back WHERE record = ?", (record,)).fetchone() is not None

"""The log of decisions in ledger.db: each is committed with the receipt of its read, or neither is.

What a decision holds of a customer (features, estimates, words) is sealed under the key of the record whose handle the
customer shows, and goes with it. Beside it stands what is needed to count contacts: which action, on which channel,
when. A decision rests on the contacts before it, so it is kept only where none came in between: of two at once, the
second is made anew and finds the first.

    DecisionBook(ledger)                          one instance per thread, as the ledger
      .at(records, now, notices)   → Standing: the contacts of a customer's records, and the mark to keep by
      .keep(standing, …)           → False where the customer got another decision meanwhile
      .decision(org, id) .page(org, before, limit) .of_records(…) .between(records, …) .tallies(org, since)
      .numbers(org, upto, most) .last_before(org, at)
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from rapport.adapters.embedded import told_too
from rapport.decide.contact import REACH, Contact
from rapport.decide.decision import Decision, Delivery
from rapport.decide.kinds import NOTICE, SILENCE
from rapport.kernel.errors import Corrupt, NotFound
from rapport.kernel.keys import SealKey

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

log: Final = logging.getLogger(__name__)

SCHEMA = """
    CREATE TABLE decision (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, org TEXT NOT NULL,
                           record INTEGER NOT NULL, at INTEGER NOT NULL, action TEXT NOT NULL, kind TEXT NOT NULL,
                           channel TEXT NOT NULL, delivery TEXT NOT NULL, receipt TEXT NOT NULL, body BLOB NOT NULL,
                           closes INTEGER, person INTEGER, seen_at INTEGER);
    CREATE INDEX decision_of ON decision (record, seq);
    CREATE INDEX decision_by ON decision (org, seq);
    CREATE INDEX decision_to ON decision (person, seq) WHERE person IS NOT NULL;
    CREATE INDEX decision_open ON decision (closes) WHERE closes IS NOT NULL;
    CREATE TABLE manner (org TEXT, version INTEGER, at INTEGER NOT NULL, body BLOB NOT NULL,
                         PRIMARY KEY (org, version)) WITHOUT ROWID
"""
UNSEEN = """
    CREATE INDEX decision_unseen ON decision (person)
        WHERE channel = 'inbox' AND delivery = 'delivered' AND seen_at IS NULL
"""
REACHED = """
    CREATE INDEX decision_reached ON decision (record, at, channel, action, kind)
        WHERE delivery IN ('asked', 'delivered')
"""
SILENT = "CREATE INDEX decision_silent ON decision (record, at) WHERE action = 'silence'"
GIVEN = """
    ALTER TABLE decision ADD COLUMN version INTEGER;
    CREATE INDEX decision_notice ON decision (record, action, version) WHERE kind = 'notice'
"""
TALLIED: Final = 20_000
"""So many decisions are counted through at most, so that a page never waits long."""
_PLACE: Final = b"decision"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Decision).decode
_REACHED: Final = ("asked", "delivered")
"""What waits to be sent counts at once, so that no two that are sent together pass a limit."""
UNREACHED: Final = ("failed", "withdrawn")
"""What was to be sent, and was not: whatever came after did not come of it."""
# The words of `decision_reached`, without which it is not used.
_CONTACTS: Final = """
    SELECT at, channel, action, kind FROM decision
    WHERE record = ? AND at > ? AND delivery IN ('asked', 'delivered')
"""
# Those that may have led to something: the words of `decision_reached` and `decision_silent`.
_LED: Final = (
    """
    SELECT at, seq FROM decision WHERE record = ? AND at BETWEEN ? AND ? AND delivery IN ('asked', 'delivered')
    ORDER BY at DESC, seq DESC LIMIT ?
    """,
    """
    SELECT at, seq FROM decision WHERE record = ? AND at BETWEEN ? AND ? AND action = 'silence'
    ORDER BY at DESC, seq DESC LIMIT ?
    """,
)
# What waits in the inbox unseen was put there, and need not be once more; elsewhere it may still be said.
_GIVEN: Final = """
    SELECT action, version, max(at) FROM decision
    WHERE record = ? AND kind = 'notice' AND version > 0 AND delivery NOT IN ('failed', 'withdrawn') AND (
        delivery != '' AND (channel != 'inbox' OR seen_at IS NOT NULL OR ? = 'inbox')
        OR EXISTS (SELECT 1 FROM outcome WHERE outcome.decision = decision.seq)
    ) GROUP BY action, version
"""
ROW: Final = "SELECT seq, id, org, record, at, delivery, receipt, body, seen_at FROM decision"
_Row = tuple[int, str, str, int, int, Delivery, str, bytes, int | None]


class Standing(msgspec.Struct, frozen=True):
    """What a customer got so far: `contacts` that may still matter, and the `last` decision (its sequence number).
    `given`: notices, by id and version, that need not be given on the channel `notices`, and when they last were."""

    records: tuple[int, ...]
    contacts: tuple[Contact, ...]
    last: int
    notices: str = ""
    given: Mapping[tuple[str, int], int] = msgspec.field(default_factory=dict)


class Kept(msgspec.Struct, frozen=True):
    """A decision as it was kept; `content` is None once the customer was erased, or its time has passed (see
    `outlived`), and where it is `unreadable`: damaged, or its key is."""

    seq: int
    id: str
    org: str
    record: int
    at: int
    delivery: Delivery
    receipt: str
    content: Decision | None
    seen_at: int | None = None
    unreadable: bool = False


class DecisionBook:
    """Decisions over one ledger connection. `who`: as in the audit log."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._ledger = ledger
        self._db = ledger.db

    # -- decisions

    def at(self, records: Collection[int], now: int, notices: str = "") -> Standing:
        """What the customer of some records got so far. `notices`: the channel on which any may be given now."""
        numbers = tuple(sorted(records))
        contacts: list[Contact] = []
        for number in numbers:
            rows = self._db.execute(_CONTACTS, (number, now - REACH)).fetchall()
            contacts += [Contact(*row) for row in rows]
        given = self._given(numbers, notices) if notices else {}
        return Standing(numbers, tuple(sorted(contacts)), self._last(numbers), notices, given)

    def _given(self, records: Sequence[int], channel: str) -> dict[tuple[str, int], int]:
        """Notices that were delivered, are on their way, or were reported on, by id and version; and when that was last
        decided (µs)."""
        found: dict[tuple[str, int], int] = {}
        for number in records:
            for action, version, at in self._db.execute(_GIVEN, (number, channel)).fetchall():
                found[action, version] = max(at, found.get((action, version), at))
        return found

    def keep(
        self,
        standing: Standing,
        org: str,
        record: int,
        decision: Decision,
        delivery: Delivery,
        receipt: str,
        person: int = 0,
        others: Collection[int] = (),
    ) -> bool:
        """Write a decision, in the transaction that its caller holds; False where the customer got another since, was
        erased, or, of a notice, where that is known to have been given since. What nobody is told of here is learnt
        only once it is reported on; silence happens by itself.
        `person`: who may read it as theirs (0: nobody); `others`: who may, too."""
        seal = self._ledger.receipt_log.sealing_key(org, record)
        if seal is None or self._last(standing.records) != standing.last:
            return False
        notice = decision.kind == NOTICE and standing.notices
        if notice and self._given(standing.records, standing.notices) != standing.given:
            return False
        body = seal.seal(_encode(msgspec.structs.replace(decision, serves=())), _PLACE)
        row = (decision.id, org, record, decision.at, decision.action, decision.kind, decision.channel)
        closes = decision.closes if delivery or decision.action == SILENCE else None
        query = """
            INSERT INTO decision
                (id, org, record, at, action, kind, channel, delivery, receipt, body, closes, person, version)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
        values = (*row, delivery, receipt, body, closes, person or None, decision.version)
        seq = self._db.execute(query, values).lastrowid or 0
        in_inbox = decision.channel == "inbox" and delivery == "delivered"
        told_too.note_decision(self._db, others, seq, in_inbox=in_inbox)
        return True

    def decision(self, org: str, name: str) -> Kept:
        """Raises NotFound, also where it is another organization's."""
        row = self._db.execute(f"{ROW} WHERE id = ? AND org = ?", (name, org)).fetchone()
        if row is None:
            raise NotFound("there is no such decision", field="decision")
        return self.opened([row])[0]

    def page(self, org: str, before: int, limit: int) -> list[Kept]:
        """An organization's, the newest first."""
        rows = self._db.execute(f"{ROW} WHERE org = ? AND seq < ? ORDER BY seq DESC LIMIT ?", (org, before, limit))
        return self.opened(rows.fetchall())

    def of_records(self, records: Sequence[int], before: int, limit: int) -> list[Kept]:
        """Those about some records, the newest first."""
        found: list[Kept] = []
        for number in records:
            query = f"{ROW} WHERE record = ? AND seq < ? ORDER BY seq DESC LIMIT ?"
            found += self.opened(self._db.execute(query, (number, before, limit)).fetchall())
        return sorted(found, key=lambda one: one.seq, reverse=True)[:limit]

    def between(self, records: Collection[int], since: int, until: int, limit: int) -> list[Kept]:
        """Those of some records that reached the customer, or were silence, and were made between two instants (µs),
        these among them: the newest first. No other is looked at."""
        made = {
            row
            for number in records
            for query in _LED
            for row in self._db.execute(query, (number, since, until, limit)).fetchall()
        }
        newest = [(seq,) for _, seq in sorted(made, reverse=True)[:limit]]
        rows = [self._db.execute(f"{ROW} WHERE seq = ?", one).fetchone() for one in newest]
        return self.opened([row for row in rows if row is not None])

    def numbers(self, org: str, upto: int, most: int) -> list[int]:
        """Of an organization's newest decisions, up to one of them, the newest first."""
        query = "SELECT seq FROM decision WHERE org = ? AND seq <= ? ORDER BY seq DESC LIMIT ?"
        return [seq for (seq,) in self._db.execute(query, (org, upto, most)).fetchall()]

    def last_before(self, org: str, at: int) -> int:
        """The number of the last decision that was made before an instant (µs), 0: there is none. Decisions are taken
        to be numbered in their order, and few are asked for."""
        low, high = 0, 1 << 62
        query = "SELECT seq, at FROM decision WHERE org = ? AND seq <= ? ORDER BY seq DESC LIMIT 1"
        while row := self._db.execute(query, (org, high)).fetchone():
            if row[1] < at or row[0] <= low:
                return int(row[0]) if row[1] < at else 0
            high = row[0] - 1
            middle = self._db.execute(query, (org, (low + high) // 2)).fetchone()
            if middle is not None and middle[1] >= at:
                high = middle[0] - 1
            else:
                low = (low + high) // 2
        return 0

    def count(self, org: str, upto: int, most: int) -> int:
        """How many there are of an organization up to a number, but `most` at most."""
        query = "SELECT count(*) FROM (SELECT 1 FROM decision WHERE org = ? AND seq <= ? LIMIT ?)"
        return int(self._db.execute(query, (org, upto, most)).fetchone()[0])

    def cut(self, org: str, upto: int, most: int) -> int:
        """When the first was made (µs) of so many, the newest, of an organization's decisions up to a number; 0 where
        there are no more than these."""
        query = "SELECT at FROM decision WHERE org = ? AND seq <= ? ORDER BY seq DESC LIMIT 2 OFFSET ?"
        rows = self._db.execute(query, (org, upto, most - 1)).fetchall()
        return int(rows[0][0]) if len(rows) > 1 else 0

    def after(self, org: str, seq: int, most: int) -> tuple[int, int]:
        """How many that reached somebody, were silence or were reported on came after a number, but `most` at most;
        and when the first of them was made (µs; 0: there is none)."""
        query = """
            SELECT count(*), min(at) FROM (
                SELECT at FROM decision d WHERE org = ? AND seq > ? AND (
                    delivery IN (?, ?) OR action = ? OR EXISTS (SELECT 1 FROM outcome o WHERE o.decision = d.seq)
                ) ORDER BY seq LIMIT ?
            )
        """
        count, first = self._db.execute(query, (org, seq, *_REACHED, SILENCE, most)).fetchone()
        return count, first or 0

    def tallies(self, org: str, since: int) -> dict[str, tuple[int, int]]:
        """How often each action was chosen since an instant (µs), and how often that was delivered or waits to be: of
        an organization's newest TALLIED decisions."""
        query = """
            SELECT action, count(*), sum(delivery IN (?, ?))
            FROM (SELECT action, delivery, at FROM decision WHERE org = ? ORDER BY seq DESC LIMIT ?)
            WHERE at > ? GROUP BY action
        """
        rows = self._db.execute(query, (*_REACHED, org, TALLIED, since)).fetchall()
        return {action: (chosen, delivered) for action, chosen, delivered in rows}

    def _last(self, records: Sequence[int]) -> int:
        query = "SELECT max(seq) FROM decision WHERE record = ?"
        return max((self._db.execute(query, (number,)).fetchone()[0] or 0 for number in records), default=0)

    def opened(self, rows: Sequence[_Row]) -> list[Kept]:
        """One that cannot be read is told as such: it must not stand before the others. Each key is fetched once."""
        keys: dict[tuple[str, int], SealKey | None] = {}
        found: list[Kept] = []
        for seq, name, org, record, at, delivery, receipt, body, seen in rows:
            content, unreadable = None, False
            try:
                if (org, record) not in keys:
                    keys[org, record] = self._ledger.receipt_log.sealing_key(org, record)
                seal = keys[org, record]
                content = None if seal is None or not body else _decode(seal.open(body, _PLACE))
            except (Corrupt, msgspec.MsgspecError) as error:
                unreadable = True
                log.warning("decision %d of %s cannot be read: %s", seq, org, type(error).__name__)
            found.append(Kept(seq, name, org, record, at, delivery, receipt, content, seen, unreadable))
        return found

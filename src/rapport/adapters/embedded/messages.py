"""Messages on their way, in ledger.db; and who wants no more of them. (How they are sent: `channels`.)

A message is put in by the transaction of its decision, and what it says is in that decision alone: here is only to
whom, sealed under the key of the same record, so that an erasure takes it along. What comes of a message is noted on
its decision, too.

    MessageBook(ledger)                            one instance per thread, as the ledger
      .put(to_put)                                 in the caller's transaction
      .places()                → where something waits: (organization, channel)
      .due(place, at)          → the message to be tried next
      .note(message, step)                         what came of it
      .unsubscribe(token) .again(token) .said(token) .has_unsubscribed(org, address)
"""

import sqlite3
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from rapport.act.delivery import KEPT
from rapport.act.messages import Message, State, Step, Unsubscribing, blinded, said_by, token_of
from rapport.adapters.embedded.decisions import DecisionBook
from rapport.adapters.embedded.sqlite import transaction, translating
from rapport.kernel.errors import Corrupt, NotFound
from rapport.kernel.times import DAY, now

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

SCHEMA = """
    CREATE TABLE message (seq INTEGER PRIMARY KEY AUTOINCREMENT, decision TEXT NOT NULL UNIQUE, org TEXT NOT NULL,
                          channel TEXT NOT NULL, record INTEGER NOT NULL, state TEXT NOT NULL, at INTEGER NOT NULL,
                          next_at INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '',
                          body BLOB NOT NULL);
    CREATE INDEX message_due ON message (org, channel, next_at, seq) WHERE state = 'waiting';
    CREATE TABLE channel (org TEXT, name TEXT, at INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (org, name))
        WITHOUT ROWID;
    CREATE TABLE unsubscribed (org TEXT, address BLOB, at INTEGER NOT NULL, PRIMARY KEY (org, address)) WITHOUT ROWID;
    CREATE TRIGGER unsubscribed_is_carried AFTER INSERT ON unsubscribed BEGIN
        INSERT INTO let_go VALUES ('unsubscribed', CAST(NEW.org || ':' || hex(NEW.address) AS BLOB), 0, NEW.at)
            ON CONFLICT DO UPDATE SET at = max(at + 1, excluded.at);
    END;
    CREATE TRIGGER unsubscribed_is_taken_back AFTER DELETE ON unsubscribed BEGIN
        DELETE FROM let_go WHERE kind = 'unsubscribed' AND what = CAST(OLD.org || ':' || hex(OLD.address) AS BLOB);
    END
"""
ENDED = "CREATE INDEX message_ended ON message (next_at) WHERE state != 'waiting'"
SWEPT: Final = 1_000
"""Messages forgotten in one transaction: whoever writes a receipt meanwhile waits for so many."""
CARRIED: Final = "unsubscribed"
"""As what `let_go` carries it past the restore of an older backup."""
Place = tuple[str, str]
"""(organization, channel): what waits for one never waits for another."""
RESTORED: Final = "this node was restored from a backup: it may have been sent before"
ERASED: Final = "the customer was erased"
UNREADABLE: Final = "this node cannot read what it is to send"
MOST_WAIT: Final = 2 * DAY
FOREVER: Final = 1 << 62
_PLACE: Final = b"message"


class ToPut(NamedTuple):
    """A message to be put in. `to`: an e-mail address, or ""."""

    org: str
    record: int
    customer: str
    decision: str
    channel: str
    to: str


class Standing(NamedTuple):
    """How a message stands."""

    state: State
    error: str
    tries: int


class _Body(msgspec.Struct, frozen=True, array_like=True):
    customer: str
    to: str
    token: str


class MessageBook:
    """Messages over one ledger connection."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._ledger = ledger
        self._db = ledger.db
        self._decisions = DecisionBook(ledger)
        self._seal = ledger.keys.node("messages")
        self._secret = ledger.keys.secret("unsubscribed")

    # -- on their way

    def put(self, one: ToPut) -> bool:
        """Put a message in, within the transaction of its decision; False where the customer was erased."""
        seal = self._ledger.receipt_log.sealing_key(one.org, one.record)
        if seal is None:
            return False
        said = Unsubscribing(one.org, blinded(self._secret, one.org, one.to), one.decision)
        token = token_of(self._seal, said) if one.to else ""
        body = seal.seal(msgspec.msgpack.encode(_Body(one.customer, one.to, token)), _PLACE)
        query = (
            "INSERT INTO message (decision, org, channel, record, state, at, next_at, body) VALUES (?,?,?,?,?,?,?,?)"
        )
        at = now()
        self._db.execute(query, (one.decision, one.org, one.channel, one.record, "waiting", at, at, body))
        return True

    def places(self) -> list[Place]:
        """Where something waits."""
        query = """
            SELECT org, channel FROM message WHERE state = 'waiting' AND (org, channel) > (?, ?)
            ORDER BY org, channel LIMIT 1
        """
        found: list[Place] = []
        row = self._db.execute(query, ("", "")).fetchone()
        while row is not None:
            found.append(row)
            row = self._db.execute(query, row).fetchone()
        return found

    def due(self, place: Place, at: int) -> Message | None:
        """The one that waits longest there to be tried. Those of customers who were erased are withdrawn."""
        while (row := self._due(place, at)) is not None:
            try:
                message = self.message(place[0], row[0])
            except (Corrupt, NotFound, msgspec.MsgspecError):
                # One that cannot be read, or is of a newer version's, must not stop those behind it.
                self._put(row[0], Step("failed", UNREADABLE), 0)
                continue
            if message is not None:
                return message
            self._put(row[0], Step("withdrawn", ERASED), 0)
        return None

    def _due(self, place: Place, at: int) -> tuple[str] | None:
        query = """
            SELECT decision FROM message
            WHERE state = 'waiting' AND org = ? AND channel = ? AND next_at BETWEEN ? AND ?
            ORDER BY next_at, seq LIMIT 1
        """
        # Nothing is put off for so long: the clock was ahead when this was, and is set right now.
        row = self._db.execute(query, (*place, 0, at)).fetchone()
        found: tuple[str] | None = row or self._db.execute(query, (*place, at + MOST_WAIT, FOREVER)).fetchone()
        return found

    def message(self, org: str, decision: str) -> Message | None:
        """One as it was put in; None where there is none, or its customer was erased."""
        query = "SELECT record, tries, body FROM message WHERE decision = ? AND org = ?"
        row = self._db.execute(query, (decision, org)).fetchone()
        if row is None:
            return None
        record, tries, raw = row
        kept = self._decisions.decision(org, decision)
        seal = self._ledger.receipt_log.sealing_key(org, record)
        if kept.unreadable:
            raise Corrupt("its decision cannot be read")
        if seal is None or kept.content is None:
            return None
        body = msgspec.msgpack.decode(seal.open(raw, _PLACE), type=_Body)
        return Message(org, record, body.customer, body.to, body.token, kept.receipt, kept.content, tries)

    def came_back(self, decision: str, why: str) -> bool:
        """Note that one which was handed over reached nobody; whether that is new."""
        with translating(self._ledger.path), transaction(self._db):
            query = (
                "UPDATE message SET state = 'failed', error = ?, next_at = ? WHERE decision = ? AND state != 'failed'"
            )
            fresh = self._db.execute(query, (why, now(), decision)).rowcount > 0
            if fresh:
                query = "UPDATE decision SET delivery = 'failed', closes = NULL WHERE id = ?"
                self._db.execute(query, (decision,))
        return fresh

    def standing(self, org: str, decision: str) -> Standing:
        """Raises NotFound."""
        query = "SELECT state, error, tries FROM message WHERE decision = ? AND org = ?"
        row = self._db.execute(query, (decision, org)).fetchone()
        if row is None:
            raise NotFound("nothing was sent of it", field="decision")
        return Standing(*row)

    def note(self, message: Message, step: Step, *, tried: bool = True) -> None:
        """What became of it. `tried`: it was handed to its way, whatever that said."""
        self._put(message.id, step, 1 if tried else 0)

    def _put(self, decision: str, step: Step, tried: int) -> None:
        with translating(self._ledger.path), transaction(self._db):
            query = """
                UPDATE message SET state = ?, error = ?, next_at = ?, tries = tries + ?
                WHERE decision = ? AND state = 'waiting'
            """
            self._db.execute(query, (step.state, step.why, step.next_at or now(), tried, decision))
            if step.state == "delivered":
                self._db.execute("UPDATE decision SET delivery = 'delivered' WHERE id = ?", (decision,))
            elif step.state != "waiting":
                # What reached nobody wearies nobody, and teaches nothing by itself.
                query = "UPDATE decision SET delivery = ?, closes = NULL WHERE id = ?"
                self._db.execute(query, (step.state, decision))

    def sweep(self, at: int, most: int = SWEPT) -> bool:
        """Forget to whom some messages went that ended long ago; what they said stays with their decisions. Returns
        whether there may be more."""
        query = """
            DELETE FROM message
            WHERE seq IN (SELECT seq FROM message WHERE state != 'waiting' AND next_at < ? LIMIT ?)
        """
        with translating(self._ledger.path), transaction(self._db):
            return self._db.execute(query, (at - KEPT, most)).rowcount == most

    # -- no more of them

    def said(self, token: str) -> Unsubscribing | None:
        """What a token says; None for what is none."""
        return said_by(self._seal, token)

    def unsubscribe(self, said: Unsubscribing) -> bool:
        """No more e-mails of this organization's to this address; whether that is new."""
        with translating(self._ledger.path), transaction(self._db):
            query = "INSERT OR IGNORE INTO unsubscribed VALUES (?, ?, ?)"
            return self._db.execute(query, (said.org, said.address, now())).rowcount > 0

    def again(self, said: Unsubscribing) -> bool:
        """Take that back; whether it was so."""
        with translating(self._ledger.path), transaction(self._db):
            query = "DELETE FROM unsubscribed WHERE org = ? AND address = ?"
            return self._db.execute(query, (said.org, said.address)).rowcount > 0

    def is_out(self, said: Unsubscribing) -> bool:
        query = "SELECT 1 FROM unsubscribed WHERE org = ? AND address = ?"
        return self._db.execute(query, (said.org, said.address)).fetchone() is not None

    def has_unsubscribed(self, org: str, address: str) -> bool:
        return self.is_out(Unsubscribing(org, blinded(self._secret, org, address), ""))


def end_waiting(db: sqlite3.Connection) -> None:
    """In a restored ledger, within a transaction: nothing that waited is sent, since nobody knows whether it was."""
    db.execute("""
        UPDATE decision SET delivery = 'withdrawn', closes = NULL
        WHERE id IN (SELECT decision FROM message WHERE state = 'waiting')
    """)
    db.execute("UPDATE message SET state = 'withdrawn', error = ? WHERE state = 'waiting'", (RESTORED,))


def stop_again(db: sqlite3.Connection, carried: bytes) -> int:
    """In a restored ledger, within a transaction: whoever unsubscribed after it was backed up stays so. Returns whether
    it was not so (1 or 0)."""
    org, _, address = carried.decode().rpartition(":")
    return db.execute(
        "INSERT OR IGNORE INTO unsubscribed VALUES (?, ?, ?)", (org, bytes.fromhex(address), now())
    ).rowcount

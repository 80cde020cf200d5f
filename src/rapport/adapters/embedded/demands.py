"""Recipients and deletion demands in ledger.db, with what came of each.

A demand and its delivery are put in by one transaction, once for each customer, export, recipient and erasure, however
often the erasure is begun again. Until it is acknowledged its handles are kept, sealed; what then stays is that there
was a demand. Which person's erasure it was is known, blinded, until that is complete.
"""

import hmac
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from rapport.act import demands
from rapport.act.delivery import Answer, Delivery
from rapport.act.demands import ANSWER_WITHIN, HANDLES_KEPT, KIND, Demand, Recipient, State, Wanted
from rapport.adapters.embedded.outbox import OutboxFile
from rapport.kernel import ids
from rapport.kernel.errors import BadInput, NotFound
from rapport.kernel.keys import digest16
from rapport.kernel.times import now
from rapport.terms.exports import Held
from rapport.terms.promises import from_base64url, signed_by

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

SCHEMA = """
    CREATE TABLE recipient (org TEXT, name TEXT, url TEXT NOT NULL, public BLOB, added_at INTEGER NOT NULL,
                            PRIMARY KEY (org, name)) WITHOUT ROWID;
    CREATE TABLE demand (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, org TEXT NOT NULL,
                         recipient TEXT NOT NULL, export TEXT NOT NULL, exported_at INTEGER NOT NULL,
                         customers INTEGER NOT NULL, made_at INTEGER NOT NULL, deadline INTEGER NOT NULL, whose BLOB,
                         token BLOB, delivery TEXT, handles BLOB, acknowledged_at INTEGER, signed INTEGER NOT NULL);
    CREATE INDEX demand_of ON demand (org, number);
    CREATE INDEX demand_to ON demand (org, recipient) WHERE acknowledged_at IS NULL;
    CREATE INDEX demand_by ON demand (whose) WHERE whose IS NOT NULL;
    CREATE TABLE demanded (key BLOB PRIMARY KEY, whose BLOB NOT NULL) WITHOUT ROWID;
    CREATE INDEX demanded_by ON demanded (whose)
"""
_STATE = """
    CASE WHEN d.acknowledged_at IS NOT NULL THEN 'acknowledged' WHEN d.delivery IS NULL THEN 'no_address'
         WHEN y.status = 'failed' THEN 'undeliverable' WHEN y.status = 'waiting' THEN 'queued'
         WHEN d.deadline < ? THEN 'silent' ELSE 'sent' END
"""
_FROM = "FROM demand d LEFT JOIN delivery y ON y.id = d.delivery"
_LISTED = f"""
    SELECT d.id, d.org, d.recipient, d.export, d.exported_at, d.customers, d.made_at, d.deadline, {_STATE},
           CASE WHEN y.status = 'done' THEN y.done_at END, coalesce(y.tries, 0),
           CASE WHEN y.status = 'waiting' THEN y.next_at END, coalesce(y.error, ''), d.acknowledged_at, d.signed,
           d.number
    {_FROM}
"""
_PUT = """
    INSERT INTO demand (id, org, recipient, export, exported_at, customers, made_at, deadline, whose, handles, signed)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)
"""
_SET = """
    INSERT INTO recipient VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET url = excluded.url, public = coalesce(excluded.public, public)
"""
_NOWHERE = bytes(32)
_ABSENT = "there is no such demand"


class DemandFile:
    """The demands of a ledger; over one ledger connection, used by one thread at a time."""

    def __init__(self, ledger: "LedgerFile", outbox: OutboxFile | None = None) -> None:
        self._ledger = ledger
        self._db = ledger.db
        self._keys = ledger.keys
        self._secret = ledger.keys.secret("demands")
        self._outbox = outbox or OutboxFile(ledger)

    # -- recipients

    def recipients(self, org: str) -> list[Recipient]:
        """Those with an address, by name."""
        query = "SELECT org, name, url, public, added_at FROM recipient WHERE org = ? ORDER BY name"
        return [Recipient(*row) for row in self._db.execute(query, (org,))]

    def set_recipient(self, org: str, name: str, url: str, public: bytes | None = None) -> int:
        """Send demands for a recipient to an address from now on; return how many that could not be sent before are
        sent now. Without a key it keeps the one it had. Raises NotFound, BadInput."""
        if not self._ledger.has_org(org):
            raise NotFound(f"there is no organization {org!r}", field="org")
        if not (name.strip() == name and name.isprintable() and 0 < len(name) <= demands.MAX_NAME):
            raise BadInput(f"{name[:70]!r} cannot name a recipient", code="bad_name", field="name")
        with self._outbox.together():
            self._db.execute(_SET, (org, name, url, public, now()))
            waiting = self._open(org, name)
            sent = 0
            for demand, status in waiting:
                if status == "waiting":
                    self._outbox.redirect(org, KIND, demand, url)
                elif status != "done":
                    self._send(demand, url)
                    sent += 1
        return sent

    def remove_recipient(self, org: str, name: str) -> None:
        """Forget an address; demands that were not delivered wait for another. Raises NotFound."""
        with self._outbox.together():
            if not self._db.execute("DELETE FROM recipient WHERE org = ? AND name = ?", (org, name)).rowcount:
                raise NotFound(f"{org} has no address of a recipient {name[:70]!r}", field="name")
            for demand, status in self._open(org, name):
                if status != "done":
                    self._outbox.cancel(org, KIND, demand, "the recipient's address was removed")
                    self._db.execute("UPDATE demand SET delivery = NULL, token = NULL WHERE id = ?", (demand,))

    def _open(self, org: str, name: str) -> list[tuple[str, str | None]]:
        """(demand, status of its delivery) of what a recipient has not acknowledged."""
        query = f"SELECT d.id, y.status {_FROM} WHERE d.org = ? AND d.recipient = ? AND d.acknowledged_at IS NULL"
        return self._db.execute(f"{query} AND d.handles IS NOT NULL", (org, name)).fetchall()

    # -- demanding

    def put(self, org: str, whose: bytes, held: Iterable[Held]) -> None:
        """Demand of everyone who holds these customers that they delete them, unless that was demanded for this erasure
        before. `whose`: the person, blinded."""
        at = now()
        by_letter: dict[tuple[str, str], list[Held]] = {}
        for one in held:
            if one.expires_at is None or one.expires_at > at:
                for recipient in dict.fromkeys(one.recipients):
                    by_letter.setdefault((one.export_id, recipient), []).append(one)
        if not by_letter:
            return
        with self._outbox.together():
            for (export, recipient), some in by_letter.items():
                fresh = [
                    handle
                    for handle in sorted({one.customer for one in some})
                    if self._is_first(org, whose, export, recipient, handle)
                ]
                if fresh:
                    self._make(org, whose, export, recipient, some[0].exported_at, fresh, at)

    def _is_first(self, org: str, whose: bytes, *what: str) -> bool:
        key = digest16(self._secret, org.encode(), whose, *(part.encode() for part in what))
        return self._db.execute("INSERT OR IGNORE INTO demanded VALUES (?, ?)", (key, whose)).rowcount == 1

    def _make(
        self, org: str, whose: bytes, export: str, recipient: str, exported_at: int, handles: Sequence[str], at: int
    ) -> None:
        demand = ids.fresh("dem")
        sealed = self._keys.org(org).seal(msgspec.msgpack.encode(handles), _place(demand))
        row = (demand, org, recipient, export, exported_at, len(handles), at, at + ANSWER_WITHIN, whose, sealed)
        self._db.execute(_PUT, row)
        found = self._db.execute("SELECT url FROM recipient WHERE org = ? AND name = ?", (org, recipient)).fetchone()
        if found is not None:
            self._send(demand, found[0])

    def _send(self, demand: str, url: str) -> None:
        """Put the delivery of a demand in; its month begins now."""
        query = "SELECT org, export, exported_at, handles FROM demand WHERE id = ?"
        org, export, exported_at, sealed = self._db.execute(query, (demand,)).fetchone()
        handles = msgspec.msgpack.decode(self._keys.org(org).open(sealed, _place(demand)), type=tuple[str, ...])
        token, deadline = ids.secret("ack"), now() + ANSWER_WITHIN
        wanted = Wanted(demand, org, export, exported_at, handles, deadline, token)
        delivery = self._outbox.put(org, url, KIND, demand, msgspec.msgpack.encode(wanted), lasting=True)
        query = "UPDATE demand SET token = ?, delivery = ?, deadline = ? WHERE id = ?"
        self._db.execute(query, (ids.hashed(token), delivery, deadline, demand))

    def unlink(self, whose: bytes) -> None:
        """An erasure is complete: nothing says any longer whose its demands were."""
        with self._outbox.together():
            self._db.execute("DELETE FROM demanded WHERE whose = ?", (whose,))
            self._db.execute("UPDATE demand SET whose = NULL WHERE whose = ?", (whose,))

    # -- what came of it

    def answered(self, delivery: Delivery, answer: Answer) -> None:
        """A recipient took a demand: keep what it said, within the transaction that notes the delivery."""
        said = demands.said_by(answer, delivery.about)
        if not said.acknowledged:
            return
        query = "SELECT recipient FROM demand WHERE id = ? AND delivery = ?"
        row = self._db.execute(query, (delivery.about, delivery.id)).fetchone()
        if row is None:
            return
        signature = answer.headers.get(demands.SIGNATURE.lower(), "")
        signed = self._verified(delivery.org, row[0], answer.body, signature) if signature else None
        if signed is not False:
            self._acknowledge(delivery.about, signed=bool(signed and said.named))

    def acknowledge(self, demand: str, token: str, body: bytes, signature: str = "") -> tuple[int, bool]:
        """A recipient says with the demand's token that it deleted what it was asked to: (when it said so first,
        whether signed). May be repeated. Raises NotFound alike for an unknown demand, a forged token and a false
        signature."""
        query = "SELECT org, recipient, token, delivery FROM demand WHERE id = ?"
        row = self._db.execute(query, (demand,)).fetchone()
        known = _NOWHERE if row is None or row[2] is None else row[2]
        # Compared in any case, so that a demand that is there takes as long as one that is not.
        if not hmac.compare_digest(ids.hashed(token), known) or row is None:
            raise NotFound(_ABSENT)
        org, recipient, _, delivery = row
        signed = self._verified(org, recipient, body, signature) if signature else None
        if signed is False:
            raise NotFound(_ABSENT)
        with self._outbox.together():
            self._acknowledge(demand, signed=bool(signed))
            self._outbox.done(self._outbox.delivery(delivery))
            query = "SELECT acknowledged_at, signed FROM demand WHERE id = ?"
            at, was_signed = self._db.execute(query, (demand,)).fetchone()
        return at, bool(was_signed)

    def _verified(self, org: str, recipient: str, body: bytes, signature: str) -> bool | None:
        """Whether a signature is by the recipient's own key; None where it has registered none."""
        query = "SELECT public FROM recipient WHERE org = ? AND name = ?"
        row = self._db.execute(query, (org, recipient)).fetchone()
        if row is None or row[0] is None:
            return None
        raw = from_base64url(signature.strip().rstrip("="), 64)
        return raw is not None and signed_by(row[0], raw, body)

    def _acknowledge(self, demand: str, *, signed: bool) -> None:
        self._db.execute(
            "UPDATE demand SET acknowledged_at = coalesce(acknowledged_at, ?), signed = max(signed, ?), handles = NULL "
            "WHERE id = ?",
            (now(), signed, demand),
        )

    # -- looking

    def listed(self, org: str, before: int = 1 << 62, limit: int = 100) -> list[tuple[int, Demand]]:
        """An organization's demands, the newest first, each with its number."""
        query = f"{_LISTED} WHERE d.org = ? AND d.number < ? ORDER BY d.number DESC LIMIT ?"
        rows = self._db.execute(query, (now(), org, before, limit)).fetchall()
        return [(number, _demand(row)) for *row, number in rows]

    def of_erasure(self, whose: bytes) -> list[Demand]:
        """The demands of an erasure that is not complete yet, the oldest first."""
        rows = self._db.execute(f"{_LISTED} WHERE d.whose = ? ORDER BY d.number", (now(), whose)).fetchall()
        return [_demand(row) for *row, _ in rows]

    def counted(self, org: str) -> dict[str, dict[State, int]]:
        """Recipient → state → how many demands."""
        query = f"SELECT d.recipient, {_STATE} AS state, count(*) {_FROM} WHERE d.org = ? GROUP BY 1, 2 ORDER BY 1, 2"
        found: dict[str, dict[State, int]] = {}
        for recipient, state, count in self._db.execute(query, (now(), org)).fetchall():
            found.setdefault(recipient, {})[state] = count
        return found

    def sweep(self, at: int) -> None:
        """Forget the handles of what was never acknowledged in a long time."""
        with self._outbox.together():
            query = "UPDATE demand SET handles = NULL WHERE handles IS NOT NULL AND deadline < ?"
            self._db.execute(query, (at - HANDLES_KEPT,))


def _demand(row: Sequence[Any]) -> Demand:
    return msgspec.structs.replace(Demand(*row), signed=bool(row[-1]))


def _place(demand: str) -> bytes:
    return b"demand" + demand.encode()

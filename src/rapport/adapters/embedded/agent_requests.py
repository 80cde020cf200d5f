"""What agents asked for, in ledger.db: durable before it is answered, done once, and known again when it comes again.

    open ──(its time has come)──▶ working ──▶ fulfilled | denied
      └──(taken back)──▶ revoked

Whose request it is, is sealed under a key of the request's own, which is destroyed at the end: so that no copy of the
ledger tells of somebody who had themselves erased by it. What stays of an erased person's is which action it was, when,
and how it ended.
"""

import sqlite3
import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.outbox import OutboxFile
from rapport.adapters.embedded.sqlite import transaction
from rapport.kernel.errors import Conflict, Forbidden, TooMany
from rapport.kernel.keys import keyed_hash
from rapport.kernel.times import HOUR
from rapport.terms.data_rights import RESULTS_KEPT, TICK, Agent, Asked, Exercise, Reason, Status, Told

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

SCHEMA = """
    CREATE TABLE agent_request (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, org TEXT NOT NULL,
                                agent INTEGER NOT NULL, agent_name TEXT NOT NULL, exercise TEXT NOT NULL,
                                content BLOB NOT NULL, label BLOB, what BLOB NOT NULL, at INTEGER NOT NULL,
                                due_at INTEGER NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
                                details TEXT NOT NULL DEFAULT '', shown_at INTEGER,
                                announced INTEGER NOT NULL DEFAULT 0, noticed INTEGER NOT NULL DEFAULT 0,
                                begun INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0,
                                person INTEGER NOT NULL DEFAULT 0, made INTEGER NOT NULL DEFAULT 0,
                                kase TEXT NOT NULL DEFAULT '', said BLOB NOT NULL, body BLOB, results BLOB,
                                size INTEGER NOT NULL DEFAULT 0, results_until INTEGER, fetching INTEGER,
                                UNIQUE (agent, content), UNIQUE (agent, org, label));
    CREATE INDEX agent_request_of ON agent_request (agent, org, at);
    CREATE INDEX agent_request_at ON agent_request (org, number);
    CREATE INDEX agent_request_due ON agent_request (due_at) WHERE status IN ('open', 'working');
    CREATE INDEX agent_request_news ON agent_request (shown_at) WHERE NOT announced AND shown_at IS NOT NULL;
    CREATE INDEX agent_request_person ON agent_request (person) WHERE person > 0;
    CREATE INDEX agent_request_results ON agent_request (results) WHERE results IS NOT NULL
"""

KIND = "data-rights"
"""Of deliveries: a status for an agent's callback."""
MOST_PER_HOUR = 600
"""Requests of one agent at one organization: enough for all who ask, too few to try out a list of addresses."""
_SELECT = """
    SELECT id, org, agent, agent_name, exercise, at, due_at, status, reason, details, shown_at, person, made, kase,
           said, body, tries, results IS NOT NULL AND fetching IS NULL, size, results_until, begun, announced, number
    FROM agent_request
"""
_PUT = """
    INSERT INTO agent_request (id, org, agent, agent_name, exercise, content, label, what, at, due_at, status, said)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?)
"""
_KEYS = 1 << 62
"""Requests' keys lie among those of persons, behind all of these: each is somebody's own, whoever that turns out to
be."""
Claims = tuple[tuple[str, str], ...]


class _Said(msgspec.Struct, frozen=True):
    """The agent's own: what it calls the request, and where it wants to hear of it."""

    agent_request_id: str
    callback: str


class Row(msgspec.Struct, frozen=True):
    """A request as the node sees it. `person` is the number of whom it is for, once that is found, `made` whether they
    had no account; `kase` their request on record; `identifiers` are gone at the end."""

    id: str
    org: str
    agent: int
    agent_name: str
    exercise: Exercise
    at: int
    due_at: int
    status: Status
    reason: Reason
    details: str
    shown_at: int | None
    person: int
    made: bool
    kase: str
    agent_request_id: str
    callback: str
    identifiers: Claims
    tries: int
    waiting: bool
    """Whether results wait to be fetched."""
    size: int
    results_until: int | None
    begun: bool
    announced: bool

    def told(self, at: int, results_url: str = "") -> Told:
        """As its agent sees it: an outcome shows from its step on, and not before; what has shown stays, even where the
        clock is set back."""
        hidden = not self.announced and (self.shown_at is None or at < self.shown_at)
        status: Status = self.status if self.status == "revoked" or not hidden else "open"
        if status == "open":
            return Told(self.id, self.at, "open", agent_request_id=self.agent_request_id)
        waits = self.waiting and (self.results_until or 0) > at
        return Told(
            self.id,
            self.at,
            status,
            self.reason,
            self.details,
            self.agent_request_id,
            results_url if waits else "",
            self.results_until if waits else None,
        )


class AgentRequests:
    """Requests over one ledger connection; one instance per thread."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._ledger = ledger
        self._db = ledger.db
        self._keys = ledger.keys
        self._secret = ledger.keys.secret("agent-requests")

    # -- taking in

    def take(self, agent: Agent, org: str, asked: Asked, at: int, due_at: int) -> Row:
        """Keep a request, synced; one that came before is the one there is. Raises TooMany, Conflict where the agent
        gave its name to another."""
        label = self._blind(f"{agent.number}:{asked.agent_request_id}".encode()) if asked.agent_request_id else None
        # A plain hash of what names a person could be found by trying names.
        content, what = self._blind(asked.content), self._blind(asked.what)
        said = msgspec.msgpack.encode(_Said(asked.agent_request_id, asked.callback))
        with transaction(self._db):
            known = self._known(agent, org, content, what, label)
            if known is not None:
                return known
            query = "SELECT count(*), min(at) FROM agent_request WHERE agent = ? AND org = ? AND at > ?"
            count, oldest = self._db.execute(query, (agent.number, org, at - HOUR)).fetchone()
            if count >= MOST_PER_HOUR:
                wait = max(1, (oldest + HOUR - at) // 1_000_000)
                raise TooMany(f"{MOST_PER_HOUR} requests an hour are taken of one agent", retry_after=wait)
            handle = str(uuid.uuid4())
            place = _place(handle)
            row = (handle, org, agent.number, agent.name, asked.exercise, content, label, what, at, due_at)
            number = self._db.execute(_PUT, (*row, self._keys.org(org).seal(said, place))).lastrowid or 0
            self._keys.make_person(_KEYS + number)
            key = self._keys.person(_KEYS + number)
            body = None if key is None else key.seal(msgspec.msgpack.encode(asked.identifiers), place)
            self._db.execute("UPDATE agent_request SET body = ? WHERE number = ?", (body, number))
        return self.row(handle)

    def _blind(self, said: bytes) -> bytes:
        return keyed_hash(self._secret, said)

    def _known(self, agent: Agent, org: str, content: bytes, what: bytes, label: bytes | None) -> Row | None:
        query = "SELECT id, what FROM agent_request WHERE agent = ? AND org = ? AND (content = ? OR label = ?)"
        found = self._db.execute(query, (agent.number, org, content, label)).fetchone()
        if found is None:
            return None
        if found[1] != what:
            message = "agent-request-id names another request already"
            raise Conflict(message, code="exists", field="agent-request-id")
        return self.row(found[0])

    # -- what became of it

    def row(self, handle: str) -> Row:
        """Raises Forbidden, as where it is another agent's."""
        rows = self.rows("WHERE id = ?", (handle,))
        if not rows:
            raise Forbidden("this is no request of yours here", code="not_yours")
        return rows[0]

    def of_agent(self, agent: Agent, org: str, handle: str) -> Row:
        """Raises Forbidden, alike for what is not there, another agent's, or another organization's (section 2.02)."""
        row = self.row(handle)
        if (row.agent, row.org) != (agent.number, org):
            raise Forbidden("this is no request of yours here", code="not_yours")
        return row

    def revoke(self, row: Row, at: int) -> Row:
        """Take a request back that waits. Raises Conflict where its time has come: it is too late then."""
        with transaction(self._db):
            query = """
                UPDATE agent_request SET status = 'revoked', shown_at = ?1
                WHERE id = ?2 AND status = 'open' AND due_at > ?1
            """
            if not self._db.execute(query, (at, row.id)).rowcount and self.row(row.id).status != "revoked":
                raise Conflict("it is too late to take this back", code="ended")
        return self.row(row.id)

    def of_org(self, org: str, limit: int = 200) -> list[Row]:
        """The newest requests at an organization."""
        return self.rows("WHERE org = ? ORDER BY number DESC LIMIT ?", (org, limit))

    # -- the work

    def begin(self, at: int) -> list[Row]:
        """What is to be done now: what was begun and not ended, and what has come due; the oldest first."""
        if self.rows("WHERE status = 'open' AND due_at <= ? LIMIT 1", (at,)):  # else no turn to write is needed
            with transaction(self._db):
                query = "UPDATE agent_request SET status = 'working' WHERE status = 'open' AND due_at <= ?"
                self._db.execute(query, (at,))
        return self.rows("WHERE status = 'working' ORDER BY number LIMIT 100", ())

    def wait_anew(self, due_at: int) -> None:
        """Let erasures that wait, in a restored ledger, wait until this time at least, and tell of them anew."""
        with transaction(self._db):
            query = """
                UPDATE agent_request SET due_at = max(due_at, ?), noticed = 0
                WHERE status = 'open' AND exercise = 'deletion'
            """
            self._db.execute(query, (due_at,))

    def unnoticed(self) -> list[Row]:
        """Requests that wait, and of which nobody was told yet."""
        return self.rows("WHERE status = 'open' AND NOT noticed ORDER BY number LIMIT 100", ())

    def taken_back(self) -> list[Row]:
        """Requests that their agents took back, and that are still on record as waiting."""
        return self.rows("WHERE status = 'revoked' AND kase != '' LIMIT 100", ())

    def notice(self, row: Row) -> None:
        """Whoever is to know that a request waits was told."""
        with transaction(self._db):
            self._db.execute("UPDATE agent_request SET noticed = 1 WHERE id = ?", (row.id,))

    def file(self, row: Row, person: int, kase: str) -> None:
        """Note under what a request is on record, with a person."""
        with transaction(self._db):
            self._db.execute("UPDATE agent_request SET person = ?, kase = ? WHERE id = ?", (person, kase, row.id))

    def make(self, row: Row) -> None:
        """A person is about to be made for a request."""
        with transaction(self._db):
            self._db.execute("UPDATE agent_request SET made = 1 WHERE id = ?", (row.id,))

    def begin_for(self, row: Row, person: int, *, made: bool) -> None:
        """Note whom a request is carried out for, and whether they were made for it. It is not asked again."""
        with transaction(self._db):
            query = "UPDATE agent_request SET begun = 1, person = ?, made = ? WHERE id = ?"
            self._db.execute(query, (person, made, row.id))

    def has_begun(self, person: int, kase: str) -> bool:
        """Whether what is on record as a person's request is being carried out, or was."""
        query = "SELECT 1 FROM agent_request WHERE person = ? AND kase = ? AND begun"
        return self._db.execute(query, (person, kase)).fetchone() is not None

    def failed(self, row: Row) -> int:
        """Note that a request could not be carried out; return how often that was."""
        with transaction(self._db):
            self._db.execute("UPDATE agent_request SET tries = tries + 1 WHERE id = ?", (row.id,))
        return row.tries + 1

    def end(self, row: Row, at: int, status: Status, reason: Reason = "", details: str = "") -> None:
        """Write down how a request ended, once. It shows from the next step on."""
        steps = max(1, -((row.due_at - at) // TICK))
        shown_at = row.due_at + steps * TICK
        with transaction(self._db):
            self._db.execute(
                "UPDATE agent_request SET status = ?, reason = ?, details = ?, shown_at = ?, "
                "results_until = CASE WHEN results IS NULL THEN NULL ELSE ? END WHERE id = ? AND status = 'working'",
                (status, reason, details, shown_at, shown_at + RESULTS_KEPT, row.id),
            )

    def let_go(self) -> None:
        """Destroy the keys of what has ended. Raises Busy where another would not let go of their file."""
        query = (
            "SELECT number FROM agent_request WHERE body IS NOT NULL AND status NOT IN ('open', 'working') LIMIT 100"
        )
        for (number,) in self._db.execute(query).fetchall():
            self._keys.destroy_person(_KEYS + number)
            with transaction(self._db):
                self._db.execute("UPDATE agent_request SET body = NULL WHERE number = ?", (number,))

    def announce(self, at: int, body_of: Callable[[Row], bytes]) -> bool:
        """Put what shows from now on into the outbox, for agents that want to hear of it; whether there was any."""
        where = "WHERE NOT announced AND shown_at IS NOT NULL AND shown_at <= ? ORDER BY number LIMIT 100"
        rows = self.rows(where, (at,))
        outbox = OutboxFile(self._ledger)
        for row in rows:
            with transaction(self._db):
                done = "UPDATE agent_request SET announced = 1 WHERE id = ? AND NOT announced"
                if self._db.execute(done, (row.id,)).rowcount and row.callback:
                    outbox.put(row.org, row.callback, KIND, row.id, body_of(row))
        return bool(rows)

    # -- reading

    def rows(self, where: str, parameters: Sequence[object]) -> list[Row]:
        """What a query's end finds."""
        found = self._db.execute(f"{_SELECT} {where}", parameters).fetchall()
        return [self._opened(*row) for row in found]

    def _opened(self, handle: str, org: str, agent: int, name: str, exercise: Exercise, *rest: Any) -> Row:
        at, due_at, status, reason, details, shown_at, person, made, kase, said, body, tries, waiting = rest[:13]
        size, until, begun, announced, number = rest[13:]
        place = _place(handle)
        own = msgspec.msgpack.decode(self._keys.org(org).open(said, place), type=_Said)
        key = None if body is None or status not in ("open", "working") else self._keys.person(_KEYS + number)
        identifiers = () if key is None else msgspec.msgpack.decode(key.open(body, place), type=Claims)
        return Row(
            id=handle,
            org=org,
            agent=agent,
            agent_name=name,
            exercise=exercise,
            at=at,
            due_at=due_at,
            status=status,
            reason=reason,
            details=details,
            shown_at=shown_at,
            person=person,
            made=bool(made),
            kase=kase,
            agent_request_id=own.agent_request_id,
            callback=own.callback,
            identifiers=identifiers,
            tries=tries,
            waiting=bool(waiting),
            size=size,
            results_until=until,
            begun=bool(begun),
            announced=bool(announced),
        )


def forget(db: sqlite3.Connection, keys: Keyring, person: int) -> None:
    """Leave of what was asked for an erased person how it ended: nobody's. Within a transaction."""
    for (number,) in db.execute("SELECT number FROM agent_request WHERE person = ?", (person,)).fetchall():
        keys.destroy_person(_KEYS + number)
    query = "UPDATE agent_request SET person = 0, kase = '', body = NULL, results = NULL WHERE person = ?"
    db.execute(query, (person,))


def _place(handle: str) -> bytes:
    return b"agent-request" + handle.encode()

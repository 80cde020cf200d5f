"""Destinations in ledger.db, with their sealed secrets; and who was handed to which, so that a withdrawal can follow.

A destination that is removed, or that is to lead elsewhere from now on, stays on record (`ended_at`) as long as whoever
has it has anybody's data: what is sent to it then are deletions alone.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from rapport.act.activation import Destination, Wish
from rapport.act.webhooks import fresh_secret
from rapport.adapters.embedded.audiences import unused, using, version_of
from rapport.adapters.embedded.sqlite import transaction, translating
from rapport.kernel.errors import Conflict, NotFound
from rapport.kernel.times import HOUR, now

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

SCHEMA = """
    CREATE TABLE destination (id INTEGER PRIMARY KEY AUTOINCREMENT, org TEXT NOT NULL, name TEXT NOT NULL,
                              made_at INTEGER NOT NULL, ended_at INTEGER, paused INTEGER NOT NULL DEFAULT 0,
                              why TEXT NOT NULL DEFAULT '', body BLOB NOT NULL, secret BLOB, filed_at INTEGER);
    CREATE UNIQUE INDEX destination_named ON destination (org, name) WHERE ended_at IS NULL;
    CREATE TABLE handed (destination INTEGER, customer INTEGER, at INTEGER NOT NULL, known BLOB,
                         PRIMARY KEY (destination, customer)) WITHOUT ROWID;
    CREATE INDEX handed_of ON handed (customer)
"""
_IN_USE = "destination"
MOST = 200
"""Destinations of one organization."""
_COLUMNS = "SELECT id, org, name, made_at, paused, why, body, secret IS NOT NULL FROM destination"
_COLUMNS_AND_END = _COLUMNS.replace(" FROM ", ", ended_at FROM ")
_HANDED = "INSERT INTO handed VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at, known = excluded.known"


class Handed(NamedTuple):
    """That a customer (the number of the record whose handle was sent) was handed to a destination, when last, and
    under which keys if not under the handle, the last one last."""

    destination: int
    customer: int
    at: int
    known_as: tuple[dict[str, str], ...] = ()


class _Kept(msgspec.Struct):
    """What of a destination is kept in one piece."""

    kind: str
    url: str
    purpose: str
    audience: str | None
    events: tuple[str, ...]
    fields: dict[str, str]
    recipient: str
    per_second: int | None
    at_once: int
    format: str | None = None
    every_hours: int | None = None


class DestinationBook:
    """The destinations of a ledger; over one ledger connection, used by one thread at a time."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._ledger = ledger
        self._db = ledger.db
        self._seal = ledger.keys.node("destinations")

    # -- defining

    def put(self, org: str, name: str, wish: Wish) -> tuple[Destination, str | None]:
        """Make a destination, or change it; return it, and the secret that was made for it, if one was. One that leads
        elsewhere than before is another, and begins without a secret. Raises NotFound, Conflict `too_many`."""
        if not self._ledger.has_org(org):
            raise NotFound(f"there is no organization {org!r}", field="org")
        with translating(self._ledger.path), transaction(self._db):
            before = self._named(org, name)
            stays = before is not None and _place(before) == (wish.kind, wish.url, wish.recipient)
            if before is None:
                (count,) = self._db.execute(
                    "SELECT count(*) FROM destination WHERE org = ? AND ended_at IS NULL", (org,)
                ).fetchone()
                if count >= MOST:
                    raise Conflict(f"an organization has at most {MOST} destinations", code="too_many", field="name")
            kept = _encoded(wish)
            if before is not None and stays:
                number = before.number
                self._db.execute("UPDATE destination SET body = ? WHERE id = ?", (kept, number))
            else:
                if before is not None:
                    self._end(before.number)
                query = "INSERT INTO destination (org, name, made_at, body) VALUES (?, ?, ?, ?) RETURNING id"
                (number,) = self._db.execute(query, (org, name, now(), kept)).fetchone()
            secret = wish.secret
            made = None
            if secret is None and wish.kind == "webhook" and not (stays and before is not None and before.has_secret):
                secret = made = fresh_secret()
            using(self._db, org, _IN_USE, name)
            if secret is not None:
                sealed = self._seal.seal(secret.encode(), _secret_place(number))
                self._db.execute("UPDATE destination SET secret = ? WHERE id = ?", (sealed, number))
        return self.named(org, name), made

    def remove(self, org: str, name: str) -> Destination:
        """Send nothing more to it but what must be deleted there. Raises NotFound."""
        with translating(self._ledger.path), transaction(self._db):
            found = self.named(org, name)
            self._end(found.number)
            # It is looked after as long as anybody is to be deleted there: see `forget_ended`.
            using(self._db, org, _IN_USE, name)
        return found

    def _end(self, number: int) -> None:
        self._db.execute("UPDATE destination SET ended_at = ? WHERE id = ?", (now(), number))

    def pause(self, number: int, why: str = "") -> None:
        """Send nothing more until `resume`; what happens meanwhile waits."""
        with translating(self._ledger.path), transaction(self._db):
            self._db.execute("UPDATE destination SET paused = 1, why = ? WHERE id = ?", (why, number))

    def resume(self, number: int) -> None:
        with translating(self._ledger.path), transaction(self._db):
            self._db.execute("UPDATE destination SET paused = 0, why = '' WHERE id = ?", (number,))

    # -- looking

    def named(self, org: str, name: str) -> Destination:
        """Raises NotFound."""
        found = self._named(org, name)
        if found is None:
            raise NotFound("there is no such destination", field="name")
        return found

    def _named(self, org: str, name: str) -> Destination | None:
        row = self._db.execute(f"{_COLUMNS} WHERE org = ? AND name = ? AND ended_at IS NULL", (org, name)).fetchone()
        return None if row is None else _destination(row)

    def of_org(self, org: str) -> list[Destination]:
        """Those of an organization, by name."""
        rows = self._db.execute(f"{_COLUMNS} WHERE org = ? AND ended_at IS NULL ORDER BY name", (org,))
        return [_destination(row) for row in rows.fetchall()]

    def every(self) -> list[Destination]:
        """All that anything may be sent to, of whomever."""
        return [_destination(row) for row in self._db.execute(f"{_COLUMNS} WHERE ended_at IS NULL").fetchall()]

    def orgs(self) -> set[str]:
        """Organizations that have, or had, destinations that may hold anybody's data."""
        return {org for (org,) in self._db.execute("SELECT DISTINCT org FROM destination").fetchall()}

    def version(self) -> int:
        """Moves whenever a destination, or an audience, is made, changed or removed."""
        return version_of(self._db)

    def numbered(self, number: int) -> tuple[Destination, bool] | None:
        """A destination, and whether it is no more and only owes deletions."""
        row = self._db.execute(f"{_COLUMNS_AND_END} WHERE id = ?", (number,)).fetchone()
        return None if row is None else (_destination(row[:-1]), row[-1] is not None)

    def owing(self) -> list[int]:
        """The numbers of those that hold anybody's data."""
        return [number for (number,) in self._db.execute("SELECT DISTINCT destination FROM handed ORDER BY 1")]

    def secret(self, number: int) -> str | None:
        row = self._db.execute("SELECT secret FROM destination WHERE id = ?", (number,)).fetchone()
        if row is None or row[0] is None:
            return None
        return self._seal.open(row[0], _secret_place(number)).decode()

    # -- who was handed

    def hand(self, org: str, handed: Iterable[Handed]) -> None:
        """Put on record that customers are about to be handed over; durable when this returns."""
        seal = self._ledger.keys.org(org)
        rows = [
            (
                one.destination,
                one.customer,
                one.at,
                seal.seal(msgspec.json.encode(one.known_as), _known_place(one)) if one.known_as else None,
            )
            for one in handed
        ]
        with translating(self._ledger.path), transaction(self._db):
            self._db.executemany(_HANDED, rows)

    def handed(self, org: str, destination: int, customer: int) -> Handed | None:
        row = self._db.execute(
            "SELECT destination, customer, at, known FROM handed WHERE destination = ? AND customer = ?",
            (destination, customer),
        ).fetchone()
        return None if row is None else self._opened(org, row)

    def handed_after(self, destination: int, customer: int, limit: int) -> Sequence[int]:
        """Customers handed to a destination, by number, after one."""
        query = "SELECT customer FROM handed WHERE destination = ? AND customer > ? ORDER BY customer LIMIT ?"
        return [number for (number,) in self._db.execute(query, (destination, customer, limit)).fetchall()]

    def holding(self, org: str, customer: int) -> list[int]:
        """The numbers of an organization's destinations that were handed a customer."""
        query = "SELECT h.destination FROM handed h JOIN destination d ON d.id = h.destination "
        rows = self._db.execute(f"{query} WHERE h.customer = ? AND d.org = ?", (customer, org))
        return [number for (number,) in rows.fetchall()]

    def files_due(self, at: int) -> list[Destination]:
        """Files that are to be made by now."""
        return [
            one
            for one in self.every()
            if one.every_hours is not None and not one.paused and self._filed_at(one) + one.every_hours * HOUR <= at
        ]

    def _filed_at(self, one: Destination) -> int:
        row = self._db.execute("SELECT filed_at FROM destination WHERE id = ?", (one.number,)).fetchone()
        return 0 if row is None or row[0] is None else row[0]

    def filed(self, number: int, at: int) -> None:
        """A file was asked for."""
        with translating(self._ledger.path), transaction(self._db):
            self._db.execute("UPDATE destination SET filed_at = ? WHERE id = ?", (at, number))

    def epoch(self) -> int:
        """Moves whenever anything changes on which decisions rest."""
        epoch: int = self._db.execute("SELECT value FROM epoch").fetchone()[0]
        return epoch

    def forget_ended(self) -> None:
        """Let go of those that are no more and hold nobody's data, with their secrets."""
        with translating(self._ledger.path), transaction(self._db):
            query = (
                "DELETE FROM destination WHERE ended_at IS NOT NULL AND id NOT IN (SELECT destination FROM handed) "
                "RETURNING org, name"
            )
            for org, name in self._db.execute(query).fetchall():
                query = "SELECT 1 FROM destination WHERE org = ? AND name = ?"
                if self._db.execute(query, (org, name)).fetchone() is None:
                    unused(self._db, org, _IN_USE, name)

    def given_back(self, destination: int, customer: int, at: int) -> None:
        """Whoever has the destination was told to delete a customer whom it was handed by then."""
        with translating(self._ledger.path), transaction(self._db):
            query = "DELETE FROM handed WHERE destination = ? AND customer = ? AND at <= ?"
            self._db.execute(query, (destination, customer, at))

    def _opened(self, org: str, row: sqlite3.Row | tuple[int, int, int, bytes | None]) -> Handed:
        destination, customer, at, known = row
        bare = Handed(destination, customer, at)
        if known is None:
            return bare
        opened = self._ledger.keys.org(org).open(known, _known_place(bare))
        return bare._replace(known_as=msgspec.json.decode(opened, type=tuple[dict[str, str], ...]))


def _place(one: Destination) -> tuple[str, str, str]:
    """What makes a destination another one: somebody else may have what was handed to it."""
    return one.kind, one.url, one.recipient


def _encoded(wish: Wish) -> bytes:
    kept = msgspec.convert({name: getattr(wish, name) for name in _Kept.__struct_fields__}, _Kept)
    return msgspec.json.encode(kept)


def _destination(row: tuple[int, str, str, int, int, str, bytes, int]) -> Destination:
    number, org, name, made_at, paused, why, body, has_secret = row
    kept = msgspec.json.decode(body, type=_Kept)
    known = {
        "number": number, "org": org, "name": name, "made_at": made_at, "paused": bool(paused), "why": why,
        "has_secret": bool(has_secret),
    }  # fmt: skip
    return msgspec.convert({**msgspec.structs.asdict(kept), **known}, Destination)


def _secret_place(number: int) -> bytes:
    return b"destination" + number.to_bytes(8, "big")


def _known_place(one: Handed) -> bytes:
    return b"handed" + one.destination.to_bytes(8, "big") + one.customer.to_bytes(8, "big")

"""Feeding destinations: what happens to customers goes into the queues of those that are to be told, by the transaction
that notes it.

    Feeding(ledger, reader)       one instance per thread, as the two
      .touched(org, touches)      what the worker tells: events that are asked for, and who may be read otherwise
      .stirred(org, record)       likewise, of the ledger: persons, claims and promises that changed
      .along(db, moves)           for `DecideFile.write`: puts all of it in, and who entered or left an audience
      .tell_members(db)           and, in a transaction of its own, who was in before there was the destination, and
                                  who is in the audience that it was given before
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rapport.adapters.embedded.decide_file import Move
from rapport.adapters.embedded.destination_members import Earlier, Places, forget_places, gone_places
from rapport.adapters.embedded.destination_queue import Row, Told, put, put_events, recheck, sealed_event
from rapport.adapters.embedded.destinations import DestinationBook
from rapport.adapters.embedded.sqlite import transaction
from rapport.kernel.keys import digest16
from rapport.kernel.times import now
from rapport.profile.store import Touch

if TYPE_CHECKING:
    from rapport.adapters.embedded.customers import CustomerReader
    from rapport.adapters.embedded.ledger import LedgerFile


class Feeding:
    def __init__(self, ledger: "LedgerFile", reader: "CustomerReader") -> None:
        self._keys = ledger.keys
        self._reader = reader
        self._book = DestinationBook(ledger)
        self._secret = ledger.keys.secret("told")
        self._version = -1
        self._audience_of: dict[int, tuple[str, str]] = {}
        self._by_audience: dict[tuple[str, str], list[int]] = {}
        self._by_event: dict[str, dict[str, list[int]]] = {}
        self._untold: dict[int, tuple[str, str]] = {}
        self._standing: dict[int, tuple[str, str | None]] = {}
        """Organization and audience, if any, of all that are sent to."""
        self._earlier: dict[int, Earlier] | None = None
        """Audiences that destinations are not given any more; None: to be looked up."""
        self._fed: set[str] = set()
        self._events: list[tuple[Row, bytes]] = []
        self._rechecks: dict[tuple[str, int | None], None] = {}
        self._news = False

    def begin(self) -> None:
        """Forget what was gathered and not put in: whoever was to do so failed, and begins again."""
        self._events.clear()
        self._rechecks.clear()

    def has_fed(self) -> bool:
        """Whether anything was put in since this was asked last."""
        news, self._news = self._news, False
        return news

    def touched(self, org: str, touches: Iterable[Touch]) -> None:
        self._refresh()
        wanted = self._by_event.get(org, {})
        for touch in touches if org in self._fed else ():
            if touch.all:
                self.stirred(org, touch.record)
            if touch.happened:
                self._gather(org, touch, wanted)

    def stirred(self, org: str | None, record: int | None) -> None:
        """Look again at those whom destinations were handed: a record's customer, all of an organization's (record
        None), everybody (org None)."""
        self._refresh()
        if record is None:
            for one in self._fed if org is None else {org} & self._fed:
                self._rechecks[one, None] = None
        elif org is not None and org in self._fed:
            with self._reader.snapshot():
                found = self._reader.found(org, record)
            for number in {record} if found is None else {record, found.number}:
                if self._book.holding(org, number):
                    self._rechecks[org, number] = None

    def along(self, db: sqlite3.Connection, moves: Sequence[Move]) -> None:
        """Within the caller's transaction over decide.db."""
        self._refresh()
        places = Places(db)
        left = self._left_behind(places)
        rows = []
        for move in moves:
            where = move.org, move.audience
            row = Row(0, move.customer, move.moved.kind, move.moved.at, audience=move.audience)
            for number in self._by_audience.get(where, ()):
                if places.is_told(number, *where, move.customer):
                    rows.append(row._replace(destination=number))
                else:
                    self._untold[number] = where
            for number, upto in left.get(where, ()) if row.what == "left" else ():
                if upto is None or move.customer <= upto:
                    rows.append(row._replace(destination=number))
        self._news = self._news or bool(rows or self._events or self._rechecks)
        put(db, rows)
        put_events(db, self._events)
        for org, customer in self._rechecks:
            recheck(db, org, [customer])
        self.begin()

    def tell_members(self, db: sqlite3.Connection) -> bool:
        """Have destinations told of some of those who are in already, or were in the audience before; whether there may
        be more."""
        self._refresh()
        places = Places(db)
        earlier = self._known_earlier(places)
        leaving = [number for number in earlier if places.has_room(number)]
        entering = [
            number
            for number, where in self._untold.items()
            if number not in earlier and places.can_go_on(number, *where)
        ]
        gone = gone_places(db, self._standing)
        if not (leaving or entering or gone):
            return False
        with transaction(db):
            forget_places(db, gone)
            rest = {number: places.leave_some(number, earlier[number]) for number in leaving}
            told = {number: places.tell_some(number, *self._untold[number]) for number in entering}
        for number, one in rest.items():
            if one is None:
                del earlier[number]
            else:
                earlier[number] = one
        for number in entering:
            if told[number] is None:
                del self._untold[number]
        self._news = self._news or bool(leaving or entering)
        return True

    def _known_earlier(self, places: Places) -> dict[int, Earlier]:
        if self._earlier is None:
            found = {number: places.earlier(number, *where) for number, where in self._standing.items()}
            self._earlier = {number: one for number, one in found.items() if one is not None}
        return self._earlier

    def _left_behind(self, places: Places) -> dict[tuple[str, str], list[tuple[int, int | None]]]:
        """Audiences that destinations are not given any more: which, and up to whom they still are to be told that
        somebody left."""
        found: dict[tuple[str, str], list[tuple[int, int | None]]] = {}
        for number, one in self._known_earlier(places).items():
            if one.stands:
                found.setdefault((self._standing[number][0], one.name), []).append((number, one.upto))
        return found

    def _gather(self, org: str, touch: Touch, wanted: dict[str, list[int]]) -> None:
        """The events that destinations ask for."""
        key = self._keys.record(org, touch.record)
        with self._reader.snapshot():
            found = None if key is None else self._reader.found(org, touch.record)
        if found is None or key is None:
            return
        for name, message_id in touch.happened:
            sealed = sealed_event(key, Told(name, message_id, touch.record))
            for number in wanted.get(name, ()):
                digest = digest16(self._secret, number.to_bytes(8, "big"), message_id.encode("utf-8", "replace"))
                self._events.append((Row(number, found.number, "event", now(), touch.record, sealed), digest))

    def _refresh(self) -> None:
        version = self._book.version()
        if version == self._version:
            return
        self._version = version
        self._audience_of, self._by_audience, self._by_event, self._fed = {}, {}, {}, self._book.orgs()
        self._standing, self._earlier = {}, None
        for one in self._book.every():
            if one.kind != "file":
                self._standing[one.number] = one.org, one.audience
            if one.audience is not None and one.kind != "file":
                self._audience_of[one.number] = where = one.org, one.audience
                self._by_audience.setdefault(where, []).append(one.number)
            for name in one.events:
                self._by_event.setdefault(one.org, {}).setdefault(name, []).append(one.number)
        self._untold = dict(self._audience_of)

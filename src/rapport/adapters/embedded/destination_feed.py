"""Feeding destinations: what happens to customers goes into the queues of those that are to be told, by the transaction
that notes it.

    Feeding(ledger)                          one instance per thread, as the ledger
      .along(db, moves)                      for `DecideFile.write`: who entered or left an audience
      .happened(db, org, customer, events)   likewise: events of names that a destination asks for
      .events(org)                           the names of events that any destination of an organization asks for
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rapport.adapters.embedded.decide_file import Move
from rapport.adapters.embedded.destination_queue import Row, Told, put, sealed_event
from rapport.adapters.embedded.destinations import DestinationBook
from rapport.kernel.times import now

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile


class Feeding:
    def __init__(self, ledger: "LedgerFile") -> None:
        self._ledger = ledger
        self._book = DestinationBook(ledger)
        self._version = -1
        self._by_audience: dict[tuple[str, str], list[int]] = {}
        self._by_event: dict[str, dict[str, list[int]]] = {}

    def along(self, db: sqlite3.Connection, moves: Sequence[Move]) -> None:
        """Put in what destinations are to be told of these moves, within the caller's transaction over decide.db."""
        self._refresh()
        rows = [
            Row(number, move.customer, move.moved.kind, move.moved.at)
            for move in moves
            for number in self._by_audience.get((move.org, move.audience), ())
        ]
        if rows:
            put(db, rows)

    def events(self, org: str) -> frozenset[str]:
        """Names of events that any destination is to be told of."""
        self._refresh()
        return frozenset(self._by_event.get(org, ()))

    def happened(self, db: sqlite3.Connection, org: str, customer: int, events: Iterable[Told]) -> None:
        """Put in what destinations are to be told of a customer's events, within the caller's transaction."""
        self._refresh()
        wanted = self._by_event.get(org, {})
        rows = []
        for told in events:
            key = self._ledger.keys.record(org, told.record) if told.name in wanted else None
            if key is not None:
                sealed = sealed_event(key, told)
                rows += [Row(number, customer, "event", now(), told.record, sealed) for number in wanted[told.name]]
        put(db, rows)

    def _refresh(self) -> None:
        version = self._book.version()
        if version == self._version:
            return
        self._version = version
        self._by_audience, self._by_event = {}, {}
        for one in self._book.every():
            if one.audience is not None:
                self._by_audience.setdefault((one.org, one.audience), []).append(one.number)
            for name in one.events:
                self._by_event.setdefault(one.org, {}).setdefault(name, []).append(one.number)

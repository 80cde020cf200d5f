"""Keeping to what organizations promise, while nothing else is to be done: round by round over all records, a slice at
a time, so that what comes in never waits long.

A round begins a day after the last one began; a slice ends after 2,000 records or 50 ms. One record is never parted, so
that a very long one takes as long as reading it does.
"""

import time
from collections.abc import Callable

from rapport.adapters.embedded.retaining import RetentionTables
from rapport.kernel import vocabulary
from rapport.kernel.errors import BadInput
from rapport.kernel.times import DAY
from rapport.profile.assemble import Assembler
from rapport.profile.erasure import Graph
from rapport.profile.links import Links
from rapport.profile.retention import Covered, Limit, Retainer, limits_of
from rapport.terms.declaration import Declaration, Promise

SLICE_RECORDS = 2_000
SLICE_SECONDS = 0.05
ROUND = DAY


class Retention:
    """One worker's rounds. `promised` tells what an organization has declared."""

    def __init__(
        self,
        tables: RetentionTables,
        assembler: Assembler,
        links: Links,
        graph: Graph,
        promised: Callable[[str], Declaration],
    ) -> None:
        self._tables = tables
        self._assembler = assembler
        self._retainer = Retainer(tables.state, assembler, links, graph)
        self._promised = promised

    def slice(self, cursor: int, at: int) -> bool:
        """Go on with the round that is due at a time (µs), if one is, and commit; return whether there is more of it.
        Everything taken in must be committed, up to `cursor`."""
        began, place = self._tables.progress()
        if place == 0:
            if at - began < ROUND:
                return False
            began = at
        orgs = self._tables.orgs()
        limits = {org: promised_limits(self._promised(org)) for org in orgs.values()}
        until = time.monotonic() + SLICE_SECONDS
        rows = self._tables.records(place, SLICE_RECORDS) if any(limits.values()) else []
        more = len(rows) == SLICE_RECORDS
        for number, org in rows:
            place = number
            if limits[orgs[org]]:
                self._retainer.keep_to(number, limits[orgs[org]], at)
                if time.monotonic() > until:
                    more = more or number != rows[-1][0]
                    break
        self._retainer.keep_moved_to(limits, at)
        self._tables.put_progress(began, place if more else 0)
        self._assembler.commit(cursor)
        if not more:
            self._tables.destroy_keys(cursor)
        return more


def promised_limits(declaration: Declaration) -> list[Limit]:
    """How long a declaration lets data be kept, by category."""
    covered: list[Covered] = []
    for first in declaration.purposes.values():
        promise: Promise | None = first
        while promise is not None:
            days = promise.retention_days
            covered.append((_mask(promise.categories), None if days is None else days * DAY))
            promise = promise.alternative
    return limits_of(covered)


def _mask(categories: tuple[str, ...]) -> int:
    mask = 0
    for category in categories:
        try:
            mask |= vocabulary.below(category)
        except BadInput:  # unknown to this version: what it may be is kept
            continue
    return mask

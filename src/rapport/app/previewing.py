"""Previews of audiences: an expression over today's customers, before anything is saved.

Whoever is looked at is read through the gate, with a receipt a day (a standing use): so the number who would be in is
exact for those who may be read, and nobody else is in any number but one. That one, how many may not be read for the
purpose, is an aggregate; it does not hang on the expression, and is worked out once a day for each purpose, so that no
series of questions tells more of it than one.

Customers are taken spread over all records, old and new, until everybody was looked at or the time is over. Then
numbers are scaled, and `share` says from how much. What was told is of the purpose and the day: the same customers are
looked at each time, so that two previews can be compared.
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, Protocol

from rapport.adapters.embedded.decide_reader import DecideReader
from rapport.adapters.embedded.reader import StateReader
from rapport.app.cursors import NEWEST
from rapport.decide import Audience, Verdict
from rapport.kernel.errors import Busy
from rapport.kernel.expressions import Dependencies, Facts
from rapport.kernel.times import DAY, now
from rapport.profile.store import Found
from rapport.terms import Gate, Request
from rapport.terms.aggregates import Crowd, Guard
from rapport.terms.facts import HistoryOf, facts_of, looked_at
from rapport.terms.standing_use import StandingUse
from rapport.web.audiences import Preview

ACTION = "audience preview"
PREVIEW_S = 2.0
"""How long a preview looks at customers."""
WAIT_S = 20.0
MOST_WAITING = 3
"""Of one organization: the others get their turn, too."""
_TOGETHER = 50
_ALL = 1 << 62
_MOST_NOTED = 1_000
_BUSY = "another preview is being worked out: ask again in a moment"
_ODD = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


class Looking(NamedTuple):
    """What a preview reads by, all of one thread."""

    reader: StateReader
    gate: Gate
    decided: DecideReader
    guard: Guard
    crowd: Callable[[Sequence[int]], Crowd]
    history_of: Callable[[Dependencies], HistoryOf]
    close: Callable[[], None]


class Judged(Protocol):
    """What is previewed: a Rule is one, and Knowing. Of `audience` the purpose counts."""

    @property
    def audience(self) -> Audience: ...

    @property
    def dependencies(self) -> Dependencies: ...

    def verdict(self, facts: Facts | None, now: int, memo: dict[int, Any] | None = None, *, exact: bool) -> Verdict: ...


class _Seen(NamedTuple):
    number: int
    inside: bool
    error: str


class Previewer:
    """One preview at a time; each in a thread, over parts of its own."""

    def __init__(self, open_parts: Callable[[], Looking], limit_s: float = PREVIEW_S) -> None:
        self._open = open_parts
        self._limit = limit_s
        self._running = threading.Lock()
        self._turn = asyncio.Lock()
        self._waiting = Counter[str]()
        self._parts: Looking | None = None
        self._use = StandingUse()
        self._refusing: dict[tuple[str, str], tuple[int, int | None]] = {}

    async def waited_for(self, org: str, rule: Judged, against: str | None, caller: str) -> Preview:
        """The same for a loop that answers requests. Whoever waits holds no thread meanwhile: there are few, and all
        else that the process does in threads would wait, too. Raises Busy."""
        if self._waiting[org] >= MOST_WAITING:
            raise Busy(_BUSY, retry_after=2)
        self._waiting[org] += 1
        try:
            async with asyncio.timeout(WAIT_S):
                await self._turn.acquire()
        except TimeoutError:
            raise Busy(_BUSY, retry_after=2) from None
        finally:
            self._waiting[org] -= 1
        try:
            return await asyncio.to_thread(self.preview, org, rule, against, caller)
        finally:
            self._turn.release()

    def preview(self, org: str, rule: Judged, against: str | None, caller: str) -> Preview:
        """`against`: the saved audience to compare with. Blocks for seconds: for a thread. Raises Busy."""
        if not self._running.acquire(timeout=WAIT_S):
            raise Busy(_BUSY, retry_after=2)
        try:
            if self._parts is None:
                self._parts = self._open()
            return asyncio.run(self._preview(self._parts, org, rule, against, caller))
        finally:
            self._running.release()

    def close(self) -> None:
        """Close what it looks by, once whoever is at it is done."""
        with self._running:
            if self._parts is not None:
                self._parts.close()
                self._parts = None

    async def _preview(self, parts: Looking, org: str, rule: Judged, against: str | None, caller: str) -> Preview:
        purpose = rule.audience.purpose
        request = Request(org, "", purpose, caller, ACTION)
        history_of = parts.history_of(rule.dependencies)
        present, until = now(), time.monotonic() + self._limit
        walk = Walk(parts.reader, org)

        def seen(found: Found) -> _Seen:
            verdict = rule.verdict(facts_of(found, rule.dependencies, history_of), present, {}, exact=False)
            return _Seen(found.number, verdict.inside, verdict.error)

        def fields(_: _Seen) -> tuple[str, ...]:
            return looked_at(rule.dependencies)

        tally = _Tally()
        while not walk.done:
            answers = await parts.gate.each(request, walk.following, seen, fields, self._use)
            told = [one for _, one, _ in answers]
            tally.add(told, set() if against is None else _members(parts.decided, org, against, told))
            tally.shut += set(walk.latest) - {one.number for one in told}
            if time.monotonic() >= until:
                break
        refusing = self._told_refusing(parts, org, purpose, tally.shut, walk.share)
        return tally.preview(walk.share, refusing, compared=against is not None)

    def _told_refusing(self, parts: Looking, org: str, purpose: str, shut: list[int], share: float) -> int | None:
        today = now() // DAY
        known = self._refusing.get((org, purpose))
        if known is None or known[0] != today:
            told = parts.guard.told(parts.crowd(shut)) if shut else None
            if told is not None and share < 1:
                told = 10 * round(told / share / 10)
            if len(self._refusing) >= _MOST_NOTED:
                self._refusing.clear()
            known = self._refusing[org, purpose] = (today, told)
        return known[1]


def _members(decided: DecideReader, org: str, name: str, told: Sequence[_Seen]) -> set[int]:
    """Which of them are in a saved audience."""
    kept = ((one.number, decided.membership(org, name, one.number)) for one in told)
    return {number for number, member in kept if member is not None and member.since is not None}


class Walk:
    """Customers of an organization, each once, spread over all its records; at most so many records."""

    def __init__(self, reader: StateReader, org: str, most: int = _ALL) -> None:
        self._reader = reader
        self._org = org
        self._numbers = reader.newest_records(org, NEWEST, _ALL)
        self._most = min(most, len(self._numbers))
        self._places = spread(len(self._numbers))
        self.latest: list[int] = []
        self.looked = 0
        self.done = not self._most

    @property
    def share(self) -> float:
        """Of all records, as many were looked at (0 to 1)."""
        return self.looked / len(self._numbers) if self._numbers else 1.0

    def following(self) -> list[Found]:
        """The next customers, within a reader's snapshot."""
        customers: list[Found] = []
        while len(customers) < _TOGETHER and not self.done:
            places = islice(self._places, min(_TOGETHER, self._most - self.looked))
            numbers = [self._numbers[place] for place in places]
            self.looked += len(numbers)
            self.done = self.looked == self._most
            # A record stands for its customer only where it is the one that is shown: so each is looked at once.
            several = zip(numbers, self._reader.found_many(self._org, numbers), strict=True)
            customers += [found for number, found in several if found is not None and found.number == number]
        self.latest = [found.number for found in customers]
        return customers


class _Tally:
    def __init__(self) -> None:
        self.shut: list[int] = []
        self._looked = self._inside = self._new = self._left = self._failing = 0
        self._reasons: dict[str, int] = {}

    def add(self, told: Sequence[_Seen], members: set[int]) -> None:
        self._looked += len(told)
        for one in told:
            self._inside += one.inside
            self._new += one.inside and one.number not in members
            self._left += not one.inside and one.number in members
            if one.error:
                self._failing += 1
                self._reasons[one.error] = self._reasons.get(one.error, 0) + 1

    def preview(self, share: float, refusing: int | None, *, compared: bool) -> Preview:
        def whole(count: int) -> int:
            return count if share >= 1 else round(count / share)

        return Preview(
            whole(self._inside),
            whole(self._new) if compared else None,
            whole(self._left) if compared else None,
            refusing,
            whole(self._failing),
            max(self._reasons, key=lambda reason: (self._reasons[reason], reason), default=""),
            round(share, 4),
            read=whole(self._looked),
        )


def spread(total: int) -> Iterator[int]:
    """Every place below `total` once, in a fixed order that looks like chance: sources take turns in when records were
    made, so that no step or pattern of places would stand for all."""
    bits = max(2, (total - 1).bit_length())
    return (place for turn in range(1 << bits) if (place := _mixed(turn, bits)) < total)


def _mixed(number: int, bits: int) -> int:
    """A number below 2^bits as another, each once: products with odd numbers and shifted sums can be undone."""
    for odd in _ODD:
        number = number * odd + odd & (1 << bits) - 1
        number ^= number >> (bits + 1) // 2
    return number

"""Rounds: for an action that a time starts, everybody is gone through, in slices, for whom it is.

A round is begun at its time, or where that is the customers' own, as the first place on earth comes to it; what it
finds waits until the time comes to each of them. Whether an action is for a customer is asked of the gate: a standing
use, of one customer and purpose one receipt a day. It is asked again as the decision is made.

How far a round has come, and what it found, are one transaction: a kill repeats a slice, and nobody waits twice.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import msgspec

from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.noticed import NoticedBook, RoundRow, Row, triggers_of
from rapport.app.actions import Catalogues
from rapport.app.histories import folded
from rapport.decide.actions import Trigger
from rapport.decide.catalogue import Catalogue, Ready
from rapport.decide.languages import spoken_by
from rapport.decide.traits import joined
from rapport.decide.triggers import STALE, Round, Start, comes, next_round
from rapport.kernel.errors import Busy
from rapport.kernel.expressions import Dependencies
from rapport.kernel.times import DAY, HOUR
from rapport.profile.store import Found
from rapport.terms import Gate, Request
from rapport.terms.facts import facts_of, looked_at
from rapport.terms.standing_use import UseOfEverybody

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile
    from rapport.adapters.embedded.reader import StateReader

log: Final = logging.getLogger(__name__)

CALLER, ACTION = "node", "decision round"
SLICE: Final = 50
"""Customers looked at between decisions of which somebody may wait for one."""
_NEWEST: Final = 1 << 62
_NEVER: Final = 1 << 62
_ROUND: Final = DAY + 2 * HOUR
"""How long it takes until a time has come everywhere."""
_ZONED: Final = Dependencies(traits=frozenset({"timezone"}))
_encode = msgspec.msgpack.Encoder(order="deterministic").encode
_decode = msgspec.msgpack.Decoder(Trigger).decode


class _Fits(NamedTuple):
    """Whether an action is for a customer, and their time zone."""

    fits: bool
    zone: str


class Rounds:
    """Of all organizations, one slice at a time; `ledger`, `reader` and `gate` are of one thread."""

    def __init__(
        self,
        ledger: "LedgerFile",
        reader: "StateReader",
        gate: Gate,
        loop: asyncio.AbstractEventLoop,
        zone_of: Callable[[Found], str],
    ) -> None:
        """`zone_of`: the time zone that the person behind a customer says is theirs, or ""."""
        self._ledger = ledger
        self._reader = reader
        self._gate = gate
        self._loop = loop
        self._zone_of = zone_of
        self._actions = ActionBook(ledger)
        self._catalogues = Catalogues(self._actions, Definitions(ledger))
        self._book = NoticedBook(ledger)
        self._version = -1
        self._rows: list[RoundRow] = []
        self._last = ("", "", b"")
        self._resting: dict[tuple[str, str, bytes], int] = {}
        """Rounds that nobody knows how to go on with, and until when (µs)."""
        self._uses: dict[str, UseOfEverybody] = {}

    def step(self, at: int) -> bool:
        """Go through a slice of a round; return whether there may be more. Rounds take turns, whosever they are."""
        self._follow(at)
        due = [one for one in self._rows if self._begins(one) <= at]
        if not due:
            return False
        one = min(due, key=lambda row: (row[:3] <= self._last, row[:3]))
        self._last = one[:3]
        try:
            self._go_on(one, at)
        except Busy:
            raise
        except Exception as error:  # what nobody thought of stops no other round: it is tried again in an hour
            log.exception("a round did not go on, and will be tried again: %s", type(error).__name__)
            self._resting[one[:3]] = at + HOUR
        return True

    def next_due(self) -> int | None:
        due = min(map(self._begins, self._rows), default=_NEVER)
        return None if due == _NEVER else due

    def _begins(self, one: RoundRow) -> int:
        """When there is more of a round to do (µs)."""
        return _NEVER if one.begins is None else max(one.begins, self._resting.get(one[:3], 0))

    def _follow(self, at: int) -> None:
        """Know what times start now. One that is new may be in the midst of a round."""
        version = self._actions.version()
        if version == self._version:
            return
        wanted = {
            (org, action, _encode(trigger)): trigger
            for org, triggers in triggers_of(self._ledger).items()
            for action, trigger in triggers.timed
        }
        known = {one[:3]: one for one in self._book.rounds()}
        gone = [one for key, one in known.items() if key not in wanted]
        fresh = [
            _fresh(*key, next_round(trigger, at - _ROUND), at) for key, trigger in wanted.items() if key not in known
        ]
        if gone or fresh:
            self._book.put_rounds(fresh, gone)
        self._rows = self._book.rounds()
        self._resting.clear()
        self._version = version

    # -- a slice

    def _go_on(self, one: RoundRow, at: int) -> None:
        if one.begins is not None and at - one.begins > STALE + _ROUND:
            self._went_on(one, _following(one, at - STALE), [], at)
        else:
            self._slice(one, at)

    def _slice(self, one: RoundRow, at: int) -> None:
        trigger = _decode(one.trigger)
        catalogue = self._catalogues.of(one.org)
        ready = catalogue.ready.get(one.action)
        before = one.before or _NEWEST
        with self._reader.snapshot():
            numbers = self._reader.newest_records(one.org, before, SLICE)
        rows = [] if ready is None or not numbers else self._found(one, trigger, catalogue, ready, numbers, at)
        following = _following(one, one.begins or at) if len(numbers) < SLICE else one._replace(before=numbers[-1])
        self._went_on(one, following, rows, at)

    def _found(
        self, one: RoundRow, trigger: Trigger, catalogue: Catalogue, ready: Ready, numbers: Sequence[int], at: int
    ) -> list[Row]:
        """What is noticed of the customers who are shown by some records."""
        purpose, needs = ready.action.purpose, joined((catalogue.needs([ready]), _ZONED))

        def customers() -> Sequence[Found]:
            found = zip(numbers, self._reader.found_many(one.org, numbers), strict=True)
            return [known for number, known in found if known is not None and known.number == number]

        def judged(found: Found) -> _Fits:
            facts = catalogue.fill(facts_of(found, needs, folded(self._reader, needs)), [ready], at, {})
            zone = self._zone_of(found) or facts.traits.get("timezone")
            speaks = spoken_by(facts.traits)
            fits = any(ready.excluded(facts, at, channel, speaks) is None for channel in ready.action.content)
            return _Fits(fits, zone if isinstance(zone, str) else "")

        use = self._uses.setdefault(one.org, UseOfEverybody())
        request = Request(one.org, "", purpose, CALLER, ACTION)
        names = looked_at(needs)
        answers = self._loop.run_until_complete(self._gate.each(request, customers, judged, lambda _: names, use))
        this = Round(one.begins or at, one.day)
        how: Literal["daily", "at"] = "daily" if trigger.daily else "at"
        rows = []
        for found, fits, _ in answers:
            due = comes(trigger, this, fits.zone)
            if fits.fits and max(one.since, at - STALE) <= due:
                start = Start(how, trigger.daily, due)
                rows.append(Row(one.org, found.number, purpose, (one.action,), start, due=due, timed=True))
        return rows

    def _went_on(self, one: RoundRow, following: RoundRow, rows: Sequence[Row], at: int) -> None:
        self._book.went_on(following, rows, at)
        self._rows = [following if row[:3] == one[:3] else row for row in self._rows]


def _following(one: RoundRow, after: int) -> RoundRow:
    """The round after this one."""
    following = next_round(_decode(one.trigger), max(after, one.begins or 0))
    return _fresh(one.org, one.action, one.trigger, following, one.since)


def _fresh(org: str, action: str, trigger: bytes, one: Round | None, since: int) -> RoundRow:
    begins, day = (None, "") if one is None else (one.begins, one.day)
    return RoundRow(org, action, trigger, begins, day, 0, since)

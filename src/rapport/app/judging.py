"""One look at what an organization's decisions gave: what is known is gathered, actions that harm are switched off, and
the book of estimates is told.

Of the newest decisions alone an action can be judged again and again without end, and still err as seldom as is
claimed: see `learn.guard_rails`. An epoch ends when its first decision is out of reach; the next begins in the middle
of what is there.
"""

import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from rapport.adapters.embedded.actions import ActionBook
from rapport.adapters.embedded.benefits import BenefitFile
from rapport.adapters.embedded.decisions import DecisionBook, Kept
from rapport.adapters.embedded.guard_rails import Look, RailBook
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.manners import MannerBook
from rapport.adapters.embedded.outcomes import OutcomeBook
from rapport.app.guarding import known_by
from rapport.app.looking_back import logged_of
from rapport.decide.actions import Action
from rapport.kernel.times import SECOND
from rapport.learn.estimated import estimates_of
from rapport.learn.evidence import Evidence
from rapport.learn.guard_rails import judged_by
from rapport.learn.logged import SIDES, Logged
from rapport.learn.uplift import effect
from rapport.learn.verdicts import Rail, Verdict

MOST: Final = 50_000
"""So many decisions, the newest whose windows have passed, are looked at; each takes some hundred bytes meanwhile."""
_PAGE: Final = 100
Breathe = Callable[[float], bool]
"""Told after each page how long it took (s); whether to go on."""


def look(
    ledger: LedgerFile, org: str, at: int, breathe: Breathe = lambda _: True, most: int = MOST
) -> list[Rail] | None:
    """Look as of `at` (µs), and return what was found anew; None where it was broken off, and nothing is kept."""
    rails, outcomes, decisions = RailBook(ledger), OutcomeBook(ledger), DecisionBook(ledger)
    before, lesson, known = rails.looked(org), outcomes.last(org), known_by(ledger, org, at)
    numbers = decisions.numbers(org, known, most)
    epoch, since = _epoch(before, numbers, most)
    watched, every = _Watched(ActionBook(ledger).actions(org), rails.standing(org), since), Evidence()
    for kept in _pages(decisions, org, numbers, breathe):
        if kept is None:
            return None
        told = logged_of(outcomes, kept)
        if told is not None:
            every.add(told, at)
            watched.add(told, kept, at)
    switches = MannerBook(ledger).manner(org).guard_rails
    found = rails.found(org, watched.found(epoch, at, switches=switches))
    rails.note(org, Look(known, lesson, epoch, since, _told(ledger, org, every, at, before.told)))
    return found


class _Watched:
    """Evidence of each action that is on: of its version in force, since the epoch began and since somebody switched it
    on again."""

    def __init__(self, actions: Iterable[Action], standing: Mapping[str, Rail], since: int) -> None:
        self._since = since
        self._again = {name: rail.at for name, rail in standing.items() if rail.state == "on"}
        off = {name for name, rail in standing.items() if rail.state == "off"}
        self._actions = {one.id: one for one in actions if one.id not in off}
        self._evidence = Evidence()

    def add(self, told: Logged, kept: Kept, at: int) -> None:
        decision = kept.content
        if decision is None or kept.seq < self._since:
            return
        among = {
            name
            for name, version in zip(decision.case.actions, decision.versions, strict=True)
            if name in self._actions and self._actions[name].version == version and kept.at >= self._again.get(name, 0)
        }
        if among:
            self._evidence.add(told, at, among)

    def found(self, epoch: int, at: int, *, switches: bool) -> list[Rail]:
        """Actions that harm. What must be said is never switched off."""
        harm: dict[str, list[Verdict]] = {}
        for verdict in judged_by(self._evidence, self._evidence.actions, epoch):
            if verdict.harmful:
                harm.setdefault(verdict.action, []).append(verdict)
        return [
            Rail(name, one.version, "off" if switches and not one.mandatory else "harm", at, tuple(verdicts))
            for name, verdicts in harm.items()
            for one in (self._actions[name],)
        ]


def _epoch(before: Look, numbers: Sequence[int], most: int) -> tuple[int, int]:
    """The epoch, and from which decision on it goes. `numbers`: of all that are looked at, the newest first."""
    if len(numbers) < most or numbers[-1] <= before.since:
        return before.epoch, before.since
    return (before.epoch + 1 if before.known else 0), numbers[(len(numbers) - 1) // 2]


def _pages(book: DecisionBook, org: str, numbers: Sequence[int], breathe: Breathe) -> Iterator[Kept | None]:
    """The decisions of these numbers, the newest first; None: it is to be broken off."""
    for start in range(0, len(numbers), _PAGE):
        began = time.monotonic()
        yield from book.page(org, numbers[start] + 1, min(_PAGE, len(numbers) - start))
        if not breathe(time.monotonic() - began):
            yield None


def _told(ledger: LedgerFile, org: str, every: Evidence, at: int, before: str) -> str:
    """Tell the book of estimates what each action gave, once a day; return the day on which it was told last."""
    day = dt.datetime.fromtimestamp(at // SECOND, dt.UTC).date()
    currency = ActionBook(ledger).units(org).currency
    if not currency or before == day.isoformat():
        return before
    effects = [effect(every.arms(action, side), action, side) for action in every.actions for side in SIDES]
    if estimates := estimates_of(effects, currency, day):
        BenefitFile(ledger).estimate(org, estimates)
    return day.isoformat()

"""What a declaration would change: how many customers would let the organization in, for what, and which one further
promise would open the most doors. Answers are aggregates (`aggregates`); who is behind them is not told.

People who share terms share the answer, so it is worked out once for each distinct terms.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from rapport.kernel.vocabulary import CATEGORIES, EVERYTHING, UNCLASSIFIED, bit, purposes_covered
from rapport.terms.aggregates import FLOOR, NOBODY, Crowd, Guard, union
from rapport.terms.agreements import has_own
from rapport.terms.clauses import Terms
from rapport.terms.declaration import Standing
from rapport.terms.doors import Door, change_of, doors_for
from rapport.terms.doors import words as door_words
from rapport.terms.policy import Judge, mask_of, promise_for

MOST_DOORS = 5
_SERVICE = purposes_covered("service")
_COLLECTOR = EVERYTHING | UNCLASSIFIED


class Group(NamedTuple):
    """People who share terms (`key`: their content hash), and have not locked the organization out."""

    terms: Terms
    key: bytes
    crowd: Crowd


class Opening(msgspec.Struct, frozen=True):
    """One purpose. Numbers are of people, about; None: fewer than twenty. `now`: who lets the organization in by the
    promise in force; `then`: by the one that is tried; `gained`, `lost`: who would come and go. `categories`: how
    many would let it read what kinds of data. `by_law`: it reads without asking anyone; then nobody is counted."""

    purpose: str
    now: int | None
    then: int | None
    gained: int | None
    lost: int | None
    categories: dict[str, int]
    by_law: bool = False


class OpenDoor(msgspec.Struct, frozen=True):
    """One more promise, for one purpose: what to change, in words, and about how many more would let one in."""

    purpose: str
    change: dict[str, Any]
    words: str
    gained: int


class Simulation(msgspec.Struct, frozen=True):
    """`people`: who has an account and claims to be a customer; `floor`: None in place of a number means fewer."""

    people: int | None
    floor: int
    purposes: tuple[Opening, ...]
    doors: tuple[OpenDoor, ...]


def simulate(groups: Iterable[Group], present: Standing, candidate: Standing, guard: Guard, at: int) -> Simulation:
    """Hold everybody's terms against a declaration that is not in force. `candidate` has another version than
    `present`."""
    everybody = list(groups)
    judge = Judge(most=1 << 62)
    openings, doors = [], []
    for purpose in sorted({*present.declaration.purposes, *candidate.declaration.purposes}):
        promise = promise_for(candidate, purpose)
        if promise is not None and promise.basis == "legal_obligation":
            openings.append(Opening(purpose, None, None, None, None, {}, by_law=True))
            continue
        before = [_mask(judge, group, present, purpose, at) for group in everybody]
        after = [_mask(judge, group, candidate, purpose, at) for group in everybody]
        openings.append(_opening(purpose, everybody, before, after, guard))
        shut_out = [group for group, mask in zip(everybody, after, strict=True) if not mask]
        doors += _doors(shut_out, candidate, purpose, guard, at)
    doors.sort(key=lambda door: (-door.gained, door.purpose, door.words))
    people = guard.told(union(group.crowd for group in everybody))
    return Simulation(people, FLOOR, tuple(openings), tuple(doors[:MOST_DOORS]))


def _mask(judge: Judge, group: Group, standing: Standing, purpose: str, at: int) -> int:
    """What a group lets the organization read. Of people without terms of their own only what the node's default terms
    open to everybody counts: what consent their records carried is another matter, and no promise changes it."""
    promise = promise_for(standing, purpose)
    if promise is None or promise.basis == "legal_obligation":
        return 0
    if not has_own(group.terms):
        return _COLLECTOR & mask_of(promise.categories) if purpose in _SERVICE and promise.basis != "consent" else 0
    verdict = judge.decide(group.terms, group.key, standing, purpose, at)
    return verdict.collected | verdict.elsewhere


def _opening(
    purpose: str, groups: Sequence[Group], before: Sequence[int], after: Sequence[int], guard: Guard
) -> Opening:
    sides = list(zip((group.crowd for group in groups), before, after, strict=True))
    gained = guard.told(union(crowd for crowd, was, will in sides if will and not was))
    lost = guard.told(union(crowd for crowd, was, will in sides if was and not will))
    now = guard.told(union(crowd for crowd, was, _ in sides if was))
    then = guard.told(union(crowd for crowd, _, will in sides if will))
    if gained is None and lost is None:
        then = now  # so few come or go that two numbers would tell nothing of many, and too much of those
    categories: dict[str, int] = {}
    for name in CATEGORIES if then is not None else ():
        one = bit(name)
        without = guard.told(union(crowd for crowd, _, will in sides if will and not will & one))
        told = guard.told(union(crowd for crowd, _, will in sides if will & one)) if without is not None else then
        if told is not None:
            categories[name] = told
    return Opening(purpose, now, then, gained, lost, categories)


def _doors(groups: Sequence[Group], standing: Standing, purpose: str, guard: Guard, at: int) -> list[OpenDoor]:
    """For one purpose, the doors of each kind that are told, with those whom they would open."""
    promise = promise_for(standing, purpose)
    if promise is None:
        return []
    behind: dict[Door, Crowd] = defaultdict(lambda: NOBODY)
    for group in groups:
        if has_own(group.terms):
            for door in doors_for(group.terms, standing, promise, purpose, at):
                behind[door] = union((behind[door], group.crowd))
    told = []
    for door, waiting in behind.items():
        if guard.told(waiting) is None:
            continue  # that somebody waits at just this door would be told by its being named
        # Whoever is content with less than this door gives comes in by it, too.
        crowd = union(one for other, one in behind.items() if other[:2] == door[:2] and other.level <= door.level)
        gained = guard.told(crowd)
        if gained is not None:
            told.append(OpenDoor(purpose, change_of(door), door_words(door), gained))
    return told

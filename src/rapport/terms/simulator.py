"""What a declaration would change: how many customers would let the organization in, for what, and which one further
promise would open the most doors. Answers are aggregates (`aggregates`); who is behind them is not told.

People who share terms share the answer, so it is worked out once for each distinct terms. And terms that differ share
most of their clauses: what a clause allows or denies by a promise is worked out once (a `Sheet`), and put together with
a few operations on bits for each.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from rapport.kernel.vocabulary import CATEGORIES, EVERYTHING, UNCLASSIFIED, bit, purposes_covered
from rapport.terms.aggregates import FLOOR, Crowd, Guard, union
from rapport.terms.agreements import has_own
from rapport.terms.clauses import Clause, Terms
from rapport.terms.declaration import Promise, Standing
from rapport.terms.doors import Door, candidates_of, change_of, changed, doors_for, words
from rapport.terms.policy import compile_terms, mask_of, promise_for

MOST_DOORS = 5
ASKED_PER_DAY = 200
"""Different declarations that an organization may try within a day."""
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


class Sheet:
    """What clauses come to by one promise for one purpose: by the number of a clause, the masks that it allows and
    denies of what was collected, and of what was done elsewhere."""

    def __init__(self, clauses: Sequence[Clause], standing: Standing, promise: Promise, purpose: str, at: int) -> None:
        self._clauses = clauses
        self._held = (standing, promise, purpose, at)
        self._promised = mask_of(promise.categories)
        self._known: dict[int, tuple[int, int, int, int]] = {}

    def mask(self, numbers: Iterable[int]) -> int:
        """All that terms of these clauses let be read. The same as the gate's: deny wins, whatever the order."""
        known = self._known
        collected = elsewhere = no_collected = no_elsewhere = 0
        for number in numbers:
            effect = known.get(number)
            if effect is None:
                effect = known[number] = self._effect(self._clauses[number])
            collected |= effect[0]
            elsewhere |= effect[1]
            no_collected |= effect[2]
            no_elsewhere |= effect[3]
        return (collected & ~no_collected | elsewhere & ~no_elsewhere) & self._promised

    def _effect(self, clause: Clause) -> tuple[int, int, int, int]:
        alone = compile_terms(Terms("own", (clause,)), *self._held)
        verdict = alone.decide(self._held[3])
        return verdict.collected, verdict.elsewhere, alone.denied_collected, alone.denied_elsewhere


class _People(NamedTuple):
    """A group, with its clauses by number; None for the node's default terms."""

    crowd: Crowd
    clauses: tuple[int, ...] | None


def simulate(groups: Iterable[Group], present: Standing, candidate: Standing, guard: Guard, at: int) -> Simulation:
    """Hold everybody's terms against a declaration that is not in force."""
    numbers: dict[Clause, int] = {}
    everybody = [_numbered(group, numbers) for group in groups]
    clauses = list(numbers)
    openings: list[Opening] = []
    doors: list[OpenDoor] = []
    for purpose in sorted({*present.declaration.purposes, *candidate.declaration.purposes}):
        promise = promise_for(candidate, purpose)
        if promise is not None and promise.basis == "legal_obligation":
            openings.append(Opening(purpose, None, None, None, None, {}, by_law=True))
            continue
        before = _masks(everybody, clauses, present, purpose, at)
        after = _masks(everybody, clauses, candidate, purpose, at)
        openings.append(_opening(purpose, everybody, before, after, guard))
        if promise is not None:
            shut_out = [people for people, mask in zip(everybody, after, strict=True) if not mask]
            behind = _behind(shut_out, clauses, candidate, promise, purpose, at)
            doors += _told(purpose, behind, guard)
    doors.sort(key=lambda door: (-door.gained, door.purpose, door.words))
    people = guard.told(union(each.crowd for each in everybody))
    return Simulation(people, FLOOR, tuple(openings), tuple(doors[:MOST_DOORS]))


def _numbered(group: Group, numbers: dict[Clause, int]) -> _People:
    if not has_own(group.terms):
        return _People(group.crowd, None)
    return _People(group.crowd, tuple(numbers.setdefault(clause, len(numbers)) for clause in group.terms.clauses))


def _masks(
    everybody: Sequence[_People], clauses: Sequence[Clause], standing: Standing, purpose: str, at: int
) -> list[int]:
    """What each group lets the organization read. Of people without terms of their own only what the node's default
    terms open to everybody counts: what consent their records carried is another matter, and no promise changes it."""
    promise = promise_for(standing, purpose)
    if promise is None or promise.basis == "legal_obligation":
        return [0] * len(everybody)
    default = _COLLECTOR & mask_of(promise.categories) if purpose in _SERVICE and promise.basis != "consent" else 0
    first = Sheet(clauses, standing, promise, purpose, at)
    masks = [default if people.clauses is None else first.mask(people.clauses) for people in everybody]
    if promise.alternative is not None:
        second = Sheet(clauses, standing, promise.alternative, purpose, at)
        return [
            mask or (0 if people.clauses is None else second.mask(people.clauses))
            for people, mask in zip(everybody, masks, strict=True)
        ]
    return masks


def _opening(
    purpose: str, everybody: Sequence[_People], before: Sequence[int], after: Sequence[int], guard: Guard
) -> Opening:
    alike: dict[tuple[int, int], list[Crowd]] = defaultdict(list)
    for people, was, will in zip(everybody, before, after, strict=True):
        alike[was, will].append(people.crowd)
    sides = [(union(crowds), was, will) for (was, will), crowds in alike.items()]
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


def _behind(
    shut_out: Sequence[_People], clauses: Sequence[Clause], standing: Standing, promise: Promise, purpose: str, at: int
) -> dict[Door, Crowd]:
    """Who waits at which door."""
    behind: dict[Door, list[Crowd]] = defaultdict(list)
    asked: dict[int, frozenset[Door]] = {}
    sheets: dict[Door, Sheet] = {}

    def mask(door: Door, numbers: Iterable[int]) -> int:
        if door not in sheets:
            other, otherwise = changed(door, promise, standing)
            sheets[door] = Sheet(clauses, otherwise, other, purpose, at)
        return sheets[door].mask(numbers)

    for crowd, numbers in shut_out:
        candidates: set[Door] = set()
        for number in numbers or ():
            if number not in asked:
                asked[number] = candidates_of(clauses[number], promise)
            candidates |= asked[number]
        for door in doors_for(candidates, lambda door, numbers=numbers: bool(mask(door, numbers))):  # type: ignore[misc]
            behind[door].append(crowd)
    return {door: union(crowds) for door, crowds in behind.items()}


def _told(purpose: str, behind: Mapping[Door, Crowd], guard: Guard) -> Iterator[OpenDoor]:
    """The doors that may be named, with those whom each would let in: of doors that differ by their level alone the one
    that lets in the most, and of those that let in as many the one that asks the least."""
    best: dict[tuple[str, str], tuple[int, Door]] = {}
    for door, waiting in sorted(behind.items()):
        if guard.told(waiting) is None:
            continue  # that somebody waits at just this door would be told by its being named
        # Whoever is content with less than this door gives comes in by it, too.
        crowd = union(one for other, one in behind.items() if other[:2] == door[:2] and other.level <= door.level)
        gained = guard.told(crowd)
        if gained is not None and gained > best.get(door[:2], (0, door))[0]:
            best[door[:2]] = (gained, door)
    for gained, door in best.values():
        yield OpenDoor(purpose, change_of(door), words(door), gained)

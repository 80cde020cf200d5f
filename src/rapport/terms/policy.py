"""Terms against promises: what an organization may read, for a purpose, as masks of categories.

`compile_terms` does once what does not depend on the request; `Compiled.decide` is what the gate runs at every read.
Deny wins, whatever the order; a criterion of which nothing is known fails an allow and triggers a deny.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from rapport.kernel.vocabulary import ALL, EVERYTHING, below, purposes_covered, purposes_denied
from rapport.terms.clauses import Clause, Criterion, Elsewhere, Frequency, Terms
from rapport.terms.criteria import is_quiet, next_change, truth
from rapport.terms.declaration import Promise, Standing

FOREVER = 1 << 62
ALLOWED = "your terms allow it"


class Unmet(NamedTuple):
    """A criterion that stands in the way, in the clause it is part of. `known`: whether it is false, or unknown."""

    clause: str
    criterion: Criterion
    known: bool


class Verdict(NamedTuple):
    """What may be read: masks of categories of what the organization collected itself, and of what was done elsewhere.

    `clauses` are the ids of the person's clauses it rests on; `counted` what limits how often. `unmet` is the smallest
    set of criteria that would have let the organization in, for the person's eyes; `offer` tells which promise was met.
    """

    collected: int
    elsewhere: int = 0
    grants: tuple[tuple[int, Elsewhere], ...] = ()
    clauses: tuple[str, ...] = ()
    counted: tuple[Frequency, ...] = ()
    reason: str = ""
    unmet: tuple[Unmet, ...] = ()
    offer: str = "promise"

    @property
    def permitted(self) -> bool:
        return bool(self.collected or self.elsewhere)


class _Allow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    clause: str
    collected: int
    elsewhere: int
    share: Elsewhere
    frequency: Frequency | None
    quiet: str

    @property
    def depends(self) -> bool:
        """Whether it holds at some times, and not at others."""
        return self.frequency is not None or bool(self.quiet)


class Compiled(msgspec.Struct, frozen=True):
    """Terms against one promise for one purpose, from when they were held against each other until a claim runs out
    (µs). `always` is what holds at any hour and however often, in one; `sometimes` is what does not."""

    always: Verdict
    sometimes: tuple[_Allow, ...]
    denied_collected: int
    denied_elsewhere: int
    promised: int
    since: int
    until: int
    zone: str
    reason: str
    unmet: tuple[Unmet, ...]

    def decide(self, at: int, *, reaching_out: bool = False, used: Callable[[Frequency], int] = lambda _: 0) -> Verdict:
        """What may be read now. `used` tells how often the organization has read for this purpose in a period."""
        collected, elsewhere = self.always.collected, self.always.elsewhere
        opening: list[_Allow] = []
        reason = self.reason
        for allow in self.sometimes:
            if allow.quiet and reaching_out and is_quiet(allow.quiet, self.zone, at):
                reason = f"it is quiet now: {allow.quiet}"
            elif allow.frequency is not None and used(allow.frequency) >= allow.frequency.times:
                reason = f"it was used {allow.frequency.times} times this {allow.frequency.per} already"
            else:
                collected |= allow.collected
                elsewhere |= allow.elsewhere
                opening.append(allow)
        collected &= self.promised & ~self.denied_collected
        elsewhere &= self.promised & ~self.denied_elsewhere
        if not collected and not elsewhere:
            return Verdict(0, reason=reason, unmet=self.unmet)
        if not opening:
            return self.always._replace(collected=collected, elsewhere=elsewhere)
        return Verdict(
            collected,
            elsewhere,
            (*self.always.grants, *_grants(opening)),
            (*self.always.clauses, *(allow.clause for allow in opening)),
            tuple(allow.frequency for allow in opening if allow.frequency is not None),
            ALLOWED,
        )


def _grants(allows: Iterable[_Allow]) -> tuple[tuple[int, Elsewhere], ...]:
    return tuple((allow.elsewhere, allow.share) for allow in allows if allow.elsewhere)


def _always(allows: Iterable[_Allow]) -> Verdict:
    """Allows that hold at any time, as one."""
    collected = elsewhere = 0
    holding = [allow for allow in allows if not allow.depends]
    for allow in holding:
        collected |= allow.collected
        elsewhere |= allow.elsewhere
    return Verdict(collected, elsewhere, _grants(holding), tuple(allow.clause for allow in holding), reason=ALLOWED)


def mask_of(categories: Iterable[str]) -> int:
    """All that these categories cover."""
    return _mask_of(tuple(categories))


@lru_cache(maxsize=4096)
def _mask_of(categories: tuple[str, ...]) -> int:
    mask = 0
    for category in categories:
        mask |= below(category)
    return mask


def promise_for(standing: Standing, purpose: str) -> Promise | None:
    """The promise that a read for a purpose relies on: its own, else that of the nearest purpose which covers it."""
    promises = standing.declaration.purposes
    if purpose in promises:
        return promises[purpose]
    covering = [name for name in promises if purpose in purposes_covered(name)]
    return promises[min(covering, key=lambda name: len(purposes_covered(name)))] if covering else None


def compile_terms(terms: Terms, standing: Standing, promise: Promise, purpose: str, at: int) -> Compiled:
    """Hold terms against one promise for one purpose."""
    allows: list[_Allow] = []
    closed: list[_Allow] = []
    missing: list[tuple[Unmet, ...]] = []
    denials: list[_Denial] = []
    until = FOREVER
    for clause in terms.clauses:
        if not _concerns(clause, standing.org, purpose):
            continue
        answers = [truth(criterion, promise, standing, at) for criterion in clause.when]
        changes = [next_change(criterion, standing, at) for criterion in clause.when]
        until = min([until, *(change for change in changes if change is not None)])
        if clause.effect == "deny":
            if False not in answers:
                denials.append(_denial(clause))
        elif all(answers):
            allows.append(_allow(clause))
        else:
            closed.append(_allow(clause))
            missing.append(_missing(clause, answers))
    promised = mask_of(promise.categories)
    reason, unmet = _obstacle(allows, denials, closed, missing, promised)
    collected, elsewhere = _shut(denials)
    sometimes = tuple(allow for allow in allows if allow.depends)
    always = _always(allows)
    return Compiled(always, sometimes, collected, elsewhere, promised, at, until, terms.zone, reason, unmet)


class _Denial(NamedTuple):
    clause: str
    collected: int
    elsewhere: int
    always: bool
    """Whatever is promised."""


def _denial(clause: Clause) -> _Denial:
    mask = mask_of(clause.categories)
    mask = ALL if mask & EVERYTHING == EVERYTHING else mask  # whoever shuts out everything means all of it
    sides = (mask if clause.data != "elsewhere" else 0, mask if clause.data != "collected" else 0)
    return _Denial(clause.id, *sides, always=not clause.when)


def _shut(denials: Iterable[_Denial]) -> tuple[int, int]:
    """What is denied of either side."""
    collected = elsewhere = 0
    for denial in denials:
        collected |= denial.collected
        elsewhere |= denial.elsewhere
    return collected, elsewhere


def _obstacle(
    allows: Sequence[_Allow],
    denials: Sequence[_Denial],
    closed: Sequence[_Allow],
    missing: Sequence[tuple[Unmet, ...]],
    promised: int,
) -> tuple[str, tuple[Unmet, ...]]:
    """What is in the way, should nothing be allowed: in words for the person, and as the smallest set of criteria that
    would open something were they met. What is denied whatever an organization promises, no criterion opens."""
    if not allows:
        collected, elsewhere = _shut(denial for denial in denials if denial.always)
        opening = [
            some
            for clause, some in zip(closed, missing, strict=True)
            if promised & (clause.collected & ~collected | clause.elsewhere & ~elsewhere)
        ]
        if opening:
            smallest = min(opening, key=len)
            return f"it does not meet your clause {smallest[0].clause!r}", smallest
    if denials:
        return f"your clause {denials[0].clause!r} denies it", ()
    if allows:
        return "your terms allow other data than it promises to read", ()
    return "no clause of your terms allows it", ()


def _concerns(clause: Clause, org: str, purpose: str) -> bool:
    """Whether a clause speaks of an organization and a purpose. A deny reaches further than an allow."""
    if clause.who and org not in clause.who:
        return False
    reach = purposes_covered if clause.effect == "allow" else purposes_denied
    return any(purpose in reach(name) for name in clause.purposes)


def _allow(clause: Clause) -> _Allow:
    mask = mask_of(clause.categories)
    return _Allow(
        clause.id,
        mask if clause.data != "elsewhere" else 0,
        mask if clause.data != "collected" else 0,
        clause.elsewhere,
        clause.frequency,
        clause.quiet,
    )


def _missing(clause: Clause, answers: Sequence[bool | None]) -> tuple[Unmet, ...]:
    pairs = zip(clause.when, answers, strict=True)
    return tuple(Unmet(clause.id, criterion, answer is not None) for criterion, answer in pairs if not answer)


class Judge:
    """Decisions over compiled terms, which are kept: many people share a preset, and a person is read often."""

    def __init__(self, most: int = 50_000) -> None:
        self._kept: dict[tuple[object, ...], Compiled] = {}
        self._most = most

    def decide(
        self,
        terms: Terms,
        key: bytes,
        standing: Standing,
        purpose: str,
        at: int,
        *,
        reaching_out: bool = False,
        used: Callable[[Frequency], int] = lambda _: 0,
    ) -> Verdict:
        """What an organization may read for a purpose under terms (`key`: their content hash).

        Where its promise is not enough and it makes an alternative offer, that is held against the terms too.
        """
        promise = promise_for(standing, purpose)
        if promise is None:
            return Verdict(0, reason=f"{standing.org} promises nothing for {purpose}")
        first = self._compiled(terms, key, standing, promise, purpose, at, alternative=False)
        verdict = first.decide(at, reaching_out=reaching_out, used=used)
        if verdict.permitted or promise.alternative is None:
            return verdict
        second = self._compiled(terms, key, standing, promise.alternative, purpose, at, alternative=True)
        other = second.decide(at, reaching_out=reaching_out, used=used)
        return other._replace(offer="alternative") if other.permitted else verdict

    def _compiled(
        self,
        terms: Terms,
        key: bytes,
        standing: Standing,
        promise: Promise,
        purpose: str,
        at: int,
        *,
        alternative: bool,
    ) -> Compiled:
        # Attesters come and go between two versions: what they vouch for changes, and what they never signed.
        values = (tuple(standing.claimed.items()), tuple(standing.attested.items()))
        place = (key, standing.org, standing.version, values, purpose, alternative)
        compiled = self._kept.get(place)
        if compiled is None or not compiled.since <= at < compiled.until:  # (clocks are set back, too)
            compiled = compile_terms(terms, standing, promise, purpose, at)
            if len(self._kept) >= self._most:
                self._kept.clear()
            self._kept[place] = compiled
        return compiled

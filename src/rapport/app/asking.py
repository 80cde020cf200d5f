"""Asking: customers are read through the gate for each purpose that an audience is for, and judged.

It is a standing use: of one customer and purpose one receipt a day, one where the gate decides otherwise than before,
and one where they enter or leave; each is durable before anything comes of it. Who may not be read is out.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import msgspec

from rapport.app.histories import Histories
from rapport.decide import OUT, Cause, Member, Moved, Rule, Rulebook, Verdict, moved
from rapport.kernel.expressions import Dependencies
from rapport.profile.store import Found
from rapport.profile.timeline import Block
from rapport.profile.view import Part
from rapport.terms import Gate, Pending, Request
from rapport.terms.facts import facts_of, looked_at
from rapport.terms.judging import Judged
from rapport.terms.standing_use import UseOfEverybody

CALLER, ACTION = "node", "audiences"
_MOST_REMEMBERED = 10_000

Before = Mapping[str, Member]
"""Audience → what is kept of a customer."""


class Ask(msgspec.Struct):
    """What is to be asked of one customer: some audiences, or all; `timed` are those whose time has come."""

    names: set[str] = msgspec.field(default_factory=set)
    timed: set[str] = msgspec.field(default_factory=set)
    all: bool = False

    def join(self, other: "Ask") -> None:
        self.names |= other.names
        self.timed |= other.timed
        self.all = self.all or other.all


class Outcome(msgspec.Struct, frozen=True):
    """What came of one customer and audience: what to keep from now on, and the move, if it is one."""

    customer: int
    audience: str
    member: Member | None
    moved: Moved | None


class Use(UseOfEverybody):
    """`moving`: customers who enter or leave, by whatever is being asked."""

    def __init__(self) -> None:
        super().__init__()
        self.moving: set[int] = set()

    def is_noted(self, purpose: str, judged: Judged, *, given: bool) -> bool:
        return judged.found.number not in self.moving and super().is_noted(purpose, judged, given=given)

    def is_news(self, pending: Pending) -> bool:
        return pending.customer in self.moving or super().is_news(pending)


class Asker:
    """One organization's rulebook over a gate, in one thread."""

    def __init__(
        self,
        org: str,
        rulebook: Rulebook,
        block_of: Callable[[Part, int], Block],
        gate: Gate,
        loop: asyncio.AbstractEventLoop,
        use: Use | None = None,
    ) -> None:
        """`use`: what was noted so far, such as under the definitions before these."""
        self.org = org
        self.rulebook = rulebook
        self.purposes = {purpose: frozenset(names) for purpose, names in rulebook.purposes().items()}
        self._gate = gate
        self._loop = loop
        self._use = use or Use()
        self.histories = Histories(block_of, rulebook.needs(rulebook.rules).events)
        self._needed: dict[frozenset[str], Dependencies] = {}
        self._looked_at: dict[frozenset[str], tuple[str, ...]] = {}

    def asked(
        self,
        customers: Callable[[], Sequence[Found]],
        asks: Mapping[int, Ask],
        before: Mapping[int, Before],
        at: int,
        cause: Cause,
    ) -> list[Outcome]:
        """Judge customers at a moment (µs). `customers` is called within a reader's snapshot, for each purpose; `asks`
        and `before` are by their numbers."""
        outcomes: list[Outcome] = []
        for purpose, names in self.purposes.items():
            wanted = {number: mine for number, ask in asks.items() if (mine := _wanted(ask, names))}
            if wanted:
                outcomes += self._for(purpose, wanted, customers, asks, before, at, cause)
        return outcomes

    def _for(
        self,
        purpose: str,
        wanted: Mapping[int, frozenset[str]],
        customers: Callable[[], Sequence[Found]],
        asks: Mapping[int, Ask],
        before: Mapping[int, Before],
        at: int,
        cause: Cause,
    ) -> list[Outcome]:
        everything, rules = self.purposes[purpose], self.rulebook.rules

        def judged(found: Found) -> list[Outcome]:
            # Who became another between two snapshots is asked everything: of that one nothing is known yet.
            names = wanted.get(found.number, everything)
            timed = asks[found.number].timed if found.number in asks else frozenset()
            facts = facts_of(found, self._needs(names), self.histories.of)
            memo: dict[int, object] = {}
            known = before.get(found.number, {})
            made = [
                self._outcome(
                    found.number,
                    (rule := rules[name]),
                    rule.verdict(facts, at, memo, exact=name in timed),
                    known.get(name),
                    at,
                    "time" if name in timed else cause,
                )
                for name in names
            ]
            if any(one.moved is not None for one in made):
                self._use.moving.add(found.number)
            return made

        def these() -> list[Found]:
            return [found for found in customers() if found.number in wanted]

        request = Request(self.org, "", purpose, CALLER, ACTION)
        self._use.moving.clear()
        answers = self._loop.run_until_complete(self._gate.each(request, these, judged, self._fields, self._use))
        # Two that were asked may have become one meanwhile.
        read = {found.number: made for found, made, _ in answers if found.number in wanted}
        outcomes = [one for made in read.values() for one in made]
        for number in wanted.keys() - read.keys():
            for name in wanted[number]:
                rule = self.rulebook.rules[name]
                known = before.get(number, {}).get(name)
                outcomes.append(self._outcome(number, rule, rule.verdict(None, at), known, at, "gone"))
        return outcomes

    def _outcome(
        self, customer: int, rule: Rule, verdict: Verdict, known: Member | None, at: int, cause: Cause
    ) -> Outcome:
        version = rule.audience.version
        if known is not None and known.version > version:  # the definitions are older than the members: restored
            known = msgspec.structs.replace(known, version=version)
        member, move = moved(known, verdict, version, at, cause)
        return Outcome(customer, rule.audience.name, member, move)

    def gone(self, customer: int, known: Before, at: int) -> list[Outcome]:
        """Somebody who is not there any more leaves everything."""
        return [
            self._outcome(customer, self.rulebook.rules[name], OUT, member, at, "gone")
            for name, member in known.items()
            if name in self.rulebook.rules
        ]

    def verdicts(self, name: str, customers: Callable[[], Sequence[Found]], at: int) -> dict[int, Verdict]:
        """Of an audience and customers who may be read for its purpose."""
        rule = self.rulebook.rules[name]

        def judged(found: Found) -> Verdict:
            return rule.verdict(facts_of(found, self._needs(frozenset({name})), self.histories.of), at)

        self._use.moving.clear()
        request = Request(self.org, "", rule.audience.purpose, CALLER, ACTION)
        only = frozenset({name})
        answers = self._loop.run_until_complete(
            self._gate.each(request, customers, judged, lambda _: self._named(only), self._use)
        )
        return {found.number: verdict for found, verdict, _ in answers}

    def _needs(self, names: frozenset[str]) -> Dependencies:
        found = self._needed.get(names)
        if found is None:
            if len(self._needed) > _MOST_REMEMBERED:
                self._needed.clear()
            found = self._needed[names] = self.rulebook.needs(names)
        return found

    def _fields(self, made: Sequence[Outcome]) -> tuple[str, ...]:
        return self._named(frozenset([one.audience for one in made]))

    def _named(self, names: frozenset[str]) -> tuple[str, ...]:
        found = self._looked_at.get(names)
        if found is None:
            if len(self._looked_at) > _MOST_REMEMBERED:
                self._looked_at.clear()
            found = self._looked_at[names] = looked_at(self._needs(names))
        return found


def _wanted(ask: Ask, names: frozenset[str]) -> frozenset[str]:
    return names if ask.all else names.intersection(ask.names | ask.timed)

"""Computed traits: a value of a customer worked out from what is known of them, under a name.

A computed trait is no fact that is stored and read later: whoever uses one (an audience, another trait) has it worked
out anew from the facts that *their* purpose permits. So a score that was made for service never carries withheld data
into advertising. The price is to work it out once a purpose.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import msgspec

from rapport.kernel.errors import BadInput, Conflict
from rapport.kernel.expressions import Dependencies, Facts, Kind, Result, Why, compile_expression
from rapport.kernel.vocabulary import purpose as known_purpose

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")


class ComputedTrait(msgspec.Struct, frozen=True):
    """One version of a definition: an `expression`, or a `model` that ships with Rapport (see `models`), of the `event`
    that is a purchase and the property `value` that says for how much. `at`: when it was saved (µs)."""

    org: str
    name: str
    purpose: str
    expression: str = ""
    model: str = ""
    event: str = ""
    value: str = ""
    version: int = 1
    at: int = 0


class Computed(Protocol):
    """What gives a trait its value: an Expression is one."""

    @property
    def dependencies(self) -> Dependencies: ...

    def evaluate(self, facts: Facts, now: int, memo: dict[int, Any] | None = None) -> Result: ...

    def edge(self, facts: Facts, now: int) -> int | None:
        """The earliest instant after `now` at which the value may be another with no event."""

    def explain(self, facts: Facts, now: int) -> Why: ...


def name_of(name: str, what: str) -> str:
    """A name that an audience, a computed trait or a destination can have. Raises BadInput."""
    if not _NAME.fullmatch(name):
        message = (
            f"the name of {what} is letters, digits, '_' and '-', begins with a letter or '_', and is at most 63 long"
        )
        raise BadInput(message, code="bad_name", field="name")
    return name


def trait_name(name: str) -> str:
    """A name that a computed trait can have: as `name_of`, and such as expressions can say. Raises BadInput."""
    if "-" in name_of(name, "a computed trait"):
        message = "expressions name a computed trait without quotes: write '_' for '-'"
        raise BadInput(message, code="bad_name", field="name")
    return name


def expressed(org: str, name: str, expression: str, purpose: str) -> ComputedTrait:
    """A trait by an expression, as its first version. Raises BadInput for a bad name or purpose, ExpressionError."""
    trait_name(name)
    compile_expression(expression, Kind.ANY)
    return ComputedTrait(org, name, known_purpose(purpose), expression)


class Computation:
    """All computed traits of an organization, in an order in which each comes after those that it names.

    Raises Conflict (`cycle`) where one rests on itself. One that is named and not there is absent.
    """

    def __init__(self, traits: Mapping[str, Computed]) -> None:
        self._traits = traits
        self._order = {name: place for place, name in enumerate(_ordered(traits))}

    def __contains__(self, name: str) -> bool:
        return name in self._traits

    def computed(self, name: str) -> Computed:
        return self._traits[name]

    def needed(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of these names that there are, with all that they rest on, in order."""
        found: set[str] = set()
        waiting = [name for name in names if name in self._traits]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += (other for other in self._traits[name].dependencies.computed if other in self._traits)
        return tuple(sorted(found, key=self._order.__getitem__))

    def dependencies(self, of: Dependencies) -> Dependencies:
        """All that can change something: its own dependencies, and those of the computed traits behind it."""
        return joined((of, *(self._traits[name].dependencies for name in self.needed(of.computed))))

    def fill(self, facts: Facts, needed: tuple[str, ...], now: int, memo: dict[int, Any] | None = None) -> Facts:
        """The facts with these computed traits, given in order with all that they rest on, and no others."""
        if not needed and not facts.computed:
            return facts
        values: dict[str, Any] = {}
        filled = Facts(facts.traits, facts.events, facts.identifiers, values)
        for name in needed:
            result = self._traits[name].evaluate(filled, now, memo)
            if result.value is not None:
                values[name] = result.value
        return filled

    def edge(self, facts: Facts, needed: tuple[str, ...], now: int) -> int | None:
        """The earliest instant after `now` at which any of these may be another. `facts` are filled."""
        edges = [edge for name in needed if (edge := self._traits[name].edge(facts, now)) is not None]
        return min(edges, default=None)


def joined(several: Iterable[Dependencies]) -> Dependencies:
    """What any of them depends on."""
    traits: set[str] = set()
    events: dict[str, frozenset[str]] = {}
    identifiers: set[str] = set()
    computed: set[str] = set()
    time = False
    for one in several:
        traits |= one.traits
        identifiers |= one.identifiers
        computed |= one.computed
        time = time or one.time
        for name, properties in one.events.items():
            events[name] = events.get(name, frozenset()) | properties
    return Dependencies(frozenset(traits), events, frozenset(identifiers), frozenset(computed), time)


def _ordered(traits: Mapping[str, Computed]) -> list[str]:
    """Names, each after those that it rests on. Raises Conflict."""
    done: dict[str, None] = {}
    for start in sorted(traits):
        path: list[str] = []
        # A stack of (name, what is left of it to look at), so that a long chain of traits is no deep call.
        stack = [(start, _next(traits, start))] if start not in done else []
        path += [start] if stack else []
        while stack:
            name, left = stack[-1]
            if not left:
                stack.pop()
                path.pop()
                done[name] = None
                continue
            other = left.pop()
            if other in path:
                circle = " → ".join([*path[path.index(other) :], other])
                raise Conflict(f"computed traits rest on each other in a circle: {circle}", code="cycle", field="name")
            if other not in done:
                stack.append((other, _next(traits, other)))
                path.append(other)
    return list(done)


def _next(traits: Mapping[str, Computed], name: str) -> list[str]:
    return sorted(other for other in traits[name].dependencies.computed if other in traits)

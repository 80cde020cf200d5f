"""Grounds: what is known of a customer and without which an action would not be for them.

Each is found by leaving it out: were this event, or this trait, not there, the condition would not hold. So nothing is
named that the condition merely mentions, and of two that would each do alone neither is.
"""

from collections.abc import Iterator, Mapping
from typing import Final, Literal, TypeVar

import msgspec

from rapport.kernel.expressions import ANY_EVENT, Expression, Facts

MOST: Final = 5
Value = TypeVar("Value")
Kind = Literal["event", "trait", "computed", "identifier"]


class Ground(msgspec.Struct, frozen=True, array_like=True):
    """`name`: of an event, a trait, a computed trait or a type of identifiers; `at`: when the event last was (µs), None
    where that is not known, and of all else."""

    kind: Kind
    name: str
    at: int | None = None


def grounds(condition: Expression, facts: Facts, now: int) -> tuple[Ground, ...]:
    """Those of a condition that holds, events first, the latest first; at most MOST. `facts` are filled."""
    found = [ground for ground, less in _each(condition, facts, now) if condition.evaluate(less, now)[0] is not True]
    return tuple(sorted(found, key=lambda one: (one.kind != "event", -(one.at or 0), one.kind, one.name))[:MOST])


def _each(condition: Expression, facts: Facts, now: int) -> Iterator[tuple[Ground, Facts]]:
    """Everything that the condition looks at and that is there, with the facts as they would be without it."""
    needs, replaced = condition.dependencies, msgspec.structs.replace
    for name in needs.events:
        series = facts.events.get(name)
        if name != ANY_EVENT and series is not None and (count := series.until(now)):
            last = series.times[count - 1]
            ground = Ground("event", name, last if last > 0 else None)
            yield ground, replaced(facts, events=_without(facts.events, name))
    for name in needs.traits & facts.traits.keys():
        yield Ground("trait", name), replaced(facts, traits=_without(facts.traits, name))
    for name in needs.computed & facts.computed.keys():
        yield Ground("computed", name), replaced(facts, computed=_without(facts.computed, name))
    for name in needs.identifiers & facts.identifiers.keys():
        yield Ground("identifier", name), replaced(facts, identifiers=_without(facts.identifiers, name))


def _without(mapping: Mapping[str, Value], name: str) -> dict[str, Value]:
    return {key: value for key, value in mapping.items() if key != name}

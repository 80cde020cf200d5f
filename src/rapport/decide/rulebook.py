"""The rulebook: all audiences and computed traits of an organization, and which of them something new can change.

Most of what happens touches few audiences. The rulebook knows for each trait, event and identifier whose verdict rests
on it, so that the others cost nothing. It is made anew when a definition changes, and shared by all that read it.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from rapport.decide.audiences import Audience, Rule
from rapport.decide.models import Fitted, modelled
from rapport.decide.traits import Computation, Computed, ComputedTrait, joined
from rapport.kernel.expressions import ANY_EVENT, Dependencies, Expression, ExpressionError, Kind, compile_expression


class Change(msgspec.Struct, frozen=True):
    """What became another about a customer: names of traits and events, types of identifiers. (Where it may be
    anything, as when customers were merged or split, all audiences are asked.)"""

    traits: frozenset[str] = frozenset()
    events: frozenset[str] = frozenset()
    identifiers: frozenset[str] = frozenset()


class Rulebook:
    """Raises Conflict (`cycle`) where computed traits rest on each other in a circle."""

    def __init__(
        self,
        audiences: Iterable[Audience] = (),
        traits: Iterable[ComputedTrait] = (),
        fitted: Mapping[str, Fitted] | None = None,
    ) -> None:
        fitted = {} if fitted is None else fitted
        kept = {trait.name: trait for trait in traits}
        made = {name: computed_of(trait, fitted.get(name)) for name, trait in kept.items()}
        self.traits = kept
        self._fitted = fitted
        self.computation = Computation({name: computed for name, computed in made.items() if computed is not None})
        self.rules: dict[str, Rule] = {one.name: Rule(one, self.computation) for one in audiences}
        self._by_trait: dict[str, list[str]] = {}
        self._by_event: dict[str, list[str]] = {}
        self._by_identifier: dict[str, list[str]] = {}
        for name, rule in self.rules.items():
            for index, keys in (
                (self._by_trait, rule.dependencies.traits),
                (self._by_event, rule.dependencies.events),
                (self._by_identifier, rule.dependencies.identifiers),
            ):
                for key in keys:
                    index.setdefault(key, []).append(name)

    def touched(self, change: Change) -> Sequence[str]:
        """The names of audiences whose verdict this can change; each once."""
        found: dict[str, None] = {}
        for index, keys in (
            (self._by_trait, change.traits),
            (self._by_event, change.events),
            (self._by_identifier, change.identifiers),
        ):
            for key in keys:
                found.update(dict.fromkeys(index.get(key, ())))
        if change.events:
            found.update(dict.fromkeys(self._by_event.get(ANY_EVENT, ())))
        return list(found)

    def purposes(self) -> dict[str, list[str]]:
        """Purpose → the audiences that are for it: whose facts are the same."""
        found: dict[str, list[str]] = {}
        for name, rule in self.rules.items():
            found.setdefault(rule.audience.purpose, []).append(name)
        return found

    def needs(self, names: Iterable[str]) -> Dependencies:
        """What facts must hold for these audiences to be judged."""
        return joined(self.rules[name].dependencies for name in names)

    def uses(self, trait: str) -> list[str]:
        """The audiences and computed traits that name a computed trait, such as before it is deleted."""
        audiences = [
            name
            for name, rule in self.rules.items()
            if rule.expression is not None and trait in rule.expression.dependencies.computed
        ]
        computed = [
            name
            for name in self.traits
            if name in self.computation and trait in self.computation.computed(name).dependencies.computed
        ]
        return sorted(audiences) + sorted(computed)

    def fitted_at(self, trait: str) -> int:
        """When a trait's model was fitted (µs); 0: never."""
        fitted = self._fitted.get(trait)
        return 0 if fitted is None or fitted.trouble else fitted.at

    def kinds(self) -> dict[str, Kind]:
        """Computed trait → kind, for a Schema."""
        found: dict[str, Kind] = {}
        for name in self.traits:
            computed = self.computation.computed(name) if name in self.computation else None
            # A time is text to whoever reads it, as any other trait's is.
            kind = computed.kind if isinstance(computed, Expression) else Kind.ANY
            found[name] = Kind.TEXT if kind is Kind.TIME else kind
        return found


def computed_of(trait: ComputedTrait, fitted: Fitted | None) -> Computed | None:
    """What gives a trait its value; None where its expression can no longer be read: it is then absent."""
    if trait.model:
        return modelled(trait.model, trait.event, trait.value, fitted)
    try:
        return compile_expression(trait.expression, Kind.ANY)
    except ExpressionError:
        return None


def with_trait(traits: Iterable[ComputedTrait], trait: ComputedTrait) -> None:
    """Check that a trait can be saved beside these. Raises Conflict (`cycle`)."""
    others = [one for one in traits if one.name != trait.name]
    Rulebook((), (*others, trait))

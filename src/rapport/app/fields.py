"""Fields: values that somebody asks for by name, each by an expression over what the gate let through of a customer."""

from collections.abc import Mapping
from typing import Any

from rapport.adapters.embedded.audiences import Definitions
from rapport.app.histories import folded
from rapport.decide.traits import joined
from rapport.kernel.expressions import Expression, ExpressionError, Kind, compile_expression
from rapport.kernel.times import now
from rapport.profile.store import Found, ProfileReader
from rapport.terms.facts import facts_of


class Fields:
    """The fields of one organization; `names` are the facts that they look at, as receipts name them."""

    def __init__(self, reader: ProfileReader, definitions: Definitions, org: str, fields: Mapping[str, str]) -> None:
        self._reader = reader
        self._fields = fields
        self._expressions = _compiled(fields)
        own = joined(expression.dependencies for expression in self._expressions.values())
        self._computation = definitions.rulebook(org).computation
        self._computed = self._computation.needed(own.computed)
        self._needs = self._computation.dependencies(own)
        looked = [*sorted(self._needs.traits), *sorted(self._needs.events)]
        self.names: tuple[str, ...] = (*looked, *(["identifiers"] if self._needs.identifiers else []))

    def of(self, found: Found) -> dict[str, Any]:
        """A value for each field; None where it is unknown, withheld, or cannot be worked out. `found` is what the gate
        let through."""
        if not self._fields:
            return {}
        present = now()
        facts = facts_of(found, self._needs, folded(self._reader, self._needs))
        facts = self._computation.fill(facts, self._computed, present)
        told: dict[str, Any] = dict.fromkeys(self._fields)
        for name, expression in self._expressions.items():
            told[name] = expression.evaluate(facts, present).value
        return told


def _compiled(fields: Mapping[str, str]) -> dict[str, Expression]:
    """All but those that this version cannot read any more."""
    found = {}
    for name, text in fields.items():
        try:
            found[name] = compile_expression(text, Kind.ANY)
        except ExpressionError:
            continue
    return found

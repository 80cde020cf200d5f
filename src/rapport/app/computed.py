"""Computed traits in the view: worked out at each read, from what its purpose lets through, and kept nowhere.

Of an organization without any, it costs one question to the ledger; else the timeline of each record is read, as far as
a trait looks at events.
"""

from typing import Any

from rapport.adapters.embedded.audiences import Definitions
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.reader import StateReader
from rapport.app.histories import folded
from rapport.decide.rulebook import Rulebook
from rapport.kernel.expressions import Dependencies
from rapport.kernel.times import now
from rapport.profile.store import Found
from rapport.terms.facts import facts_of

SOURCE = "computed"


class ComputedValues:
    """Over a ledger and a reader of the caller's thread."""

    def __init__(self, ledger: LedgerFile, reader: StateReader) -> None:
        self._definitions = Definitions(ledger)
        self._reader = reader
        self._known: dict[str, tuple[int, Rulebook]] = {}

    def of(self, found: Found) -> dict[str, Any]:
        """Name → value, of those that are known, of a customer whom the gate let through."""
        rulebook = self._rulebook(found.org)
        if not rulebook.traits:
            return {}
        names = [name for name in rulebook.traits if name in rulebook.computation]
        needs = rulebook.computation.dependencies(Dependencies(computed=frozenset(names)))
        facts = facts_of(found, needs, folded(self._reader, needs))
        filled = rulebook.computation.fill(facts, rulebook.computation.needed(names), now(), {})
        return {
            name: {"value": filled.computed[name], "source": SOURCE, "version": rulebook.traits[name].version}
            for name in sorted(names)
            if name in filled.computed
        }

    def _rulebook(self, org: str) -> Rulebook:
        """Of computed traits alone: an organization has them by tens, audiences maybe by thousands."""
        version = self._definitions.version()
        known = self._known.get(org)
        if known is None or known[0] != version:
            made = Rulebook((), self._definitions.traits(org), self._definitions.fitted(org))
            known = self._known[org] = (version, made)
        return known[1]

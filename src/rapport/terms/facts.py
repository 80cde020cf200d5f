"""The facts that an expression is evaluated on: a customer as far as the gate let them through, as bare values.

Whatever the gate withholds of a record (by the mask of its part) is left out here too, so that an audience can ask for
it and finds nothing, as if it had never been.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from rapport.kernel.expressions import ANY_EVENT, Dependencies, Facts, Series
from rapport.kernel.vocabulary import bit, category_of_event
from rapport.profile.history import Happened, History, series_of
from rapport.profile.store import Found
from rapport.profile.view import Part, bare

HistoryOf = Callable[[Part], History]
"""The history of a record: kept, or folded from its timeline."""


def facts_of(found: Found, needs: Dependencies, history_of: HistoryOf) -> Facts:
    """What of an opened customer (`Judged.open`) is needed. `found` is what the gate let through, never the whole."""
    parts = found.parts
    events = _events(parts, needs.events, history_of) if needs.events else {}
    identifiers = _identifiers(parts, needs.identifiers) if needs.identifiers else {}
    return Facts(bare(parts, needs.traits), events, identifiers)


def looked_at(needs: Dependencies) -> tuple[str, ...]:
    """What of a customer is needed, as a receipt says it."""
    kinds = [kind for kind, there in (("identifiers", needs.identifiers), ("events", needs.events)) if there]
    return (*kinds, *sorted(needs.traits))


def _events(parts: Sequence[Part], asked: Mapping[str, frozenset[str]], history_of: HistoryOf) -> dict[str, Series]:
    gathered: dict[str, list[Sequence[Happened]]] = {}
    for part in parts:
        history = history_of(part)
        for name in asked:
            happened = history.get(name)
            told = _told(part, name, happened) if happened else ()
            if told:
                gathered.setdefault(name, []).append(told)
    return {name: series_of(several, asked[name]) for name, several in gathered.items()}


def _told(part: Part, name: str, happened: Sequence[Happened]) -> Sequence[Happened]:
    """Those of a record's events that may be told of."""
    mask = part.mask
    if mask is None:
        return happened
    if name == ANY_EVENT:
        return [one for one in happened if bit(category_of_event(one.name)) & mask]
    return happened if bit(category_of_event(name)) & mask else ()


def _identifiers(parts: Iterable[Part], kinds: frozenset[str]) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for part in parts:
        record = part.record
        for link, how in record.links.items():
            kind, _, value = link.partition(":")
            if kind in kinds and how & ~record.unlinked.get(link, 0):
                found.setdefault(kind, set()).add(value)
    return {kind: sorted(values) for kind, values in found.items()}

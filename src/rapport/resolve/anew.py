"""By other rules: what was joined by some rules is joined anew by others, a few records at a time.

Three passes over all records, each of them done before the next begins: `evidence_of` gives a record the evidence that
it has by these rules, `users_of` counts anew which users are on too many records to be users, and `regrouping` joins
what hangs together with the records, believing nothing that is noted of groups and guards. Between any two steps
evidence may come and go by the new rules as usual: whatever it joins with what was not looked at yet is looked at once
its turn comes, and what was looked at already is kept in step from then on. So after the last step everything is as if
the new rules had held from the start (the passes may end at any step, and be begun again).
"""

from collections.abc import Iterable

from rapport.resolve.evidence import Edge, sort_key
from rapport.resolve.graph import Change, EvidenceStore, Mark
from rapport.resolve.rules import Rules


def evidence_of(store: EvidenceStore, rules: Rules, record: bytes, said: Iterable[Edge]) -> Change:
    """What is to be written so that a record names just this; links between records stay as they are."""
    wanted: dict[bytes, Edge] = {}
    for edge in said:
        if not store.is_retracted(edge.id):
            wanted[edge.id] = min(edge, wanted.get(edge.id, edge), key=sort_key)
    in_order = sorted(wanted.values(), key=sort_key)
    counts, beyond = in_order[: rules.identifiers_per_record], in_order[rules.identifiers_per_record :]
    counted = {e.id: e for e in store.edges_of_record(record) if e.kind == "identifies" and e.record == record}
    aside = {e.id: e for e in store.edges_set_aside(record)}
    return Change(
        counted=[edge for edge in counts if counted.get(edge.id) != edge],
        set_aside=[edge for edge in beyond if aside.get(edge.id) != edge],
        dropped=[edge for known, edge in (counted | aside).items() if known not in wanted],
    )


def users_of(store: EvidenceStore, rules: Rules, records: Iterable[bytes]) -> Change:
    """Which users of these records are, by now, on too many records to be users, or on few enough."""
    named = (edge.other for record in records for edge in store.edges_of_record(record) if edge.level == 0)
    marks = []
    for user in dict.fromkeys(named):
        popular = store.popularity(user) > rules.records_per_user
        if popular != store.marked(Mark.POPULAR, user):
            marks.append((Mark.POPULAR, user, popular))
    return Change(marks=marks)

"""Customers are a function of the set of evidence: the twin says which, and the product always agrees with it."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.resolve import Edge, Explainer, MemoryStore, Reason, Resolver, preview_retract
from rapport.resolve.rules import Rules
from rapport.resolve.twin import Partition, Said, active, partition
from tests.conftest import PROVE, sample
from tests.resolve.strategies import RECORDS, books, edges_of, in_batches, reading_few, take_in, worlds, write_down

MANY = settings(
    max_examples=5 * settings.default.max_examples if PROVE else min(100, 2 * settings.default.max_examples)
)
"""What all else rests on is tried more often."""


def groups_in(store: MemoryStore) -> frozenset[frozenset[bytes]]:
    return frozenset(frozenset(store.members(store.group_of(record))) for record in RECORDS)


def product_of(edges: list[Edge], of: Rules, store: MemoryStore) -> Partition:
    """What the product makes of active evidence, in the form in which the twin gives it."""
    explainer = Explainer(store, of)
    return Partition(groups_in(store), {edge.id: explainer.reason(store.edge(edge.id)) for edge in edges})


def everything_in(store: MemoryStore) -> tuple[object, ...]:
    """All that a store holds, in a form that does not depend on how it came to be."""
    records = sorted(store.records())
    return (
        {record: frozenset(store.edges_of_record(record)) for record in records},
        {record: frozenset(store.edges_set_aside(record)) for record in records},
        {record: (store.group_of(record), frozenset(store.members(store.group_of(record)))) for record in records},
        frozenset(store._marks),
    )


def told(data: st.DataObject) -> tuple[Rules, list[Said], MemoryStore, Resolver]:
    """Any evidence under any rules, and a store that was told it."""
    kind = data.draw(worlds())
    book = data.draw(books(kind))
    store = MemoryStore()
    return kind.rules, book, store, write_down(book, store, kind.rules)


@MANY
@given(st.data())
def test_the_product_agrees_with_the_twin_after_every_change(data):
    kind = data.draw(worlds())
    of = kind.rules
    book = data.draw(books(kind))
    store = MemoryStore()
    resolver = write_down([], store, of)
    with reading_few(data.draw(st.sampled_from([1, 2, 32]))):
        for number, said in enumerate(book, 1):
            take_in(resolver, [said])
            edges = active(book[:number])
            assert product_of(edges, of, store) == partition(edges, RECORDS, of)


@sample(50)
@given(st.data())
def test_any_order_duplication_and_batching_gives_the_same_customers_and_the_same_store(data):
    kind = data.draw(worlds())
    of = kind.rules
    ended = data.draw(books(kind))
    said = [*(entry for entry in ended if entry.what == "assert"), *(e for e in ended if e.what == "retract")]
    again = data.draw(st.permutations(said + said[::2]))
    stores = MemoryStore(), MemoryStore()
    write_down(said, stores[0], of)
    resolver = write_down([], stores[1], of)
    for batch in in_batches(again, data.draw(st.sampled_from([1, 3, 10, 100]))):
        take_in(resolver, batch)
    assert everything_in(stores[0]) == everything_in(stores[1])
    assert product_of(active(said), of, stores[1]) == partition(active(again), RECORDS, of)


@MANY
@given(st.data())
def test_batches_that_end_and_begin_evidence_agree_with_the_twin(data):
    kind = data.draw(worlds())
    of = kind.rules
    batches = in_batches(data.draw(books(kind)), data.draw(st.sampled_from([2, 5, 20])))
    store = MemoryStore()
    resolver = write_down([], store, of)
    book: list[Said] = []
    with reading_few(data.draw(st.sampled_from([1, 2, 32]))):
        for batch in batches:
            take_in(resolver, batch)
            book += batch
            edges = active(book)
            assert product_of(edges, of, store) == partition(edges, RECORDS, of)


@sample(50)
@given(st.data())
def test_retracting_evidence_restores_exactly_what_was_before_it(data):
    kind = data.draw(worlds())
    of = kind.rules
    before = data.draw(books(kind))
    known = {said.edge.id for said in before}
    more = [e for edges in data.draw(st.lists(edges_of(kind), min_size=1)) for e in edges if e.id not in known]
    store = MemoryStore()
    resolver = write_down(before, store, of)
    restored = everything_in(store)
    for edge in more:
        resolver.apply([edge])
    for edge in data.draw(st.permutations(more)):
        resolver.apply(retracted=[edge.id])
    assert everything_in(store) == restored


@sample(50)
@given(st.data())
def test_guards_hold_whatever_is_said(data):
    of, book, store, _ = told(data)
    explainer = Explainer(store, of)
    edges = [store.edge(edge.id) for edge in active(book)]
    joining = [edge for edge in edges if explainer.reason(edge) is Reason.USED]
    for group in groups_in(store):
        used = [edge for edge in joining if edge.record in group]
        users = {edge.other for edge in used if edge.level == 0}
        assert len(users) <= 1
        emails = {edge.other for edge in used if edge.type == "email"}
        assert len(emails) <= of.of("email").per_customer
    for edge in edges:
        if edge.kind == "cannot_link":
            assert store.group_of(edge.record) != store.group_of(edge.other)


@sample(50)
@given(st.data())
def test_shared_identifiers_join_nothing(data):
    of, book, store, _ = told(data)
    explainer = Explainer(store, of)
    edges = [store.edge(edge.id) for edge in active(book)]
    joining = Counter(edge.other for edge in edges if edge.kind == "identifies" and explainer.reason(edge).joins)
    for node in joining:
        named = [edge for edge in edges if edge.other == node and explainer.reason(edge).joins]
        if named[0].level:
            assert len({edge.record for edge in named}) <= of.of(named[0].type).shared_above


@sample(50)
@given(st.data())
def test_any_two_records_of_a_customer_are_tied_by_a_path_of_used_evidence(data):
    of, _, store, _ = told(data)
    explainer = Explainer(store, of)
    for group in groups_in(store):
        one, another = (data.draw(st.sampled_from(sorted(group))) for _ in range(2))
        answer = explainer.why(one, another)
        assert answer.together
        at = one
        for finding in answer.findings:
            assert finding.reason is Reason.USED
            ends = {finding.edge.record, finding.edge.other}
            assert at in ends
            (at,) = ends - {at}
        assert at == another


@sample(50)
@given(st.data())
def test_a_preview_is_what_then_happens(data):
    of, book, store, resolver = told(data)
    edge = data.draw(st.sampled_from(book)).edge
    before = groups_in(store)
    known = everything_in(store)
    preview = preview_retract(store, of, edge.id)
    assert everything_in(store) == known
    resolver.apply(retracted=[edge.id])
    gone = {group for news in preview for group in news.before}
    come = {group for news in preview for group in news.after}
    assert before >= gone
    assert (before - gone) | come == groups_in(store)

"""Customers are a function of the set of evidence: the twin says which, and the product always agrees with it."""

from hypothesis import given
from hypothesis import strategies as st

from rapport.resolve.explain import Explainer
from rapport.resolve.graph import MemoryStore
from rapport.resolve.rules import Rules
from rapport.resolve.twin import Partition, Said, active, partition
from tests.resolve.strategies import RECORDS, books, some_rules, take_in, write_down


def groups_in(store: MemoryStore) -> frozenset[frozenset[bytes]]:
    return frozenset(frozenset(store.members(store.group_of(record))) for record in RECORDS)


def product_of(book: list[Said], of: Rules, store: MemoryStore) -> Partition:
    """What the product makes of a book: groups, and reasons, in the form in which the twin gives them."""
    explainer = Explainer(store, of)
    return Partition(groups_in(store), {edge.id: explainer.reason(store.edge(edge.id)) for edge in active(book)})


@given(st.data())
def test_the_product_agrees_with_the_twin_after_every_change(data):
    of = data.draw(some_rules())
    book = data.draw(books(of))
    store = MemoryStore()
    resolver = write_down([], store, of)
    for number, said in enumerate(book, 1):
        take_in(resolver, [said])
        expected = partition(active(book[:number]), RECORDS, of)
        found = product_of(book[:number], of, store)
        assert found.groups == expected.groups
        assert found.reasons == expected.reasons

"""A view shows changes laid over what is stored, even where not all of that was read."""

import pytest

from rapport.resolve import Edge, MemoryStore, identifier_node, names, record_node
from rapport.resolve.graph import Change
from rapport.resolve.view import NEVER, Overlay, Reads, View
from tests.resolve.strategies import rules
from tests.resolve.world import ORG

EMAIL = identifier_node(ORG, "email", "info@example.com")


def edge(number: int, level: int) -> Edge:
    record = record_node(ORG, "web", "anonymous_id", str(number))
    return names(ORG, record, "email", EMAIL, level=level, rule="named", origin="web")


@pytest.fixture
def strong() -> list[Edge]:
    return [edge(number, 2) for number in range(4)]


@pytest.fixture
def store(strong: list[Edge]) -> MemoryStore:
    store = MemoryStore()
    store.write(Change(strong))
    return store


def laid_over(store: MemoryStore, gained: list[Edge], lost: list[Edge]) -> View:
    overlay = Overlay()
    overlay.gained[EMAIL] = gained
    overlay.lost[EMAIL] = {edge.id for edge in lost}
    return View(Reads(store), rules(shared_above=20), overlay)


def test_what_came_is_not_shown_before_stronger_evidence_that_was_not_read(store):
    weak, strong = edge(8, 3), edge(9, 2)
    view = laid_over(store, [weak, strong], [])
    edges, complete = view.identifier_edges(EMAIL, 2)
    assert not complete
    assert weak not in edges
    assert strong in edges
    edges, complete = view.identifier_edges(EMAIL, 10)
    assert complete
    assert edges[-1] == weak


def test_what_went_leaves_room_for_others_to_be_read(store, strong):
    view = laid_over(store, [], strong[:3])
    edges, _ = view.identifier_edges(EMAIL, 1)
    assert edges == [strong[3]]


def test_more_is_read_until_it_is_known_whether_an_identifier_is_shared(store, strong):
    read_few = View(Reads(store), rules(shared_above=3))
    assert read_few.shared_at(EMAIL) == 2
    enough = View(Reads(store), rules(shared_above=4))
    assert enough.shared_at(EMAIL) == NEVER
    assert set(enough.usable(EMAIL)) == set(strong)

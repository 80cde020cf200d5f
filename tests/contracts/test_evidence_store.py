"""What resolution asks of a store of evidence: every store answers as the one in memory does, whatever was said."""

import sqlite3
from contextlib import closing

from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.adapters.embedded.evidence_tables import EvidenceTables
from rapport.adapters.embedded.sqlite import connect
from rapport.adapters.embedded.state_rows import MIGRATIONS
from rapport.kernel.keys import BlindKey
from rapport.resolve import Explainer, Mark, MemoryStore, Resolver
from tests.resolve.strategies import RECORDS, books, in_batches, take_in, worlds

BLIND = BlindKey(bytes(range(32)))


def tables(db: sqlite3.Connection) -> EvidenceTables:
    return EvidenceTables(db, BLIND)


def fresh_db() -> sqlite3.Connection:
    """Tables in memory, with every record of the small worlds in its place."""
    db = connect(":memory:", MIGRATIONS, durable=False)
    rows = [(number, BLIND.blind(node)) for number, node in enumerate(RECORDS, 1)]
    db.executemany("INSERT INTO record (id, org, lookup, body) VALUES (?, 1, ?, x'')", rows)
    return db


def announce(store: EvidenceTables, book) -> None:
    for said in book:
        store.announce(said.edge, RECORDS.index(said.edge.record) + 1)


def everything(store, book, of):
    """All that a store can be asked about a book, in a form that two stores agree on."""
    identifiers = {said.edge.other for said in book if said.edge.kind == "identifies"}
    explainer = Explainer(store, of)
    counted = {record: {edge.id: edge for edge in store.edges_of_record(record)} for record in RECORDS}
    return {
        "of records": counted,
        "of identifiers": {
            node: {edge.id: edge for edge in store.edges_of_identifier(node, 1 << 40)} for node in identifiers
        },
        "levels": {
            (node, limit): [edge.level for edge in store.edges_of_identifier(node, limit)]
            for node in identifiers
            for limit in (1, 2, 3)
        },
        "set aside": {record: {edge.id: edge for edge in store.edges_set_aside(record)} for record in RECORDS},
        "edges": {said.edge.id: store.edge(said.edge.id) for said in book},
        "retracted": {said.edge.id: store.is_retracted(said.edge.id) for said in book},
        "popularity": {node: store.popularity(node) for node in identifiers},
        "marks": {(mark, node): store.marked(mark, node) for mark in Mark for node in identifiers},
        "groups": {record: (store.group_of(record), set(store.members(store.group_of(record)))) for record in RECORDS},
        "reasons": {edge.id: explainer.reason(edge) for edges in counted.values() for edge in edges.values()},
    }


@given(st.data())
def test_tables_answer_as_memory_does(data):
    kind = data.draw(worlds())
    book = data.draw(books(kind))
    memory = MemoryStore()
    with closing(fresh_db()) as db:
        store = tables(db)
        resolvers = [Resolver(memory, kind.rules), Resolver(store, kind.rules)]
        for batch in in_batches(book, data.draw(st.sampled_from([1, 3, 100]))):
            announce(store, batch)
            for resolver in resolvers:
                take_in(resolver, batch)
            store.forget()
        announce(store, book)
        assert everything(store, book, kind.rules) == everything(memory, book, kind.rules)
        again = tables(db)
        announce(again, book)
        assert everything(again, book, kind.rules) == everything(memory, book, kind.rules)


@given(st.data())
@settings(max_examples=10)
def test_tables_hold_no_node_and_no_id_as_it_is(data):
    kind = data.draw(worlds())
    book = data.draw(books(kind))
    with closing(fresh_db()) as db:
        store = tables(db)
        announce(store, book)
        resolver = Resolver(store, kind.rules)
        for said in book:
            take_in(resolver, [said])
        on_disk = db.serialize()
        announce(store, book)
        active = [said.edge.id for said in book if store.edge(said.edge.id)]
    assert all(BLIND.blind(edge) in on_disk for edge in active)
    for said in book:
        for secret in (said.edge.id, said.edge.record, said.edge.other):
            assert secret not in on_disk

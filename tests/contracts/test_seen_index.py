"""Which events were taken in before: the index answers as a dict does, through merges and over restarts."""

import sqlite3
from hashlib import blake2b

from hypothesis import given
from hypothesis import strategies as st

from rapport.adapters.embedded.seen import SCHEMA, SeenIndex
from rapport.profile.store import Seen


def key(number: int) -> bytes:
    """As keyed hashes are: any 16 bytes; a few begin alike, so that filters alone cannot tell."""
    raw = blake2b(number.to_bytes(8, "big"), digest_size=16).digest()
    return bytes(8) + raw[8:] if number % 5 == 0 else raw


def place(number: int, *, may_move: bool = False) -> Seen:
    return Seen(number.to_bytes(8, "big"), may_move, number, number * 7)


places = st.builds(place, st.integers(0, (1 << 40)), may_move=st.booleans())
entries = st.lists(st.tuples(st.integers(0, 60), places), max_size=12)
commits = st.lists(st.tuples(entries, st.booleans()), max_size=12)


def made(db: sqlite3.Connection) -> sqlite3.Connection:
    for statement in SCHEMA.split(";"):
        db.execute(statement)
    return db


@given(commits, st.integers(1, 20))
def test_it_answers_as_a_dict_does(commits, recent):
    db = made(sqlite3.connect(":memory:", isolation_level=None))
    index, known = SeenIndex(db, recent), {}
    for batch, reopened in commits:
        # Within one commit an event is entered once.
        some = {key(number): seen for number, seen in batch}
        index.add(some.items())
        known |= some
        if reopened:
            index = SeenIndex(db, recent)
        for number in range(61):
            assert index.get(key(number)) == known.get(key(number))
    db.close()


def test_thousands_of_entries_survive_many_merges(proof_size):
    size = proof_size(6_000, 200_000)
    db = made(sqlite3.connect(":memory:", isolation_level=None))
    index = SeenIndex(db, recent=100)
    for start in range(0, size, 70):
        index.add((key(number), place(number)) for number in range(start, min(start + 70, size)))
    index.add([(key(3), place(99))])
    for reopened in (index, SeenIndex(db, recent=100)):
        assert all(reopened.get(key(number)) == place(number) for number in range(4, size))
        assert reopened.get(key(3)) == place(99)
        assert not any(reopened.get(key(number)) for number in range(size, size + 2_000))
    runs = db.execute("SELECT count(*) FROM seen_run").fetchone()[0]
    assert runs < 20
    db.close()

"""Bundles of a ledger that somebody edited, put back or erased from: what does not hold any more is found."""

import sqlite3
from collections.abc import Iterator

import pytest

from rapport.app import erasing
from rapport.app.bundling import open_bundler
from rapport.kernel import verify
from rapport.kernel.errors import Conflict, RapportError
from tests.kernel.bundles import bundle, holds, reads
from tests.profile.house import ORG
from tests.web.portal.person import Home


@pytest.fixture
def home() -> Iterator[Home]:
    with Home() as home:
        yield home


BY_HAND = {
    "edit of what is sealed": "UPDATE receipt SET body = (SELECT body FROM receipt WHERE seq = 2) WHERE seq = 1",
    "receipt deleted": "DELETE FROM receipt WHERE seq = 2",
    "last receipt deleted": "DELETE FROM receipt WHERE seq = (SELECT max(seq) FROM receipt)",
    "receipts deleted": "DELETE FROM receipt",
    "receipt out of the tree": "UPDATE receipt SET tree = NULL WHERE seq = 2",
    "order turned": "UPDATE receipt SET place = 1000 - place",
    "way back cut": "UPDATE receipt SET previous = 0 WHERE seq = 2",
    "way back into a ring": "UPDATE receipt SET previous = seq",
    "way back without the last": "UPDATE tree SET last = last - 1",
    "tree deleted": "DELETE FROM tree",
    "tree shortened": "UPDATE tree SET size = size - 1",
    "tree's frontier": "UPDATE tree SET frontier = zeroblob(length(frontier))",
    "tree's entry": "UPDATE tree SET entry = 0",
    "tree's number of heads": "UPDATE tree SET number = number + 1",
    "log's tiles": "UPDATE log_tile SET hashes = zeroblob(length(hashes))",
    "log's tiles deleted": "DELETE FROM log_tile",
    "log's head deleted": "DELETE FROM log_head",
    "log's size": "UPDATE log_head SET size = size - 1",
    "log's checkpoint": "UPDATE log_head SET checkpoint = replace(checkpoint, char(10) || size, char(10) || 1)",
}


@pytest.mark.parametrize("statement", BY_HAND)
def test_an_edit_of_the_ledger_by_hand_is_found(home: Home, statement: str) -> None:
    """Either no bundle can be made of it any more, with a message, or the verifier says what does not hold."""
    person = home.people.add([f"{ORG}:user_id:ada"]).handle
    reads(home, 3)
    head = verify.verify(bundle(home, person))["head"]
    edit(home, BY_HAND[statement])
    try:
        made = open_bundler(home.settings).bundle(person, head)
    except RapportError:
        pass
    else:
        assert not holds(made, head)


def edit(home: Home, statement: str) -> None:
    with sqlite3.connect(home.directory / "ledger.db") as db:
        assert db.execute(statement).rowcount


def test_an_older_ledger_put_back_is_found_also_once_it_grew_again(home: Home) -> None:
    person = home.people.add([f"{ORG}:user_id:ada"]).handle
    reads(home, 2)
    with sqlite3.connect(home.directory / "ledger.db") as now, sqlite3.connect(home.directory / "older.db") as older:
        now.backup(older)
    reads(home, 3)
    head = verify.verify(bundle(home, person))["head"]
    with sqlite3.connect(home.directory / "ledger.db") as now, sqlite3.connect(home.directory / "older.db") as older:
        older.backup(now)
    restored = open_bundler(home.settings)
    with pytest.raises(Conflict, match="rolled back"):
        restored.bundle(person, head)
    assert "rolled back" in verify.verify(restored.bundle(person), since=head)["problem"]
    reads(home, 6)
    assert not holds(restored.bundle(person, head), head)


def test_who_is_erased_stays_hidden_and_the_log_verifies(home: Home) -> None:
    person = home.people.add([f"{ORG}:user_id:ada"]).handle
    reads(home, 2)
    before = verify.verify(bundle(home, person))
    home.worker.close()  # now whoever asks is the worker
    erasing.shred(home.settings, person, [(ORG, "user_id", "ada")])
    home._reader = None
    home.restart()
    reads_nothing = open_bundler(home.settings).bundle(person, before["head"])
    after = verify.verify(reads_nothing, since=before["head"])
    assert after["ok"], after["problem"]
    assert after["hidden"] >= before["receipts"]
    assert not {"permitted"} & {one["receipt"]["decision"] for one in reads_nothing["receipts"]}

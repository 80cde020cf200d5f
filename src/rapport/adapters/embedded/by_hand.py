"""Signatures by people's own hands in ledger.db (`terms.by_hand`): one row for all agreements of one act, sealed under
the person's key, with which they go."""

import sqlite3
from collections.abc import Sequence

import msgspec

from rapport.adapters.embedded.keyring import Keyring
from rapport.kernel.errors import NotFound
from rapport.terms.by_hand import Hand

SCHEMA = """
    CREATE TABLE hand (id INTEGER PRIMARY KEY AUTOINCREMENT, person INTEGER NOT NULL, body BLOB NOT NULL);
    CREATE INDEX hand_of ON hand (person);
    CREATE TABLE by_hand (agreement INTEGER PRIMARY KEY, hand INTEGER NOT NULL)
"""
_PLACE = b"hand"


def keep(db: sqlite3.Connection, keys: Keyring, person: int, agreements: Sequence[int], hand: Hand) -> None:
    """Keep a signature with the agreements (by number) that it is under. Within a transaction. Raises NotFound."""
    key = keys.person(person)
    if key is None:
        raise NotFound("this person is erased")
    sealed = key.seal(msgspec.json.encode(hand), _PLACE)
    number = db.execute("INSERT INTO hand (person, body) VALUES (?, ?)", (person, sealed)).lastrowid
    db.executemany("INSERT OR REPLACE INTO by_hand VALUES (?, ?)", [(one, number) for one in agreements])


def of(db: sqlite3.Connection, keys: Keyring, agreement: int) -> Hand | None:
    """The signature under an agreement; None where the person did not sign it themselves."""
    query = "SELECT person, body FROM by_hand JOIN hand ON hand.id = hand WHERE agreement = ?"
    row = db.execute(query, (agreement,)).fetchone()
    key = None if row is None else keys.person(row[0])
    return None if key is None else msgspec.json.decode(key.open(row[1], _PLACE), type=Hand)


def is_signed(db: sqlite3.Connection, agreement: int) -> bool:
    return db.execute("SELECT 1 FROM by_hand WHERE agreement = ?", (agreement,)).fetchone() is not None


def forget(db: sqlite3.Connection, person: int) -> None:
    """Leave no signature of an erased person. Within a transaction."""
    db.execute("DELETE FROM by_hand WHERE hand IN (SELECT id FROM hand WHERE person = ?)", (person,))
    db.execute("DELETE FROM hand WHERE person = ?", (person,))

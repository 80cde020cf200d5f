"""Terms in the ledger, by the keyed hash of their content: people who share a preset share a row."""

import hashlib
import sqlite3

import msgspec

from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.sqlite import transaction
from rapport.terms import Terms

_REMEMBERED = 100_000


class TermsFile:
    """Over one ledger connection; one instance per thread."""

    def __init__(self, db: sqlite3.Connection, keys: Keyring) -> None:
        self._db = db
        self._seal = keys.node("terms")
        self._secret = keys.secret("terms")
        self._known: dict[bytes, Terms] = {}

    def of(self, key: bytes) -> Terms:
        """Terms by their hash, so that what is remembered is never out of date."""
        terms = self._known.get(key)
        if terms is None:
            (body,) = self._db.execute("SELECT body FROM terms WHERE hash = ?", (key,)).fetchone()
            terms = msgspec.msgpack.decode(self._seal.open(body, key), type=Terms)
            if len(self._known) > _REMEMBERED:
                self._known.clear()
            self._known[key] = terms
        return terms

    def key(self, terms: Terms) -> bytes:
        """The hash that terms are kept by."""
        return hashlib.blake2b(msgspec.msgpack.encode(terms), key=self._secret, digest_size=16).digest()

    def keep(self, terms: Terms) -> bytes:
        """Keep terms, and return their hash."""
        body, key = msgspec.msgpack.encode(terms), self.key(terms)
        with transaction(self._db):
            self._db.execute("INSERT OR IGNORE INTO terms VALUES (?, ?)", (key, self._seal.seal(body, key)))
        return key

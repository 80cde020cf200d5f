"""What a person's terms kept back from decisions about them, in ledger.db: categories, by the receipt of each decision.

For the person alone, sealed under their key: it is in no receipt, and no organization is ever told of it.
"""

import logging
import sqlite3
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from rapport.adapters.embedded.sqlite import rows_in
from rapport.kernel.errors import Corrupt

if TYPE_CHECKING:
    from rapport.adapters.embedded.ledger import LedgerFile

log: Final = logging.getLogger(__name__)

SCHEMA = """
    CREATE TABLE withheld (receipt TEXT PRIMARY KEY, person INTEGER NOT NULL, sealed BLOB NOT NULL) WITHOUT ROWID;
    CREATE INDEX withheld_from ON withheld (person)
"""
_PLACE: Final = b"withheld "
_decode = msgspec.msgpack.Decoder(tuple[str, ...]).decode


class WithheldBook:
    """Over one ledger connection; one instance per thread. `person`: a person's number."""

    def __init__(self, ledger: "LedgerFile") -> None:
        self._db = ledger.db
        self._keys = ledger.keys

    def keep(self, receipt: str, person: int, categories: Sequence[str]) -> None:
        """Within the transaction that commits the receipt."""
        key = self._keys.person(person) if person and categories else None
        if key is not None:
            sealed = key.seal(msgspec.msgpack.encode(categories), _PLACE + receipt.encode())
            self._db.execute("INSERT OR REPLACE INTO withheld VALUES (?, ?, ?)", (receipt, person, sealed))

    def of(self, person: int, receipts: Collection[str]) -> dict[str, tuple[str, ...]]:
        """Receipt → what was kept back, of those that kept anything back from a decision about this person."""
        key = self._keys.person(person)
        if key is None:
            return {}
        query = "SELECT receipt, sealed FROM withheld WHERE person = ? AND receipt IN ({})"
        rows = rows_in(self._db, query, list(receipts), person)
        found: dict[str, tuple[str, ...]] = {}
        for receipt, sealed in rows:
            try:
                found[receipt] = _decode(key.open(sealed, _PLACE + receipt.encode()))
            except (Corrupt, msgspec.MsgspecError) as error:  # it must not stand before the others
                log.warning("what terms kept back from a decision cannot be read: %s", type(error).__name__)
        return found


def forget(db: sqlite3.Connection, person: int) -> None:
    """Within a transaction."""
    db.execute("DELETE FROM withheld WHERE person = ?", (person,))

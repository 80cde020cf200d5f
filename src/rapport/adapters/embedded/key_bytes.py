"""The bytes of keys as they lie in keys.db, wrapped: for looking whether they are gone, never for opening anything."""

import sqlite3
from contextlib import closing
from pathlib import Path


def wrapped_keys(data: Path) -> set[bytes]:
    """The wrapped keys of all records and persons."""
    query = "SELECT wrapped FROM record_key UNION SELECT wrapped FROM person_key"
    with closing(sqlite3.connect(f"file:{data / 'keys.db'}?mode=ro", uri=True)) as db:
        return {bytes(wrapped) for (wrapped,) in db.execute(query)}

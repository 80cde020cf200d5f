"""The bytes of keys as they lie in keys.db, wrapped: for looking whether they are gone, never for opening anything."""

import sqlite3
from contextlib import closing
from pathlib import Path


def record_keys(data: Path) -> set[bytes]:
    """The wrapped keys of all records."""
    with closing(sqlite3.connect(f"file:{data / 'keys.db'}?mode=ro", uri=True)) as db:
        return {bytes(wrapped) for (wrapped,) in db.execute("SELECT wrapped FROM record_key")}

"""How far the views are, read beside a running worker."""

from pathlib import Path

from rapport.adapters.embedded.sqlite import connect
from rapport.adapters.embedded.state_rows import MIGRATIONS


class Cursor:
    """The sequence number of the last log entry whose events are committed to state.db; asked anew at every call."""

    def __init__(self, data: Path) -> None:
        self._db = connect(data / "state.db", MIGRATIONS, durable=False, cache_mb=1)

    def __call__(self) -> int:
        row = self._db.execute("SELECT value FROM meta WHERE name = 'cursor'").fetchone()
        return int(row[0]) if row else 0

    def close(self) -> None:
        self._db.close()

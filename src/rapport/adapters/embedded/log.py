"""log.db: accepted request bodies, one row each, synced by group commit, sealed under the key of their hour."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from rapport.adapters.embedded.group_commit import MIN_FREE_BYTES, GroupCommit
from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.sqlite import connect, transaction, translating
from rapport.kernel.ports import LogEntry
from rapport.kernel.times import HOUR, now

MIGRATIONS = ["CREATE TABLE log (seq INTEGER PRIMARY KEY AUTOINCREMENT, hour INTEGER NOT NULL, body BLOB NOT NULL)"]

_PLACE = b"log"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(LogEntry).decode


class LogFile:
    """Reads and writes rows of the log; one instance per thread."""

    def __init__(self, data: Path, keys: Keyring) -> None:
        self.path = data / "log.db"
        self._keys = keys
        self._db = connect(self.path, MIGRATIONS, durable=True)

    def append(self, entries: Sequence[LogEntry]) -> int:
        """Write entries in one synced transaction; return the sequence number of the last."""
        hour = now() // HOUR
        seal = self._keys.make_log_key(hour).seal
        rows = [(hour, seal(_encode(entry), _PLACE)) for entry in entries]
        with translating(self.path), transaction(self._db):
            self._db.executemany("INSERT INTO log (hour, body) VALUES (?, ?)", rows)
            last: int = self._db.execute("SELECT max(seq) FROM log").fetchone()[0]
        return last

    def read(self, after: int, limit: int) -> list[tuple[int, LogEntry]]:
        """Entries with a sequence number greater than `after`, in order."""
        query = "SELECT seq, hour, body FROM log WHERE seq > ? ORDER BY seq LIMIT ?"
        with translating(self.path):
            rows = self._db.execute(query, (after, limit)).fetchall()
        return [(seq, _decode(self._keys.log(hour).open(body, _PLACE))) for seq, hour, body in rows]

    def last(self) -> int:
        """The sequence number of the newest entry; 0 when there was never one."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'log'").fetchone()
        return int(row[0]) if row else 0

    def drop(self, up_to: int, before_hour: int) -> int:
        """Delete consumed entries (seq ≤ `up_to`) of hours before `before_hour`; return how many."""
        with transaction(self._db):
            query = "DELETE FROM log WHERE seq <= ? AND hour < ?"
            return self._db.execute(query, (up_to, before_hour)).rowcount

    def oldest_hour(self) -> int | None:
        """The hour of the oldest entry still there."""
        row = self._db.execute("SELECT hour FROM log ORDER BY seq LIMIT 1").fetchone()
        return row[0] if row else None

    def size(self) -> int:
        """Bytes of the file and its WAL."""
        wal = self.path.with_name("log.db-wal")
        return self.path.stat().st_size + (wal.stat().st_size if wal.exists() else 0)

    def close(self) -> None:
        self._db.close()


class GroupCommitLog:
    """The web process's Log port. `notify` is called after each commit, from the writer thread, to wake the worker."""

    def __init__(
        self, open_file: Callable[[], LogFile], notify: Callable[[], None], *, min_free_bytes: int = MIN_FREE_BYTES
    ) -> None:
        append, close = LogFile.append, LogFile.close
        self._writer = GroupCommit("log", open_file, append, close, notify, min_free_bytes=min_free_bytes)

    async def append(self, entry: LogEntry) -> int:
        return await self._writer.submit(entry, len(entry.body))

    def close(self) -> None:
        self._writer.close()

"""log.db: accepted request bodies, one row each, synced by group commit, sealed under the key of their segment.

A *segment* is a stretch of the log with a key of its own. A new hour begins one, and so does an erasure: then what
still waits is sealed anew under the new key, and all older keys are destroyed. Which segment is the present one stands
in log.db itself, and whoever appends reads it in the very transaction that appends: entries are sealed beforehand under
the segment that was the last one's, and once more in the rare case that it is no longer the present one. So no row is
ever committed under a key that an erasure has given up, however many processes append.

Numbers of segments only grow. The first of an hour has at least the hour's own number, as all of them had before there
were segments.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from rapport.adapters.embedded.group_commit import MIN_FREE_BYTES, GroupCommit
from rapport.adapters.embedded.keyring import Keyring
from rapport.adapters.embedded.sqlite import connect, emptied, transaction, translating
from rapport.kernel.keys import SealKey
from rapport.kernel.ports import LogEntry
from rapport.kernel.times import HOUR, now

MIGRATIONS = [
    "CREATE TABLE log (seq INTEGER PRIMARY KEY AUTOINCREMENT, hour INTEGER NOT NULL, body BLOB NOT NULL)",
    """
    ALTER TABLE log ADD COLUMN segment INTEGER NOT NULL DEFAULT 0;
    UPDATE log SET segment = hour;
    CREATE TABLE segment (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL, hour INTEGER NOT NULL);
    INSERT INTO segment SELECT 1, coalesce(max(segment), 0), coalesce(max(hour), 0) FROM log
    """,
]

_PLACE = b"log"
_RESEALED_TOGETHER = 64
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(LogEntry).decode


class LogFile:
    """Reads and writes rows of the log; one instance per thread. It closes its keyring with itself."""

    def __init__(self, data: Path, keys: Keyring) -> None:
        self.path = data / "log.db"
        self._keys = keys
        self._db = connect(self.path, MIGRATIONS, durable=True)
        self._last: tuple[int, SealKey] | None = None

    def append(self, entries: Sequence[LogEntry]) -> int:
        """Write entries in one synced transaction; return the sequence number of the last."""
        hour = now() // HOUR
        plain = [_encode(entry) for entry in entries]
        guess = self._last
        sealed = [] if guess is None else [guess[1].seal(body, _PLACE) for body in plain]
        with translating(self.path), transaction(self._db):
            segment = self._segment(hour)
            if guess is None or guess[0] != segment:
                self._last = guess = (segment, self._keys.make_log_key(segment))
                sealed = [guess[1].seal(body, _PLACE) for body in plain]
            rows = [(hour, body, segment) for body in sealed]
            self._db.executemany("INSERT INTO log (hour, body, segment) VALUES (?, ?, ?)", rows)
            last: int = self._db.execute("SELECT max(seq) FROM log").fetchone()[0]
        return last

    def _segment(self, hour: int) -> int:
        """The present segment, begun anew if the hour is; within the transaction that appends."""
        number, since = self._present()
        if hour > since:
            number = max(number + 1, hour)
            self._db.execute("UPDATE segment SET number = ?, hour = ?", (number, hour))
        return number

    def _present(self) -> tuple[int, int]:
        number, since = self._db.execute("SELECT number, hour FROM segment").fetchone()
        return number, since

    def read(self, after: int, limit: int) -> list[tuple[int, LogEntry]]:
        """Entries with a sequence number greater than `after`, in order."""
        query = "SELECT seq, segment, body FROM log WHERE seq > ? ORDER BY seq LIMIT ?"
        with translating(self.path):
            rows = self._db.execute(query, (after, limit)).fetchall()
        return [(seq, _decode(self._keys.log(segment).open(body, _PLACE))) for seq, segment, body in rows]

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

    def oldest_segment(self) -> int:
        """The segment of the oldest entry still there; the present one where there is none. No entry will ever be of an
        older one."""
        row = self._db.execute("SELECT segment FROM log ORDER BY seq LIMIT 1").fetchone()
        return int(row[0]) if row else self._present()[0]

    def let_go(self, up_to: int) -> None:
        """Make all that was consumed (seq ≤ `up_to`) unreadable, for good and wherever copies of it lie. Call it once
        its effects are durable.

        What still waits is sealed anew under a segment that begins now. A crash at any instant leaves every waiting
        entry readable, under one key or the other; then it is to be called again. The rows of what was consumed are
        rubbish from now on, and are deleted at their time.
        """
        with translating(self.path):
            with transaction(self._db):
                number = self._present()[0] + 1
                key = self._keys.make_log_key(number)
                self._db.execute("UPDATE segment SET number = ?", (number,))
            while self._seal_anew(up_to, number, key):
                pass
            self._keys.destroy_log_keys(number)
            emptied(self._db, self.path)

    def _seal_anew(self, after: int, segment: int, key: SealKey) -> int:
        """Seal some of what waits under another segment's key; return how many. Those who append wait no longer than
        for these few."""
        query = "SELECT seq, segment, body FROM log WHERE seq > ? AND segment < ? ORDER BY seq LIMIT ?"
        with transaction(self._db):
            rows = self._db.execute(query, (after, segment, _RESEALED_TOGETHER)).fetchall()
            again = []
            for seq, before, body in rows:
                plain = self._keys.log(before).open(body, _PLACE)
                again.append((segment, key.seal(plain, _PLACE), seq))
            self._db.executemany("UPDATE log SET segment = ?, body = ? WHERE seq = ?", again)
        return len(rows)

    def size(self) -> int:
        """Bytes of the file and its WAL."""
        wal = self.path.with_name("log.db-wal")
        return self.path.stat().st_size + (wal.stat().st_size if wal.exists() else 0)

    def close(self) -> None:
        self._db.close()
        self._keys.close()


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

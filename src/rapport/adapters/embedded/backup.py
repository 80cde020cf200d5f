"""A backup: log, state, ledger and what was decided as they were, in one archive, without any key.

Each file is copied within one read transaction, so that it is of one moment however long the copying takes; the node
goes on meanwhile. The order of the three moments is what loses nothing:

    pin    a read transaction on the log is opened, and stays
    state  holds everything up to its cursor
    log    must hold everything after that cursor
    decide follows from the state, but for what is past; whoever restores it asks everybody anew
    ledger names every organization and source that the others name, since none is ever removed

What is acknowledged after the pin is in the log's copy, since the log lets go of nothing younger than a day. What was
there at the pin can be let go of between the copies of state and log, if the worker takes it in just then: so what the
pin shows after the cursor is counted in the copy, and where anything is missing, both are copied again.
"""

import hashlib
import hmac
import io
import sqlite3
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import msgspec

from rapport.adapters.embedded.sqlite import BUSY_TIMEOUT_S, translating
from rapport.kernel.errors import Busy, Corrupt, Misconfigured

FORMAT = 2
FILES = ("state.db", "log.db", "decide.db", "ledger.db")
_LATER = "decide.db"
"""Not there before format 2, nor where no node of that version has run yet."""
_MANIFEST = "manifest.json"
_MAC = "manifest.mac"
_PAGES = 4096
_TRIES = 5
_CHUNK = 1 << 20
_POLL_S = 0.05
PATIENCE_S = 2.0
"""How long a worker that makes no progress is waited for."""

Tell = Callable[[str, float], None]
"""(what is being done, how much of it: 0 to 1)"""


class Member(msgspec.Struct, frozen=True):
    """One file of a backup."""

    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup says of itself. `cursor` is the last log entry whose effects the state holds, `last` the newest
    entry of the log: what lies between was acknowledged and is taken in after a restore."""

    format: int
    rapport: str
    created_at: str
    node: str
    cursor: int
    last: int
    files: list[Member]


def size_of(data: Path) -> int:
    """Bytes of what is to be copied, about."""
    return sum((data / name).stat().st_size for name in FILES if (data / name).exists())


def copy_all(data: Path, into: Path, tell: Tell) -> tuple[int, int]:
    """Copy the files; return the state's cursor and the number of the log's newest entry.

    Raises Busy where the log let go of entries during each of several tries.
    """
    for name in FILES:
        if name != _LATER and not (data / name).exists():
            raise Misconfigured(f"there is no {name} in {data}: no node has run there yet", field="data")
    _wait_for_worker(data, tell)
    for _ in range(_TRIES):
        with _pinned(data / "log.db") as pin:
            _copy(data / "state.db", into / "state.db", tell)
            _leave_out(into / "state.db")
            cursor = cursor_of(into / "state.db")
            _copy(data / "log.db", into / "log.db", tell)
            if _whole(pin, into / "log.db", cursor):
                if (data / _LATER).exists():
                    _copy(data / _LATER, into / _LATER, tell)
                _copy(data / "ledger.db", into / "ledger.db", tell)
                return cursor, last_of(into / "log.db")
    raise Busy("the log was being cleared each time it was copied: try again", retry_after=60)


def _wait_for_worker(data: Path, tell: Tell) -> None:
    """Let what was acknowledged so far be taken in, as long as a worker gets on with it: what waits in a log's copy is
    lost to it as soon as an erasure destroys the log's keys."""
    wanted, cursor, moved = last_of(data / "log.db"), -1, time.monotonic()
    while (now := cursor_of(data / "state.db")) < wanted and time.monotonic() - moved < PATIENCE_S:
        if now != cursor:
            cursor, moved = now, time.monotonic()
        tell("waiting for the worker", now / wanted)
        time.sleep(_POLL_S)


def cursor_of(state: Path) -> int:
    with _open(state) as db:
        row = db.execute("SELECT value FROM meta WHERE name = 'cursor'").fetchone()
    return int(row[0]) if row else 0


def last_of(log: Path) -> int:
    with _open(log) as db:
        row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'log'").fetchone()
    return int(row[0]) if row else 0


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    with translating(path), closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as db:
        yield db


@contextmanager
def _pinned(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that goes on seeing the file as it is now."""
    with _open(path) as db:
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield db


def _whole(pin: sqlite3.Connection, copy: Path, cursor: int) -> bool:
    """Whether the log's copy has all that the pin shows after the cursor, and goes at least as far as the cursor."""
    newest = pin.execute("SELECT max(seq) FROM log").fetchone()[0] or 0
    query = "SELECT count(*) FROM log WHERE seq > ? AND seq <= ?"
    with _open(copy) as db:
        same = pin.execute(query, (cursor, newest)).fetchone() == db.execute(query, (cursor, newest)).fetchone()
    return same and last_of(copy) >= cursor


def _copy(source: Path, target: Path, tell: Tell) -> None:
    target.unlink(missing_ok=True)
    with _pinned(source) as db, _open(target) as copy:

        def progress(_: int, remaining: int, total: int) -> None:
            tell(f"copying {source.name}", 1 - remaining / max(total, 1))

        db.backup(copy, pages=_PAGES, progress=progress)
        copy.execute("PRAGMA journal_mode = DELETE")  # all of it in one file


def _leave_out(state: Path) -> None:
    """Leave out what names people under keys that outlive them: refused parts, and the marks of shared devices, which a
    restore makes anew from the timelines. Else an erasure could not reach them in a backup."""
    with _open(state) as db:
        db.execute("PRAGMA secure_delete = ON")
        db.execute("DELETE FROM rejected")
        db.execute("DELETE FROM mark")


# -- the archive


def describe(into: Path, tell: Tell) -> list[Member]:
    """Sizes and checksums of the copies."""
    found = []
    for name in FILES:
        if not (into / name).exists():
            continue
        size = (into / name).stat().st_size
        digest, done = hashlib.sha256(), 0
        with (into / name).open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                done += len(chunk)
                tell(f"checking {name}", done / size)
        found.append(Member(name, size, digest.hexdigest()))
    return found


def write_archive(out: IO[bytes], into: Path, manifest: Manifest, secret: bytes, tell: Tell, *, packed: bool) -> None:
    """Write manifest and copies as a tar, gzipped where `packed`; sealed bytes hardly get smaller."""
    raw = msgspec.json.encode(manifest)
    with _tar(out, packed=packed) as tar:
        for name, content in ((_MANIFEST, raw), (_MAC, _mac(secret, raw).encode())):
            tar.addfile(_info(name, len(content)), io.BytesIO(content))
        for member in manifest.files:
            with (into / member.name).open("rb") as file:
                tar.addfile(_info(member.name, member.size), _Told(file, member, tell))


def _tar(out: IO[bytes], *, packed: bool) -> tarfile.TarFile:
    return tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) if packed else tarfile.open(fileobj=out, mode="w")


class _Told:
    """A file that tells how much of it was read."""

    def __init__(self, file: IO[bytes], member: Member, tell: Tell) -> None:
        self._file, self._member, self._tell, self._done = file, member, tell, 0

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self._done += len(chunk)
        self._tell(f"writing {self._member.name}", self._done / max(self._member.size, 1))
        return chunk


def _info(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info


def _mac(secret: bytes, manifest: bytes) -> str:
    """What only the node's own keys can make: a changed archive is told from a whole one."""
    return hmac.new(secret, b"backup manifest\0" + manifest, hashlib.sha256).hexdigest()


_DAMAGED = (tarfile.TarError, EOFError, zlib.error, OSError)


def read_archive(source: Path, into: Path, node: str, secret: bytes, tell: Tell) -> Manifest:
    """Unpack an archive into a directory, checking all of it.

    Its members have the names that are expected, in the order that is expected, or it is none: nothing that it says is
    ever a path. Raises Corrupt where it is damaged, cut short or changed; Misconfigured where it is another node's, or
    of a newer version.
    """
    try:
        with source.open("rb") as file, tarfile.open(fileobj=file, mode="r|*") as tar:
            members = iter(tar)
            raw = _read_bytes(tar, members, _MANIFEST)
            manifest = _checked(raw, _read_bytes(tar, members, _MAC).decode("ascii", "replace"), node, secret)
            for member in manifest.files:
                _unpack(tar, members, member, into, tell)
    except _DAMAGED as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise Misconfigured(f"{error.filename or source}: {error.strerror}") from None
        raise Corrupt(f"{source.name} is damaged or cut short ({error}): nothing was restored") from None
    return manifest


def _checked(raw: bytes, mac: str, node: str, secret: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(raw, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Corrupt("the archive's manifest cannot be read: nothing was restored") from None
    if manifest.format > FORMAT:
        raise Misconfigured(f"the archive was written by a newer version of Rapport ({manifest.rapport})")
    if manifest.node != node:
        raise Misconfigured("the archive and the backup of keys are of two different nodes", field="keys")
    names = [file.name for file in manifest.files]
    expected = [name for name in FILES if name != _LATER or name in names]
    if not hmac.compare_digest(mac, _mac(secret, raw)) or names != expected:
        raise Corrupt("the archive's manifest was changed after it was written: nothing was restored")
    return manifest


def _expected(members: Iterator[tarfile.TarInfo], name: str) -> tarfile.TarInfo:
    info = next(members, None)
    if info is None:
        raise Corrupt(f"the archive is cut short: {name} is missing; nothing was restored")
    if info.name != name or info.type != tarfile.REGTYPE:
        raise Corrupt(f"this is no backup of Rapport: where {name} should be, it has {info.name[:60]!r}")
    return info


def _read_bytes(tar: tarfile.TarFile, members: Iterator[tarfile.TarInfo], name: str) -> bytes:
    file = tar.extractfile(_expected(members, name))
    return file.read(_CHUNK) if file is not None else b""


def _unpack(tar: tarfile.TarFile, members: Iterator[tarfile.TarInfo], member: Member, into: Path, tell: Tell) -> None:
    info = _expected(members, member.name)
    file = tar.extractfile(info)
    digest, done = hashlib.sha256(), 0
    with (into / member.name).open("xb") as target:
        while file is not None and (chunk := file.read(_CHUNK)):
            target.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            tell(f"unpacking {member.name}", done / max(member.size, 1))
    if done != member.size or digest.hexdigest() != member.sha256:
        raise Corrupt(f"{member.name} in the archive is not what was written into it: nothing was restored")

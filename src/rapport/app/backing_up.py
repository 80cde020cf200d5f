"""Backing up: the data in one archive that holds no key, the keys in another that is sealed under the backup key.

The data first, then the keys: so every record of the first has its key in the second, or was erased in between. An
erasure makes all older backups of keys useless, by replacing the backup key (`renew_backup_key`).
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from rapport import __version__
from rapport.adapters.embedded import backup, key_archive, key_files
from rapport.adapters.embedded.backup import Manifest
from rapport.adapters.embedded.key_archive import KeyHead
from rapport.app.embedded import kek_of, open_keys
from rapport.app.settings import Settings
from rapport.kernel.errors import Conflict, Full, Misconfigured
from rapport.kernel.times import SECOND, now, rfc3339

SECRET = "backup"  # noqa: S105 (the name of a key, not the key)
"""The node's secret that makes its archives known as its own."""

Tell = Callable[[str, float], None]


def _silent(_: str, __: float) -> None:
    return


def back_up(settings: Settings, file: Path, tell: Tell = _silent) -> Manifest:
    """Write log, state, ledger and what was decided, as they are now, into a new archive; the node may go on meanwhile.

    Raises Conflict where the file is there, Misconfigured where it cannot be, Full where there is no space for it:
    while it is written it takes its size twice.
    """
    data = settings.directory
    secret = _secret(settings)
    _place(settings, file)
    with _room(file, 2 * backup.size_of(data)) as into:
        cursor, last = backup.copy_all(data, into, tell)
        files = backup.describe(into, tell)
        manifest = Manifest(backup.FORMAT, __version__, _present(), key_files.id_of(secret), cursor, last, files)
        with _written_whole(file, into) as out:
            backup.write_archive(out, into, manifest, secret, tell, packed=file.name.endswith((".gz", ".tgz")))
    return manifest


def back_up_keys(settings: Settings, file: Path) -> KeyHead:
    """Write all keys, sealed under the backup key, into a new file. Raises as `back_up` does."""
    _place(settings, file)
    with _turn(settings):
        path = backup_key_path(settings)
        key_files.adopt(path)  # what a kill interrupted
        return _write_keys(settings, file, key_files.make_key(path))


def backup_key_path(settings: Settings) -> Path:
    return Path(settings.backup_key_file) if settings.backup_key_file else settings.directory / "backup.key"


def renew_backup_key(settings: Settings) -> None:
    """After keys were destroyed: make every older backup of keys useless, and write a fresh one where the setting
    `key_backup` says.

    A kill in between leaves the old backup key or the new one; call it again then. Where the fresh backup cannot be
    written, the old ones are useless all the same, and the error is raised after that.
    """
    path = backup_key_path(settings)
    with _turn(settings):
        key_files.adopt(path)  # a renewal that a kill interrupted: its archive may hold what was destroyed since
        if not path.exists() and not settings.key_backup:
            return  # keys were never backed up
        key = key_files.propose(path)
        try:
            if settings.key_backup:
                _write_keys(settings, Path(settings.key_backup), key)
        finally:
            key_files.adopt(path)


def _write_keys(settings: Settings, file: Path, backup_key: bytes) -> KeyHead:
    secret = _secret(settings)
    head = KeyHead(key_archive.FORMAT, __version__, _present(), key_files.id_of(secret), "", {})
    with _room(file, (settings.directory / "keys.db").stat().st_size) as into, _written_whole(file, into) as out:
        return key_archive.write(out, settings.directory, kek_of(settings), backup_key, head)


def _secret(settings: Settings) -> bytes:
    if not (settings.directory / "keys.db").exists():
        raise Misconfigured(f"no node has run in {settings.directory} yet: there is nothing to back up", field="data")
    with closing(open_keys(settings)) as keys:
        return keys.secret(SECRET)


def _present() -> str:
    return rfc3339(now() // SECOND * SECOND)


@contextmanager
def _turn(settings: Settings) -> Iterator[None]:
    """One at a time: backups of keys, and renewals of what seals them."""
    with (settings.directory / "backup.lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _place(settings: Settings, file: Path) -> None:
    """Check that a backup can go to a new file there."""
    if file.exists():
        raise Conflict(f"{file} is there already: backups are never written over", code="exists", field="file")
    if settings.directory.resolve() in file.resolve().parents:
        raise Misconfigured(f"{file} lies in the data directory, and would be lost with it", field="file")


@contextmanager
def _room(file: Path, size: int) -> Iterator[Path]:
    """A directory beside the file to be, for what is on its way; gone in the end, whatever comes."""
    try:
        free = shutil.disk_usage(file.parent).free
        if free < size:
            raise Full(f"{file.parent} has {free >> 20} MB free, and {size >> 20} MB are needed", retry_after=60)
        into = Path(tempfile.mkdtemp(prefix=".rapport-backup-", dir=file.parent))  # which only its owner may read
    except OSError as error:
        raise Misconfigured(f"{file} cannot be written: {error.strerror}", field="file") from None
    try:
        yield into
    except OSError as error:
        raise Full(f"{file} could not be written: {error.strerror}", retry_after=60) from None
    finally:
        shutil.rmtree(into, ignore_errors=True)


@contextmanager
def _written_whole(file: Path, into: Path) -> Iterator[IO[bytes]]:
    """A file that has its name only once all of it is on the disk, and that only its owner may read."""
    draft = into / "draft"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        yield out
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)
    key_files.sync_directory(file.parent)

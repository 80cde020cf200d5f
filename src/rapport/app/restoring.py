"""Restoring: an archive of the data and one of the keys become a data directory again, or nothing does."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import msgspec

from rapport.adapters.embedded import backup, decide_file, key_archive, key_files, let_go, restoring
from rapport.adapters.embedded.agent_requests import AgentRequests
from rapport.adapters.embedded.keyring import Keyring, key_encryption_key
from rapport.app import mending
from rapport.app.backing_up import SECRET
from rapport.app.embedded import open_ledger, open_log, open_people
from rapport.app.settings import Settings
from rapport.app.worker import Worker
from rapport.kernel.errors import Conflict, Misconfigured
from rapport.kernel.times import DAY, SECOND, now, rfc3339
from rapport.terms.data_rights import TICK

Tell = Callable[[str, float], None]


class Restored(msgspec.Struct, frozen=True):
    """What was restored, and what could not be: records without a key (erased since, or younger than the backup of
    keys), accepted requests that waited and whose key was gone, and what was let go of since and so is not there."""

    data: str
    backup_of: str
    keys_of: str
    records: int
    records_without_key: int
    requests_waiting: int
    requests_lost: int
    taken_away: int = 0


def restore(
    settings: Settings, archive: Path, keys: Path, backup_key: Path | None, tell: Tell = lambda *_: None
) -> Restored:
    """Restore into the settings' data directory, which must be empty or not there. All of it is made beside it and gets
    its name at the end.

    Raises Conflict where the directory is not empty, Misconfigured where the keys are not the archive's, Corrupt where
    a file is damaged, cut short or was changed; nothing is restored then.
    """
    target = settings.directory
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Conflict(f"{target} is not empty: restore into a directory of its own", code="exists", field="data")
    key_file = backup_key or (Path(settings.backup_key_file) if settings.backup_key_file else None)
    if key_file is None:
        raise Misconfigured("the backup key is needed: name its file with --backup-key", field="backup_key")
    sealing = key_files.read_key(key_file)
    with _staged(target) as stage:
        inner = msgspec.structs.replace(settings, data=str(stage))
        kek = key_encryption_key(stage, Path(settings.kek_file) if settings.kek_file else None, settings.kek)
        with _opened(keys) as source:
            head, _ = key_archive.read_head(source)
            key_archive.check_key(head, sealing, _since(key_file))
            source.seek(0)
            erased = key_archive.unpack(source, stage, kek, sealing, lambda part: tell("unpacking keys", part))
        if not settings.backup_key_file:
            key_files.make_key(stage / "backup.key", sealing)
        with closing(Keyring(stage, kek)) as ring:
            manifest = backup.read_archive(archive, stage, head.node, ring.secret(SECRET), tell)
            with closing(open_ledger(inner)) as ledger:
                taken = let_go.take_away(open_people(inner, ledger), erased.get(let_go.FRAME, []))
                # What somebody took back since the backup waits again: not to be done before they can say so anew.
                AgentRequests(ledger).wait_anew(now() + TICK + settings.agent_erasure_days * DAY)
            open_log(inner).close()
            count, gone = restoring.unreadable_records(stage, ring, lambda part: tell("opening records", part))
            waiting, lost = restoring.drop_unreadable_log(stage, ring, manifest.cursor)
            restoring.put_erased(stage, ring, erased)
            decide_file.begin_anew(stage, [*gone, *(record for record, _ in erased.get("erased", []))])
            with closing(Worker(inner)) as worker:
                mending.remove(worker, ring, gone)
                mending.mark_devices(worker, ring)
    counts = (count - len(gone), len(gone), waiting, lost, taken)
    return Restored(str(target), manifest.created_at, head.created_at, *counts)


def _since(key_file: Path) -> str:
    return rfc3339(int(key_file.stat().st_mtime) * SECOND)


@contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    try:
        with file.open("rb") as source:
            yield source
    except OSError as error:
        raise Misconfigured(f"{file} cannot be read: {error.strerror}") from None


@contextmanager
def _staged(target: Path) -> Iterator[Path]:
    """A directory beside the target, which takes its place if all goes well, and is gone if not."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=f".{target.name}-restoring-", dir=target.parent))
    except OSError as error:
        raise Misconfigured(f"{target} cannot be made: {error.strerror}", field="data") from None
    try:
        yield stage
        for path in stage.iterdir():
            path.chmod(0o600)
            with path.open("rb") as file:
                os.fsync(file.fileno())
        key_files.sync_directory(stage)
        try:
            stage.rename(target)  # onto an empty directory, or none
        except OSError as error:
            raise Misconfigured(
                f"{target} cannot be made: {error.strerror}; name one inside it", field="data"
            ) from None
        key_files.sync_directory(target.parent)
    finally:
        shutil.rmtree(stage, ignore_errors=True)

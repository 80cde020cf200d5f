"""How far an import has come, so that a run that was killed does not write again what is safely in the log.

Correctness does not rest on it: message ids are the same in every run, and the worker counts each once. The record
holds no content and no hash of any: a run is known by its files' paths, sizes and times, its mapping and its source.
"""

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import msgspec

VERSION = 1
"""Changes when the same lines and mapping would give other bodies, or the same in another order."""


class Progress(msgspec.Struct, frozen=True):
    """The first `batches` bodies of the run are in the log, the last of them under sequence number `log`."""

    batches: int = 0
    log: int = 0


class Checkpoint:
    """The record of one run, in the data directory; gone when the run is complete."""

    def __init__(self, data: Path, org: str, source: str, mapping: Path, files: Sequence[Path]) -> None:
        content = [VERSION, org, source, mapping.read_bytes(), [_identity(file) for file in files]]
        name = blake2b(msgspec.msgpack.encode(content), digest_size=16).hexdigest()
        self._path = data / "imports" / f"{name}.json"

    def load(self) -> Progress:
        """What the last run recorded; nothing where there was none, or its record is damaged."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Progress)
        except (OSError, msgspec.MsgspecError):
            return Progress()

    def save(self, progress: Progress) -> None:
        self._path.parent.mkdir(exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(progress))
        # Not synced: were it lost, batches would be written again and count once all the same.
        fresh.replace(self._path)

    def done(self) -> None:
        self._path.unlink(missing_ok=True)


def _identity(file: Path) -> list[str | int]:
    found = file.stat()
    return [str(file.resolve()), found.st_size, found.st_mtime_ns]

"""Lines that do not fit in memory, on disk until the end of the run and sealed under a key that never leaves memory.

The file has no name: it is gone when the process is, however that ends, and what the disk still holds opens for nobody.
"""

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from rapport.kernel.errors import Full
from rapport.kernel.keys import SealKey, fresh_key


class SealedSpill:
    """The `Spill` of collect/grouping.py, in a directory on the node's own disk."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file: IO[bytes] | None = None
        self._chunks: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        self._key = SealKey(fresh_key())

    def write(self, partition: int, chunk: bytes) -> None:
        """Raises Full where the disk takes no more."""
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115 - lives as long as this object
            at = self._file.seek(0, 2)
            sealed = self._key.seal(chunk, _place(at))
            self._file.write(sealed)
        except OSError as error:
            raise Full(f"lines cannot be set aside in {self._directory}: {error.strerror}", retry_after=30) from None
        self._chunks[partition].append((at, len(sealed)))

    def read(self, partition: int) -> Iterator[bytes]:
        if self._file is None:
            return
        for at, size in self._chunks[partition]:
            self._file.seek(at)
            yield self._key.open(self._file.read(size), _place(at))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _place(at: int) -> bytes:
    return at.to_bytes(8, "big")

"""Files of exports in the data directory: who is at work on which, and what the node keeps to be fetched."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import IO

from rapport.kernel.errors import Misconfigured

DIRECTORY = "exports"
LOCK, SEALED = ".lock", ".sealed"


class ExportFiles:
    """The exports in a data directory. A lock on a file of the export's name tells who is at work on it: it is let go
    of when the process ends, however it does."""

    def __init__(self, data: Path) -> None:
        self._directory = data / DIRECTORY

    def directory(self) -> Path:
        """Where they lie, for its owner's eyes. Raises Misconfigured where it cannot be made."""
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise Misconfigured(f"{self._directory} cannot be made: {error.strerror}", field="data") from None
        return self._directory

    @contextlib.contextmanager
    def at_work(self, handle: str) -> Iterator[None]:
        path = self.directory() / f"{handle}{LOCK}"
        with contextlib.ExitStack() as held:
            file = held.enter_context(path.open("ab"))
            fcntl.flock(file, fcntl.LOCK_EX)
            while not _is(path, file):  # whoever tidied up took it for one that was left behind
                file = held.enter_context(path.open("ab"))
                fcntl.flock(file, fcntl.LOCK_EX)
            held.callback(path.unlink, missing_ok=True)
            yield

    def is_alive(self, handle: str) -> bool:
        """Whether a process is at work on an export."""
        path = self._directory / f"{handle}{LOCK}"
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        path.unlink(missing_ok=True)
        return False

    def sealed(self, handle: str) -> Path:
        return self._directory / f"{handle}{SEALED}"

    def draft(self, handle: str, form: str) -> Path:
        """Where a file is made before it is sealed."""
        return self.directory() / f"{handle}.{form}"

    def tidy(self, kept: Callable[[], Collection[str]]) -> set[str]:
        """Delete all but what is kept, or being made; return whose file is gone. `kept` is asked after what lies there
        was listed: so what is finished meanwhile is not taken for a piece that was left behind."""
        listed = list(self._directory.glob("*"))
        known = kept()
        for path in listed:
            handle = path.name.removeprefix(".").partition(".")[0]
            if not (path.suffix == SEALED and handle in known) and not self.is_alive(handle):
                path.unlink(missing_ok=True)
        # One that is done takes its name in the next instant, under its lock.
        return {handle for handle in known if not self.is_alive(handle) and not self.sealed(handle).exists()}

    def remove(self, handle: str) -> None:
        """Delete whatever there is of an export."""
        for path in self._directory.glob(f"*{handle}*"):
            if path.suffix != LOCK:
                path.unlink(missing_ok=True)


def _is(path: Path, file: IO[bytes]) -> bool:
    """Whether an open file is still the one of this name."""
    try:
        return path.stat().st_ino == os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False

"""Files that hold one key of 32 bytes: made whole or not at all, and replaced so that what was there is gone.

Replacing goes in two steps, and a kill at any instant leaves a file that opens. `propose` writes the new key beside the
old one, as `NAME.next`. Once what rests on the key rests on the new one, `adopt` writes noise over the old bytes and
gives the new file the name. That is as much as a program can do: copies that the file system keeps (snapshots, flash
memory) are out of its reach.
"""

import contextlib
import os
import tempfile
from hashlib import blake2b
from pathlib import Path

from rapport.kernel.errors import Corrupt, Misconfigured
from rapport.kernel.keys import KEY_BYTES, fresh_key


def read_key(path: Path) -> bytes:
    """The key in a file. Raises Misconfigured where there is none, Corrupt where it is no key."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"the key file {path} cannot be read: {error.strerror}") from None
    if len(raw) != KEY_BYTES:
        raise Corrupt(f"{path} is not a key of {KEY_BYTES} bytes: restore it from where you keep it apart")
    return raw


def make_key(path: Path, key: bytes | None = None) -> bytes:
    """The key in a file that is made if it is not there, whole or not at all, whoever else tries the same."""
    if not path.exists():
        try:
            draft = _draft(path, key or fresh_key())
            try:
                with contextlib.suppress(FileExistsError):
                    path.hardlink_to(draft)
            finally:
                draft.unlink()
            sync_directory(path.parent)
        except OSError as error:
            raise Misconfigured(f"{path} cannot be written: {error.strerror}") from None
    return read_key(path)


def id_of(key: bytes) -> str:
    """What a key may be called by in the clear: 16 hexadecimal digits of a hash."""
    return blake2b(key, digest_size=8, person=b"key-id").hexdigest()


def next_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.next")


def propose(path: Path) -> bytes:
    """Write a fresh key beside a key file, to be adopted, in place of one that was proposed before."""
    following = next_of(path)
    scrub(following)
    following.unlink(missing_ok=True)
    return make_key(following)


def adopt(path: Path) -> None:
    """Let the proposed key, if there is one, take the place of the old one, whose bytes are written over."""
    following = next_of(path)
    if not following.exists():
        return
    try:
        scrub(path)
        following.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise Misconfigured(f"{path} cannot be replaced: {error.strerror}") from None


def scrub(path: Path) -> None:
    """Write noise over a file's bytes, and sync it."""
    with contextlib.suppress(FileNotFoundError), path.open("r+b") as old:
        old.write(os.urandom(os.fstat(old.fileno()).st_size))
        old.flush()
        os.fsync(old.fileno())


def sync_directory(directory: Path) -> None:
    """Make names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _draft(path: Path, key: bytes) -> Path:
    """A synced file with the key in it, which only its owner may read."""
    descriptor, draft = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as target:
            target.write(key)
            target.flush()
            os.fsync(target.fileno())
    except OSError:
        Path(draft).unlink()
        raise
    return Path(draft)

"""Rotating keys, while the node stands still: the key-encryption key, or an organization's.

The new key-encryption key is written beside the old one, all keys are wrapped under it in one transaction, and it takes
the old one's place. A kill at any instant leaves a data directory that opens: with the old key before the transaction
is committed, with the new one after it; whoever opens it looks at both (`embedded.kek_of`).
"""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec

from rapport.adapters.embedded import key_files, rewrapping
from rapport.app import embedded
from rapport.app.settings import Settings
from rapport.kernel.errors import Misconfigured


class Rotated(msgspec.Struct, frozen=True, omit_defaults=True):
    """How many keys were wrapped anew; where the operator has to act, `key_file` holds the new key-encryption key and
    `setting` is what must name it from now on. For an organization, the `version` of its key."""

    keys: int
    organization: str | None = None
    version: int | None = None
    key_file: str | None = None
    setting: str | None = None


def rotate_kek(settings: Settings, new_file: Path | None = None) -> Rotated:
    """Replace the key-encryption key. Raises Misconfigured while a node runs, or where the key is given by a setting
    and no file is named for the new one."""
    if settings.kek and new_file is None:
        message = "RAPPORT_KEK gives the key-encryption key: name a file for the new one with --new-kek-file"
        raise Misconfigured(message, field="new_kek_file")
    _check(settings)
    with embedded.lock(settings):
        finish(settings)
        old, path = embedded.kek_of(settings), embedded.kek_path(settings)
        new = key_files.propose(path) if new_file is None else key_files.make_key(new_file)
        if new == old:
            raise Misconfigured(f"{new_file} holds the key-encryption key that is in use", field="new_kek_file")
        count = rewrapping.rewrap_all(settings.directory, old, new)
        if new_file is not None:
            setting = "RAPPORT_KEK" if settings.kek else "RAPPORT_KEK_FILE"
            return Rotated(count, key_file=str(new_file), setting=setting)
        key_files.adopt(path)
        return Rotated(count)


def finish(settings: Settings) -> None:
    """End a rotation that was cut short, one way or the other; to be called by who holds the data directory."""
    path = embedded.kek_path(settings)
    if settings.kek or not key_files.next_of(path).exists():
        return
    if rewrapping.opened_by(settings.directory, key_files.read_key(path)):
        key_files.next_of(path).unlink()
    else:
        key_files.adopt(path)


def rotate_organization(settings: Settings, org: str, tell: Callable[[float], None] = lambda _: None) -> Rotated:
    """Give an organization a fresh key. Raises NotFound, or Misconfigured while a node runs."""
    _check(settings)
    with embedded.lock(settings):
        finish(settings)
        kek = embedded.kek_of(settings)
        count, version = rewrapping.rotate_organization(settings.directory, kek, org, tell)
    return Rotated(count, organization=org, version=version)


def counts(settings: Settings) -> dict[str, int]:
    """How many keys there are of each kind."""
    _check(settings)
    with closing(rewrapping.open_keys_file(settings.directory)) as db:
        return rewrapping.counted(db)


def _check(settings: Settings) -> None:
    if not (settings.directory / "keys.db").exists():
        raise Misconfigured(f"there are no keys in {settings.directory}: no node has run there yet", field="data")

"""Opening the parts of an embedded node over its data directory: what the processes and the command line share."""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from rapport.adapters.embedded import key_files, rewrapping
from rapport.adapters.embedded.benefits import BenefitFile, Benefits
from rapport.adapters.embedded.keyring import Keyring, key_encryption_key
from rapport.adapters.embedded.ledger import LedgerFile
from rapport.adapters.embedded.log import LogFile
from rapport.adapters.embedded.people import PeopleFile
from rapport.adapters.embedded.promises import PromiseBook
from rapport.adapters.embedded.reader import StateReader
from rapport.app.settings import Settings
from rapport.kernel.errors import Conflict, Misconfigured, NotFound
from rapport.kernel.ports import OWN_WORD, PRESENCE, YOU, Source
from rapport.resolve import Rules, default_rules, load_rules


def prepare(settings: Settings) -> Path:
    """Make the data directory where it is not there. Raises Misconfigured where it cannot be used."""
    directory = settings.directory
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise Misconfigured(f"the data directory {directory} cannot be made: {error.strerror}", field="data") from None
    if not os.access(directory, os.W_OK | os.X_OK):
        raise Misconfigured(f"the data directory {directory} is not writable: choose another with --data", field="data")
    return directory


def open_keys(settings: Settings) -> Keyring:
    return Keyring(prepare(settings), kek_of(settings))


def kek_path(settings: Settings) -> Path:
    """The file of the key-encryption key, where it is in one."""
    return Path(settings.kek_file) if settings.kek_file else settings.directory / "node.key"


def kek_of(settings: Settings) -> bytes:
    """The key-encryption key. Where a rotation was cut short, there are two: that which opens keys.db holds."""
    kek = key_encryption_key(settings.directory, kek_path(settings), settings.kek)
    following = key_files.next_of(kek_path(settings))
    if not settings.kek and following.exists() and not rewrapping.opened_by(settings.directory, kek):
        kek = key_files.read_key(following)
    return kek


def open_log(settings: Settings) -> LogFile:
    return LogFile(settings.directory, open_keys(settings))


def open_ledger(settings: Settings) -> LedgerFile:
    return LedgerFile(settings.directory, open_keys(settings))


def rules_of(settings: Settings) -> Rules:
    return load_rules(Path(settings.rules)) if settings.rules else default_rules()


class Sources:
    """Sources by name and by write key, from memory; looked up again once other processes have changed the ledger."""

    def __init__(self, ledger: LedgerFile, *, recheck_s: float = 0.2) -> None:
        self._ledger = ledger
        self._recheck = recheck_s
        self._by_key: dict[str, Source | None] = {}
        self._by_name: dict[tuple[str, str], Source] = {}
        self._version = ledger.version()
        self._checked = 0.0

    def _refresh(self) -> None:
        present = time.monotonic()
        if present - self._checked >= self._recheck:
            self._checked = present
            version = self._ledger.version()
            if version != self._version:
                self._version = version
                self.forget()

    def forget(self) -> None:
        self._by_key.clear()
        self._by_name.clear()

    def by_write_key(self, write_key: str) -> Source | None:
        self._refresh()
        source = self._by_key.get(write_key)
        if source is None:
            source = self._ledger.by_write_key(write_key)
            if source is not None:  # unknown keys are not kept: anybody can make up many
                self._by_key[write_key] = source
        return source

    def by_name(self, org: str, name: str) -> Source:
        """A source of which only events are left keeps its name and is trusted least; `you` and `presence`, which are
        none, most."""
        self._refresh()
        source = self._by_name.get((org, name))
        if source is None:
            try:
                source = self._ledger.source(org, name)
            except NotFound:
                source = Source(org, name, trust=OWN_WORD if name in {YOU, PRESENCE} else 0)
            self._by_name[org, name] = source
        return source


def open_people(settings: Settings, ledger: LedgerFile | None = None, keys: Keyring | None = None) -> PeopleFile:
    """Persons and what organizations promise, over a ledger connection of the caller's thread."""
    ledger = ledger or open_ledger(settings)
    keys = keys or ledger.keys
    return PeopleFile(ledger, keys, PromiseBook(ledger, keys).standing)


def open_promises(settings: Settings, ledger: LedgerFile | None = None) -> PromiseBook:
    """What organizations promise, over a ledger connection of the caller's thread."""
    ledger = ledger or open_ledger(settings)
    return PromiseBook(ledger, ledger.keys)


def open_benefits(settings: Settings, ledger: LedgerFile | None = None) -> Benefits:
    """The book of benefits, read over a ledger connection of the caller's thread."""
    return Benefits(BenefitFile(ledger or open_ledger(settings)), lambda: BenefitFile(open_ledger(settings)))


def open_reader(settings: Settings, source_of: Callable[[str, str], Source]) -> StateReader:
    return StateReader(settings.directory, open_keys(settings), rules_of(settings), source_of)


def ensure_source(settings: Settings, org: str, name: str, *, trusted: bool) -> Source:
    """The source of this name, made if it is not there. Raises NotFound where the organization is not."""
    ledger = open_ledger(settings)
    try:
        return ledger.add_source(org, name, trusted=trusted)
    except Conflict:
        return ledger.source(org, name)
    finally:
        ledger.close()


def lock(settings: Settings) -> IO[bytes]:
    """Hold the data directory for one node; released when the file is closed or the process ends.

    Raises Misconfigured where another node holds it.
    """
    file = (prepare(settings) / "node.lock").open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        message = f"another node runs on {settings.directory}: stop it, or choose another directory with --data"
        raise Misconfigured(message, field="data") from None
    return file

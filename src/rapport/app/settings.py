"""Every setting: a flag, a `RAPPORT_*` variable or a line in `rapport.toml`, in that order."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from rapport.kernel.errors import Misconfigured

FILE = "rapport.toml"
PREFIX = "RAPPORT_"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of a node; each is described in `docs/reference/settings.md`."""

    data: str = "var"
    port: int = 8080
    host: str = ""
    origin: str = ""
    kek: str = ""
    kek_file: str = ""
    backup_key_file: str = ""
    key_backup: str = ""
    rules: str = ""
    production: bool = False
    log_limit_mb: int = 20_000
    min_free_mb: int = 64
    private_destinations: bool = False

    @property
    def directory(self) -> Path:
        return Path(self.data)

    @property
    def url(self) -> str:
        """The node's origin, from settings alone, never from a request."""
        return self.origin.rstrip("/") or f"http://localhost:{self.port}"


DESCRIPTIONS: Mapping[str, str] = {
    "data": "the data directory; made if it is not there",
    "port": "the port the node listens on",
    "host": "addresses to bind, separated by commas; empty: loopback only, IPv4 and IPv6",
    "origin": "how browsers reach the node, such as https://rapport.example.com; empty: http://localhost:PORT",
    "kek": "the key-encryption key, 32 bytes in base64; empty: read from a file",
    "kek_file": "the file of the key-encryption key; empty: node.key in the data directory",
    "backup_key_file": "the file of the key that seals backups of keys; empty: backup.key in the data directory",
    "key_backup": "where the keys are backed up anew after each erasure; empty: nowhere",
    "rules": "a file of resolution rules that replaces the built-in one",
    "production": "warn about settings that are good for trying out only",
    "log_limit_mb": "above this size of the log that still waits for the worker, collection answers 503",
    "min_free_mb": "below this free space on the disk, collection answers 503",
    "private_destinations": "let deliveries go to addresses inside a network, too: loopback, private, link-local",
}


def _named(error: str) -> str:
    """msgspec's word about a value, with the setting's name in place of its path (`$.port`)."""
    message, _, path = error.rpartition(" - at `$.")
    return f"{path.rstrip('`')}: {message[:1].lower()}{message[1:]}" if message else error


def load(flags: Mapping[str, Any] | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings in force. `flags` that are None were not given. Raises Misconfigured, naming the setting."""
    values: dict[str, Any] = {}
    file = Path(environ.get(f"{PREFIX}CONFIG", FILE))
    if file.exists():
        try:
            values.update(tomllib.loads(file.read_text("utf-8")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Misconfigured(f"{file}: {error}") from None
    for name in Settings.__struct_fields__:
        if f"{PREFIX}{name.upper()}" in environ:
            values[name] = environ[f"{PREFIX}{name.upper()}"]
    values.update({name: value for name, value in (flags or {}).items() if value is not None})
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise Misconfigured(f"a setting cannot be used: {_named(str(error))}") from None
    if not 0 < settings.port < 65536:
        raise Misconfigured(f"port {settings.port} is none: it must lie between 1 and 65535", field="port")
    return settings

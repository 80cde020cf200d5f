"""Every setting: a flag, a `RAPPORT_*` variable or a line in `rapport.toml`, in that order."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from rapport.act import webhooks
from rapport.act.destinations import usable
from rapport.kernel import verify
from rapport.kernel.errors import BadInput, Misconfigured

FILE = "rapport.toml"
PREFIX = "RAPPORT_"
MOST_WITNESSES = 16


class Witness(NamedTuple):
    """Who cosigns the log of receipts: the verifier key, its name, and the address before `/add-checkpoint`."""

    key: str
    name: str
    url: str


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
    agent_erasure_days: int = 3
    smtp: str = ""
    mail_from: str = ""
    contact_days: int = 365
    phone_days: int = 45
    sms_url: str = ""
    sms_secret: str = ""
    recovery_hours: int = 24
    decision_days: int = 760

    witnesses: str = ""
    witness_every_s: int = 10

    @property
    def directory(self) -> Path:
        return Path(self.data)

    @property
    def url(self) -> str:
        """The node's origin, from settings alone, never from a request."""
        return self.origin.rstrip("/") or f"http://localhost:{self.port}"

    @property
    def witnessed_by(self) -> list[Witness]:
        """The witnesses. Raises Misconfigured where they are not keys and addresses in turns."""
        words = self.witnesses.split()
        if len(words) % 2 or len(words) > 2 * MOST_WITNESSES:
            many = f"at most {MOST_WITNESSES} pairs of a verifier key and an address, with spaces between"
            raise Misconfigured(f"witnesses: give {many}", field="witnesses")
        return [_witness(key, url) for key, url in zip(words[::2], words[1::2], strict=True)]


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
    "witnesses": "who cosigns the log of receipts: verifier keys and addresses, with spaces between; empty: nobody",
    "witness_every_s": "how often at most a witness is asked about a new head of the log, in seconds",
    "agent_erasure_days": "how many days an erasure that an agent asks for waits, in which it can be taken back",
    "smtp": "the server that mail goes out by, such as smtps://user:password@mail.example; empty: no mail is sent",
    "mail_from": "whom mail is from, an address; needed with smtp",
    "contact_days": "how many days it counts that somebody has shown that an address is theirs",
    "phone_days": "how many days it counts that somebody has shown that a phone number is theirs",
    "sms_url": "the gateway that text messages go out by, by signed webhooks; empty: no phone can be proved here",
    "sms_secret": "the secret that messages to the gateway are signed with, such as whsec_…; needed with sms_url",
    "recovery_hours": "how many hours a recovery waits, in which whoever is signed in can stop it",
    "decision_days": "how many days it is kept what decisions rested on and said, and what came of them",
    "private_destinations": "let deliveries go to addresses inside a network, too: loopback, private, link-local",
}


_RANGES = (
    ("port", 1, 65_535, ""),
    ("witness_every_s", 1, 86_400, " seconds"),
    ("agent_erasure_days", 0, 30, " days"),
    ("contact_days", 1, 3_650, " days"),
    ("phone_days", 1, 3_650, " days"),
    ("recovery_hours", 0, 720, " hours"),
    ("decision_days", 120, 3_650, " days"),
)


def _witness(key: str, url: str) -> Witness:
    try:
        name, _ = verify.read_vkey(key, verify.WITNESS)
        parts = urlsplit(url)
        held = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except verify.Broken as broken:
        raise Misconfigured(f"witnesses: {broken}", field="witnesses") from None
    except ValueError:
        raise Misconfigured(f"witnesses: {url[:100]!r} is no address", field="witnesses") from None
    if not held or parts.query or parts.fragment or parts.username:
        raise Misconfigured(f"witnesses: {url[:100]!r} is no address of a witness", field="witnesses")
    return Witness(key, name, url.rstrip("/"))


def _check_ways_out(settings: Settings) -> None:
    """Raises Misconfigured where mail or text messages could not go out, or anybody on the way could read codes."""
    if settings.smtp and not settings.mail_from:
        raise Misconfigured("smtp needs mail_from: whom mail is from", field="mail_from")
    if not settings.sms_url:
        return
    try:
        usable(settings.sms_url, private=settings.private_destinations)
    except BadInput as error:
        raise Misconfigured(f"sms_url: {error.message}", field="sms_url") from None
    if urlsplit(settings.sms_url).scheme != "https" and not settings.private_destinations:
        raise Misconfigured("sms_url: codes go over https:// alone, except inside a network of yours", field="sms_url")
    if not webhooks.is_secret(settings.sms_secret):
        message = "sms_url needs sms_secret: whsec_ and base64 of at least 24 random bytes"
        raise Misconfigured(message, field="sms_secret")


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
    for name, least, most, unit in _RANGES:
        if not least <= getattr(settings, name) <= most:
            raise Misconfigured(f"{name} must lie between {least} and {most}{unit}", field=name)
    _check_ways_out(settings)
    keys = [witness.key for witness in settings.witnessed_by]
    if len(keys) != len(set(keys)):
        raise Misconfigured("witnesses: one is there twice", field="witnesses")
    return settings

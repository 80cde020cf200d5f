"""Recognised presence as it goes through the log: an entry of the source `presence`, which makes one event of the
customer who was recognised.

Its record is keyed by one identifier that the person has shown to be theirs, and names no other, so that it changes
nothing about who anybody is. The event follows from the entry alone, so that an entry that is written twice says
nothing twice.
"""

import msgspec

from rapport.collect.content import Reception, complete
from rapport.collect.event import Event
from rapport.kernel.ports import PRESENCE, YOU, LogEntry

EVENT = "Presence Recognised"
PATH = "presence"


class Presence(msgspec.Struct, frozen=True):
    """Somebody was there, at a time (µs). `key` is (identifier type, value); `session` goes on from device to device;
    `level` is how sure it is; `device` and `place` are kinds, such as `watch` and `shop`."""

    id: str
    key: tuple[str, str]
    at: int
    session: str
    level: int
    device: str
    place: str = ""


_decode = msgspec.msgpack.Decoder(Presence).decode


def presence_entry(org: str, presence: Presence, received_at: int) -> LogEntry:
    return LogEntry(org, PRESENCE, YOU, PATH, received_at, msgspec.msgpack.encode(presence))


def is_presence(entry: LogEntry) -> bool:
    return entry.wire == YOU and entry.path == PATH


def event_of(entry: LogEntry) -> Event:
    """The event of somebody's presence."""
    said = _decode(entry.body)
    kind, value = said.key
    user = value if kind == "user_id" else None
    properties = {"level": said.level, "device": said.device, **({"place": said.place} if said.place else {})}
    return complete(
        Reception(entry.received_at),
        0,
        "track",
        EVENT,
        said.id,
        user,
        None,
        None if user is not None else said.key,
        said.at,
        said.at,
        None,
        {},
        {},
        properties,
        {"session": said.session},
        None,
        None,
        [],
        {},
    )

"""What people correct themselves, as it goes through the log: an entry of the source `you`, which makes an event for
each record that it is said in.

Such a record is keyed by one identifier that the person claims, and names no other: what is corrected, be it an e-mail
address, is a value and never an identifier, for nobody has proved it. The events follow from the entry alone, ids and
times too, so that an entry that is written twice says nothing twice.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from rapport.collect.content import Reception, complete
from rapport.collect.event import Event
from rapport.kernel.keys import digest16
from rapport.kernel.ports import YOU, LogEntry

Key = tuple[str, str]
"""(identifier type, value)"""

PATH = "correction"


class Correction(msgspec.Struct, frozen=True):
    """What a person says of one trait, at a time (µs). `id` names it for good; `keys` are of the records that say it,
    `cleared` of those that say it no longer. `value` None: they take back what they said before."""

    id: str
    trait: str
    value: Any
    category: str
    at: int
    keys: tuple[Key, ...]
    cleared: tuple[Key, ...] = ()


_decode = msgspec.msgpack.Decoder(Correction).decode


def correction_entry(org: str, correction: Correction, received_at: int) -> LogEntry:
    return LogEntry(org, YOU, YOU, PATH, received_at, msgspec.msgpack.encode(correction))


def is_correction(entry: LogEntry) -> bool:
    return entry.wire == YOU and entry.path == PATH


def message_id(correction: str, key: Key) -> str:
    """The id of the event that a correction makes for a record."""
    kind, value = key
    return f"{correction}.{digest16(b'correction', kind.encode(), value.encode()).hex()[:8]}"


def events_of(entry: LogEntry) -> Iterator[Event]:
    """The events of a correction, one for each record."""
    said = _decode(entry.body)
    # The node's own clock said both; where it was set back since, the time stays known, so that the newest word holds.
    reception = Reception(max(entry.received_at, said.at))
    for keys, value in ((said.keys, said.value), (said.cleared, None)):
        for kind, known in keys:
            user = known if kind == "user_id" else None
            key = None if user is not None else (kind, known)
            name = message_id(said.id, (kind, known))
            yield complete(
                reception,
                0,
                "identify",
                "identify",
                name,
                user,
                None,
                key,
                said.at,
                said.at,
                None,
                {said.trait: value},
                {},
                {},
                {},
                None,
                None,
                [],
                {said.trait: said.category},
            )

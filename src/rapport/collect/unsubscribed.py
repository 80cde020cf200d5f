"""Unsubscribing from mails, and answering one, as it goes through the log: an entry of the source `messages`, which
makes one event of the customer whom the mail was sent to.

Its record is keyed by that address and names nothing else, so that it changes nothing about who anybody is. The event
follows from the entry alone, so that an entry that is written twice says nothing twice.
"""

import msgspec

from rapport.collect.content import Reception, complete
from rapport.collect.event import Event
from rapport.kernel.ports import MESSAGES, YOU, LogEntry

EVENT = "Unsubscribed"
REPLIED = "Replied"
PATH = "unsubscribed"


class Unsubscribed(msgspec.Struct, frozen=True):
    """Somebody stopped the mails to an address, at a time (µs), by the message of a decision; or whatever else `event`
    says."""

    id: str
    address: str
    at: int
    decision: str
    event: str = EVENT


_decode = msgspec.msgpack.Decoder(Unsubscribed).decode


def unsubscribed_entry(org: str, said: Unsubscribed, received_at: int) -> LogEntry:
    return LogEntry(org, MESSAGES, YOU, PATH, received_at, msgspec.msgpack.encode(said))


def is_unsubscribed(entry: LogEntry) -> bool:
    return entry.wire == YOU and entry.path == PATH


def event_of_unsubscribed(entry: LogEntry) -> Event:
    said = _decode(entry.body)
    return complete(
        Reception(entry.received_at),
        0,
        "track",
        said.event,
        said.id,
        None,
        None,
        ("email", said.address),
        said.at,
        said.at,
        None,
        {},
        {},
        {"channel": "email", "decision": said.decision},
        {},
        None,
        None,
        [],
        {},
    )

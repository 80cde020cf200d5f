"""Collect: wire formats in, validated events out.

In come the bytes of a request's body (or of a file's rows, in the same shape) and the name of their wire format:
"segment", "posthog" or "import". Out come, in two readings of the same bytes:

* `validate`: how many events are accepted and why each of the others is not, for whoever waits for an answer;
* `decode`: the accepted `Event`s, normalised, and the refused parts with their bytes, for the worker.

What people correct themselves comes in beside these (`correction`), and that they were recognised (`presence`), both
written by the node itself.

What always holds: both readings come to the same verdict on every event; neither raises for anything that can be sent;
one bad event costs no other; nothing is cut silently; an event's digest is the same however it was batched or repeated.
"""

from rapport.collect.correction import Correction, correction_entry, events_of, is_correction
from rapport.collect.errors import MEANING, Code, Rejected, Rejection
from rapport.collect.event import Event
from rapport.collect.limits import LIMITS, Limits
from rapport.collect.presence import Presence, event_of, is_presence, presence_entry
from rapport.collect.reading import NOTE, Decoded, Validated, decode, note, validate, write_key

__all__ = [
    "LIMITS",
    "MEANING",
    "NOTE",
    "Code",
    "Correction",
    "Decoded",
    "Event",
    "Limits",
    "Presence",
    "Rejected",
    "Rejection",
    "Validated",
    "correction_entry",
    "decode",
    "event_of",
    "events_of",
    "is_correction",
    "is_presence",
    "note",
    "presence_entry",
    "validate",
    "write_key",
]

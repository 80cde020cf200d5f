"""Histories: of a record's events, just the times and the properties that somebody asks for by name.

The timeline holds everything and is read block by block; a count within thirty days needs a row of numbers. A history
is a fold of the timeline like any other: events of one name, by time and message id, whatever order they came in. There
is one for each record, so that merging and splitting customers moves nothing, and what the gate withholds of a record
is left out when a customer's histories are put together.
"""

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

import msgspec

from rapport.collect import Event
from rapport.kernel.expressions import ANY_EVENT, Series
from rapport.profile.timeline import UNKNOWN

Asked = Mapping[str, frozenset[str]]
"""Event name → the properties that are asked for; ANY_EVENT: of events of every name."""


class Happened(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One event: its time (µs; UNKNOWN), its message id, its own name, and the properties that are asked for."""

    time: int
    message_id: str
    name: str
    values: dict[str, Any] = msgspec.field(default_factory=dict)


History = dict[str, list[Happened]]
"""Name that is asked for → its events, by time and message id."""
_place = attrgetter("time", "message_id")


def happened(event: Event, properties: frozenset[str]) -> Happened:
    time = UNKNOWN if event.time is None else event.time
    told = event.properties
    values = {name: told[name] for name in properties if told.get(name) is not None} if properties else {}
    return Happened(time, event.message_id, event.name, values)


def add(history: History, event: Event, asked: Asked) -> bool:
    """Fold one event in, which is not in it yet; whether it was asked for."""
    found = False
    for name in (event.name, ANY_EVENT):
        properties = asked.get(name)
        if properties is not None:
            insort(history.setdefault(name, []), happened(event, properties), key=_place)
            found = True
    return found


def history_of(events: Iterable[Event], asked: Asked) -> History:
    """The history of all events of a record, each once."""
    history: History = {}
    for event in events:
        for name in (event.name, ANY_EVENT):
            properties = asked.get(name)
            if properties is not None:
                history.setdefault(name, []).append(happened(event, properties))
    for several in history.values():
        several.sort(key=_place)
    return history


def series_of(several: Sequence[Sequence[Happened]], properties: Iterable[str]) -> Series:
    """The events of a customer's records put together, of which each record's are in order."""
    found = several[0] if len(several) == 1 else sorted(chain.from_iterable(several), key=_place)
    values = {name: tuple([one.values.get(name) for one in found]) for name in properties}
    return Series(tuple([one.time for one in found]), values)

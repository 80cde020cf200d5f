"""What an expression is evaluated on: bare values of one customer, as far as the purpose permits. What is withheld is
not in them, and so looks as if it had never been."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

UNTIMED = -1 << 62
"""The time of an event of which none is known: below every known time (`profile.timeline.UNKNOWN`)."""
ANY_EVENT = "*"
"""The name under which the events of every name are found together."""


class Series(msgspec.Struct, frozen=True):
    """The events of one name: their times, ascending (µs since the epoch; UNTIMED first), and by property the value
    that each had, in the same order (None: it had none)."""

    times: Sequence[int]
    values: Mapping[str, Sequence[Any]] = msgspec.field(default_factory=dict)

    def until(self, now: int) -> int:
        """How many events there are that are not in the future."""
        return bisect_right(self.times, now)


class Facts(msgspec.Struct, frozen=True):
    """One customer. `traits`: name → the value that the view shows; `events`: name → series; `identifiers`: type →
    values; `computed`: the name of a computed trait → its value (absent where it is unknown)."""

    traits: Mapping[str, Any] = msgspec.field(default_factory=dict)
    events: Mapping[str, Series] = msgspec.field(default_factory=dict)
    identifiers: Mapping[str, Sequence[str]] = msgspec.field(default_factory=dict)
    computed: Mapping[str, Any] = msgspec.field(default_factory=dict)


NOTHING = Facts()


class Dependencies(msgspec.Struct, frozen=True):
    """What can change an expression's result. Nothing else can.

    `traits`: names of traits; `events`: name → the properties that are read of them (ANY_EVENT: of any name);
    `identifiers`: types; `computed`: names of computed traits; `time`: whether the mere passing of time can.
    """

    traits: frozenset[str] = frozenset()
    events: Mapping[str, frozenset[str]] = msgspec.field(default_factory=dict)
    identifiers: frozenset[str] = frozenset()
    computed: frozenset[str] = frozenset()
    time: bool = False

"""Sightings: which traits, events and properties an organization's sources have sent so far, and of what kinds. Names
only, never a value: it is what an expression is checked against while it is written.

A sighting is never taken back: what was seen once may come again. Each list keeps the smallest names, so that the order
in which they came does not matter.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from rapport.collect import Event
from rapport.kernel.expressions import Kind, Schema, kind_of

MAX_NAMES = 5_000
MAX_PROPERTIES = 300
MAX_DEPTH = 3
_BITS = {kind: 1 << place for place, kind in enumerate(Kind)}
_OF_TYPE = {kind: _BITS[kind_of(kind())] for kind in (str, int, float, bool, list, dict)}
_ANY = _BITS[Kind.ANY]
Value = TypeVar("Value")


class Sightings(msgspec.Struct):
    """What was seen of one organization. Kinds are bits, to be stored as they are."""

    traits: dict[str, int] = msgspec.field(default_factory=dict)
    """Trait → kinds; parts of objects under dotted names."""
    events: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)
    """Event → property → kinds."""
    identifiers: dict[str, int] = msgspec.field(default_factory=dict)
    """Type → 1."""

    def note(self, event: Event) -> bool:
        """Look at one event; whether anything of it was new."""
        news = False
        if event.kind != "group":
            for traits in (event.traits, event.traits_once):
                if traits:
                    news = _note(self.traits, traits, MAX_NAMES) or news
        known = self.events.get(event.name)
        if known is None:
            news = _kept(self.events, event.name, {}, MAX_NAMES) or news
            known = self.events.get(event.name, {})
        if event.properties:
            news = _note(known, event.properties, MAX_PROPERTIES, MAX_DEPTH) or news
        for kind, _ in event.identifiers:
            if kind not in self.identifiers:
                news = _kept(self.identifiers, kind, 1, MAX_NAMES) or news
        for kind, value in (("user_id", event.user_id), ("anonymous_id", event.anonymous_id)):
            if value is not None and kind not in self.identifiers:
                news = _kept(self.identifiers, kind, 1, MAX_NAMES) or news
        return news

    def schema(self, computed: Mapping[str, Kind]) -> Schema:
        """The same for checking expressions, with the organization's computed traits."""
        return Schema(
            {name: _kinds(bits) for name, bits in self.traits.items()},
            {name: {key: _kinds(bits) for key, bits in told.items()} for name, told in self.events.items()},
            frozenset(self.identifiers),
            dict(computed),
        )


def _note(known: dict[str, int], values: Mapping[str, Any], most: int, depth: int = 1, prefix: str = "") -> bool:
    """Note the kind of each value, and of the parts of objects. Properties, which are asked for by their own names
    only, come with the depth at which no part is looked at."""
    news = False
    for key, value in values.items():
        if value is None:
            continue
        bits = _OF_TYPE.get(type(value), _ANY)
        name = prefix + key
        before = known.get(name, 0)
        if not before & bits:
            news = _kept(known, name, before | bits, most) or news
        if depth < MAX_DEPTH and isinstance(value, dict):
            news = _note(known, value, most, depth + 1, f"{name}.") or news
    return news


def _kept(known: dict[str, Value], name: str, value: Value, most: int) -> bool:
    """Put a name in, and let the greatest go where there are too many; whether it is in."""
    if name not in known and len(known) >= most:
        greatest = max(known)
        if name > greatest:
            return False
        del known[greatest]
    known[name] = value
    return True


def _kinds(bits: int) -> frozenset[Kind]:
    return frozenset(kind for kind, bit in _BITS.items() if bits & bit)

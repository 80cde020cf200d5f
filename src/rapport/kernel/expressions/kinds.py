"""Kinds of values, and what has been seen of an organization's traits, events and computed traits."""

import enum
from collections.abc import Mapping
from typing import Any

import msgspec


class Kind(enum.StrEnum):
    """The kind of a value. ANY: known only when a customer is at hand."""

    ANY = "any"
    NUMBER = "number"
    TEXT = "text"
    BOOL = "true or false"
    LIST = "list"
    OBJECT = "object"
    TIME = "time"
    DURATION = "duration"
    WINDOW = "window"


def kind_of(value: Any) -> Kind:
    """The kind of a JSON value."""
    if isinstance(value, bool):
        return Kind.BOOL
    if isinstance(value, int | float):
        return Kind.NUMBER
    if isinstance(value, str):
        return Kind.TEXT
    if isinstance(value, list | tuple):
        return Kind.LIST
    return Kind.OBJECT if isinstance(value, Mapping) else Kind.ANY


class Schema(msgspec.Struct, frozen=True):
    """What was seen so far: trait → kinds (parts of an object under dotted names, as far as known); event → property →
    kinds; types of identifiers; computed trait → its kind."""

    traits: Mapping[str, frozenset[Kind]] = msgspec.field(default_factory=dict)
    events: Mapping[str, Mapping[str, frozenset[Kind]]] = msgspec.field(default_factory=dict)
    identifiers: frozenset[str] = frozenset()
    computed: Mapping[str, Kind] = msgspec.field(default_factory=dict)

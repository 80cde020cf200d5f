"""What a file's columns mean: the mapping that `rapport import` follows, written in TOML.

    [file]         how the file is written: encoding, delimiter, decimal mark, what stands for "no value"
    [time]         when it happened: column, formats, zone
    [identifiers]  who it is about: identifier type → column
    [traits]       what is said about them: trait → column, with its category
    [[event]]      what happened: type, name, when it applies, which lines are one event, its properties and lists

Every line becomes (part of) the first event whose `when` holds for it. `mapping_toml` reads and checks a mapping; the
columns it names are checked when a file is opened. docs/reference/mapping.md has it all.
"""

from typing import Any

import msgspec

from rapport.collect.arithmetic import Arithmetic

FORMATS = ("csv", "ndjson", "json", "parquet")
ENCODINGS = ("utf-8", "utf-16", "latin-1", "windows-1252")
TYPES = ("text", "integer", "number", "boolean", "time", "date")
UNIX = {"unix": 1_000_000, "unix_ms": 1_000}
"""Formats of times that are numbers since the epoch, and how many microseconds one of them is."""


class FileFormat(msgspec.Struct, frozen=True):
    """How a file is written. Empty texts mean: find out (format, delimiter), or none (thousands)."""

    format: str = ""
    encoding: str = "utf-8"
    delimiter: str = ""
    quote: str = '"'
    decimal: str = "."
    thousands: str = ""
    nulls: tuple[str, ...] = ("",)
    trim: bool = False
    """Blanks after a delimiter are no part of the value behind it."""


class Field(msgspec.Struct, frozen=True):
    """Where one value comes from: a column, a constant, or arithmetic over a line's columns or a group's lines."""

    column: str = ""
    value: Any = None
    compute: Arithmetic | None = None
    sum: Arithmetic | None = None
    count: bool = False
    type: str = ""
    """One of TYPES; empty: as the file has it, which in CSV is text."""
    decimals: int | None = None
    category: str = ""
    """Of traits only."""
    forget_empty: bool = False
    """Of traits only: an empty cell says "no longer known", rather than nothing."""

    def columns(self) -> tuple[str, ...]:
        own = (self.column,) if self.column else ()
        return own + tuple(name for one in (self.compute, self.sum) if one for name in one.columns)


Fields = tuple[tuple[str, Field], ...]
"""Names with where their values come from, in the order of names."""


class Condition(msgspec.Struct, frozen=True):
    """What must hold of one column. Texts are compared as they are written, numbers as numbers."""

    column: str
    one_of: tuple[str, ...] | None = None
    starts_with: str = ""
    present: bool | None = None
    above: float | None = None
    below: float | None = None


class EventSpec(msgspec.Struct, frozen=True):
    """What a line becomes: an event of its own, or with the other lines of its group one event together."""

    type: str
    name: Field | None
    label: str
    """Tells this event's message ids from those of the mapping's other events."""
    when: tuple[Condition, ...]
    skip: bool
    group_by: tuple[str, ...]
    message_id: Field | None
    group_id: Field | None
    previous_id: Field | None
    traits: Fields
    properties: Fields
    lists: tuple[tuple[str, Fields], ...]

    def fields(self) -> list[Field]:
        own = [field for field in (self.name, self.message_id, self.group_id, self.previous_id) if field]
        listed = [field for _, fields in self.lists for _, field in fields]
        return own + [field for _, field in self.traits + self.properties] + listed


class Time(msgspec.Struct, frozen=True):
    """When it happened. Beside the formats, ISO 8601 is always understood."""

    field: Field | None
    formats: tuple[str, ...] = ()
    zone: str = "UTC"
    """Of times that name no zone themselves."""
    required: bool = True


class Mapping(msgspec.Struct, frozen=True):
    """A whole mapping. `name` is part of every message id, so that two mappings of one file do not meet."""

    name: str
    file: FileFormat
    time: Time
    identifiers: Fields
    key: str
    """The identifier type that keys the record; empty: user_id, else anonymous_id, as for every event."""
    events: tuple[EventSpec, ...]

    def columns(self) -> tuple[str, ...]:
        """Every column it reads, sorted."""
        fields = [field for _, field in self.identifiers] + ([self.time.field] if self.time.field else [])
        names = {name for event in self.events for field in event.fields() for name in field.columns()}
        names.update(name for field in fields for name in field.columns())
        names.update(name for event in self.events for name in event.group_by)
        names.update(condition.column for event in self.events for condition in event.when)
        return tuple(sorted(names))

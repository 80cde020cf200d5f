"""What a suggestion is made of, before it is written down."""

from typing import Any

import msgspec

from rapport.collect.mapping import FileFormat
from rapport.collect.suggesting.column import Column


class Told(msgspec.Struct, frozen=True):
    """What becomes of a column, why, and how sure that is: `sure`, `likely` or `a guess`."""

    column: str
    use: str
    why: str
    sure: str


class Entry(msgspec.Struct, frozen=True):
    """One `key = field` of a table."""

    key: str
    column: str = ""
    type: str = ""
    arithmetic: str = ""
    """`sum` or `compute`, whose text stands in `text`."""
    text: str = ""


class Event(msgspec.Struct, frozen=True):
    """One `[[event]]`. `when` is (column, test, value)."""

    type: str = "track"
    name: str = ""
    name_column: str = ""
    when: tuple[tuple[str, str, Any], ...] = ()
    skip: bool = False
    group_by: str = ""
    message_id: str = ""
    properties: tuple[Entry, ...] = ()
    products: tuple[Entry, ...] = ()
    why: str = ""


class Plan(msgspec.Struct, frozen=True):
    """A mapping to be written down."""

    name: str
    file: FileFormat
    identifiers: tuple[Entry, ...]
    key: str
    time: str
    formats: tuple[str, ...]
    zoned: bool
    time_required: bool
    traits: tuple[Entry, ...]
    events: tuple[Event, ...]
    told: tuple[Told, ...]


class Table:
    """The columns while their parts are given out: each that is `taken` has its reason told."""

    def __init__(self, columns: list[Column], file: FileFormat) -> None:
        self.columns = columns
        self.file = file
        self.formats: list[str] = []
        self.told: dict[str, Told] = {}

    def take(self, column: Column, use: str, why: str, sure: str) -> None:
        self.told[column.name] = Told(column.name, use, why, sure)

    def left(self) -> list[Column]:
        return [column for column in self.columns if column.name not in self.told]

"""Reading a mapping from TOML; whatever is wrong in it has an error that names the file, the table and the field."""

import math
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import msgspec

from rapport.collect import arithmetic, toml
from rapport.collect.arithmetic import Arithmetic
from rapport.collect.mapping import (
    ENCODINGS,
    FORMATS,
    TYPES,
    UNIX,
    Condition,
    EventSpec,
    Field,
    Fields,
    FileFormat,
    Mapping,
    Time,
)
from rapport.collect.segment import KINDS
from rapport.collect.toml import Section
from rapport.kernel.errors import BadInput
from rapport.kernel.identifiers import type_name
from rapport.kernel.vocabulary import CATEGORIES

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_SOURCES = ("column", "value", "compute", "sum", "count")


def load(path: Path) -> Mapping:
    """Read a mapping file. Raises BadInput naming the file, the table and the field."""
    return _mapping(toml.load(path), path.stem)


def parse(text: str, file: str = "mapping") -> Mapping:
    """As `load`, of a text."""
    return _mapping(toml.read(text, file), "mapping")


def _mapping(top: Section, stem: str) -> Mapping:
    default = re.sub(r"[^a-z0-9_-]+", "-", stem.lower()).strip("-_")[:63]
    name = top.take("name", str, default)
    if not _NAME.fullmatch(name):
        raise top.error("name", f"is {name!r}; a name is lower-case letters, digits, - and _")
    file = _file(top.section("file"))
    time = _time(top.section("time"))
    identifiers = _identifiers(top.section("identifiers"))
    key = _key(top, identifiers)
    traits = _fields(top.section("traits"), trait=True)
    events = tuple(_event(section, traits) for section in top.sections("event"))
    top.done()
    if not events:
        raise top.error("", "says nothing about events: it needs at least one [[event]] table")
    return Mapping(name, file, time, identifiers, key, _labelled(events))


def _file(section: Section) -> FileFormat:
    quote, decimal = section.take("quote", str, '"'), section.choice("decimal", (".", ","), ".")
    thousands = section.choice("thousands", (".", ",", " ", "'"), "")
    if thousands == decimal:
        raise section.error("thousands", f"is {thousands!r}, as the decimal mark; they must differ")
    delimiter = section.take("delimiter", str, "")
    for key, mark in (("quote", quote), ("delimiter", delimiter)):
        if len(mark) > 1 or mark in {"\r", "\n"}:
            raise section.error(key, f"is {mark!r}; it must be one character")
    read = FileFormat(
        format=section.choice("format", FORMATS, ""),
        encoding=section.choice("encoding", ENCODINGS, "utf-8"),
        delimiter=delimiter,
        quote=quote,
        decimal=decimal,
        thousands=thousands,
        nulls=section.texts("nulls", ("",)),
        trim=section.take("trim", bool, False),
    )
    section.done()
    return read


def _time(section: Section) -> Time:
    formats, zone = section.texts("formats"), section.take("zone", str, "UTC")
    for written in formats:
        if fault := _format_fault(written):
            raise section.error("formats", fault)
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        said = toml.nearest(zone, available_timezones())
        raise section.error("zone", f"is {zone!r}, which is no time zone such as Europe/London{said}") from None
    column, value = section.take("column", str, ""), section.any("value")
    if column and value is not None:
        raise section.error("", "has both a column and a value")
    if value is not None:
        value = _moment(section, value)
    field = Field(column=column, value=value) if column or value else None
    read = Time(field, formats, zone, section.take("required", bool, field is not None))
    section.done()
    return read


def _moment(section: Section, value: Any) -> str:
    """A constant time, written as TOML's own date or as text."""
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        raise section.error("value", f"is {value!r}, which is no time such as 2026-11-21T20:02:55Z") from None
    return str(value)


def _format_fault(written: str) -> str | None:
    """What is wrong with a time format, or None."""
    if written in UNIX:
        return None
    if "%" not in written:
        return f"has {written!r}; formats are written like %d/%m/%Y %H:%M, or are one of {', '.join(UNIX)}"
    if not re.search(r"%[YyGcxs]", written):
        return f"has {written!r}, which has no year (%Y)"
    try:
        datetime.strptime(datetime(2010, 12, 1, tzinfo=UTC).strftime(written), written).replace(tzinfo=UTC)
    except ValueError:
        return f"has {written!r}, which is no format of times; see docs/reference/mapping.md"
    return None


def _identifiers(section: Section) -> Fields:
    fields = []
    for key in section.names():
        if type_name(key) != key:
            raise section.error(key, "is no identifier type such as user_id, email or loyalty_id")
        fields.append((key, _field(section, key, ("column", "type"))))
    if not fields:
        raise section.error("", "must name at least one column that says who a line is about")
    return tuple(sorted(fields))


def _key(top: Section, identifiers: Fields) -> str:
    named = [name for name, _ in identifiers]
    key = top.choice("key", named, "")
    if not key and not {"user_id", "anonymous_id"} & set(named):
        raise top.error("key", f"must say which identifier keys a record: {', '.join(named)}")
    return "" if key == ("user_id" if "user_id" in named else "anonymous_id") else key


def _fields(section: Section, *, trait: bool = False) -> Fields:
    allowed = (*_SOURCES, "type", "decimals", *(("category", "empty") if trait else ()))
    return tuple(sorted((key, _field(section, key, allowed)) for key in section.names()))


def _field(section: Section, key: str, allowed: tuple[str, ...]) -> Field:
    """A column's name, or a table that says more."""
    written = section.any(key)
    if isinstance(written, str):
        if not written:
            raise section.error(key, "is empty; it must name a column")
        return Field(column=written)
    if not isinstance(written, dict):
        raise section.error(key, f"must name a column; a constant is written {{ value = {written!r} }}")
    table = section.section(key)
    read = Field(
        column=table.take("column", str, ""),
        value=_constant(table),
        compute=_arithmetic(table, "compute"),
        sum=_arithmetic(table, "sum"),
        count=table.take("count", bool, False),
        type=table.choice("type", TYPES, ""),
        decimals=table.take("decimals", int, -1) if table.has("decimals") else None,
        category=table.choice("category", CATEGORIES, ""),
        forget_empty=table.choice("empty", ("forget", "keep"), "keep") == "forget",
    )
    table.done()
    for name in table.names():
        if name not in allowed:
            raise table.error(name, f"cannot stand here; {', '.join(allowed)} can")
    _check_source(table, read)
    return read


def _check_source(table: Section, field: Field) -> None:
    given = [name for name in _SOURCES if table.has(name)]
    empty = (given == ["count"] and not field.count) or (given == ["column"] and not field.column)
    if len(given) != 1 or empty:
        raise table.error("", f"needs exactly one of {', '.join(_SOURCES)}; it has {', '.join(given) or 'none'}")
    if field.type and not field.column:
        raise table.error("type", "says how a column is read; there is no column here")
    exact = field.compute or field.sum or field.type in {"number", "integer"}
    if field.decimals is not None and not (exact and 0 <= field.decimals <= 12):
        raise table.error("decimals", 'is a number from 0 to 12, and goes with compute, sum or type = "number"')


def _constant(table: Section) -> Any:
    value = table.any("value")
    if value is not None and not isinstance(value, str | int | float | bool):
        raise table.error("value", "must be a text, a number, true or false")
    if isinstance(value, float) and not math.isfinite(value):
        raise table.error("value", f"is {value}, which no event can hold")
    return value


def _arithmetic(table: Section, key: str) -> Arithmetic | None:
    text = table.take(key, str, "")
    if not table.has(key):
        return None
    try:
        return arithmetic.parse(text, table.error(key, "").field or key)
    except BadInput as error:
        raise BadInput(f"{table.file}: {error.message}", code="bad_mapping", field=error.field) from None


def _event(section: Section, shared_traits: Fields) -> EventSpec:
    kind = section.choice("type", sorted(KINDS), "track")
    skip = section.take("skip", bool, False)
    traits = dict(shared_traits) | dict(_fields(section.section("traits"), trait=True))
    lists = section.section("lists")
    read = EventSpec(
        type=kind,
        name=_name(section, kind, skip=skip),
        label="",
        when=_when(section),
        skip=skip,
        group_by=section.texts("group_by"),
        message_id=_optional(section, "message_id", ("column", "type")),
        group_id=_optional(section, "group_id"),
        previous_id=_optional(section, "previous_id"),
        traits=tuple(sorted(traits.items())),
        properties=_fields(section.section("properties")),
        lists=tuple(sorted((key, _fields(lists.section(key))) for key in lists.names())),
    )
    section.done()
    _check_event(section, read)
    return read


def _check_event(section: Section, event: EventSpec) -> None:
    if event.skip and not event.when:
        raise section.error("skip", "would leave out every line; say which by `when`")
    for needed, kind in (("group_id", "group"), ("previous_id", "alias")):
        if event.type == kind and getattr(event, needed) is None and not event.skip:
            raise section.error(needed, f"is missing; a {kind} event needs it")
        if event.type != kind and getattr(event, needed) is not None:
            raise section.error(needed, f"belongs to type = {kind!r} alone")
    if event.group_by and event.message_id:
        raise section.error("message_id", "cannot stand beside group_by, which makes the id")
    if event.type in {"identify", "group", "alias"} and (event.properties or event.lists):
        raise section.error("properties", f"does not go with type = {event.type!r}; write traits")
    for name, fields in event.lists:
        if not fields or any(field.sum or field.count for _, field in fields):
            raise section.error(f"lists.{name}", "needs fields of one line each: column, value or compute")
    if both := {name for name, _ in event.properties} & {name for name, _ in event.lists}:
        raise section.error(f"lists.{min(both)}", "is a property too")


def _name(section: Section, kind: str, *, skip: bool) -> Field | None:
    if not section.has("name"):
        section.any("name")
        if kind == "track" and not skip:
            raise section.error("name", 'is missing, such as name = "Order Completed" or name = { column = "…" }')
        return None
    if kind not in {"track", "page", "screen"}:
        raise section.error("name", f"does not go with type = {kind!r}")
    written = section.any("name")
    if isinstance(written, str):
        if not written.strip():
            raise section.error("name", "is empty")
        return Field(value=written)
    return _field(section, "name", ("column", "value"))


def _optional(section: Section, key: str, allowed: tuple[str, ...] = ("column", "value", "type")) -> Field | None:
    section.any(key)
    return _field(section, key, allowed) if section.has(key) else None


def _when(section: Section) -> tuple[Condition, ...]:
    written = section.any("when", [])
    if isinstance(written, dict):
        return (_condition(section.section("when")),)
    return tuple(_condition(one) for one in section.sections("when"))


_TESTS = ("equals", "one_of", "starts_with", "present", "above", "below")


def _condition(section: Section) -> Condition:
    column = section.take("column", str, "")
    if not column:
        raise section.error("column", "is missing")
    given = [name for name in _TESTS if section.has(name)]
    if not given:
        raise section.error("", f"says nothing about {column!r}; it needs one of {', '.join(_TESTS)}")
    equal = _comparands(section, "equals") + _comparands(section, "one_of")
    read = Condition(
        column=column,
        one_of=equal if {"equals", "one_of"} & set(given) else None,
        starts_with=section.take("starts_with", str, ""),
        present=section.take("present", bool, True) if "present" in given else None,
        above=_bound(section, "above"),
        below=_bound(section, "below"),
    )
    section.done()
    return read


def _comparands(section: Section, key: str) -> tuple[str, ...]:
    """What a column may equal, as text."""
    value = section.any(key, [])
    listed = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str | int | float) for one in listed):
        raise section.error(key, "must be texts or numbers")
    return tuple(str(one).lower() if isinstance(one, bool) else str(one) for one in listed)


def _bound(section: Section, key: str) -> float | None:
    value = section.any(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value)):
        raise section.error(key, "must be a number")
    return value


def _labelled(events: tuple[EventSpec, ...]) -> tuple[EventSpec, ...]:
    """Each event with a label of its type and name, and a number where two of them share that."""
    seen: dict[str, int] = {}
    labelled = []
    for event in events:
        name = event.name and (event.name.column or event.name.value)
        label = f"{event.type}:{name or ''}"
        seen[label] = seen.get(label, 0) + 1
        labelled.append(msgspec.structs.replace(event, label=label if seen[label] == 1 else f"{label}:{seen[label]}"))
    return tuple(labelled)

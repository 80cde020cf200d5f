"""A suggestion as TOML, with the reason and the sureness of every column beside it."""

import json
import re
from collections.abc import Iterable
from typing import Any

from rapport.collect.mapping import FileFormat
from rapport.collect.suggesting.shapes import Entry, Event, Plan, Told

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST = 160


def written(plan: Plan, head: Iterable[str] = ()) -> str:
    """The mapping as TOML; `head` are lines to stand above it as comments."""
    told = {one.column: one for one in plan.told}
    lines = [_comment(line) for line in head]
    lines += ["", f"name = {_text(plan.name)}"]
    if plan.key:
        lines.append(f"key = {_text(plan.key)}")
    lines += [*_file(plan.file), *_time(plan, told)]
    lines += ["", "[identifiers]", *_fields(plan.identifiers, told)]
    if plan.traits:
        lines += ["", "[traits]", *_fields(plan.traits, told)]
    for event in plan.events:
        lines += _event(event, told)
    if unused := [one for one in plan.told if one.use == "left out"]:
        lines += ["", *(_comment(f"{one.column} is left out: {one.why}") for one in unused)]
    return "\n".join(lines).strip("\n") + "\n"


def _file(file: FileFormat) -> list[str]:
    plain = FileFormat()
    set_ = [
        f"{name} = {_value(list(value) if isinstance(value, tuple) else value)}"
        for name in ("format", "encoding", "delimiter", "decimal", "thousands", "nulls", "trim")
        if (value := getattr(file, name)) != getattr(plain, name)
    ]
    return ["", "[file]", *set_] if set_ else []


def _time(plan: Plan, told: dict[str, Told]) -> list[str]:
    if not plan.time and not plan.formats:
        return ["", _comment("No column says when: what a line says holds from its import on.")]
    lines = ["", "[time]"]
    if plan.time:
        lines.append(_line("column", _text(plan.time), told.get(plan.time)))
    if plan.formats:
        lines.append(f"formats = {_value(list(plan.formats))}")
    if plan.time and not plan.zoned:
        lines.append(_comment('The times name no zone, so UTC. For a clock on a wall: zone = "Europe/London"'))
    if not plan.time_required:
        lines.append("required = false  # some lines have no time")
    return lines


def _event(event: Event, told: dict[str, Told]) -> list[str]:
    lines = ["", *([_comment(event.why)] if event.why else []), "[[event]]"]
    if event.type != "track":
        lines.append(f"type = {_text(event.type)}")
    if event.name_column:
        lines.append(_line("name", _value({"column": event.name_column}), told.get(event.name_column)))
    elif event.name:
        lines.append(f"name = {_text(event.name)}")
    lines += [f"when = {_value({'column': column, test: value})}" for column, test, value in event.when]
    lines += ["skip = true"] if event.skip else []
    for key, column in (("group_by", event.group_by), ("message_id", event.message_id)):
        lines += [_line(key, _text(column), told.get(column))] if column else []
    if event.properties:
        lines += ["", "[event.properties]", *_fields(event.properties, told)]
        if any(entry.key == "revenue" for entry in event.properties) and not _has(event.properties, "currency"):
            lines.append(_comment('No column names the currency: currency = { value = "GBP" }'))
    if event.products:
        lines += ["", "[event.lists.products]", *_fields(event.products, told)]
    return lines


def _has(entries: Iterable[Entry], key: str) -> bool:
    return any(entry.key == key for entry in entries)


def _fields(entries: Iterable[Entry], told: dict[str, Told]) -> list[str]:
    return [_line(_key(entry.key), _value(_field(entry)), told.get(entry.column)) for entry in entries]


def _field(entry: Entry) -> Any:
    if entry.arithmetic:
        return {entry.arithmetic: entry.text}
    return {"column": entry.column, "type": entry.type} if entry.type else entry.column


def _line(key: str, value: str, told: Told | None) -> str:
    return f"{key} = {value}" + (f"  {_comment(f'{told.why}; {told.sure}')}" if told else "")


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _text(value)
        case dict():
            return "{ " + ", ".join(f"{_key(key)} = {_value(one)}" for key, one in value.items()) + " }"
        case list():
            return "[" + ", ".join(map(_value, value)) + "]"
        case _:
            return repr(value)


def _key(text: str) -> str:
    return text if _BARE.fullmatch(text) else _text(text)


def _text(text: str) -> str:
    """A basic string of TOML: JSON's, but that DEL is escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(text: str) -> str:
    """TOML allows no control character in a comment, and a column can be called anything."""
    plain = "".join(c if c.isprintable() else "�" for c in text)
    return f"# {plain if len(plain) <= _LONGEST else plain[:_LONGEST] + '…'}".rstrip()

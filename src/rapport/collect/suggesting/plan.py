"""From the columns' looks to a mapping: who it is about, when it happened, and which events the lines are."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from rapport.collect.mapping import FileFormat
from rapport.collect.suggesting import roles
from rapport.collect.suggesting.column import Column, TimeLook, columns_of, file_format, words_of
from rapport.collect.suggesting.orders import orders_of, settles
from rapport.collect.suggesting.shapes import Entry, Event, Plan, Table
from rapport.kernel.errors import BadInput
from rapport.kernel.identifiers import type_name
from rapport.kernel.vocabulary.guesses import category_of

SPECIAL = frozenset(
    ["health", "genetics", "biometrics", "ethnicity", "beliefs", "politics", "sexuality", "union"]  # GDPR, article 9
)
_CONTACT = frozenset(
    [
        "name",
        "contact",
        "email",
        "phone",
        "address",
        "location",
        "demographic",
        "age",
        "gender",
        "language",
        "preference",
    ]
)
_MOST_COLUMNS = 300
_MOST_UNUSABLE = 20
_MOST_DIGITS = 15
_PERSONAL = _CONTACT | SPECIAL | {"profession", "account", "loyalty", "financial"}


def plan(table: str, names: Sequence[str], rows: Sequence[tuple[Any, ...]], written: FileFormat) -> Plan:
    """A mapping for a table called `table` with these columns and first lines.

    Raises BadInput(no_suggestion) where there is no line, or no column says who a line is about.
    """
    stem = "_".join(words_of(table))[:63].strip("_-") or "table"
    if not rows:
        raise BadInput(
            f"{table} has no line that can be read, so nothing can be told of its columns", code="no_suggestion"
        )
    used = list(dict.fromkeys(name for name in names if name and names.count(name) == 1))[:_MOST_COLUMNS]
    index = [names.index(name) for name in used]
    rows = [tuple(row[i] for i in index) for row in rows]
    file = file_format(used, rows, written)
    house = Table(columns_of(used, rows, file), file)
    for column in house.columns:
        if not column.filled:
            house.take(column, "left out", "it is empty", "sure")
    found = roles.identifiers(house.columns)
    if not {"user_id", "anonymous_id", "loyalty_id"} & found.keys() and (own := roles.own_key(house.left(), stem)):
        kind = type_name(own[0]) or "record_id"
        found[kind] = (own[1], "the system's own number, as it seems", "likely" if own[1].unique else "a guess")
    if not found:
        shown = ", ".join(map(repr, used[:30]))
        message = f"no column of {table} says who a line is about; it has {shown}{_wrapped(used, rows)}"
        raise BadInput(message, code="no_suggestion")
    return _planned(stem, house, rows, found)


def _wrapped(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> str:
    """Advice where all lines are a list within one object, as an interface hands them out."""
    lists = [name for name, cell in zip(names, rows[0], strict=True) if isinstance(cell, list)]
    return f". Are the lines in {lists[0]!r}? Import that list by itself" if len(rows) == 1 and lists else ""


def _planned(stem: str, house: Table, rows: Sequence[tuple[Any, ...]], found: dict[str, Any]) -> Plan:
    file, key = house.file, roles.key_of(found)
    for kind, (column, why, sure) in found.items():
        house.take(column, f"identifier {kind}" + (", which keys the record" if kind == key else ""), why, sure)
    time = _take_time(house)
    events, person_traits = _events(stem, house, rows, found[key][0])
    traits = _traits(house, found, rows, found[key][0], every=person_traits)
    if not person_traits:
        rest = tuple(_entry(house, column, "property") for column in house.left())
        events = [_with(event, rest) for event in events]
    plain = key == ("user_id" if "user_id" in found else "anonymous_id")
    return Plan(
        name=re.sub(r"[^a-z0-9_-]", "_", stem),
        file=file,
        identifiers=tuple(Entry(kind, found[kind][0].name, _id_type(found[kind][0], file)) for kind in found),
        key="" if plain else key,
        time=time.name if time else "",
        formats=tuple(dict.fromkeys(house.formats)),
        zoned=bool(time and time.time and time.time.zoned),
        time_required=not time or not time.empty,
        traits=traits,
        events=(*_skipped(found[key][0], key), *events),
        told=tuple(house.told[column.name] for column in house.columns if column.name in house.told),
    )


def _with(event: Event, rest: tuple[Entry, ...]) -> Event:
    taken = {entry.key for entry in (*event.properties, *event.products)} | {"products"}
    more = tuple(entry for entry in _distinct(rest, taken))
    return msgspec.structs.replace(event, properties=event.properties + more)


def _skipped(key: Column, kind: str) -> list[Event]:
    """Lines that name nobody are left out, and counted as that, rather than refused."""
    events = []
    if key.empty:
        why = f"{key.empty:,} of {key.lines:,} lines name nobody"
        events.append(Event(when=((key.name, "present", False),), skip=True, why=why))
    bad = key.unusable(kind)
    if bad and len(bad) <= _MOST_UNUSABLE and all(len(one) <= 100 for one in bad):
        why = "values that name nobody, or everybody"
        events.append(Event(when=((key.name, "equals", bad),), skip=True, why=why))
    return events


def _take_time(house: Table) -> Column | None:
    time = roles.time_of(house.left())
    if time is None or time.time is None:
        return None
    look = time.time
    how = f"as {' or '.join(look.formats)}" if look.formats else "in ISO 8601"
    why = f"times {how}"
    if look.bad:
        why += f", but for {look.bad:,} that cannot be read"
    ambiguous = look.ambiguous and not _told_elsewhere(house, look)
    if ambiguous:
        why += "; day and month could be the other way round: look at one that you know"
    house.formats += look.formats
    house.take(time, "when it happened", why, "a guess" if ambiguous else "likely" if look.bad else "sure")
    return time


def _told_elsewhere(house: Table, look: TimeLook) -> bool:
    """Whether another column, written in the same manner, tells which is the day."""
    others = [column.time for column in house.columns if column.time and not column.time.ambiguous]
    days = {written.partition(" ")[0] for written in look.formats}
    return any(written.partition(" ")[0] in days for other in others for written in other.formats)


def _events(stem: str, house: Table, rows: Sequence[tuple[Any, ...]], key: Column) -> tuple[list[Event], bool]:
    """The events, and whether the lines are about people rather than about what happened."""
    file, left = house.file, house.left()
    timed = any(told.use == "when it happened" for told in house.told.values())
    if timed and (named := roles.event_name(left)):
        house.take(named, "name of the event", f"{len(named.counts):,} names that come again", "likely")
        return [Event(name_column=named.name, message_id=_message_id(house))], False
    order = roles.order_of(left)
    amount = roles.number([c for c in left if not (roles.QUANTITY | roles.PRICE) & set(c.words)], roles.AMOUNT, file)
    quantity, price = roles.number(left, roles.QUANTITY, file), roles.number(left, roles.PRICE, file)
    if order and (amount or (quantity and price)):
        return orders_of(house, rows, order, amount, quantity, price), False
    personal = [column for column in house.columns if category_of(column.snake) in _CONTACT]
    if timed and amount and not order and len(personal) < 2:
        house.take(amount, "property revenue", "an amount", "likely")
        revenue = (Entry("revenue", amount.name, "number"),)
        return [Event(name="Order Completed", properties=revenue, why="a time, an amount and who: a purchase")], False
    if not timed or key.unique or len(personal) >= 2:
        return [Event(type="identify", why="lines that tell of people, rather than of what they did")], True
    title = " ".join(word.capitalize() for word in stem.split("_")) or "Recorded"
    return [Event(name=title, message_id=_message_id(house), why="nothing says what happened: give it its name")], False


def _message_id(house: Table) -> str:
    column = roles.first(house.left(), lambda one: roles.ends_in(one, roles.MESSAGE_ID))
    if column is None or column.empty or len(column.counts) < column.filled:
        return ""
    house.take(column, "message id", "every line has its own", "likely")
    return column.name


def _traits(
    house: Table, found: dict[str, Any], rows: Sequence[tuple[Any, ...]], key: Column, *, every: bool
) -> tuple[Entry, ...]:
    """What the lines say about people: all that is left, or what is called so and stays the same for each of them."""
    entries = [Entry(kind, found[kind][0].name) for kind in ("email", "phone") if kind in found]
    for column in house.left():
        personal = category_of(column.snake) in _PERSONAL and settles(house, rows, key, column)
        if every or personal:
            entries.append(_entry(house, column, "trait"))
    return tuple(_distinct(entries, set()))


def _entry(house: Table, column: Column, use: str) -> Entry:
    kind, why, sure = _type(house, column)
    category = category_of(column.snake)
    if use == "trait" and category in SPECIAL:
        why += f"; tells of {category}: leave it out unless it is needed"
    elif use == "trait" and category != "unclassified":
        why += f"; category {category}"
    elif use == "trait" and roles.NUMBERED & set(column.words) and column.unique:
        why += "; might be an identifier: only if each value is one person's"
    house.take(column, f"{use} {column.snake}", why, sure)
    return Entry(re.sub(r"[^a-z0-9_]", "_", column.snake) or "value", column.name, kind)


def _type(house: Table, column: Column) -> tuple[str, str, str]:
    if column.is_boolean() and not (column.texts and {"0", "1"} >= set(column.texts)):
        return "boolean", "yes and no", "sure"
    look = column.time
    if look and not look.bad and not look.ambiguous and not set(look.formats) & {"unix", "unix_ms"}:
        house.formats += look.formats
        how = " or ".join(look.formats) or "ISO 8601"
        return ("date" if look.days or roles.is_birth(column) else "time"), f"times as {how}", "likely"
    if look and not look.ambiguous and look.bad:
        return "", f"mostly times, but {look.bad:,} cannot be read: left as text", "a guess"
    coded = bool((roles.NUMBERED | roles.PHONE | {"zip", "postcode", "plz"}) & set(column.words))
    # What begins with a plus is dialled, and nobody counts so far that a double cannot hold it.
    coded = coded or any(text.startswith("+") or (len(text) > _MOST_DIGITS and text.isdigit()) for text in column.texts)
    if column.is_number(house.file) and not coded:
        whole = column.is_whole(house.file)
        return ("integer" if whole else "number"), "whole numbers" if whole else "numbers", "likely"
    return "", "as it is", "likely"


def _id_type(column: Column, file: FileFormat) -> str:
    """`integer` where a program has made 17850.0 of 17850."""
    floats = [value for value in column.counts if isinstance(value, float)]
    dotted = bool(column.texts) and all(re.fullmatch(r"[1-9]\d{0,14}\.0", text) for text in column.texts)
    return "integer" if (floats and column.is_whole(file)) or dotted else ""


def _distinct(entries: Sequence[Entry], taken: set[str]) -> list[Entry]:
    """The entries under keys that are not taken, each with a number where it has to have one."""
    fresh = []
    for entry in entries:
        key, number = entry.key, 1
        while key in taken:
            number += 1
            key = f"{entry.key}_{number}"
        taken.add(key)
        fresh.append(msgspec.structs.replace(entry, key=key))
    return fresh

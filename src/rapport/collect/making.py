"""From the lines of one event to the event, as Segment's API would have it, by one `[[event]]` of a mapping.

Sums and products are exact: what would have to be rounded to be written down is refused. The event's values that are
not sums are those of the first line that has any; its time is the earliest.
"""

import decimal
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from rapport.collect.arithmetic import Arithmetic, Number, Values
from rapport.collect.cells import Cells
from rapport.collect.line_values import LineValues, OfLine, presented, too_long
from rapport.collect.mapping import EventSpec, Field, Fields, Mapping
from rapport.collect.refusals import Reason, Unreadable
from rapport.kernel.times import rfc3339

Line = tuple[int, Values]
"""Where a line stands, and the values of the mapping's columns."""

Key = tuple[Any, ...]
OfLines = Callable[[Sequence[Line]], Any]

_EXACT = decimal.Context(prec=400, traps=[decimal.Inexact, decimal.InvalidOperation, decimal.Overflow])
_OWN_FIELD = {"user_id": "userId", "anonymous_id": "anonymousId"}

_encode_key = msgspec.msgpack.Encoder().encode
_encode = msgspec.json.Encoder(decimal_format="number").encode


class Misread(Exception):
    """One line of a group cannot be read, so that the event cannot be made."""

    def __init__(self, place: int, why: Unreadable) -> None:
        super().__init__(why.message)
        self.place = place
        self.why = why


class Maker:
    """One `[[event]]`, compiled."""

    def __init__(self, mapping: Mapping, spec: EventSpec, columns: Sequence[str], cells: Cells) -> None:
        read = self._read = LineValues(columns, cells)
        self._prefix = mapping.name
        self._label = spec.label
        self.spec = spec
        self.skip = spec.skip
        self.grouped = bool(spec.group_by)
        self.applies = _every([read.condition(condition) for condition in spec.when])
        """Whether this event is what a line with these values becomes."""
        self._group = [read.field(Field(column=column, type="text")) for column in spec.group_by]
        identifiers = {kind: read.identifier(kind, field) for kind, field in mapping.identifiers}
        self._names_key = bool(mapping.key)
        keys = (mapping.key,) if mapping.key else ("user_id", "anonymous_id")
        self._keys = [(kind, identifiers[kind]) for kind in keys if kind in identifiers]
        self._identifiers = [(kind, self._over_lines(value)) for kind, value in identifiers.items()]
        self._time = self._earliest(mapping.time.field, required=mapping.time.required)
        self._id = self._over_lines(read.identifier("", spec.message_id)) if spec.message_id else None
        tops = (("event", spec.name), ("groupId", spec.group_id), ("previousId", spec.previous_id))
        self._tops = [(name, self._over_lines(read.text(field))) for name, field in tops if field]
        self._traits = [(name, self._whole(field), field.forget_empty) for name, field in spec.traits]
        self._properties = [(name, self._whole(field)) for name, field in spec.properties]
        self._lists = [(name, self._list(fields)) for name, fields in spec.lists]
        self._computes = any(field.compute or field.sum for field in spec.fields())
        self._categories = {name: field.category for name, field in spec.traits if field.category}

    def who(self, values: Values) -> tuple[str, str]:
        """Type and value of the identifier that keys the line's record. Raises Unreadable(missing_id) without one."""
        for kind, read in self._keys:
            value = read(values)
            if value is not None:
                return kind, value
        raise Unreadable(Reason.MISSING_ID, f"no usable {' or '.join(kind for kind, _ in self._keys)}")

    def group(self, values: Values) -> Key:
        """What all lines of one event share: who it is about, and the columns that group."""
        texts = [read(values) for read in self._group]
        if not any(texts):
            raise Unreadable(Reason.NO_GROUP, f"{', '.join(self.spec.group_by)} is empty")
        return (self._label, *self.who(values), *texts)

    def alone(self, values: Values) -> Key:
        """What tells a line that is an event of its own from all others, but for exact repeats."""
        return (self._label, *values)

    def message_id(self, key: Key) -> str:
        """The same for the same lines in every run."""
        return f"{self._prefix}-{blake2b(_encode_key(key), digest_size=16).hexdigest()}"

    def own_id(self, lines: Sequence[Line]) -> str | None:
        """The message id that the file itself has."""
        return self._id(lines) if self._id else None

    def make(self, lines: Sequence[Line], message_id: str, line: int) -> bytes:
        """The event in JSON. `line` is where its first line stands in its file, for whoever looks for it there.

        Raises Misread where a line of it cannot be read.
        """
        if not self._computes:
            return _encode(self._event(lines) | {"messageId": message_id, "line": line})
        with decimal.localcontext(_EXACT):
            return _encode(self._event(lines) | {"messageId": message_id, "line": line})

    def _event(self, lines: Sequence[Line]) -> dict[str, Any]:
        spec = self.spec
        event: dict[str, Any] = {"type": spec.type}
        event.update((name, value) for name, read in self._tops if (value := read(lines)) is not None)
        if spec.type in {"page", "screen"} and "event" in event:
            event["name"] = event.pop("event")
        self._add_identifiers(event, lines)
        at = self._time(lines)
        if at is not None:
            event["timestamp"] = rfc3339(at)
        traits = {}
        for name, read, forget in self._traits:
            value = read(lines)
            if value is not None or forget:
                traits[name] = value
        if traits:
            event.update({"traits": traits} if spec.type in {"identify", "group"} else {"context": {"traits": traits}})
        properties = {name: value for name, read in self._properties if (value := read(lines)) is not None}
        properties.update((name, read(lines)) for name, read in self._lists)
        if properties:
            event["properties"] = properties
        if self._categories:
            event["categories"] = self._categories
        return event

    def _add_identifiers(self, event: dict[str, Any], lines: Sequence[Line]) -> None:
        key = self.who(lines[0][1])
        if self._names_key:
            event["key"] = key
        listed = []
        for kind, read in self._identifiers:
            value = key[1] if kind == key[0] else read(lines)
            if value is None:
                continue
            if kind in _OWN_FIELD:
                event[_OWN_FIELD[kind]] = value
            else:
                listed.append((kind, value))
        if listed:
            event["identifiers"] = listed

    def _earliest(self, field: Field | None, *, required: bool) -> OfLines:
        if field is None:
            return lambda _: None
        moment, column = self._read.moment(field), field.column

        def earliest(lines: Sequence[Line]) -> int | None:
            times = []
            for place, values in lines:
                try:
                    at = moment(values)
                except Unreadable as error:
                    raise Misread(place, error) from None
                if at is not None:
                    times.append(at)
                elif required:
                    raise Misread(place, Unreadable(Reason.MISSING_TIME, f"{column} is empty"))
            return min(times, default=None)

        return earliest

    def _whole(self, field: Field) -> OfLines:
        """A value of the event as a whole."""
        if field.count:
            return len
        if field.sum:
            return self._sum(field.sum, field.decimals)
        return self._over_lines(self._read.field(field))

    def _over_lines(self, read: OfLine) -> OfLines:
        """That of the first line that has one."""

        def first(lines: Sequence[Line]) -> Any:
            for place, values in lines:
                try:
                    value = read(values)
                except Unreadable as error:
                    raise Misread(place, error) from None
                if value is not None:
                    return value
            return None

        return first

    def _sum(self, expression: Arithmetic, decimals: int | None) -> OfLines:
        term = self._read.exact(expression)

        def total(lines: Sequence[Line]) -> Number:
            result: Number = 0
            for place, values in lines:
                try:
                    result += term(values)
                except Unreadable as error:
                    raise Misread(place, error) from None
                except ArithmeticError:
                    raise Misread(place, too_long()) from None
            return presented(result, decimals)

        return total

    def _list(self, fields: Fields) -> OfLines:
        """One object per line."""
        readers = [(name, self._read.field(field)) for name, field in fields]

        def listed(lines: Sequence[Line]) -> list[dict[str, Any]]:
            items = []
            for place, values in lines:
                try:
                    items.append({name: value for name, read in readers if (value := read(values)) is not None})
                except Unreadable as error:
                    raise Misread(place, error) from None
            return items

        return listed


def _every(tests: list[OfLine]) -> OfLine:
    if len(tests) == 1:
        return tests[0]
    return lambda values: all(test(values) for test in tests)

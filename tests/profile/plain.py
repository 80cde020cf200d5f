"""The whole pipeline as plainly as it can be told: every log entry in, every customer's view out, in one go.

The oracle for the product: it knows no order of arrival, no batches, no commits and no state. Of the product it shares
the reading of wire formats, the names of nodes and handles, the twin of resolution and the rule of attribution.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from rapport.collect import Event, decode
from rapport.kernel import ids
from rapport.kernel.ports import LogEntry, Source
from rapport.kernel.times import rfc3339
from rapport.kernel.vocabulary import category_of
from rapport.resolve import (
    WHOLE,
    Edge,
    Rules,
    alias,
    default_rules,
    identifier_node,
    names,
    record_node,
    timed,
    whose,
)
from rapport.resolve.reasons import Reason
from rapport.resolve.twin import partition

DEVICES = ("anonymous_id", "device_id")
LONG_AGO = -(1 << 62)

View = dict[str, Any]


class Told(NamedTuple):
    """An event, and which source told it."""

    source: str
    event: Event


class Key(NamedTuple):
    """What a source keeps its events under."""

    source: str
    kind: str
    value: str


class Slice(NamedTuple):
    """A record: all of a key's events, or of a device's, those of one user or of nobody."""

    key: Key
    user: str | None


class World:
    """What the plain pipeline makes of log entries. `retracted` are ids of evidence, `links` edges of operators."""

    def __init__(
        self,
        org: str,
        entries: Iterable[LogEntry],
        sources: Mapping[str, Source],
        retracted: Collection[bytes] = (),
        links: Iterable[Edge] = (),
        rules: Rules | None = None,
    ) -> None:
        self.org = org
        self.sources = sources
        self.retracted = retracted
        self.rules = rules or default_rules()
        self.told = _without_copies(entries)
        self.users = self._users()
        self.records = self._records()
        self.edges = {record: self._edges(record) for record in self.records}
        everything = [edge for edges in self.edges.values() for _, edge in edges]
        self.links = [edge for edge in links if edge.id not in retracted]
        self.partition = partition([*everything, *self.links], map(self.node, self.records), self.rules)

    # -- whose is it?

    def key(self, told: Told) -> Key:
        event = told.event
        if event.key is not None and not (event.user_id is not None and event.key[0] in DEVICES):
            return Key(told.source, *event.key)
        if event.user_id is not None:
            return Key(told.source, "user_id", event.user_id)
        return Key(told.source, "anonymous_id", event.anonymous_id or "")

    def _users(self) -> dict[tuple[str, str], list[tuple[int | None, str, str]]]:
        """Device → its marks: when, in which message, and which user was seen on it."""
        marks: dict[tuple[str, str], list[tuple[int | None, str, str]]] = defaultdict(list)
        for told in self.told:
            key = self.key(told)
            if key.kind == "user_id":
                for kind, value in _devices(told.event):
                    if self._named(Slice(key, None), kind, value).id not in self.retracted:
                        marks[kind, value].append((told.event.time, told.event.message_id, key.value))
        return marks

    def _records(self) -> dict[Slice, list[Event]]:
        records: dict[Slice, list[Event]] = defaultdict(list)
        for told in self.told:
            key, user = self.key(told), None
            if key.kind in DEVICES:
                marks = self.users.get((key.kind, key.value), [])
                users = {mark[2] for mark in marks}
                user = whose(users, timed(marks), told.event.time, told.event.message_id)
            records[Slice(key, user)].append(told.event)
        return records

    def is_shared(self, key: Key) -> bool:
        return len({mark[2] for mark in self.users.get((key.kind, key.value), [])}) > 1

    # -- evidence

    def node(self, record: Slice) -> bytes:
        key = record.key
        return record_node(self.org, *key, record.user if key.kind in DEVICES else WHOLE)

    def handle(self, record: Slice) -> str:
        key = record.key
        if key.kind in DEVICES and not self.is_shared(key):
            return ids.text_of("rec", record_node(self.org, *key, None))
        return ids.text_of("rec", self.node(record))

    def evidence_handle(self, edge: Edge) -> str:
        return ids.text_of("evi", edge.record + edge.id)

    def _level(self, source: str, kind: str) -> int:
        told_by = self.sources[source]
        return self.rules.level(kind, trusted=told_by.trusted, trust=told_by.trust)

    def _named(self, record: Slice, kind: str, value: str) -> Edge:
        key = record.key
        return names(
            self.org,
            self.node(record),
            kind,
            identifier_node(self.org, kind, value),
            level=self._level(key.source, kind),
            rule="key" if (kind, value) == (key.kind, key.value) else "named",
            origin=key.source,
        )

    def _edges(self, record: Slice) -> list[tuple[tuple[str, str], Edge]]:
        """Standing evidence of a record, each with the identifier it names."""
        key = record.key
        found = [((key.kind, key.value), self._named(record, key.kind, key.value))]
        for event in self.records[record]:
            if event.user_id is not None:
                found.append((("user_id", event.user_id), self._named(record, "user_id", event.user_id)))
            found += [(pair, self._named(record, *pair)) for pair in (*_devices(event), *event.identifiers)]
            if event.previous_id is not None:
                level = self._level(key.source, "anonymous_id")
                joins, never = alias(self.org, self.node(record), event.previous_id, level=level, origin=key.source)
                found += [(("anonymous_id", event.previous_id), joins), (("", ""), never)]
        if record.user is not None:
            user = identifier_node(self.org, "user_id", record.user)
            edge = names(self.org, self.node(record), "user_id", user, level=0, rule="attribution", origin=key.source)
            found.append((("", ""), edge))
        return [(pair, edge) for pair, edge in dict.fromkeys(found) if edge.id not in self.retracted]

    # -- views

    def customers(self) -> dict[frozenset[str], View]:
        """Record handles of each customer → its view, less what depends on reception."""
        by_node = {self.node(record): record for record in self.records}
        groups = [[by_node[node] for node in group if node in by_node] for group in self.partition.groups]
        return {frozenset(map(self.handle, group)): self.view(group) for group in groups if group}

    def view(self, records: list[Slice]) -> View:
        events = [(record, event) for record in records for event in self.records[record]]
        return {
            "identifiers": self._identifiers(records),
            "traits": self._traits([(record, *said) for record, event in events for said in _said(event)]),
            "events": _counted(events),
            "records": {self.handle(record): record.key.source for record in records},
            "groups": self._groups(events),
            "consent": self._consent(events),
            "timeline": [
                (event.message_id, self.handle(record), _shown(event.time))
                for record, event in sorted(
                    events,
                    key=lambda pair: (_rank(pair[1].time), pair[1].message_id, self.handle(pair[0])),
                    reverse=True,
                )
            ],
            "evidence": self._evidence(records),
        }

    def _identifiers(self, records: list[Slice]) -> list[dict[str, Any]]:
        sources: dict[tuple[str, str], set[str]] = defaultdict(set)
        for record in records:
            for pair, _ in self.edges[record]:
                if pair[0]:
                    sources[pair].add(record.key.source)
        return [
            {"type": kind, "value": value, "verified": False, "sources": sorted(names)}
            for (kind, value), names in sorted(sources.items())
        ]

    def _traits(self, said: list[tuple[Slice, Event, str, Any, bool]]) -> dict[str, Any]:
        """Per record the last value of each trait (of those said once, the first); then the one of most trust."""
        per_record: dict[tuple[Slice, str], tuple[Any, ...]] = {}
        for record, event, trait, value, once in said:
            known = _rank(event.time)
            when = -known if once and event.time is not None else known
            candidate = (not once, event.time is not None, when, event.message_id, value, event)
            best = per_record.get((record, trait))
            if best is None or candidate[:4] > best[:4]:
                per_record[record, trait] = candidate
        folded: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for (record, trait), (lasting, _, _, message_id, value, event) in per_record.items():
            if value is not None:
                trust = self.sources[record.key.source].trust
                order = (lasting, trust, _rank(event.time), message_id, record.key.source, self.handle(record))
                folded[trait].append((order, self._value(record, trait, value, event)))
        view = {}
        for trait, values in sorted(folded.items()):
            ranked = [value for _, value in sorted(values, key=lambda pair: pair[0], reverse=True)]
            view[trait] = {**ranked[0], "others": ranked[1:]}
        return view

    def _value(self, record: Slice, trait: str, value: Any, event: Event) -> dict[str, Any]:
        return {
            "value": value,
            "source": record.key.source,
            "record": self.handle(record),
            "observed_at": _shown(event.time),
            "event": event.message_id,
            "category": event.categories.get(trait) or category_of(trait),
        }

    def _groups(self, events: list[tuple[Slice, Event]]) -> list[dict[str, Any]]:
        groups: dict[str, list[tuple[Slice, Event]]] = defaultdict(list)
        for record, event in events:
            if event.group_id is not None:
                groups[event.group_id].append((record, event))
        return [
            {
                "id": group,
                "traits": self._traits(
                    [(record, event, t, value, False) for record, event in found for t, value in event.traits.items()]
                ),
                "sources": sorted({record.key.source for record, _ in found}),
            }
            for group, found in sorted(groups.items())
        ]

    def _consent(self, events: list[tuple[Slice, Event]]) -> list[dict[str, Any]]:
        last: dict[Slice, Event] = {}
        for record, event in events:
            if event.consent is not None and (record not in last or _later(event) > _later(last[record])):
                last[record] = event
        return [
            {
                "source": record.key.source,
                "record": self.handle(record),
                "consent": event.consent,
                "observed_at": _shown(event.time),
            }
            for record, event in sorted(last.items(), key=lambda pair: self.handle(pair[0]))
        ]

    def _evidence(self, records: list[Slice]) -> set[tuple[str, str, str, Reason]]:
        """(record, id, rule, what became of it) of each piece of evidence of the customer's records; what operators
        said of two of them is told of the first."""
        named = [(record, edge) for record in records for _, edge in self.edges[record]]
        at = {self.node(record): record for record in records}
        tied = [(at.get(e.record) or at[e.other], e) for e in self.links if e.record in at or e.other in at]
        return {
            (self.handle(record), self.evidence_handle(edge), edge.rule, self.partition.reasons[edge.id])
            for record, edge in (*named, *tied)
        }


def _without_copies(entries: Iterable[LogEntry]) -> list[Told]:
    """Of exact copies the smallest known time counts. Different content under one id is not for this oracle."""
    best: dict[tuple[str, str], Event] = {}
    for entry in entries:
        for event in decode(entry).events:
            known = best.get((entry.source, event.message_id))
            assert known is None or known.digest == event.digest
            if known is None or (event.time is not None and (known.time is None or event.time < known.time)):
                best[entry.source, event.message_id] = event
    return [Told(source, event) for (source, _), event in best.items()]


def _devices(event: Event) -> list[tuple[str, str]]:
    named = [("anonymous_id", event.anonymous_id)] if event.anonymous_id is not None else []
    if event.key is not None and event.key[0] in DEVICES:
        named.append(event.key)
    return [*named, *(pair for pair in event.identifiers if pair[0] == "device_id")]


def _said(event: Event) -> Iterable[tuple[Event, str, Any, bool]]:
    if event.kind != "group":
        yield from ((event, trait, value, True) for trait, value in event.traits_once.items())
        yield from ((event, trait, value, False) for trait, value in event.traits.items())


def _rank(time: int | None) -> int:
    return LONG_AGO if time is None else time


def _later(event: Event) -> tuple[bool, int, str]:
    return (event.time is not None, _rank(event.time), event.message_id)


def _shown(time: int | None) -> str | None:
    return None if time is None else rfc3339(time)


def _tally(times: list[int | None]) -> dict[str, Any]:
    known = [time for time in times if time is not None]
    return {
        "count": len(times),
        "first_at": rfc3339(min(known)) if known else None,
        "last_at": rfc3339(max(known)) if known else None,
    }


def _counted(events: list[tuple[Slice, Event]]) -> dict[str, Any]:
    by_name: dict[str, list[int | None]] = defaultdict(list)
    for _, event in events:
        by_name[event.name].append(event.time)
    everything = _tally([event.time for _, event in events])
    return {
        "total": everything.pop("count"),
        **everything,
        "by_name": {name: _tally(times) for name, times in sorted(by_name.items())},
    }

"""Barring: what an erased person's data looks like when it is sent again.

An event is barred where it carries a *tombstone*: an identifier that was claimed, or that only erased records held. Or
where it is, word for word, an event that was erased: on a device that others use too, an anonymous event carries no
identifier of the person, so its content is a tombstone instead, as long as it says its own time. (Without a time, equal
events are not one repeated.) Of what is barred nothing is kept but a count.
"""

from collections.abc import Iterator, Mapping, Set
from typing import Protocol

from rapport.collect import Event
from rapport.kernel.keys import digest16
from rapport.profile.store import ProfileStore
from rapport.resolve import identifier_node

_REMEMBERED = 100_000

Pair = tuple[str, str]
"""(identifier type, value)"""


class Gone(Protocol):
    """What is known of erasures; answers from memory."""

    @property
    def tombstones(self) -> Mapping[str, Set[bytes]]:
        """Organization → nodes that nothing may carry."""

    def is_erased(self, number: int) -> bool:
        """Whether a record was erased, and its person has not lifted it."""

    def count_refused(self, org: str, source: str, day: int) -> None:
        """Count an event that was rejected `erased`: all that is kept of it."""


class BarringStore(ProfileStore, Protocol):
    @property
    def erasures(self) -> Gone: ...


class Bar:
    """Whether events may come in, for one worker. Costs nothing in an organization where nobody was erased."""

    def __init__(self, gone: Gone) -> None:
        self._gone = gone
        self._nodes: dict[tuple[str, str, str], bytes] = {}

    def __call__(self, org: str, source: str, event: Event) -> bool:
        tombstones = self._gone.tombstones.get(org)
        if not tombstones:
            return False
        if any(self.node(org, kind, value) in tombstones for kind, value in named(event)):
            return True
        return content_node(org, source, event) in tombstones

    def node(self, org: str, kind: str, value: str) -> bytes:
        """An identifier's node: a session's events mostly name the same few."""
        known = self._nodes.get((org, kind, value))
        if known is None:
            if len(self._nodes) >= _REMEMBERED:
                self._nodes.clear()
            known = self._nodes[org, kind, value] = identifier_node(org, kind, value)
        return known


def named(event: Event) -> Iterator[Pair]:
    """The identifiers that an event carries; a previous id may be one of a browser or of a user."""
    if event.user_id is not None:
        yield "user_id", event.user_id
    if event.anonymous_id is not None:
        yield "anonymous_id", event.anonymous_id
    if event.previous_id is not None:
        yield "anonymous_id", event.previous_id
        yield "user_id", event.previous_id
    if event.key is not None:
        yield event.key
    yield from event.identifiers


def content_node(org: str, source: str, event: Event) -> bytes:
    """What an event's content is known by, whatever its message id."""
    return digest16(b"content", org.encode(), source.encode(), event.digest)


def says_its_time(event: Event) -> bool:
    """Whether reception does not stand in for an event's own time. (One too far ahead is unknown, but its own.)"""
    return not (event.corrected and event.time == event.received_at)

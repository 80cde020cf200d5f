"""Histories of records: folded anew, or kept in memory as long as there is room, of what a rulebook asks for.

A record's timeline is a chain that grows at its head, so that a kept history is brought up to date by the new blocks
alone. Where a block was written anew (an event came to another time, went to another slice, or was deleted) the record
is to be forgotten.
"""

from collections import OrderedDict
from collections.abc import Callable

from rapport.collect import Event
from rapport.kernel.expressions import Dependencies
from rapport.profile.history import Asked, History, add, history_of
from rapport.profile.store import ProfileReader
from rapport.profile.timeline import Block, events
from rapport.profile.view import Part
from rapport.terms.facts import HistoryOf

MOST_RECORDS = 50_000


def folded(reader: ProfileReader, needs: Dependencies) -> HistoryOf:
    """Histories folded from timelines, of what nobody follows yet or somebody asks for now and then."""

    def folded_of(part: Part) -> History:
        return history_of(events(part.record.head, lambda position: reader.block_of(part, position)), needs.events)

    return folded_of


class Histories:
    """Of one organization, for what is `asked`. `block_of` reads a block of a part's chain."""

    def __init__(self, block_of: Callable[[Part, int], Block], asked: Asked, most: int = MOST_RECORDS) -> None:
        self._block_of = block_of
        self._asked = asked
        self._most = most
        self._kept: OrderedDict[int, tuple[int, History]] = OrderedDict()

    def of(self, part: Part) -> History:
        """A record's, within the reader's snapshot. Not to be changed."""
        head = part.record.head
        kept = self._kept.get(part.number)
        if kept is None:
            history = history_of(self._events(part, head, 0) or (), self._asked)
        else:
            self._kept.move_to_end(part.number)
            if kept[0] == head:
                return kept[1]
            fresh, history = self._events(part, head, kept[0]), kept[1]
            if fresh is None:
                history = history_of(self._events(part, head, 0) or (), self._asked)
            else:
                for event in fresh:
                    add(history, event, self._asked)
        self._kept[part.number] = (head, history)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return history

    def forget(self, number: int) -> None:
        self._kept.pop(number, None)

    def _events(self, part: Part, head: int, until: int) -> list[Event] | None:
        """The events of a chain's blocks down to one that is known; None where that is no part of the chain now."""
        found: list[Event] = []
        position = head
        while position and position != until:
            if position < until:
                return None
            block = self._block_of(part, position)
            found += block.events
            position = block.previous
        return found if position == until else None

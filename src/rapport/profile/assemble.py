"""Assembling: events come in, in any order; records, evidence and timeline come out.

For each event: was it taken in before (`seen`)? whose is it (`devices`)? fold it into its record (`working_set`), tell
resolution of links that are new (`evidence`). At a commit: settle attribution, make anew the folds that lost an event,
append timelines, save records, and let the store commit all of it together with the log's cursor.
"""

import hashlib
from collections.abc import Mapping
from typing import Protocol

import msgspec

from rapport.collect import Event
from rapport.kernel.ports import Source
from rapport.kernel.times import DAY
from rapport.profile import record as records
from rapport.profile.barring import Bar, BarringStore
from rapport.profile.devices import TYPES, Devices, Ends, EventName
from rapport.profile.record import Record
from rapport.profile.search import words
from rapport.profile.store import Rejected, Seen
from rapport.profile.timeline import Fresh, fresh
from rapport.profile.touching import Touches
from rapport.profile.working_set import Held, WorkingSet, fold, links_of
from rapport.resolve import WHOLE, record_node

DUPLICATE_ID = "duplicate_id"


class Evidence(Ends, Protocol):
    """Resolution, as assembling needs it: told at once what is asserted and withdrawn, it regroups at a commit."""

    def withdraw_links(self, held: Held, links: dict[str, int]) -> None:
        """Withdraw evidence that the record's events no longer give, until they give it again."""

    def settle(self) -> int:
        """Regroup what was touched; return how many groups changed."""


class Outcome(msgspec.Struct):
    """What became of the events of one commit, for volumes and the live page. Of those rejected, some are `barred`."""

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    barred: int = 0
    regrouped: int = 0


class Assembler:
    """One worker's assembling. `secret` keys the hash under which message ids are remembered."""

    def __init__(self, store: BarringStore, evidence: Evidence, secret: bytes, *, held_limit: int = 40_000) -> None:
        self._store = store
        self._evidence = evidence
        self._secret = secret
        self.held = WorkingSet(store, held_limit)
        self.devices = Devices(store, self.held, evidence)
        self._fresh: dict[bytes, tuple[Held, Fresh]] = {}
        self._bars = Bar(store.erasures)
        self.touches = Touches()
        self.outcome = Outcome()

    # -- one event

    def take(self, source: Source, event: Event) -> Held | None:
        """Take one event in. Returns the record it went to, or None for a copy of one that was taken in before, and for
        one of an erased person."""
        if self._bars(source.org, source.name, event):
            self._refuse(source, event)
            return None
        key = self._key(source.org, source.name, event.message_id)
        waiting = self._fresh.get(key)
        if waiting is not None:
            self._copy(source, event, key, waiting[1])
            return None
        known = self._store.seen(key)
        if known is not None:
            if self._store.erasures.is_erased(known.record):
                self._refuse(source, event)
                return None
            self._copy(source, event, key, known)
            return None
        held = self._home(source, event)
        item = fresh(event)
        held.fresh.append(item)
        fold(held, event)
        if self.touches.orgs:
            self.touches.event(held, event)
        self._fresh[key] = (held, item)
        self._after_fold(held, event)
        self.outcome.accepted += 1
        return held

    def _refuse(self, source: Source, event: Event) -> None:
        """An event of an erased person: nothing is kept of it but a count."""
        self._store.erasures.count_refused(source.org, source.name, event.received_at // DAY)
        self.outcome.rejected += 1
        self.outcome.barred += 1

    def _key(self, org: str, source: str, message_id: str) -> bytes:
        text = f"{org}\0{source}\0{message_id}"
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._secret, digest_size=16).digest()

    def _home(self, source: Source, event: Event) -> Held:
        """The record an event belongs to, made at first sight."""
        org, name = source.org, source.name
        kind, value = key_of(event)
        home = self.held.homes.get((org, name, kind, value))
        if home is None:
            if kind in TYPES:
                return self.devices.slice_for(event, org, name, kind, value)
            node = record_node(org, name, kind, value, WHOLE)
            home = self.held.find(node) or self.held.create(node, node, Record(org, name, kind, value))
            self.held.homes[org, name, kind, value] = home
        return home

    def expect(self, source: Source, events: list[Event]) -> None:
        """Load the records that these events will most likely go to, in one go, where they are not held yet."""
        org, name, homes = source.org, source.name, self.held.homes
        keys = {key_of(event) for event in events}
        missing = [key for key in keys if (org, name, *key) not in homes]
        self.held.load_many([record_node(org, name, *key, None if key[0] in TYPES else WHOLE) for key in missing])

    def _after_fold(self, held: Held, event: Event) -> None:
        """Tell evidence and devices what the fold of an event brought."""
        if held.added:
            added, held.added = held.added, {}
            retracted = self._evidence.assert_links(held, added)
            _join(held.record.unlinked, retracted)
            for link in added:
                kind, _, value = link.partition(":")
                if kind in TYPES and added[link] & records.OWN & ~retracted.get(link, 0):
                    self.devices.user_linked(held, kind, value)
        self.devices.mark_latest(held, event)

    # -- copies

    def _copy(self, source: Source, event: Event, key: bytes, first: Fresh | Seen) -> None:
        """An event under a message id taken in before: an exact copy can only lower its time; another content is
        refused."""
        if event.digest != first.digest:
            message = f"another event was taken in before under the messageId {event.message_id[:100]!r}"
            rejected = Rejected(source.org, source.name, event.received_at, DUPLICATE_ID, message, _told(event))
            self._store.reject([rejected])
            self.outcome.rejected += 1
            return
        self.outcome.duplicates += 1
        if event.time is None or not (first.may_move or event.corrected):
            return  # both carry the event's own time, which is part of its content
        fresh_in = self.devices.moved.get((source.org, source.name, event.message_id)) or self._fresh.get(key)
        if fresh_in is not None:
            self._lower(*fresh_in, event.time)
        elif isinstance(first, Seen):
            self._lower_in_block(first, event.message_id, event.time)

    def _lower(self, held: Held, item: Fresh, time: int) -> None:
        """Of exact copies the smallest corrected time counts; an unknown time yields to any known one."""
        if item.time is None or time < item.time:
            item.become(self._lowered(held, item.event(), time))

    def _lower_in_block(self, place: Seen, message_id: str, time: int) -> None:
        held = self.held.get(place.record)
        if held is None:
            return  # erased
        org = held.record.org
        block = self._store.block(org, held.number, place.block)
        for index, event in enumerate(block.events):
            if event.message_id == message_id and (event.time is None or time < event.time):
                block.events[index] = after = self._lowered(held, event, time)
                if event.time is None:
                    # Blocks since then do not know of its time, and readers trust what they say: it is appended anew.
                    del block.events[index]
                    item = fresh(after)
                    held.fresh.append(item)
                    self.devices.moved[org, held.record.source, message_id] = (held, item)
                self._store.rewrite_block(org, held.number, place.block, block)
                return

    def _lowered(self, held: Held, event: Event, time: int) -> Event:
        after = msgspec.structs.replace(event, time=time)
        held.refold = held.changed = True
        self.devices.unmark(held, event)
        self.devices.mark(held, after)
        self.devices.moved_in_time(held, event, after)
        return after

    # -- evidence that an operator retracts

    def unlink(self, held: Held, link: str, how: int) -> None:
        """The evidence behind a link was retracted: the record keeps its events and loses the link."""
        held.record.unlinked[link] = held.record.unlinked.get(link, 0) | how
        held.changed = True
        kind, _, value = link.partition(":")
        if kind in TYPES and how & records.OWN:
            self.devices.unlinked(held, kind, value)

    # -- events that are kept no longer

    def fold_anew(self, held: Held) -> None:
        """Events of a record are gone from its blocks: fold what is left now, and let go of what it names no more."""
        self._refold(held)
        dropped, held.changed = held.dropped, True
        self._tell(held)
        for link, how in dropped.items():
            kind, _, value = link.partition(":")
            if kind in TYPES and how & records.OWN & ~held.record.links.get(link, 0):
                self.devices.unlinked(held, kind, value)

    # -- committing

    def commit(self, cursor: int) -> Outcome:
        """Settle and commit everything taken in so far, with the log's cursor; return what became of it."""
        moved = self.devices.settle()
        changed = self.held.changed()
        self.touches.settled(changed)
        for held in changed:
            if held.refold:
                self._refold(held)
            self._tell(held)
        self.outcome.regrouped += self._evidence.settle()
        places: dict[int, tuple[int, int]] = {}
        for held in changed:
            if held.fresh:
                self.held.write_blocks(held, places)
            if held.words:
                self._store.index_words(held.record.org, held.number, words(held.record))
                held.words = False
            self._store.save(held.number, held.record)
            held.changed = False
        self._remember(places, moved)
        if self.touches.orgs:
            self._store.touch(self.touches.take(self._store.org_of))
        self._store.commit(cursor)
        self._fresh.clear()
        self.held.let_go()
        outcome, self.outcome = self.outcome, Outcome()
        return outcome

    def _remember(self, places: dict[int, tuple[int, int]], moved: Mapping[EventName, tuple[Held, Fresh]]) -> None:
        """Enter where each event was written: those taken in since the last commit, and those that moved."""
        seen = {key: Seen(item.digest, item.may_move, *places[id(item)]) for key, (_, item) in self._fresh.items()}
        for name, (_, item) in moved.items():
            seen[self._key(*name)] = Seen(item.digest, item.may_move, *places[id(item)])
        self._store.mark_seen(seen.items())

    def _refold(self, held: Held) -> None:
        """Make a record's fold anew from its timeline, and find which links it gained and lost by that."""
        before = {link: how & ~held.added.get(link, 0) for link, how in held.record.links.items()}
        made = records.blank(held.record)
        for event in self.held.events(held):
            for link, how in links_of(event):
                made.links[link] = made.links.get(link, 0) | how
            records.apply(made, event)
        held.record = made
        held.added = {link: how for link, how in made.links.items() if before.get(link) != how}
        held.dropped = {link: how for link, how in before.items() if how and made.links.get(link) != how}
        held.said = None
        held.words = True
        held.refold = False

    def _tell(self, held: Held) -> None:
        """Tell evidence which links a record lost and gained."""
        if held.dropped:
            self._evidence.withdraw_links(held, held.dropped)
            held.dropped = {}
        if held.added:
            _join(held.record.unlinked, self._evidence.assert_links(held, held.added))
            held.added = {}


def key_of(event: Event) -> tuple[str, str]:
    """The key of an event's record within its source: what a mapping named, else the user id, else the anonymous id."""
    if event.key is not None and not (event.user_id is not None and event.key[0] in TYPES):
        return event.key
    if event.user_id is not None:
        return "user_id", event.user_id
    return "anonymous_id", event.anonymous_id or ""


def _told(event: Event) -> bytes:
    """An event that is refused, as it will be inspected."""
    fields = msgspec.structs.asdict(event)
    del fields["digest"]
    return msgspec.json.encode({name: value for name, value in fields.items() if value not in (None, {}, ())})


def _join(known: dict[str, int], more: dict[str, int]) -> None:
    for link, how in more.items():
        known[link] = known.get(link, 0) | how

"""Devices: whose were the anonymous events? (design §4.8)

A device is an `anonymous_id` or `device_id` of an organization. Until a second user is seen on it, its anonymous events
are one record per source: nobody's, or the one user's. From then on the device is *shared*: the identified events that
carried it are kept as marks, by day, and each anonymous event belongs to the slice of the user whose mark is near
enough. A late event or mark only re-slices the stretch of time that it can change.

While it is not shared, a device's record is looked up by the node of nobody's slice, whoever it is attributed to. What
a device's users and slices are is read from the evidence itself, so there is nothing else to keep in step.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol

from rapport.collect import Event
from rapport.kernel.times import DAY
from rapport.profile import record as records
from rapport.profile.record import Record
from rapport.profile.store import Mark, ProfileStore
from rapport.profile.timeline import UNKNOWN, Block, Fresh, fresh, order, since
from rapport.profile.working_set import Held, WorkingSet, fold
from rapport.resolve import WINDOW, attribute, identifier_node, record_node

TYPES = ("anonymous_id", "device_id")
ALWAYS = (UNKNOWN, -UNKNOWN)
"""A stretch that holds every event, those of unknown time included."""


EventName = tuple[str, str, str]
"""(organization, source, message id)"""


class Ends(Protocol):
    """Which records hold an identifier, and the word that they do, or no longer do."""

    def assert_links(self, held: Held, links: dict[str, int]) -> dict[str, int]:
        """Assert evidence for links; return those that had been retracted before and so never hold."""

    def withdraw_node(self, held: Held) -> None:
        """Withdraw all evidence of the node that a record goes by."""

    def holders(self, node: bytes) -> list[int]:
        """Numbers of the records with active evidence of it."""


class Devices:
    """Attribution for one worker. `seen_key` gives the key under which an event's place is remembered."""

    def __init__(self, store: ProfileStore, held: WorkingSet, ends: Ends) -> None:
        self._store = store
        self._held = held
        self._ends = ends
        self._stretches: dict[tuple[str, str, str], tuple[int, int]] = {}
        self._marks: dict[tuple[bytes, int], list[Mark]] = {}
        self._dirty_days: dict[tuple[bytes, int], str] = {}
        self.moved: dict[EventName, tuple[Held, Fresh]] = {}
        """Events that changed their record since the last commit, or their place in it where they had one."""
        self._shared: dict[tuple[str, str, str], bool] = {}
        self._calm = object()

    # -- where an anonymous event goes

    def slice_for(self, event: Event, org: str, source: str, kind: str, value: str) -> Held:
        """The record that an anonymous event of a device belongs to, made if it is the first."""
        device = identifier_node(org, kind, value)
        if self._store.is_shared(device):
            user = self._attribute(org, device, event)
            return self._slice(org, source, kind, value, user)
        lookup = record_node(org, source, kind, value, None)
        held = self._held.find(lookup)
        if held is None:
            users = self._users(kind, value, device)
            user = next(iter(users), None)
            held = self._create(org, source, kind, value, user, lookup)
        self._held.homes[org, source, kind, value] = held
        return held

    def _slice(self, org: str, source: str, kind: str, value: str, user: str | None) -> Held:
        """A shared device's slice for a user (or nobody)."""
        lookup = record_node(org, source, kind, value, user)
        return self._held.find(lookup) or self._create(org, source, kind, value, user, lookup, shared=True)

    def _create(
        self, org: str, source: str, kind: str, value: str, user: str | None, lookup: bytes, *, shared: bool = False
    ) -> Held:
        node = record_node(org, source, kind, value, user)
        record = Record(org, source, kind, value, user, shared)
        return self._held.create(lookup, node, record)

    def _attribute(self, org: str, device: bytes, event: Event) -> str | None:
        if event.time is None:
            return None
        marks = self._near(org, device, event.time - WINDOW, event.time + WINDOW)
        return attribute([(m.time, m.message_id, m.user) for m in marks], event.time, event.message_id)

    # -- when a user is seen on a device

    def user_linked(self, held: Held, kind: str, value: str) -> None:
        """A user's record got its first evidence of a device: the device may become hers, or shared."""
        org = held.record.org
        device = identifier_node(org, kind, value)
        user = user_of(held.record)
        if user is None or self._store.is_shared(device):
            return
        others = self._users(kind, value, device)
        others.pop(user, None)
        if others:
            self._share(org, kind, value, device, extra=held)
        else:
            self._give(org, kind, value, device, user)

    def mark_latest(self, held: Held, event: Event) -> None:
        """`mark` for the event folded in last; costs next to nothing as long as a session goes on as it was."""
        if held.calm is None or held.calm[0] is not self._calm or held.calm[1] is not held.said:
            held.calm = None if self.mark(held, event) else (self._calm, held.said)

    def mark(self, held: Held, event: Event) -> bool:
        """Note an identified event on whichever shared devices it names; return whether it names any."""
        org, user = held.record.org, user_of(held.record)
        if user is None:
            return False
        shared = [(kind, value) for kind, value in named_devices(event) if self._is_shared(org, kind, value)]
        if event.time is None:
            return bool(shared)
        for kind, value in shared:
            device = identifier_node(org, kind, value)
            if _names(held.record, f"{kind}:{value}"):
                self._add_mark(org, kind, value, device, Mark(event.time, event.message_id, user, held.number))
        return bool(shared)

    def _is_shared(self, org: str, kind: str, value: str) -> bool:
        """Asked for every identified event, so it is remembered by name for a while."""
        known = self._shared.get((org, kind, value))
        if known is None:
            if len(self._shared) > 100_000:
                self._shared.clear()
            known = self._shared[org, kind, value] = self._store.is_shared(identifier_node(org, kind, value))
        return known

    def _stir(self) -> None:
        """Which devices are shared has changed: forget what was remembered of it."""
        self._shared.clear()
        self._calm = object()

    def unmark(self, held: Held, event: Event) -> None:
        """Take back the marks of an event whose time turned out to be another."""
        org = held.record.org
        if event.time is None:
            return
        for kind, value in named_devices(event):
            device = identifier_node(org, kind, value)
            if self._store.is_shared(device):
                day = event.time // DAY
                marks = self._day(org, device, day)
                keep = [m for m in marks if (m.message_id, m.record) != (event.message_id, held.number)]
                if len(keep) != len(marks):
                    self._put_day(org, device, day, keep)
                    self._stretch(org, kind, value, event.time - WINDOW, event.time + WINDOW)

    def moved_in_time(self, held: Held, before: Event, after: Event) -> None:
        """An event of a slice got another time: its attribution is looked at again."""
        record = held.record
        kind, value = record.key_type, record.key_value
        if kind in TYPES and after.time is not None and self._is_shared(record.org, kind, value):
            before_time = after.time if before.time is None else before.time
            self._stretch(record.org, kind, value, after.time, max(before_time, after.time))

    def unlinked(self, held: Held, kind: str, value: str) -> None:
        """The evidence between a user's record and a device was retracted: as if she had never been seen there."""
        org = held.record.org
        device = identifier_node(org, kind, value)
        user = user_of(held.record)
        if user is None:
            return
        if not self._store.is_shared(device):
            self._give(org, kind, value, device, next(iter(self._users(kind, value, device)), None))
            return
        for day in self._days(device):
            marks = self._day(org, device, day)
            keep = [m for m in marks if m.record != held.number]
            if len(keep) != len(marks):
                self._put_day(org, device, day, keep)
        self._stretch(org, kind, value, *ALWAYS)
        users = self._users(kind, value, device)
        if len(users) < 2:
            self._unshare(org, kind, value, device, next(iter(users), None))

    # -- the three states of a device: nobody's or one user's ⇄ shared

    def _give(self, org: str, kind: str, value: str, device: bytes, user: str | None) -> None:
        for held in self._slices(kind, value, device):
            if held.record.user != user:
                lookup = record_node(org, held.record.source, kind, value, None)
                self._reattribute(held, lookup, lookup, user)

    def _share(self, org: str, kind: str, value: str, device: bytes, extra: Held) -> None:
        """A second user was seen: gather the marks of all users from their timelines and slice the device anew."""
        self._store.set_shared(device, shared=True)
        self._stir()
        self._held.homes.clear()
        for held in self._slices(kind, value, device):
            source = held.record.source
            whole = record_node(org, source, kind, value, None)
            held.record.shared = True
            self._held.rename(held, whole, record_node(org, source, kind, value, held.record.user), held.node)
        holders = [self._held.get(number) for number in self._ends.holders(device)]
        for holder in {h.number: h for h in [*holders, extra] if h is not None}.values():
            if user_of(holder.record) is None or not _names(holder.record, f"{kind}:{value}"):
                continue
            for event in self._held.events(holder):
                if (kind, value) in named_devices(event):
                    self.mark(holder, event)
        self._stretch(org, kind, value, *ALWAYS)

    def _unshare(self, org: str, kind: str, value: str, device: bytes, user: str | None) -> None:
        """Back to at most one user: all slices of a source flow into one record, which keeps its number."""
        self._stretches.pop((org, kind, value), None)
        for day in self._days(device):
            self._put_day(org, device, day, [])
        self._store.set_shared(device, shared=False)
        self._stir()
        by_source: dict[str, list[Held]] = {}
        for held in self._slices(kind, value, device):
            by_source.setdefault(held.record.source, []).append(held)
        for source, slices in by_source.items():
            slices.sort(key=lambda held: (held.record.user != user, held.number))
            target, rest = slices[0], slices[1:]
            whole = record_node(org, source, kind, value, None)
            for held in rest:
                self._send(held, *ALWAYS, partial(_always, target))
                self._ends.withdraw_node(held)
                held.empty()
            target.record.shared = False
            self._reattribute(target, record_node(org, source, kind, value, target.record.user), whole, user)

    def _reattribute(self, held: Held, old_lookup: bytes, lookup: bytes, user: str | None) -> None:
        """Make a slice another user's: evidence of its old node goes, that of the new one comes."""
        record = held.record
        node = record_node(record.org, record.source, record.key_type, record.key_value, user)
        renamed = node != held.node
        if renamed:
            self._ends.withdraw_node(held)
        record.user = user
        self._held.rename(held, old_lookup, lookup, node)
        if renamed:
            record.unlinked = self._ends.assert_links(held, record.links)
            held.added = {}

    # -- slicing

    def settle(self) -> dict[EventName, tuple[Held, Fresh]]:
        """Re-slice the stretches that changed, and keep the marks; return the events that moved since last time, with
        their slice."""
        self.reslice()
        for (device, day), org in self._dirty_days.items():
            self._store.put_marks(org, device, day, self._marks[device, day])
        self._dirty_days.clear()
        self._marks.clear()
        moved, self.moved = self.moved, {}
        return moved

    def reslice(self) -> None:
        """Send the events of the stretches that changed to where they belong now."""
        stretches, self._stretches = self._stretches, {}
        for (org, kind, value), (low, high) in stretches.items():
            device = identifier_node(org, kind, value)
            marks = [(m.time, m.message_id, m.user) for m in self._near(org, device, low - WINDOW, high + WINDOW)]
            for held in self._slices(kind, value, device):
                self._send(held, low, high, partial(self._home, held, marks))

    def _home(self, held: Held, marks: list[tuple[int, str, str]], event: Event) -> Held:
        """The slice that an event of a slice belongs to."""
        record = held.record
        user = attribute(marks, event.time, event.message_id)
        if user == record.user:
            return held
        return self._slice(record.org, record.source, record.key_type, record.key_value, user)

    def _send(self, held: Held, low: int, high: int, home: Callable[[Event], Held]) -> None:
        """Send the events of a stretch of time to where they belong; each block is written once."""
        leaving: list[tuple[Held, Fresh, Event]] = []
        waiting, held.fresh = held.fresh, []
        for item in waiting:
            event = item.event()
            target = home(event) if low <= order(event)[0] <= high else held
            if target is held:
                held.fresh.append(item)
            else:
                leaving.append((target, item, event))
        for position, block in since(held.record.head, self._held.reader(held), low):
            staying = []
            for event in block.events:
                target = home(event) if low <= order(event)[0] <= high else held
                if target is held:
                    staying.append(event)
                else:
                    leaving.append((target, fresh(event), event))
            if len(staying) < len(block.events):
                rest = Block(block.previous, block.newest_before, staying)
                self._store.rewrite_block(held.record.org, held.number, position, rest)
        for target, item, event in leaving:
            target.fresh.append(item)
            fold(target, event)
            self.moved[held.record.org, held.record.source, event.message_id] = (target, item)
        if leaving:
            held.refold = held.changed = True

    # -- reading evidence and marks

    def slices(self, org: str, kind: str, value: str) -> list[Held]:
        """A device's own records."""
        return self._slices(kind, value, identifier_node(org, kind, value))

    def _slices(self, kind: str, value: str, device: bytes) -> list[Held]:
        """The device's own records, those just made included."""
        found = (self._held.get(number) for number in self._ends.holders(device))
        return [h for h in found if h is not None and (h.record.key_type, h.record.key_value) == (kind, value)]

    def _users(self, kind: str, value: str, device: bytes) -> dict[str, int]:
        """Users seen on a device, from active evidence: user → one of her records."""
        users: dict[str, int] = {}
        link = f"{kind}:{value}"
        for number in self._ends.holders(device):
            held = self._held.get(number)
            if held is not None and _names(held.record, link):
                user = user_of(held.record)
                if user is not None:
                    users[user] = number
        return users

    def _near(self, org: str, device: bytes, low: int, high: int) -> list[Mark]:
        first, last = low // DAY, high // DAY
        days = range(first, last + 1) if last - first <= 2 else self._days(device)
        marks = [m for day in days if first <= day <= last for m in self._day(org, device, day)]
        return sorted(m for m in marks if low <= m.time <= high)

    def _days(self, device: bytes) -> list[int]:
        return sorted({*self._store.mark_days(device), *(day for d, day in self._marks if d == device)})

    def _day(self, org: str, device: bytes, day: int) -> list[Mark]:
        marks = self._marks.get((device, day))
        if marks is None:
            marks = self._marks[device, day] = self._store.marks(org, device, day, day)
        return marks

    def _put_day(self, org: str, device: bytes, day: int, marks: list[Mark]) -> None:
        self._marks[device, day] = marks
        self._dirty_days[device, day] = org

    def _add_mark(self, org: str, kind: str, value: str, device: bytes, mark: Mark) -> None:
        day = mark.time // DAY
        marks = self._day(org, device, day)
        if mark not in marks:
            self._put_day(org, device, day, [*marks, mark])
            self._stretch(org, kind, value, mark.time - WINDOW, mark.time + WINDOW)

    def _stretch(self, org: str, kind: str, value: str, low: int, high: int) -> None:
        known = self._stretches.get((org, kind, value))
        if known is not None:
            low, high = min(low, known[0]), max(high, known[1])
        self._stretches[org, kind, value] = (low, high)


def user_of(record: Record) -> str | None:
    """The user a record is of by its own key; None for devices and other keys."""
    return record.key_value if record.key_type == "user_id" else None


def named_devices(event: Event) -> Iterator[tuple[str, str]]:
    """The devices that an event names."""
    if event.anonymous_id is not None:
        yield "anonymous_id", event.anonymous_id
    if event.key is not None and event.key[0] in TYPES and event.key != ("anonymous_id", event.anonymous_id):
        yield event.key
    for kind, value in event.identifiers:
        if kind == "device_id" and (kind, value) != event.key:
            yield kind, value


def _always(target: Held, _: Event) -> Held:
    return target


def _names(record: Record, link: str) -> bool:
    """Whether a record itself names an identifier, by evidence that stands."""
    return bool(record.links.get(link, 0) & records.OWN & ~record.unlinked.get(link, 0))

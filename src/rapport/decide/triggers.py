"""Triggers: what starts a decision about an action: something that happened, an audience, or a time.

A time of the day is one of the wall, where the trigger says or the customer is: where it comes twice, as clocks are put
back, the first counts; where clocks jump over it, it comes as much later as they jump.

Whatever is told much later than it happened starts nothing (see `profile.touching`), so that no import of a past does;
and what could not be decided within STALE is let go.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from rapport.decide.actions import DAYS, Action, Trigger
from rapport.decide.clocks import first_known, wall
from rapport.kernel.times import DAY, SECOND, micros, rfc3339

STALE: Final = DAY
"""How long (µs) what starts a decision waits for it at most."""
_WEEK: Final = 7
_FIRST_ZONE: Final = "Etc/GMT-14"
"""Where each day begins first (14 hours *before* Greenwich, as POSIX writes it)."""
_HOW: Final = {
    "event": "they did “{}”",
    "entered": "they entered the audience “{}”",
    "left": "they left the audience “{}”",
    "at": "its time came",
    "daily": "it was {} where they are",
}


class Start(msgspec.Struct, frozen=True):
    """What started a decision: an event, an audience that was entered or left (`name`), or a time (`name`: "09:00", or
    ""), and when it happened (µs)."""

    how: Literal["event", "entered", "left", "at", "daily"]
    name: str
    at: int


def told_start(start: Start) -> str:
    """`they entered the audience “at risk”, at 2026-11-22T15:03:11Z`: for whoever acts on a decision."""
    return f"{_HOW[start.how].format(start.name)}, at {rfc3339(start.at // SECOND * SECOND)}"


def begins_anew(triggers: Iterable[Trigger], starts: Iterable[Start]) -> bool:
    """Whether something new happened that one of these waits for. That a time came is nothing new."""
    happened = {(one.how, one.name) for one in starts}
    return any(
        (how, name) in happened
        for one in triggers
        for how, name in (("event", one.event), ("entered", one.entered), ("left", one.left))
        if name
    )


class Triggers:
    """Of all actions of an organization that are in force: which start by what."""

    def __init__(self, actions: Iterable[Action]) -> None:
        self.events: Mapping[str, tuple[str, ...]]
        """The name of an event → ids of actions."""
        self.entered: Mapping[str, tuple[str, ...]]
        """The name of an audience → ids of actions that start as a customer enters it."""
        self.left: Mapping[str, tuple[str, ...]]
        self.timed: tuple[tuple[str, Trigger], ...]
        """Ids with the triggers that a time starts: see `next_due`."""
        found: dict[str, dict[str, list[str]]] = {"event": {}, "entered": {}, "left": {}}
        timed = []
        for action in sorted(actions, key=lambda one: one.id):
            for trigger in action.triggers:
                if trigger.at is not None or trigger.daily:
                    timed.append((action.id, trigger))
                    continue
                for how, named in found.items():
                    if name := getattr(trigger, how):
                        named.setdefault(name, []).append(action.id)
        self.events, self.entered, self.left = (
            {name: tuple(ids) for name, ids in found[how].items()} for how in ("event", "entered", "left")
        )
        self.timed = tuple(timed)


def next_due(trigger: Trigger, after: int, zone: str = "") -> int | None:
    """The first instant (µs) later than one at which a time starts a decision; None: never. `zone`: the customer's,
    where the trigger names none."""
    if trigger.at is not None:
        return trigger.at if trigger.at > after else None
    if not trigger.daily:
        return None
    there = first_known(trigger.zone, zone)
    at = time.fromisoformat(trigger.daily)
    today = wall(after, there).date()
    # From yesterday on, since a time that was jumped over may come on the next day; to the same weekday, twice.
    for days in range(-1, 2 * _WEEK):
        day = today + timedelta(days=days)
        if trigger.days and DAYS[day.weekday()] not in trigger.days:
            continue
        instant = _instant(day, at, there)
        if instant > after:
            return instant
    return None


class Round(msgspec.Struct, frozen=True):
    """When everybody is to be gone through for a trigger, since its time comes to them: it `begins` at an instant (µs);
    `day`: the date (ISO) of a time of the wall that is another instant for each customer, "" where it is one for
    all."""

    begins: int
    day: str = ""


def next_round(trigger: Trigger, after: int) -> Round | None:
    """The first that begins later than an instant; None: none does. Where the time is the customers' own it begins as
    the first place on earth comes to it."""
    whose = trigger.zone if trigger.zone or not trigger.daily else _FIRST_ZONE
    begins = next_due(trigger, after, whose)
    if begins is None:
        return None
    return Round(begins, "" if whose == trigger.zone else wall(begins, whose).date().isoformat())


def comes(trigger: Trigger, one: Round, zone: str) -> int:
    """When (µs) the time of a round comes to a customer of a zone ("": of none that is known)."""
    if not one.day:
        return one.begins
    return _instant(date.fromisoformat(one.day), time.fromisoformat(trigger.daily), first_known(zone))


def _instant(day: date, at: time, zone: str) -> int:
    return micros(datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC))

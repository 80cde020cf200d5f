"""Triggers: what starts a decision about an action: something that happened, an audience, or a time.

A time of the day is one of the wall, where the trigger says or the customer is: where it comes twice, as clocks are put
back, the first counts; where clocks jump over it, it comes as much later as they jump.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from rapport.decide.actions import DAYS, Action, Trigger
from rapport.decide.clocks import first_known, wall
from rapport.kernel.times import micros

_WEEK: Final = 7


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


def _instant(day: date, at: time, zone: str) -> int:
    return micros(datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC))

"""When something is done, as it is asked for: what starts it, and from when until when it may be."""

import contextlib
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import msgspec

from rapport.decide.actions import DAYS, Trigger, Valid, unusable
from rapport.decide.traits import name_of
from rapport.kernel.errors import BadInput
from rapport.kernel.expressions.windows import zone_named
from rapport.kernel.times import SECOND, micros, parse_rfc3339

MOST_TRIGGERS: Final = 20
_LAST: Final = 253_370_764_800 * SECOND
"""The year 9999."""
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


class TriggerWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A trigger, with its instant as text, or as TOML has it."""

    event: str = ""
    entered: str = ""
    left: str = ""
    at: Any = None
    daily: str = ""
    days: tuple[str, ...] = ()
    zone: str = ""


class ValidWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from"}):
    """From when until when, likewise."""

    since: Any = None
    until: Any = None


def checked_triggers(triggers: Sequence[TriggerWish]) -> tuple[Trigger, ...]:
    if len(triggers) > MOST_TRIGGERS:
        raise unusable("triggers", f"an action has at most {MOST_TRIGGERS} triggers")
    return tuple(dict.fromkeys(_trigger(one, f"triggers[{place}]") for place, one in enumerate(triggers)))


def _trigger(one: TriggerWish, field: str) -> Trigger:
    named = [name for name in ("event", "entered", "left", "at", "daily") if getattr(one, name) not in ("", None)]
    if len(named) != 1:
        raise unusable(field, "a trigger has one of event, entered, left, at and daily")
    if len(one.event) > 1_024:
        raise unusable(f"{field}.event", "an event's name has at most 1,024 characters")
    for name in {"entered", "left"} & set(named):
        try:
            name_of(getattr(one, name), "an audience")
        except BadInput as error:
            raise BadInput(error.message, code=error.code, field=f"{field}.{name}") from None
    if not one.daily and (one.days or one.zone):
        raise unusable(field, "days and zone go with daily")
    if one.daily and not _TIME.fullmatch(one.daily):
        raise unusable(f"{field}.daily", 'a time of the day is written "09:00"')
    if not set(one.days) <= set(DAYS):
        raise unusable(f"{field}.days", f"days are {', '.join(DAYS)}")
    if one.zone:
        try:
            zone_named(one.zone)
        except BadInput as error:
            raise unusable(f"{field}.zone", error.message) from None
    at = None if one.at is None else _instant(one.at, f"{field}.at")
    days = tuple(day for day in DAYS if day in one.days)
    return Trigger(one.event, one.entered, one.left, at, one.daily, days, one.zone)


def checked_valid(valid: ValidWish) -> Valid:
    since = None if valid.since is None else _instant(valid.since, "valid.from")
    until = None if valid.until is None else _instant(valid.until, "valid.until")
    if since is not None and until is not None and since >= until:
        raise unusable("valid.until", "it ends before it begins")
    return Valid(since, until)


def _instant(value: Any, field: str) -> int:
    """An instant from RFC 3339 text, or what TOML has for it; a date is its first instant, UTC."""
    at = -1
    with contextlib.suppress(BadInput, OverflowError):
        if isinstance(value, str):
            at = parse_rfc3339(value)
        elif isinstance(value, datetime):
            at = micros(value)
        elif isinstance(value, date):
            at = micros(datetime(value.year, value.month, value.day, tzinfo=UTC))
    if 0 <= at < _LAST:
        return at
    raise BadInput("a time is written 2026-12-01T09:00:00Z, or 2026-12-01", code="bad_time", field=field)

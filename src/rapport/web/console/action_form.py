"""The form of an action: what it says as a wish, and an action as the form has it. What it says in words of its own
(caps by channel, triggers) stands one in a line, as whoever reads it aloud would say it."""

import math
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from rapport.decide.actions import DAYS, Action, Limits
from rapport.decide.channels import CHANNELS, TEXT
from rapport.decide.wishes import ActionWish, told_action, wish_of
from rapport.kernel.errors import BadInput
from rapport.kernel.times import DAY, rfc3339

MOST_MESSAGES: Final = 20
"""Messages that one form can have; a file has any number."""
PERIODS: Final = {"day": "per_day", "week": "per_week", "month": "per_month"}
LONGEST_LINES: Final = 20_000
PARTS: Final = ("channel", "language", "heading", "text", "link", "html")
GAINS: Final = {
    "minutes_saved": "minutes saved",
    "discount": "money off a price",
    "refund": "money back",
    "fee_avoided": "a fee not paid",
}
_CAP = re.compile(r"(\w+)\s*[:=]?\s+([0-9]{1,9})\s+(?:a|per)\s+(day|week|month)")

Message = dict[str, str]
"""A message as the form has it: `PARTS`."""


# -- what a form asks for


def wished(form: Mapping[str, str]) -> ActionWish:
    """Raises BadInput that names the field."""
    gain, gives = form.get("benefit", ""), _number(form, "gain")
    benefit = None
    if gain:
        benefit = {"kind": gain, "minutes" if gain == "minutes_saved" else "amount": gives or 0.0}
    raw: dict[str, Any] = {
        "kind": form.get("kind", ""),
        "purpose": form.get("purpose", ""),
        "eligible": form.get("expression", "").replace("\r\n", "\n").strip() or "true",
        "content": _content(form),
        "benefit": {"customer": benefit},
        "value": {"company": _number(form, "value") or 0.0},
        "cost": _number(form, "cost") or 0.0,
        "goals": _lines(form, "goals"),
        "caps": {**limits_of(form), "channels": channel_limits(form, "caps")},
        "place": _place(form),
        "triggers": [_trigger(line) for line in _lines(form, "triggers")],
        "valid": {"from": _text(form, "from") or None, "until": _text(form, "until") or None},
        "language": _text(form, "language"),
        "currency": _text(form, "currency"),
    }
    return wish_of(raw)


def messages_of(form: Mapping[str, str]) -> list[Message]:
    """All that a form has, empty ones too, in their order."""
    found = []
    for place in range(MOST_MESSAGES):
        if f"m{place}.text" not in form:
            break
        found.append({part: form.get(f"m{place}.{part}", "") for part in PARTS})
    return found


def limits_of(form: Mapping[str, str]) -> dict[str, int]:
    """Limits over all channels: those that are said."""
    said = {field: _count(form, field) for field in PERIODS.values()}
    return {field: most for field, most in said.items() if most is not None}


def channel_limits(form: Mapping[str, str], field: str) -> dict[str, dict[str, int]]:
    """`email: 1 a week`, one in a line."""
    found: dict[str, dict[str, int]] = {}
    for line in _lines(form, field):
        cap = _CAP.fullmatch(line)
        if cap is None:
            raise BadInput(f"“{line[:60]}” is no limit: write email: 1 a week", code="bad_limit", field=field)
        channel, most, period = cap.groups()
        found.setdefault(channel, {})[PERIODS[period]] = int(most)
    return found


def _content(form: Mapping[str, str]) -> dict[str, dict[str, dict[str, str]]]:
    content: dict[str, dict[str, dict[str, str]]] = {}
    for place, message in enumerate(messages_of(form)):
        channel, tag = message["channel"], message["language"].strip()
        parts = dict(_parts(channel, message))
        if not parts:
            continue
        if not channel:
            raise BadInput("choose the channel in which this is said", code="bad_action", field=f"m{place}.channel")
        said = content.setdefault(channel, {})
        if tag in said:
            message_of = f"there are two messages by {channel} in {tag[:40]}"
            raise BadInput(message_of, code="bad_language", field=f"m{place}.language")
        said[tag] = parts
    return content


def _parts(channel: str, message: Message) -> Iterator[tuple[str, str]]:
    """Of a message what it says; what its channel has no place for is told by who checks it."""
    heading = heading_of(channel) or "title"
    for part, name in ((heading, "heading"), (TEXT, "text"), ("html", "html"), ("link", "link")):
        said = message[name].replace("\r\n", "\n")
        if said.strip():
            yield part, said


def heading_of(channel: str) -> str:
    """What a channel calls a message's first line; "": it has none."""
    known = CHANNELS[channel].parts if channel in CHANNELS else {}
    return next((part for part in ("subject", "title") if part in known), "")


def _place(form: Mapping[str, str]) -> dict[str, Any] | None:
    countries = _text(form, "countries").replace(",", " ").upper().split()
    point = {name: _number(form, name) for name in ("lat", "lon", "km")}
    said: dict[str, Any] = {name: number for name, number in point.items() if number is not None}
    if countries:
        said["countries"] = countries
    return said or None


def _trigger(line: str) -> dict[str, Any]:
    """`event Order Refunded`, `entered gold`, `left gold`, `daily 18:00 fri sat Europe/Berlin`, `at 2026-12-01`."""
    how, _, rest = line.partition(" ")
    words = rest.split()
    if how in ("event", "entered", "left", "at") and words:
        return {how: rest.strip()}
    if how == "daily" and words:
        days = [word.lower() for word in words[1:] if word.lower() in DAYS]
        zone = " ".join(word for word in words[1:] if word.lower() not in DAYS)
        return {how: words[0], "days": days, "zone": zone}
    message = f"“{line[:60]}” starts nothing: write event Order Refunded, entered gold, or daily 18:00 fri"
    raise BadInput(message, code="bad_action", field="triggers")


def _text(form: Mapping[str, str], name: str) -> str:
    return form.get(name, "").strip()


def _lines(form: Mapping[str, str], name: str) -> list[str]:
    said = form.get(name, "")
    if len(said) > LONGEST_LINES:
        raise BadInput(f"that is longer than {LONGEST_LINES:,} characters", code="too_long", field=name)
    return [line.strip() for line in said.splitlines() if line.strip()]


def _number(form: Mapping[str, str], name: str) -> float | None:
    """A number as people write it; None where nothing is said."""
    said = _text(form, name).replace(",", "").replace("−", "-")
    try:
        found = float(said) if said else None
    except ValueError:
        found = math.nan
    if found is not None and not math.isfinite(found):
        raise BadInput(f"{said[:40]!r} is no number", code="bad_type", field=name)
    return found


def _count(form: Mapping[str, str], name: str) -> int | None:
    said = _text(form, name)
    if not said:
        return None
    if not (said.isascii() and said.isdigit() and len(said) < 10):
        raise BadInput("write a whole number, or leave it empty", code="bad_limit", field=name)
    return int(said)


number, count, text, lines = _number, _count, _text, _lines


# -- an action as the form has it


def filled(one: Action) -> dict[str, str]:
    """An action as the form says it: submitted again, it asks for the same one."""
    told = told_action(one)
    place, gain = told["place"] or {}, told["benefit"]["customer"] or {}
    said = {
        "name": one.id,
        "version": str(one.version),
        "kind": one.kind,
        "purpose": one.purpose,
        "expression": one.eligible,
        "benefit": gain.get("kind", ""),
        "gain": figure(gain.get("minutes", gain.get("amount"))),
        "value": figure(one.value or None),
        "cost": figure(one.cost or None),
        **filled_limits(one.caps),
        "caps": "\n".join(told_limits(one.caps.channels)),
        "goals": "\n".join(one.goals),
        "countries": ", ".join(place.get("countries", ())),
        **{name: figure(place.get(name)) for name in ("lat", "lon", "km")},
        "triggers": "\n".join(told_triggers(one)),
        "from": instant(one.valid.since),
        "until": instant(one.valid.until),
        "language": one.language,
        "currency": one.currency,
    }
    for number, message in enumerate(_messages(one)):
        said |= {f"m{number}.{part}": words for part, words in message.items()}
    return said


def filled_limits(limits: Limits) -> dict[str, str]:
    return {field: "" if getattr(limits, field) is None else str(getattr(limits, field)) for field in PERIODS.values()}


def told_limits(channels: Mapping[str, Limits]) -> list[str]:
    """`email: 1 a week` …"""
    return [
        f"{channel}: {getattr(limits, field)} a {period}"
        for channel, limits in channels.items()
        for period, field in PERIODS.items()
        if getattr(limits, field) is not None
    ]


def in_words(one: Action) -> Iterator[str]:
    """What starts it, as people read it."""
    for trigger in one.triggers:
        if trigger.daily:
            days = f" on {', '.join(day.capitalize() for day in trigger.days)}" if trigger.days else " every day"
            where = f"in {trigger.zone}" if trigger.zone else "where the customer is"
            yield f"the time: {trigger.daily}{days}, {where}"
        elif trigger.at is not None:
            yield f"the time: {instant(trigger.at)}, once"
        elif trigger.event:
            yield f"the event “{trigger.event}”"
        else:
            yield (
                f"entering the audience {trigger.entered}"
                if trigger.entered
                else f"leaving the audience {trigger.left}"
            )


def told_triggers(one: Action) -> Iterator[str]:
    for trigger in one.triggers:
        if trigger.daily:
            yield " ".join(part for part in ("daily", trigger.daily, *trigger.days, trigger.zone) if part)
        elif trigger.at is not None:
            yield f"at {instant(trigger.at)}"
        else:
            how = next(name for name in ("event", "entered", "left") if getattr(trigger, name))
            yield f"{how} {getattr(trigger, how)}"


def _messages(one: Action) -> Iterator[Message]:
    for channel, languages in one.content.items():
        for tag, parts in languages.items():
            heading = parts.get(heading_of(channel), "")
            rest = {name: parts.get(name, "") for name in ("text", "link", "html")}
            yield {"channel": channel, "language": tag, "heading": heading, **rest}


def instant(at: int | None) -> str:
    """A day where it is one's first instant, else the whole time; "" for none."""
    if at is None:
        return ""
    told = rfc3339(at)
    return told[:10] if at % DAY == 0 else told


def figure(number: float | None) -> str:
    """`4.5`, `3`: the very number, without an exponent; "" for none."""
    if number is None:
        return ""
    text = format(Decimal(repr(float(number))), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text

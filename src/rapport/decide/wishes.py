"""Actions as they are asked for, in JSON or TOML: checked part by part, each fault told with the field that has it.

{"kind": "help", "purpose": "service", "eligible": "has(traits.boiler)",
 "content": {"email": {"en": {"subject": "…", "text": "…"}}, "inbox": {"en": "…"}},
 "benefit": {"customer": {"kind": "minutes_saved", "minutes": 20}}, "value": {"company": 1.5}, "cost": 0.1,
 "goals": ["spend"], "caps": {"per_month": 1, "channels": {"email": {"per_week": 1}}},
 "place": {"countries": ["GB"]}, "triggers": [{"event": "Boiler Fault"}],
 "valid": {"from": "2026-12-01", "until": "2027-03-01"}, "language": "en", "currency": "GBP"}
"""

import contextlib
import itertools
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import msgspec

from rapport.decide import languages
from rapport.decide.actions import Action, Area, Benefit, Caps, Limits, Trigger, Valid
from rapport.decide.channels import CHANNELS, is_one_line
from rapport.decide.content import template
from rapport.decide.kinds import KINDS, MOST, MOST_MINUTES, SILENCE, currency_of
from rapport.decide.traits import name_of
from rapport.kernel.errors import BadInput, TooLarge
from rapport.kernel.expressions import ExpressionError, compile_expression, kind_of
from rapport.kernel.expressions.windows import zone_named
from rapport.kernel.times import SECOND, micros, parse_rfc3339, rfc3339
from rapport.kernel.vocabulary import purpose as known_purpose
from rapport.kernel.vocabulary import purposes_covered
from rapport.terms.benefits import KINDS as BENEFITS
from rapport.terms.benefits import MINUTES

RESERVED: Final = (SILENCE,)
MOST_CONTENT: Final = 200_000
"""Characters of all content of one action, in all channels and languages."""
MOST_LANGUAGES: Final = 50
MOST_GOALS, MOST_TRIGGERS, MOST_COUNTRIES = 20, 20, 250
MOST_TIMES: Final = 1_000
MOST_KM: Final = 20_000
_LAST: Final = 253_370_764_800 * SECOND
"""The year 9999."""
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SELLING: Final = purposes_covered("dpv:Marketing") | purposes_covered("dpv:SellProducts")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_COUNTRY = re.compile(r"[A-Z]{2}")


class _Gain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    minutes: float | None = None
    amount: float | None = None


class _Gains(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    customer: _Gain | None = None


class _Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    company: float = 0.0


class _Trigger(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    event: str = ""
    entered: str = ""
    left: str = ""
    at: Any = None
    daily: str = ""
    days: tuple[str, ...] = ()
    zone: str = ""


class _Valid(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from"}):
    since: Any = None
    until: Any = None


class ActionWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An action as it is asked for."""

    kind: str
    purpose: str
    content: dict[str, Any]
    eligible: str = "true"
    benefit: _Gains = _Gains()
    value: _Value = _Value()
    cost: float = 0.0
    goals: tuple[str, ...] = ()
    caps: Caps = Caps()
    place: Area | None = None
    triggers: tuple[_Trigger, ...] = ()
    valid: _Valid = _Valid()
    language: str = ""
    currency: str = ""


def wish_of(raw: Any, within: str = "") -> ActionWish:
    """A wish from what JSON or TOML gave. `within`: the field it is in. Raises BadInput (`bad_type`)."""
    try:
        return msgspec.convert(raw, ActionWish)
    except (msgspec.ValidationError, OverflowError) as error:
        message, _, path = str(error).partition(" - at ")
        field = path.strip("`").removeprefix("$").removeprefix(".")
        raise BadInput(_lower(message), code="bad_type", field=_joined(within, field) or "action") from None


def action(org: str, name: str, wish: ActionWish) -> Action:
    """A first version, checked. Raises BadInput that names the field."""
    if KINDS.get(wish.kind) is None:
        raise _bad("kind", f"{wish.kind[:40]!r} is no kind of action: {', '.join(KINDS)}")
    content = _content(wish.content)
    made = Action(
        org,
        id_of(name),
        wish.kind,
        known_purpose(wish.purpose),
        content,
        _eligible(wish.eligible),
        _benefit(wish.benefit.customer),
        _amount(wish.value.company, "value.company", -MOST),
        _amount(wish.cost, "cost", 0),
        _goals(wish.goals),
        _caps(wish.caps, content),
        None if wish.place is None else _area(wish.place),
        _triggers(wish.triggers),
        _valid(wish.valid),
        languages.language(wish.language, "language") if wish.language else "",
        currency_of(wish.currency, "currency") if wish.currency else "",
    )
    _check_whole(made)
    return made


def id_of(name: str) -> str:
    """Raises BadInput (`bad_name`, `reserved`)."""
    try:
        name_of(name, "an action")
    except BadInput as error:
        raise BadInput(error.message, code=error.code, field="id") from None
    if name in RESERVED:
        raise BadInput(f"{name} is an action of every organization: choose another id", code="reserved", field="id")
    return name


def _check_whole(made: Action) -> None:
    """What contradicts itself only when taken together."""
    spoken = {tag for said in made.content.values() for tag in said}
    if made.language and made.language not in spoken:
        raise _bad("language", f"it says nothing in {made.language}")
    if made.mandatory and made.purpose in _SELLING:
        raise _bad("purpose", f"a {made.kind} must be said and passes arbitration by: it is not for {made.purpose}")
    if made.mandatory and made.caps != Caps():
        raise _bad("caps", f"a {made.kind} must be said: it has no caps")


# -- one part after the other


def _content(said: Mapping[str, Any]) -> dict[str, dict[str, dict[str, str]]]:
    if not said:
        raise _bad("content", 'it says nothing: {"inbox": {"en": "…"}} is the least')
    size = 0
    found: dict[str, dict[str, dict[str, str]]] = {}
    for channel, versions in said.items():
        field = f"content.{channel[:40]}"
        if channel not in CHANNELS:
            raise _bad(field, f"{channel[:40]!r} is no channel: {', '.join(CHANNELS)}", "unknown_channel")
        if not isinstance(versions, dict):
            raise _bad(field, f"a channel has messages by language, not {_shown(versions)}", "bad_type")
        if not 0 < len(versions) <= MOST_LANGUAGES:
            raise _bad(field, f"a channel has 1 to {MOST_LANGUAGES} languages")
        for tag, message in versions.items():
            known = languages.language(tag, f"{field}.{tag[:40]}")
            if known in found.setdefault(channel, {}):
                raise _bad(f"{field}.{tag[:40]}", f"{known} is there twice", "bad_language")
            parts = _parts(message, f"{field}.{known}")
            size += sum(map(len, parts.values()))
            if size > MOST_CONTENT:
                raise TooLarge(f"an action has at most {MOST_CONTENT:,} characters of content", field="content")
            found[channel][known] = _message(channel, parts, f"{field}.{known}")
    return found


def _parts(message: Any, field: str) -> dict[str, str]:
    parts = {"text": message} if isinstance(message, str) else message
    if not isinstance(parts, dict):
        raise _bad(field, f"a message is a text, or parts by name, not {_shown(message)}", "bad_type")
    for part, text in parts.items():
        if not isinstance(text, str):
            raise _bad(f"{field}.{part[:40]}", f"a part is a text, not {_shown(text)}", "bad_type")
    return parts


def _shown(value: Any) -> str:
    return "null" if value is None else kind_of(value).value


def _message(channel: str, parts: Mapping[str, str], field: str) -> dict[str, str]:
    shape = CHANNELS[channel]
    for part in shape.needs:
        if not parts.get(part, "").strip():
            raise _bad(f"{field}.{part}", f"{channel} needs a {part}", "missing_part")
    for part, text in parts.items():
        where = f"{field}.{part[:40]}"
        if part not in shape.parts:
            raise _bad(where, f"{channel} has no {part[:40]!r}: it has {', '.join(shape.parts)}", "unknown_part")
        if len(text) > shape.parts[part]:
            message = f"a {part} of {channel} has at most {shape.parts[part]:,} characters, this has {len(text):,}"
            raise TooLarge(message, field=where)
        if _CONTROL.search(text) or (is_one_line(part) and "\n" in text):
            raise _bad(where, "it has signs that are no text" if _CONTROL.search(text) else f"a {part} is one line")
        template(text, part, where)
    return {part: parts[part] for part in shape.parts if part in parts}


def _eligible(text: str) -> str:
    try:
        compile_expression(text)
    except ExpressionError as error:
        error.field = "eligible"
        raise
    return text


def _benefit(gain: _Gain | None) -> Benefit | None:
    if gain is None:
        return None
    field = "benefit.customer"
    if gain.kind not in BENEFITS["customer"]:
        raise _bad(f"{field}.kind", f"a customer is given one of: {', '.join(BENEFITS['customer'])}")
    if (gain.minutes is None) == (gain.amount is None):
        raise _bad(field, "a benefit is either minutes or an amount of money")
    if (gain.kind == f"{MINUTES}_saved") != (gain.minutes is not None):
        wanted = "minutes" if gain.amount is not None else "an amount"
        raise _bad(field, f"{gain.kind} is told by {wanted}")
    if gain.minutes is not None:
        return Benefit(gain.kind, minutes=_amount(gain.minutes, f"{field}.minutes", -MOST_MINUTES, MOST_MINUTES))
    return Benefit(gain.kind, amount=_amount(gain.amount or 0.0, f"{field}.amount", -MOST))


def _amount(number: float, field: str, least: float, most: float = MOST) -> float:
    if not math.isfinite(number) or not least <= number <= most:
        raise _bad(field, f"a number from {least:,} to {most:,} is needed")
    return float(number) + 0.0


def _goals(goals: Sequence[str]) -> tuple[str, ...]:
    if len(goals) > MOST_GOALS:
        raise _bad("goals", f"an action serves at most {MOST_GOALS} goals")
    found = dict.fromkeys(" ".join(goal.split()) for goal in goals)
    for goal in found:
        if not any(letter.isalnum() for letter in goal) or len(goal) > 100:
            raise _bad("goals", "a goal is spend, buy, visit, or words of 1 to 100 characters")
    return tuple(found)


def _caps(caps: Caps, content: Mapping[str, Any]) -> Caps:
    _limits(caps, "caps")
    for channel, limits in caps.channels.items():
        if channel not in content:
            raise _bad(f"caps.channels.{channel[:40]}", f"it says nothing in {channel[:40]}", "unknown_channel")
        _limits(limits, f"caps.channels.{channel}")
    return caps


def _limits(limits: Limits, field: str) -> None:
    said = [(name, getattr(limits, name)) for name in ("per_day", "per_week", "per_month")]
    named = [(name, most) for name, most in said if most is not None]
    for name, most in named:
        if not 1 <= most <= MOST_TIMES:
            raise _bad(f"{field}.{name}", f"a cap is 1 to {MOST_TIMES:,} times")
    for (shorter, more), (longer, less) in itertools.pairwise(named):
        if more > less:
            raise _bad(f"{field}.{shorter}", f"{more} {shorter} can never be with {less} {longer}")


def _area(area: Area) -> Area:
    point = [one for one in (area.lat, area.lon, area.km) if one is not None]
    if area.countries:
        if point:
            raise _bad("place", "a place is either countries, or lat, lon and km")
        if len(area.countries) > MOST_COUNTRIES or not all(map(_COUNTRY.fullmatch, area.countries)):
            raise _bad("place.countries", "countries are two capital letters each (ISO 3166), such as GB")
        return Area(countries=tuple(sorted(set(area.countries))))
    if len(point) < 3:
        raise _bad("place", "a place is countries, or all of lat, lon and km")
    _amount(area.lat or 0.0, "place.lat", -90, 90)
    _amount(area.lon or 0.0, "place.lon", -180, 180)
    if not _amount(area.km or 0.0, "place.km", 0, MOST_KM):
        raise _bad("place.km", "a place reaches further than 0 km")
    return area


def _triggers(triggers: Sequence[_Trigger]) -> tuple[Trigger, ...]:
    if len(triggers) > MOST_TRIGGERS:
        raise _bad("triggers", f"an action has at most {MOST_TRIGGERS} triggers")
    return tuple(dict.fromkeys(_trigger(one, f"triggers[{place}]") for place, one in enumerate(triggers)))


def _trigger(one: _Trigger, field: str) -> Trigger:
    named = [name for name in ("event", "entered", "left", "at", "daily") if getattr(one, name) not in ("", None)]
    if len(named) != 1:
        raise _bad(field, "a trigger has one of event, entered, left, at and daily")
    if len(one.event) > 1_024:
        raise _bad(f"{field}.event", "an event's name has at most 1,024 characters")
    for name in {"entered", "left"} & set(named):
        try:
            name_of(getattr(one, name), "an audience")
        except BadInput as error:
            raise BadInput(error.message, code=error.code, field=f"{field}.{name}") from None
    if not one.daily and (one.days or one.zone):
        raise _bad(field, "days and zone go with daily")
    if one.daily and not _TIME.fullmatch(one.daily):
        raise _bad(f"{field}.daily", 'a time of the day is written "09:00"')
    if not set(one.days) <= set(DAYS):
        raise _bad(f"{field}.days", f"days are {', '.join(DAYS)}")
    if one.zone:
        try:
            zone_named(one.zone)
        except BadInput as error:
            raise _bad(f"{field}.zone", error.message) from None
    at = None if one.at is None else _instant(one.at, f"{field}.at")
    days = tuple(day for day in DAYS if day in one.days)
    return Trigger(one.event, one.entered, one.left, at, one.daily, days, one.zone)


def _valid(valid: _Valid) -> Valid:
    since = None if valid.since is None else _instant(valid.since, "valid.from")
    until = None if valid.until is None else _instant(valid.until, "valid.until")
    if since is not None and until is not None and since >= until:
        raise _bad("valid.until", "it ends before it begins")
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


def _bad(field: str, message: str, code: str = "bad_action") -> BadInput:
    return BadInput(message, code=code, field=field)


def _joined(within: str, field: str) -> str:
    return f"{within}.{field}" if within and field else within or field


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


# -- as it is told


def told_action(one: Action) -> dict[str, Any]:
    """An action in the shape of a wish: asked for again, it is the same one."""
    benefit = None if one.benefit is None else msgspec.to_builtins(one.benefit)
    if benefit is not None:
        benefit.setdefault(
            MINUTES if one.benefit is not None and one.benefit.kind == "minutes_saved" else "amount", 0.0
        )
    told: dict[str, Any] = {
        "kind": one.kind,
        "purpose": one.purpose,
        "eligible": one.eligible,
        "content": one.content,
        "benefit": {"customer": benefit},
        "value": {"company": one.value},
        "cost": one.cost,
        "goals": list(one.goals),
        "caps": msgspec.to_builtins(one.caps),
        "place": None if one.place is None else msgspec.to_builtins(one.place),
        "triggers": [_told_trigger(trigger) for trigger in one.triggers],
        "valid": {
            "from": None if one.valid.since is None else rfc3339(one.valid.since),
            "until": None if one.valid.until is None else rfc3339(one.valid.until),
        },
        "language": one.language,
        "currency": one.currency,
    }
    return told


def _told_trigger(trigger: Trigger) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(trigger)
    return told if trigger.at is None else {**told, "at": rfc3339(trigger.at)}

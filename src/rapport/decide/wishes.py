"""Actions as they are asked for, in JSON or TOML: checked part by part, each fault told with the field that has it.

{"kind": "help", "purpose": "service", "eligible": "has(traits.boiler)",
 "content": {"email": {"en": {"subject": "…", "text": "…"}}, "inbox": {"en": "…"}},
 "benefit": {"customer": {"kind": "minutes_saved", "minutes": 20}}, "value": {"company": 1.5}, "cost": 0.1,
 "goals": ["spend"], "caps": {"per_month": 1, "channels": {"email": {"per_week": 1}}},
 "place": {"countries": ["GB"]}, "triggers": [{"event": "Boiler Fault"}],
 "valid": {"from": "2026-12-01", "until": "2027-03-01"}, "language": "en", "currency": "GBP"}
"""

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from rapport.decide import languages
from rapport.decide.actions import MOST_TIMES, Action, Area, Benefit, Caps, Limits, Trigger, unusable
from rapport.decide.kinds import KINDS, MOST, MOST_MINUTES, SILENCE, currency_of
from rapport.decide.messages import checked_content
from rapport.decide.occasions import TriggerWish, ValidWish, checked_triggers, checked_valid
from rapport.decide.traits import name_of
from rapport.kernel.errors import BadInput
from rapport.kernel.expressions import ExpressionError, compile_expression
from rapport.kernel.times import rfc3339
from rapport.kernel.vocabulary import purpose as known_purpose
from rapport.kernel.vocabulary import purposes_covered
from rapport.terms.benefits import KINDS as BENEFITS
from rapport.terms.benefits import MINUTES

RESERVED: Final = (SILENCE,)
MOST_GOALS, MOST_COUNTRIES = 20, 250
MOST_KM: Final = 20_000
_SELLING: Final = purposes_covered("dpv:Marketing") | purposes_covered("dpv:SellProducts")
_COUNTRY = re.compile(r"[A-Z]{2}")


class _Gain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    minutes: float | None = None
    amount: float | None = None


class _Gains(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    customer: _Gain | None = None


class _Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    company: float = 0.0


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
    triggers: tuple[TriggerWish, ...] = ()
    valid: ValidWish = ValidWish()
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
        raise unusable("kind", f"{wish.kind[:40]!r} is no kind of action: {', '.join(KINDS)}")
    content = checked_content(wish.content)
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
        checked_triggers(wish.triggers),
        checked_valid(wish.valid),
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
        raise unusable("language", f"it says nothing in {made.language}")
    if made.mandatory and made.purpose in _SELLING:
        raise unusable("purpose", f"a {made.kind} must be said and passes arbitration by: it is not for {made.purpose}")
    if made.mandatory and made.caps != Caps():
        raise unusable("caps", f"a {made.kind} must be said: it has no caps")


# -- one part after the other


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
        raise unusable(f"{field}.kind", f"a customer is given one of: {', '.join(BENEFITS['customer'])}")
    if (gain.minutes is None) == (gain.amount is None):
        raise unusable(field, "a benefit is either minutes or an amount of money")
    if (gain.kind == f"{MINUTES}_saved") != (gain.minutes is not None):
        wanted = "minutes" if gain.amount is not None else "an amount"
        raise unusable(field, f"{gain.kind} is told by {wanted}")
    if gain.minutes is not None:
        return Benefit(gain.kind, minutes=_amount(gain.minutes, f"{field}.minutes", -MOST_MINUTES, MOST_MINUTES))
    return Benefit(gain.kind, amount=_amount(gain.amount or 0.0, f"{field}.amount", -MOST))


def _amount(number: float, field: str, least: float, most: float = MOST) -> float:
    if not math.isfinite(number) or not least <= number <= most:
        raise unusable(field, f"a number from {least:,} to {most:,} is needed")
    return float(number) + 0.0


def _goals(goals: Sequence[str]) -> tuple[str, ...]:
    if len(goals) > MOST_GOALS:
        raise unusable("goals", f"an action serves at most {MOST_GOALS} goals")
    found = dict.fromkeys(" ".join(goal.split()) for goal in goals)
    for goal in found:
        if not any(letter.isalnum() for letter in goal) or len(goal) > 100:
            raise unusable("goals", "a goal is spend, buy, visit, or words of 1 to 100 characters")
    return tuple(found)


def _caps(caps: Caps, content: Mapping[str, Any]) -> Caps:
    _limits(caps, "caps")
    for channel, limits in caps.channels.items():
        if channel not in content:
            raise unusable(f"caps.channels.{channel[:40]}", f"it says nothing in {channel[:40]}", "unknown_channel")
        _limits(limits, f"caps.channels.{channel}")
    return caps


def _limits(limits: Limits, field: str) -> None:
    said = [(name, getattr(limits, name)) for name in ("per_day", "per_week", "per_month")]
    named = [(name, most) for name, most in said if most is not None]
    for name, most in named:
        if not 1 <= most <= MOST_TIMES:
            raise unusable(f"{field}.{name}", f"a cap is 1 to {MOST_TIMES:,} times")
    for (shorter, more), (longer, less) in itertools.pairwise(named):
        if more > less:
            raise unusable(f"{field}.{shorter}", f"{more} {shorter} can never be with {less} {longer}")


def _area(area: Area) -> Area:
    point = [one for one in (area.lat, area.lon, area.km) if one is not None]
    if area.countries:
        if point:
            raise unusable("place", "a place is either countries, or lat, lon and km")
        if len(area.countries) > MOST_COUNTRIES or not all(map(_COUNTRY.fullmatch, area.countries)):
            raise unusable("place.countries", "countries are two capital letters each (ISO 3166), such as GB")
        return Area(countries=tuple(sorted(set(area.countries))))
    if len(point) < 3:
        raise unusable("place", "a place is countries, or all of lat, lon and km")
    _amount(area.lat or 0.0, "place.lat", -90, 90)
    _amount(area.lon or 0.0, "place.lon", -180, 180)
    if not _amount(area.km or 0.0, "place.km", 0, MOST_KM):
        raise unusable("place.km", "a place reaches further than 0 km")
    return area


def _joined(within: str, field: str) -> str:
    return f"{within}.{field}" if within and field else within or field


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


# -- as it is told


def told_action(one: Action) -> dict[str, Any]:
    """An action in the shape of a wish: asked for again, it is the same one."""
    return {
        "kind": one.kind,
        "purpose": one.purpose,
        "eligible": one.eligible,
        "content": one.content,
        "benefit": {"customer": None if one.benefit is None else _told_benefit(one.benefit)},
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


def _told_benefit(benefit: Benefit) -> dict[str, Any]:
    measure = MINUTES if benefit.kind == f"{MINUTES}_saved" else "amount"
    return {"kind": benefit.kind, measure: getattr(benefit, measure)}


def _told_trigger(trigger: Trigger) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(trigger)
    return told if trigger.at is None else {**told, "at": rfc3339(trigger.at)}

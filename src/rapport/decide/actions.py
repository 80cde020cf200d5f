"""Actions: what a company can do for a customer, version by version.

An action says what it is (its kind), of whom it makes sense (`eligible`, an expression), for which purpose that is
looked at, what is said in each channel and language, what it gives the customer and the company, what it costs, and how
often is enough. All of it is declared before anything was learnt, in the open, and checked when it is saved: so a
decision meets no action that contradicts itself.

    Action                     one version, checked; what is declared is worth `declared(action, units)` to both sides
    next_version(before, made, at)
    wishes.action(org, id, wish)   checks one that is asked for, in JSON or TOML
    catalogue.Catalogue        all of an organization, compiled: who may get which, and what it says
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from rapport.decide.kinds import KINDS, SERVING, Units, Worth
from rapport.kernel.errors import BadInput

Text = Mapping[str, str]
"""The parts of a message: `text`, and maybe `subject`, `title`, `html`, `link`."""

MOST_TIMES: Final = 1_000
"""The largest limit."""
EVERYBODY: Final = "true"
"""The condition that holds for every customer."""
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Benefit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a customer gains. `kind`: as in `terms.benefits`; in `minutes`, or an `amount` of money. Both may be below
    nothing: an answer takes time."""

    kind: str
    minutes: float = 0.0
    amount: float = 0.0


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How often, at most; None: no limit. Days, weeks and months are of 24 hours, 7 and 30 days."""

    per_day: int | None = None
    per_week: int | None = None
    per_month: int | None = None


class Caps(Limits, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How often one customer may get this action, over all channels and by channel."""

    channels: Mapping[str, Limits] = msgspec.field(default_factory=dict)


class Area(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a customer must be, as far as they share it: within `km` of a point (degrees), or in one of some countries
    (ISO 3166, two letters)."""

    lat: float | None = None
    lon: float | None = None
    km: float | None = None
    countries: tuple[str, ...] = ()


class Trigger(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What starts a decision about it: an `event` of that name, an audience that was `entered` or `left`, an instant
    (`at`, µs), or every day at a time (`daily`, "09:00") on some `days` (mon … sun; none: all) in a time `zone` ("":
    the customer's, where it is known, else UTC)."""

    event: str = ""
    entered: str = ""
    left: str = ""
    at: int | None = None
    daily: str = ""
    days: tuple[str, ...] = ()
    zone: str = ""


class Valid(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"since": "from"}):
    """From an instant on (inclusive), until another (exclusive), in µs."""

    since: int | None = None
    until: int | None = None


class Action(msgspec.Struct, frozen=True, omit_defaults=True):
    """One version, checked. `at`: when it was saved (µs). `content`: channel → language → the parts of a message;
    `benefit`: the customer's, None where it declares none; `value` and `cost`: the company's, in money; `goals`: which
    goals of customers it serves, by their kind (spend, buy, visit) or by words that they say; `language`: the one to
    speak where the customer's is not there; `currency`: of its amounts ("": the organization's)."""

    org: str
    id: str
    kind: str
    purpose: str
    content: Mapping[str, Mapping[str, Text]]
    eligible: str = EVERYBODY
    benefit: Benefit | None = None
    value: float = 0.0
    cost: float = 0.0
    goals: tuple[str, ...] = ()
    caps: Caps = Caps()
    place: Area | None = None
    triggers: tuple[Trigger, ...] = ()
    valid: Valid = Valid()
    language: str = ""
    currency: str = ""
    version: int = 1
    at: int = 0

    @property
    def mandatory(self) -> bool:
        return KINDS[self.kind].mandatory


def alike(one: Action, other: Action) -> bool:
    """Whether they say the same, whatever their versions."""
    return one == msgspec.structs.replace(other, version=one.version, at=one.at)


def next_version(before: Action, made: Action, at: int) -> Action:
    """The version after this one; the same one where nothing changes."""
    if alike(before, made):
        return before
    return msgspec.structs.replace(made, version=before.version + 1, at=at)


def declared(action: Action, units: Units, minute: float | None = None, *, serving: bool = False) -> Worth:
    """What an action is worth to each side before anything was learnt, against silence, in the organization's money:
    what it declares, and its kind's relationship value. `minute`: what a minute is worth to this very customer;
    `serving`: it serves a goal of theirs."""
    relationship = units.worth(action.kind)
    rate = units.minute if minute is None else minute
    benefit = 0.0 if action.benefit is None else action.benefit.amount + action.benefit.minutes * rate
    benefit += SERVING * rate if serving else 0.0
    return Worth(relationship.customer + benefit, relationship.company + action.value - action.cost)


def serves(action: Action, kind: str, words: str) -> str:
    """By which of its `goals` an action serves a customer's goal of a kind, in their words; "": by none."""
    said = set(_words(words))
    for goal in action.goals:
        if goal == kind or set(_words(goal)) <= said:
            return goal
    return ""


def _words(text: str) -> list[str]:
    return "".join(letter if letter.isalnum() else " " for letter in text.casefold()).split()


def unusable(field: str, message: str, code: str = "bad_action") -> BadInput:
    """What is wrong with an action that is asked for, and where."""
    return BadInput(message, code=code, field=field)

"""What is said and answered of actions, in JSON."""

from typing import get_args

from rapport.decide.actions import DAYS, MOST_TIMES
from rapport.decide.channels import CHANNELS
from rapport.decide.kinds import KINDS, MOST, MOST_MINUTES
from rapport.decide.occasions import MOST_TRIGGERS
from rapport.decide.wishes import MOST_GOALS
from rapport.kernel.expressions.tokens import MAX_LENGTH
from rapport.kernel.vocabulary import PURPOSES
from rapport.learn.verdicts import MOST_REASON, SIDES_SAID, State
from rapport.terms.benefits import KINDS as BENEFITS
from rapport.web.api.openapi import shapes
from rapport.web.api.openapi.schema import (
    COUNT,
    FLAG,
    TEXT,
    TIME,
    Schema,
    list_of,
    map_of,
    maybe,
    named,
    one_of,
    ref,
    strict,
    thing,
    told,
)

_MONEY: Schema = {"type": "number", "minimum": -MOST, "maximum": MOST}
_CURRENCY: Schema = {"type": "string", "pattern": "^([A-Z]{3})?$", "examples": ["GBP"]}
_CAP = maybe({"type": "integer", "minimum": 1, "maximum": MOST_TIMES})
_LIMITS: dict[str, Schema] = {"per_day": _CAP, "per_week": _CAP, "per_month": _CAP}
_INSTANT = told(maybe(TEXT), "RFC 3339, or a date: then its first instant, UTC.", examples=["2026-12-01T09:00:00Z"])
_BOTH = thing("To each side, in money; never added.", {}, {"customer": _MONEY, "company": _MONEY})
_WORTH = thing("To each side, in money; never added.", {"customer": {"type": "number"}, "company": {"type": "number"}})
_MESSAGE: Schema = {
    "description": "A text with placeholders, or parts by name: `text`, `subject`, `title`, `html`, `link`.",
    "anyOf": [{**TEXT, "minLength": 1}, {"type": "object", "additionalProperties": TEXT}],
}
_CONTENT: Schema = {
    "type": "object",
    "description": "Channel → language (BCP 47) → message.",
    "minProperties": 1,
    "propertyNames": {"enum": list(CHANNELS)},
    "additionalProperties": {"type": "object", "minProperties": 1, "additionalProperties": _MESSAGE},
    "examples": [{"inbox": {"en": 'Hello {traits.firstName or "there"}!'}}],
}
_BENEFIT = strict(
    thing(
        "What the customer gains: `minutes` of time, or an `amount` of money. Below nothing: what it costs them.",
        {"kind": one_of(*BENEFITS["customer"])},
        {
            "minutes": maybe({"type": "number", "minimum": -MOST_MINUTES, "maximum": MOST_MINUTES}),
            "amount": maybe(_MONEY),
        },
    )
)
_TRIGGER = strict(
    thing(
        "What starts a decision about it: one of these.",
        {},
        {
            "event": told({**TEXT, "maxLength": 1_024}, "An event of this name."),
            "entered": told(TEXT, "An audience that the customer entered."),
            "left": told(TEXT, "An audience that the customer left."),
            "at": _INSTANT,
            "daily": told(TEXT, "A time of every day.", examples=["09:00"]),
            "days": told(list_of(one_of(*DAYS)), "With `daily`: on these alone."),
            "zone": told(TEXT, "With `daily`: in this time zone, else the customer's.", examples=["Europe/London"]),
        },
    )
)
_PLACE = strict(
    thing(
        "Where the customer must be, as far as they share it: a circle, or countries.",
        {},
        {
            "lat": maybe({"type": "number", "minimum": -90, "maximum": 90}),
            "lon": maybe({"type": "number", "minimum": -180, "maximum": 180}),
            "km": maybe({"type": "number", "minimum": 0}),
            "countries": list_of({"type": "string", "pattern": "^[A-Z]{2}$"}),
        },
    )
)
_OPTIONAL: dict[str, Schema] = {
    "eligible": told({**TEXT, "maxLength": MAX_LENGTH}, "True of those for whom it makes sense.", default="true"),
    "benefit": strict(
        thing("What it gives.", {}, {"customer": {"anyOf": [_BENEFIT, {"type": "null"}], "description": "Null: none."}})
    ),
    "value": strict(thing("What it gives the company, in money.", {}, {"company": _MONEY})),
    "cost": told({**_MONEY, "minimum": 0}, "What it costs the company to do it once."),
    "goals": told(
        list_of({**TEXT, "maxLength": 1_000}, maxItems=MOST_GOALS),
        "Customers' goals that it serves: `spend`, `buy`, `visit`, or words that a goal says.",
    ),
    "caps": strict(
        thing(
            "How often a customer may get it.",
            {},
            {**_LIMITS, "channels": map_of(strict(thing("In one channel.", {}, _LIMITS)), "By channel.")},
        )
    ),
    "place": {"anyOf": [_PLACE, {"type": "null"}], "description": "Null: anywhere."},
    "triggers": list_of(_TRIGGER, maxItems=MOST_TRIGGERS),
    "valid": strict(thing("When.", {}, {"from": _INSTANT, "until": _INSTANT})),
    "language": told(TEXT, "The one to speak where the customer's is not there."),
    "currency": told(_CURRENCY, "Of its amounts; the organization's, and none other."),
}
_PURPOSE = told(one_of(*PURPOSES), "What it is for; any other id of the Data Privacy Vocabulary will do, too.")
_KIND = told(one_of(*KINDS), "What it is: by that it has a relationship value.")
_WARNING = thing(
    "A doubt.",
    {
        "field": TEXT,
        "line": COUNT,
        "column": COUNT,
        "text": TEXT,
        "message": told(TEXT, "What is the matter, in words.", minLength=1),
        "suggestion": maybe(TEXT),
    },
)
_FIELDS: dict[str, Schema] = {
    "id": TEXT,
    "kind": _KIND,
    "purpose": TEXT,
    "content": told({"type": "object"}, "Channel → language → parts by name."),
    **_OPTIONAL,
    "mandatory": told(FLAG, "Whether it passes arbitration by (never the gate)."),
    "worth": told(_WORTH, "To each side before anything was learnt, against silence: never added."),
    "version": told(COUNT, "From 1."),
    "since": told(TIME, "When this version was saved."),
    "guard_rail": {
        "description": "Where this version stands by the guard-rails; null where nothing was found.",
        "anyOf": [ref("GuardRail"), {"type": "null"}],
    },
}
_FIGURE = told(maybe({"type": "number"}), "A decision, against silence, in your money.")
_HARM = thing(
    "What was found: over all looks together, an action that does no harm is said to with 5 % at most.",
    {
        "side": one_of(*SIDES_SAID),
        "effect": _FIGURE,
        "low": _FIGURE,
        "high": _FIGURE,
        "got": told(COUNT, "Decisions that did it."),
        "left_alone": told(COUNT, "Decisions that could have, and were silence."),
        "said": TEXT,
    },
)
_UNITS: dict[str, Schema] = {
    "currency": maybe(_CURRENCY),
    "minute": told({"type": "number", "minimum": 0, "maximum": MOST}, "What a minute of a customer's time is worth."),
}

SHAPES: dict[str, Schema] = {
    "ActionAsked": strict(
        thing("What the company can do.", {"kind": _KIND, "purpose": _PURPOSE, "content": _CONTENT}, _OPTIONAL)
    ),
    "Action": thing("An action.", _FIELDS),
    "ActionSwitchedOn": strict(
        thing("Why.", {"reason": told({**TEXT, "minLength": 1, "maxLength": MOST_REASON}, "For the audit log.")})
    ),
    "GuardRail": thing(
        "`off`: switched off, since it harms; `harm`: it harms, and was left on; `on`: somebody switched it on again.",
        {
            "state": one_of(*get_args(State)),
            "at": TIME,
            "harm": list_of(_HARM),
            "reason": told(maybe(TEXT), "Why it was switched on again."),
        },
    ),
    "ActionSaved": thing("An action that is saved.", {**_FIELDS, "warnings": list_of(_WARNING)}),
    "ActionsPage": thing(
        "A page of actions.",
        {
            "actions": list_of(ref("Action")),
            "next": told(maybe(TEXT), "The `cursor` of the next page; null at the end."),
        },
    ),
    "ActionPreviewed": strict(
        thing(
            "To whom, and where.",
            {
                "customer": told(
                    shapes.ID,
                    "`type:value` of any identifier, or a `cus_…` handle.",
                    examples=["email:ada@example.com"],
                ),
                "channel": one_of(*CHANNELS),
            },
            {"language": told(maybe(TEXT), "In place of the customer's.")},
        )
    ),
    "ActionPreview": thing(
        "What an action says to a customer.",
        {
            "customer": told(named("cus"), "The customer's handle."),
            "action": TEXT,
            "version": COUNT,
            "channel": TEXT,
            "language": maybe(TEXT),
            "content": {
                "description": "The parts, filled; null where nothing can be said.",
                "anyOf": [{"type": "object", "additionalProperties": TEXT}, {"type": "null"}],
            },
            "trouble": told(maybe(TEXT), "Why nothing can be said: a placeholder, and what is the matter."),
            "excluded": {
                "description": "By which rule they would not get it; null: they might.",
                "anyOf": [thing("A rule.", {"rule": TEXT, "said": maybe(TEXT)}), {"type": "null"}],
            },
            "receipt": told(named("rcp"), "The receipt of this very read."),
            "as_of": told(TIME, "When it was read."),
        },
    ),
    "UnitsAsked": strict(
        thing(
            "In which units both sides count.",
            {},
            {
                **_UNITS,
                "kinds": {
                    **map_of(strict(_BOTH), "Kind → its relationship value, in money."),
                    "propertyNames": {"enum": list(KINDS)},
                },
            },
        )
    ),
    "Units": thing(
        "In which units both sides count.",
        {
            **_UNITS,
            "kinds": map_of(_WORTH, "Those that were set."),
            "worth": map_of(_WORTH, "Of each kind, what is in force."),
            "version": told(COUNT, "0: nothing was set."),
        },
    ),
}

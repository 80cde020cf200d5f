"""What decisions gave, looked back on."""

from typing import Any

from rapport.web.api import retrospects
from rapport.web.api.openapi import choosing
from rapport.web.api.openapi.answers import answer, answers
from rapport.web.api.openapi.schema import COUNT, FLAG, TEXT, TIME, Schema, list_of, maybe, one_of, ref, thing, told

_AGAIN = {"Retry-After": {"description": "Seconds to wait.", "required": True, "schema": COUNT}}
_MONEY = maybe({"type": "number"})
_SIDE = one_of("customer", "company")


def paths() -> dict[str, Any]:
    """The paths of this area with their operations."""
    return {retrospects.PATH: {"get": _summary()}}


def _summary() -> dict[str, Any]:
    return {
        "tags": [choosing.TAG],
        "operationId": "summariseOutcomes",
        "summary": "Read whether both sides are better off than with silence",
        "description": "Over time and by action, each side by itself, with intervals of 95 %; how customers are left "
        "alone by lot, and what guard-rails make of each action. Of the newest decisions, at most ten minutes old.",
        "security": [{"api_token": []}],
        "responses": answers(
            {
                "200": answer("What decisions gave.", ref("OutcomeSummary")),
                "202": answer("A first look is under way: how far it is.", ref("LookingBack"), headers=_AGAIN),
            },
            _401="NoToken",
            _403="WrongScope",
            _503="NoPlace",
        ),
    }


_BOTH: dict[str, Schema] = {"customer": ref("SideCompared"), "company": ref("SideCompared")}

SHAPES: dict[str, Schema] = {
    "LookingBack": thing("How far a look is.", {"read": COUNT, "of": COUNT, "waiting": FLAG}),
    "OutcomeFigure": thing(
        "A mean in your money, with its interval of 95 %; or none, and `said` why.",
        {"value": _MONEY, "low": _MONEY, "high": _MONEY, "said": TEXT},
    ),
    "SideCompared": thing(
        "What doing something gave one side, each time. `done`: what came where something was done; `silence`: where "
        "nothing was, of decisions weighted to be like those; `added`: the difference, and `standing` what it shows.",
        {
            "standing": one_of("better", "worse", "unproven", "unknown"),
            "added": ref("OutcomeFigure"),
            "done": ref("OutcomeFigure"),
            "silence": ref("OutcomeFigure"),
            "got": COUNT,
            "left_alone": COUNT,
            "customers": COUNT,
        },
    ),
    "OutcomeSpan": thing(
        "A stretch of time.",
        {"since": TIME, "until": TIME, "decisions": COUNT, "silences": COUNT, **_BOTH},
    ),
    "ActionOutcome": thing(
        "An action or silence. `gave`: what came after it, to whomever it was done; `customer`, `company`: against "
        "silence, of which there is no such thing.",
        {
            "action": TEXT,
            "kind": TEXT,
            "decisions": COUNT,
            "gave": thing("To each side.", {"customer": ref("OutcomeFigure"), "company": ref("OutcomeFigure")}),
            "customer": {"oneOf": [ref("SideCompared"), {"type": "null"}]},
            "company": {"oneOf": [ref("SideCompared"), {"type": "null"}]},
        },
    ),
    "OutcomeSummary": thing(
        "What the newest decisions gave. The two sides are never added.",
        {
            "as_of": TIME,
            "decisions": told(COUNT, "Those whose window has passed."),
            "waiting": told(COUNT, "Those that have time left."),
            "silences": COUNT,
            "customers": COUNT,
            "since": maybe(TIME),
            "until": maybe(TIME),
            **_BOTH,
            "step": one_of("day", "week", "month"),
            "spans": list_of(ref("OutcomeSpan")),
            "actions": list_of(ref("ActionOutcome")),
            "found": thing(
                "Whether those are found whom it helps: by how much a Qini curve lies above picking at random.",
                {"customer": ref("OutcomeFigure"), "company": ref("OutcomeFigure")},
            ),
            "holdout": thing(
                "Who is left alone by lot. `declined`: about so many, or null for fewer than 20.",
                {
                    "share": {"type": "number", "minimum": 0},
                    "customers": COUNT,
                    "held_out": COUNT,
                    "declined": maybe(COUNT),
                },
            ),
            "guard_rails": list_of(
                thing(
                    "Of one action for one side, over all looks together.",
                    {
                        "action": TEXT,
                        "side": _SIDE,
                        "harmful": FLAG,
                        "effect": _MONEY,
                        "low": _MONEY,
                        "high": _MONEY,
                        "got": COUNT,
                        "left_alone": COUNT,
                    },
                )
            ),
        },
    ),
}

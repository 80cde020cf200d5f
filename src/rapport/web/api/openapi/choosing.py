"""Decisions: what to do for a customer now, how an organization decides, and what came of it."""

from typing import Any

from rapport.decide.actions import MOST_TIMES
from rapport.decide.channels import CHANNELS
from rapport.decide.decision import MOST_DAYS
from rapport.decide.holdout import LARGEST
from rapport.decide.kinds import MOST, MOST_MINUTES
from rapport.kernel.vocabulary import PURPOSES
from rapport.learn import rules
from rapport.web.api import decisions
from rapport.web.api.openapi.answers import OF_VERSION, PROBLEM, answer, answers, content
from rapport.web.api.openapi.parameters import EXPECTED
from rapport.web.api.openapi.schema import (
    FLAG,
    TEXT,
    TIME,
    Schema,
    list_of,
    map_of,
    maybe,
    one_of,
    ref,
    strict,
    thing,
    told,
)

TAG = "Decisions"
_TOKEN: list[dict[str, list[str]]] = [{"api_token": []}]
_REFUSALS = {"_401": "NoToken", "_403": "WrongScope"}
_TO_A_BODY = {"_413": "TooLarge", "_415": "UnknownEncoding", **_REFUSALS}


def paths() -> dict[str, Any]:
    """The paths of this area with their operations."""
    return {
        decisions.PATH: {"post": _decide()},
        decisions.OUTCOMES: {"post": _report()},
        decisions.RULES: {"get": _read_rules(), "put": _put_rules()},
        decisions.MANNER: {"get": _read_manner(), "put": _put_manner()},
    }


def _operation(name: str, summary: str, description: str, **more: Any) -> dict[str, Any]:
    head = {"tags": [TAG], "operationId": name, "summary": summary, "description": description}
    return {**head, "security": _TOKEN, **more}


def _decide() -> dict[str, Any]:
    return _operation(
        "decide",
        "Decide what to do for a customer now",
        "Through the gate for the purpose, with a receipt that names what was chosen and how likely that was. Of all "
        "your actions for that purpose, the one that is fairest to both sides; or `silence`. With `deliver`, the node "
        "sends it, on channels on which it can.",
        requestBody={"required": True, "content": content(ref("DecisionAsked"))},
        responses=answers(
            {"200": answer("What to do.", ref("Decision"))},
            _400="BadRequest",
            _404="NotFound",
            _409="Ambiguous",
            _503="NoPlace",
            **_TO_A_BODY,
        ),
    )


def _report() -> dict[str, Any]:
    return _operation(
        "reportOutcome",
        "Report what came of a decision",
        "What it gave each side. The same report again is answered likewise and counts once. It is settled in the book "
        "of benefits, and teaches what the next decisions rest on.",
        requestBody={"required": True, "content": content(ref("OutcomeAsked"))},
        responses=answers(
            {
                "201": answer("It counts.", ref("Outcome")),
                "409": answer("`outcome_differs`: it was reported before, and otherwise.", ref("Problem"), PROBLEM),
            },
            _400="BadRequest",
            _404="NotFound",
            _503="NoPlace",
            **_TO_A_BODY,
        ),
    )


def _read_rules() -> dict[str, Any]:
    return _operation(
        "readOutcomeRules",
        "Read which events settle outcomes",
        "None, with `version` 0, until any are said.",
        responses=answers({"200": answer("Your rules.", ref("OutcomeRules"), headers=OF_VERSION)}, **_REFUSALS),
    )


def _put_rules() -> dict[str, Any]:
    return _operation(
        "setOutcomeRules",
        "Say which events settle outcomes",
        "Needs a token of scope `operator`. In the place of all rules before. An event that comes from now on, "
        "and that you may see for `service`, settles the decision that led to it: once, in the book of benefits, and "
        "as a lesson.",
        parameters=EXPECTED,
        requestBody={"required": True, "content": content(ref("OutcomeRulesAsked"))},
        responses=answers(
            {
                "200": answer("Your rules.", ref("OutcomeRules"), headers=OF_VERSION),
                "412": answer("`outdated`: another version is in force.", ref("Problem"), PROBLEM),
            },
            _400="BadRequest",
            _503="NoPlace",
            **_TO_A_BODY,
        ),
    )


def _read_manner() -> dict[str, Any]:
    return _operation(
        "readManner",
        "Read how you decide",
        "The defaults, with `version` 0, until something is said: no limits at all.",
        responses=answers({"200": answer("How you decide.", ref("Manner"), headers=OF_VERSION)}, **_REFUSALS),
    )


def _put_manner() -> dict[str, Any]:
    return _operation(
        "setManner",
        "Say how you decide",
        "Needs a token of scope `operator`. What is left out is set to its default. People read it on their own pages.",
        parameters=EXPECTED,
        requestBody={"required": True, "content": content(ref("MannerAsked"))},
        responses=answers(
            {
                "200": answer("How you decide.", ref("Manner"), headers=OF_VERSION),
                "412": answer("`outdated`: another version is in force.", ref("Problem"), PROBLEM),
            },
            _400="BadRequest",
            _503="NoPlace",
            **_TO_A_BODY,
        ),
    )


# -- what is said and answered


_NUMBER: Schema = {"type": "number"}
_AMOUNT: Schema = {"type": "number", "minimum": -MOST, "maximum": MOST}
_LIMIT: Schema = maybe({"type": "integer", "minimum": 0, "maximum": MOST_TIMES})
_LIMITS = strict(thing("At most so often.", {}, {"per_day": _LIMIT, "per_week": _LIMIT, "per_month": _LIMIT}))
_PLACE = strict(
    thing(
        "Where the customer is. It counts only if their terms let location through.",
        {},
        {"lat": maybe(_NUMBER), "lon": maybe(_NUMBER), "country": TEXT},
    )
)
_NOW = strict(
    thing(
        "What you know of the moment.",
        {},
        {
            "device": TEXT,
            "zone": TEXT,
            "place": maybe(_PLACE),
            "session": {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "null"]}},
        },
    )
)
_ESTIMATE = thing(
    "Against silence, in your money: the mean, and an interval of 95 %.",
    {"mean": _NUMBER, "low": _NUMBER, "high": _NUMBER},
)
_GROUND = thing(
    "What the action is for them by. `at`: when an event last was.",
    {"kind": one_of("event", "trait", "computed", "identifier"), "name": TEXT, "at": maybe(TIME)},
)
_GAVE: Schema = {
    "description": "An amount of your money; or as an action declares its benefit.",
    "anyOf": [
        _AMOUNT,
        strict(
            thing(
                "",
                {"kind": TEXT},
                {"amount": _AMOUNT, "minutes": {"type": "number", "minimum": -MOST_MINUTES, "maximum": MOST_MINUTES}},
            )
        ),
    ],
}
_POLICY = strict(
    thing(
        "How often anybody may be reached, over all senders. Nothing is limited unless you say so.",
        {},
        {
            "quiet": {**TEXT, "examples": ["22:00-08:00"]},
            "zone": {**TEXT, "examples": ["Europe/Berlin"]},
            "limits": _LIMITS,
            "channels": map_of(_LIMITS, "Channel → limits."),
            "weary": maybe({"type": "number", "exclusiveMinimum": 0}),
        },
    )
)
_WEIGHT: Schema = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
_SHARE: Schema = {"type": "number", "minimum": 0, "maximum": LARGEST}
_DAYS: Schema = {"type": "integer", "minimum": 1, "maximum": MOST_DAYS}
_MANNER: dict[str, Schema] = {
    "weight": _WEIGHT,
    "holdout": _SHARE,
    "policy": _POLICY,
    "days": _DAYS,
    "guard_rails": told(FLAG, "Whether what is shown to harm a side is switched off by itself."),
}

_GIVES = strict(
    thing(
        "What an event is worth to a side, in your money: `times` what a `property` says, and `fixed` besides.",
        {},
        {"property": TEXT, "times": _AMOUNT, "fixed": _AMOUNT},
    )
)
_RULE = strict(
    thing(
        "Events of this name settle decisions that were made at most so many `days` before: the `last`, or the `only` "
        "one.",
        {"event": {**TEXT, "minLength": 1, "maxLength": 512}, "days": _DAYS},
        {"customer": _GIVES, "company": _GIVES, "attribution": one_of("last", "only")},
    )
)
_RULES: Schema = {**list_of(_RULE), "maxItems": rules.MOST}

SHAPES: dict[str, Schema] = {
    "DecisionAsked": strict(
        thing(
            "For whom, for what, where.",
            {"customer": TEXT, "purpose": one_of(*PURPOSES), "channel": one_of(*CHANNELS)},
            {"context": _NOW, "language": maybe(TEXT), "deliver": FLAG},
        )
    ),
    "Decision": thing(
        "What to do. `action`: an id, or `silence`; `excluded`: every rule that spoke against an action.",
        {
            "customer": TEXT,
            "decision": {**TEXT, "pattern": "^dec_"},
            "action": TEXT,
            "kind": TEXT,
            "content": maybe(map_of(TEXT, "Parts of a message.")),
            "language": maybe(TEXT),
            "channel": TEXT,
            "estimates": thing("To both sides; never added.", {"customer": _ESTIMATE, "company": _ESTIMATE}),
            "propensity": {"type": "number", "minimum": 0, "maximum": 1},
            "why": TEXT,
            "grounds": list_of(_GROUND),
            "serves": list_of(TEXT),
            "excluded": list_of(thing("", {"action": TEXT, "rule": TEXT, "said": TEXT})),
            "receipt": TEXT,
            "as_of": TIME,
        },
        {"changed": one_of("merged", "split")},
    ),
    "OutcomeAsked": strict(
        thing(
            "What came of a decision. `kind`: in a word of your own, such as bought.",
            {"decision": TEXT, "kind": {**TEXT, "minLength": 1, "maxLength": 512}},
            {"customer_benefit": _GAVE, "company_value": _GAVE},
        )
    ),
    "Outcome": thing("It counts.", {"decision": TEXT, "kind": TEXT, "status": one_of("accepted")}),
    "OutcomeRulesAsked": strict(thing("Which events settle outcomes.", {"rules": _RULES})),
    "OutcomeRules": thing("Which events settle outcomes.", {"rules": _RULES, "version": {"type": "integer"}}),
    "MannerAsked": strict(thing("How you decide.", {}, _MANNER)),
    "Manner": thing(
        "How you decide. `weight`: the customer's; `holdout`: the share of customers who are left alone by lot; "
        "`days`: within which it shows what a decision gave.",
        {
            "weight": _WEIGHT,
            "holdout": _SHARE,
            "policy": {"type": "object"},
            "days": _DAYS,
            "version": {"type": "integer"},
        },
    ),
}

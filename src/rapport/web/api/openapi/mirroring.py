"""The company's statement: what it used, what that gave, and what its promises cost it and opened."""

from typing import Any

from rapport.terms.aggregates import FLOOR
from rapport.terms.benefits import KINDS
from rapport.terms.mirror import MONTHS
from rapport.terms.simulator import ASKED_PER_DAY
from rapport.web.api import statement
from rapport.web.api.openapi.answers import answer, answers
from rapport.web.api.openapi.benefiting import TAG
from rapport.web.api.openapi.parameters import in_query
from rapport.web.api.openapi.schema import COUNT, FLAG, TEXT, TIME, Schema, list_of, maybe, one_of, ref, thing, told

_MONTH: Schema = {"type": "string", "pattern": "^[1-2][0-9]{3}-(0[1-9]|1[0-2])$", "examples": ["2026-11"]}
_ABOUT = told(maybe(COUNT), f"About how many people; null: fewer than {FLOOR}, or hardly more.")


def paths() -> dict[str, Any]:
    """The paths of this area with their operations."""
    return {statement.PATH: {"get": _read()}}


def _read() -> dict[str, Any]:
    return {
        "tags": [TAG],
        "operationId": "readStatement",
        "summary": "Read what was used and what it gave",
        "description": (
            "The mirror of customers' statements: of a month and those before it. It tells of many and of nobody: how "
            "often nothing was given is one number for refused and absent, of looks at one customer each; people are "
            f"counted from {FLOOR} on, rounded and blurred. Comparing the promise in force with an empty one counts as "
            f"a simulation, of which there are {ASKED_PER_DAY} a day: after that, `opened` says so. Scope `operator`."
        ),
        "security": [{"api_token": []}],
        "parameters": [
            in_query("month", "The month (UTC); the present one if it is left out.", _MONTH),
        ],
        "responses": answers(
            {"200": answer("The month.", ref("Statement"))},
            _400="BadRequest",
            _401="NoToken",
            _403="WrongScope",
            _503="NoPlace",
        ),
    }


_SETTLED: dict[str, Schema] = {
    "customer": told(list_of(ref("Sum")), "What customers were given, by unit."),
    "company": told(list_of(ref("Sum")), "What the organization got, by unit."),
}
_SIDES = ("customer", "company")

SHAPES: dict[str, Schema] = {
    "Statement": thing(
        "A month of an organization.",
        {
            "organization": TEXT,
            "name": TEXT,
            "month": _MONTH,
            "used": told(COUNT, "All uses."),
            "uses": list_of(
                thing("Uses for one purpose.", {"purpose": TEXT, "why": told(TEXT, "In words."), "count": COUNT})
            ),
            "nothing": told(COUNT, "How often a customer was asked for and nothing was given, for whatever reason."),
            "settled": thing(
                "What was settled. The sides are never added up.",
                {
                    **_SETTLED,
                    "by_kind": thing("The same by kind.", {side: list_of(ref("SumOfKind")) for side in _SIDES}),
                    "count": told(COUNT, "How many benefits."),
                },
            ),
            "estimated": thing(
                "What was estimated, of groups; never added to what is settled.",
                {**{side: list_of(ref("Estimate")) for side in _SIDES}, "known": FLAG},
                {"said": told(TEXT, "Where nothing is known: that.")},
            ),
            "promises": thing(
                "What promises cost and opened.",
                {
                    "version": told(COUNT, "Of the declaration in force."),
                    "since": told(maybe(TIME), "Since when; null where nothing was declared."),
                    "cost": told(list_of(ref("SumOfKind")), "What customers were given in the month."),
                    "wanted": ref("Wanted"),
                    "opened": ref("Opened"),
                },
            ),
            "months": told(list_of(ref("StatementMonth"), maxItems=MONTHS), "This month and those before it."),
        },
    ),
    "StatementMonth": thing(
        "A month among others.",
        {"month": _MONTH, "used": COUNT, "nothing": COUNT, "settled": thing("What was settled.", _SETTLED)},
    ),
    "Sum": thing(
        "An amount, exact, or a band with how often it was told.",
        {"unit": told(TEXT, "A currency (ISO 4217), or `minutes`.")},
        {"amount": told(TEXT, "A decimal number."), "band": TEXT, "count": COUNT},
    ),
    "SumOfKind": thing(
        "The same of one kind.",
        {
            "kind": one_of(*(kind for kinds in KINDS.values() for kind in kinds)),
            "said": told(TEXT, "In words, after the amount."),
            "unit": TEXT,
            "count": told(COUNT, "How many benefits it is of."),
        },
        {"amount": TEXT, "band": TEXT},
    ),
    "Wanted": thing(
        "What people's terms wanted in vain.",
        {
            "days": told(COUNT, "In so many days up to now."),
            "floor": COUNT,
            "people": _ABOUT,
            "criteria": list_of(thing("A criterion.", {"criterion": TEXT, "people": COUNT})),
        },
    ),
    "Opened": thing(
        "Who lets the organization in today, of people with an account, against an empty promise.",
        {
            "floor": COUNT,
            "people": _ABOUT,
            "purposes": told(
                {
                    "type": ["array", "null"],
                    "items": thing(
                        "A purpose.",
                        {
                            "purpose": TEXT,
                            "why": TEXT,
                            "people": _ABOUT,
                            "without": told(_ABOUT, "By an empty promise; where few differ, the same."),
                            "by_law": told(FLAG, "It reads without asking anyone; then nobody is counted."),
                        },
                    ),
                },
                "null where it is not known now.",
            ),
        },
        {"said": told(TEXT, "Why it is not known now.")},
    ),
}

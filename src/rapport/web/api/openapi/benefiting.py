"""Benefits: what uses gave, reported with the event that shows it."""

from typing import Any

from rapport.terms.aggregates import FLOOR
from rapport.terms.benefits import KINDS, MAX_NAME, PLACES
from rapport.terms.estimates import METHODS, MOST_GROUP, MOST_PEOPLE
from rapport.web.api import benefits
from rapport.web.api.customers import MAX_BODY
from rapport.web.api.openapi.answers import TO_A_BODY, answer, answers, content
from rapport.web.api.openapi.schema import TEXT, Schema, named, one_of, ref, thing, told
from rapport.web.api.openapi.shapes import ID

TAG = "Benefits"


def paths() -> dict[str, Any]:
    """The paths of this area with their operations."""
    return {benefits.PATH: {"post": _report()}, benefits.ESTIMATES: {"post": _estimate()}}


def _report() -> dict[str, Any]:
    return {
        "tags": [TAG],
        "operationId": "reportBenefit",
        "summary": "Report what a use gave",
        "description": (
            "The event that shows it must be in the customer's timeline, as far as you may see it: else 400 "
            "`no_evidence`. Looked for with purpose `service`, with a receipt. Kept once for each customer, side, kind "
            f"and event; what is reported again is accepted and changes nothing. At most {MAX_BODY:,} bytes."
        ),
        "security": [{"api_token": []}],
        "requestBody": {"required": True, "content": content(ref("BenefitReported"))},
        "responses": answers(
            {"201": answer("It is in the book.", ref("BenefitKept"))},
            _404="NotFound",
            _409="Conflict",
            **TO_A_BODY,
        ),
    }


def _estimate() -> dict[str, Any]:
    return {
        "tags": [TAG],
        "operationId": "reportEstimate",
        "summary": "Report what uses gave to a group, estimated",
        "description": (
            "Per person, against people or times that were left alone, with its 95 % interval, over at least "
            f"{FLOOR} people. Of each side, group and unit the newest counts. Told on statements beside what is "
            "settled, and never added to it. Scope `operator`."
        ),
        "security": [{"api_token": []}],
        "requestBody": {"required": True, "content": content(ref("EstimateReported"))},
        "responses": answers(
            {"201": answer("It is in the book.", ref("EstimateKept"))},
            **TO_A_BODY,
        ),
    }


_AMOUNT: Schema = {"type": ["string", "number"]}
_HOW = f"A decimal number of at most {PLACES} digits behind the point, as text or as a JSON number"
_GUESSED: dict[str, Schema] = {
    "side": told(one_of(*KINDS), "Who got it."),
    "group": told({**TEXT, "minLength": 1, "maxLength": MOST_GROUP}, "Of whom.", examples=["people who got offers"]),
    "effect": told(_AMOUNT, f"Per person. {_HOW}.", examples=["0.40"]),
    "low": told(_AMOUNT, "Where its interval begins.", examples=["0.10"]),
    "high": told(_AMOUNT, "Where it ends.", examples=["0.70"]),
    "unit": told({"type": "string", "pattern": "^([A-Z]{3}|minutes)$"}, "A currency, or minutes.", examples=["GBP"]),
    "n": told({"type": "integer", "minimum": FLOOR, "maximum": MOST_PEOPLE}, "Over how many people."),
    "method": told(one_of(*METHODS), "; ".join(f"`{name}`: {said}" for name, said in METHODS.items()) + "."),
    "date": told({"type": "string", "format": "date"}, "When it was estimated.", examples=["2026-11-01"]),
}
_COMMON: dict[str, Schema] = {
    "customer": ID,
    "side": told(one_of(*KINDS), "Who got it."),
    "kind": told(one_of(*(kind for kinds in KINDS.values() for kind in kinds)), "What; each side has its own."),
    "unit": told(
        {"type": "string", "pattern": "^([A-Z]{3}|minutes)$"},
        "A currency (ISO 4217); of `minutes_saved`, `minutes`.",
        examples=["GBP"],
    ),
    "evidence": told({**TEXT, "minLength": 1, "maxLength": MAX_NAME}, "The message id of the event that shows it."),
}

SHAPES: dict[str, Schema] = {
    "EstimateReported": {**thing("A group's benefit, estimated.", _GUESSED), "additionalProperties": False},
    "EstimateKept": thing(
        "An estimate in the book.",
        {"status": {"const": "accepted"}, "estimate": thing("As it is kept.", _GUESSED)},
    ),
    "Estimate": thing("A group's benefit, estimated.", {**_GUESSED, "by": told(TEXT, "The method in words.")}),
    "BenefitReported": {
        **thing(
            "What a use gave. Either `amount` or, of what the company got, `band`.",
            _COMMON,
            {
                "amount": told(
                    _AMOUNT,
                    f"{_HOW}; zero and less are shown like all others.",
                    examples=["5.00"],
                ),
                "band": told(
                    {"type": "string", "pattern": "^-?[0-9]{1,12} ?[–-] ?-?[0-9]{1,12}$"},
                    "From–to, in place of an amount.",
                    examples=["10–20"],
                ),
                "receipt": told(named("rcp"), "The use that gave it."),
            },
        ),
        "additionalProperties": False,
    },
    "BenefitKept": thing(
        "A benefit in the book.",
        {
            "benefit": told(named("ben"), "Its handle; of what was reported before, the first one's."),
            "status": {"const": "accepted"},
            "receipt": told(named("rcp"), "The receipt of looking for the evidence."),
        },
    ),
}

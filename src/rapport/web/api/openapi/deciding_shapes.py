"""What is said and answered of audiences and computed traits, in JSON."""

from rapport.decide.models import MODELS
from rapport.kernel.expressions.tokens import MAX_LENGTH
from rapport.kernel.vocabulary import PURPOSES
from rapport.terms.aggregates import FLOOR
from rapport.web.api.openapi.schema import (
    ANYTHING,
    COUNT,
    FLAG,
    TEXT,
    TIME,
    Schema,
    list_of,
    maybe,
    named,
    one_of,
    ref,
    thing,
    told,
)

_PURPOSE = told(one_of(*PURPOSES), "What it is for; any other id of the Data Privacy Vocabulary will do, too.")
_EXPRESSION = told(
    {**TEXT, "minLength": 1, "maxLength": MAX_LENGTH},
    "True or false of a customer.",
    examples=['traits.plan == "gold" && count("Order Completed", days(30)) >= 2'],
)
_VALUE_OF = {**_EXPRESSION, "description": "What gives the value.", "examples": ['count("Order Completed", days(365))']}
_NEXT = told(maybe(TEXT), "The `cursor` of the next page; null at the end.")
_DEFINED: dict[str, Schema] = {
    "name": TEXT,
    "expression": told(maybe(TEXT), "Null of a computed trait by a model."),
    "purpose": TEXT,
    "version": told(COUNT, "From 1."),
    "since": told(TIME, "When this version was saved."),
}
_MODEL = {name: maybe(TEXT) for name in ("model", "event", "value")}
_WARNINGS = {"warnings": told(list_of(ref("Warning")), "Doubts: what no source ever sent, or nothing is promised for.")}
_PLACED: dict[str, Schema] = {
    "line": told(COUNT, "From 1."),
    "column": told(COUNT, "From 1, in characters."),
    "text": told(TEXT, "The part that is meant."),
    "message": told(TEXT, "What is the matter, in words.", minLength=1),
    "suggestion": told(maybe(TEXT), "What was probably meant in its place."),
}
_AUDIENCE_FIELDS: dict[str, Schema] = {
    **_DEFINED,
    "count": told(COUNT, "How many are in."),
    "filling": {
        "description": "How far everybody was asked for this version; null once that is done.",
        "anyOf": [
            thing("How far.", {"share": {"type": "number", "minimum": 0, "maximum": 1}}),
            {"type": "null"},
        ],
    },
    "failing": told(COUNT, "On how many the expression fails: they are not in."),
    "reason": told(maybe(TEXT), "Why it fails on most of them."),
}

SHAPES: dict[str, Schema] = {
    "AudienceAsked": {
        **thing("Who is meant.", {"expression": _EXPRESSION, "purpose": _PURPOSE}),
        "additionalProperties": False,
    },
    "AudienceSaved": thing("An audience that is saved.", {**_DEFINED, **_WARNINGS}),
    "Audience": thing("An audience as it is.", _AUDIENCE_FIELDS),
    "AudiencesPage": thing("A page of audiences.", {"audiences": list_of(ref("Audience")), "next": _NEXT}),
    "Member": thing(
        "A customer who is in.",
        {
            "customer": told(named("cus"), "The customer's handle."),
            "since": told(TIME, "When they entered."),
            "receipt": told(named("rcp"), "The receipt of their being handed over."),
        },
    ),
    "MembersPage": thing("A page of members.", {"members": list_of(ref("Member")), "next": _NEXT}),
    "AudienceHistory": thing(
        "An audience day by day.",
        {
            "days": list_of(
                thing(
                    "A day, UTC.",
                    {
                        "day": {"type": "string", "format": "date"},
                        "inside": told(COUNT, "How many were in at its end, or are now."),
                        "entered": COUNT,
                        "left": COUNT,
                    },
                )
            )
        },
    ),
    "AudiencesOfCustomer": thing(
        "The audiences that a customer is in.",
        {
            "customer": told(named("cus"), "The customer's handle."),
            "audiences": told(list_of(TEXT), "Names of those for this purpose."),
            "receipt": told(named("rcp"), "The receipt of this very read."),
            "as_of": told(TIME, "When it was read."),
            "next": _NEXT,
        },
    ),
    "WhyInAudience": thing(
        "Why a customer is in or out.",
        {
            "customer": told(named("cus"), "The customer's handle."),
            "audience": TEXT,
            "version": COUNT,
            "inside": FLAG,
            "error": told(maybe(TEXT), "Why the expression fails on this customer, where it does: then they are out."),
            "since": told(maybe(TIME), "When they entered; null while they are out."),
            "due": told(maybe(TIME), "Time alone changes it no earlier than this; null: never."),
            "why": told(list_of(ref("WhyPiece")), "The expression, then each computed trait behind it."),
            "receipt": told(named("rcp"), "The receipt of this very read."),
            "as_of": told(TIME, "When it was read."),
        },
    ),
    "WhyPiece": thing(
        "A piece of an expression.",
        {
            "text": told(TEXT, "As it is written."),
            "result": told(ANYTHING, "What it gives; null where that is unknown."),
            "error": told(maybe(TEXT), "Why it fails."),
            "saw": list_of(
                thing("What it looked at.", {"what": TEXT, "value": told(ANYTHING, "Null: absent.")}),
            ),
            "parts": list_of(ref("WhyPiece")),
        },
        {"trait": told(TEXT, "The computed trait that it is the whole of; left out where it is none.")},
    ),
    "AudiencePreviewed": {
        **thing(
            "What to try.",
            {"expression": _EXPRESSION, "purpose": _PURPOSE},
            {"name": told(maybe(TEXT), "An audience of yours to compare it with.")},
        ),
        "additionalProperties": False,
    },
    "AudiencePreview": thing(
        "What an expression would give today.",
        {
            "in": told(COUNT, "How many would be in."),
            "new": told(maybe(COUNT), "Of them, how many are not in the saved version."),
            "left": told(maybe(COUNT), "How many are in the saved version, and would not be in."),
            "refusing": told(
                maybe(COUNT),
                f"About how many may not be read for the purpose, whatever the expression; null: fewer than {FLOOR}. "
                "Worked out once a day.",
            ),
            "failing": told(COUNT, "On how many the expression fails: they would not be in."),
            "reason": told(maybe(TEXT), "Why it fails on most of those."),
            "share": told({"type": "number", "minimum": 0, "maximum": 1}, "Which part of all records was looked at."),
            "sampled": told(FLAG, "Whether that was a part: then numbers are scaled."),
            **_WARNINGS,
        },
    ),
    "ComputedTraitAsked": {
        **thing(
            "What gives the value: `expression`, or `model` with `event`.",
            {"purpose": _PURPOSE},
            {
                "expression": maybe(_VALUE_OF),
                "model": {
                    "description": "A model that ships with Rapport.",
                    "type": ["string", "null"],
                    "enum": [*MODELS, None],
                },
                "event": told(maybe(TEXT), "The event that is a purchase."),
                "value": told(maybe(TEXT), "The property that says for how much."),
            },
        ),
        "additionalProperties": False,
    },
    "ComputedTrait": thing("A computed trait.", {**_DEFINED, **_MODEL}),
    "ComputedTraitLearned": thing(
        "A computed trait, with what its model learned.",
        {
            **_DEFINED,
            **_MODEL,
            "learned": {
                "description": "Null of one by an expression, and of a model that waits for its turn.",
                "anyOf": [
                    thing(
                        "What became of its model, the last time.",
                        {
                            "at": told(TIME, "When that was."),
                            "customers": told(COUNT, "From how many it learned."),
                            "trouble": told(maybe(TEXT), "Why it could learn nothing."),
                        },
                    ),
                    {"type": "null"},
                ],
            },
        },
    ),
    "ComputedTraitSaved": thing("A computed trait that is saved.", {**_DEFINED, **_MODEL, **_WARNINGS}),
    "ComputedTraitsPage": thing("A page of computed traits.", {"traits": list_of(ref("ComputedTrait")), "next": _NEXT}),
    "Warning": thing("A doubt.", {"field": one_of("expression", "purpose"), **_PLACED}),
    "ExpressionProblem": {
        "description": "What went wrong (RFC 9457), and of an expression all that is.",
        "allOf": [
            ref("Problem"),
            thing(
                "With what is wrong with an expression.",
                {},
                {"problems": list_of(thing("One thing wrong.", _PLACED))},
            ),
        ],
    },
}

"""Audiences and computed traits: who is meant, and what is worked out of what is known."""

from typing import Any

from rapport.web.api import audiences, traits
from rapport.web.api.openapi import shapes
from rapport.web.api.openapi.answers import OF_VERSION, OUTDATED, PROBLEM, answer, answers, content
from rapport.web.api.openapi.parameters import EXPECTED, in_path, in_query
from rapport.web.api.openapi.schema import (
    COUNT,
    TEXT,
    Schema,
    ref,
)

TAG = "Audiences"

_TOKEN: list[dict[str, list[str]]] = [{"api_token": []}]
_REFUSALS = {"_401": "NoToken", "_403": "WrongScope"}
_TO_A_BODY = {"_413": "TooLarge", "_415": "UnknownEncoding", **_REFUSALS}
_NAME: Schema = {"type": "string", "pattern": "^(?!preview$)[A-Za-z_][A-Za-z0-9_-]{0,62}$"}
_TRAIT_NAME: Schema = {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,62}$"}
_AUDIENCE = in_path("name", "The audience's name.", _NAME, example="gold_lately")
_TRAIT = in_path("name", "The computed trait's name.", _TRAIT_NAME, example="orders_a_year")
_PAGED = [
    in_query("cursor", "The `next` of the page before.", {**TEXT, "maxLength": 100}),
    {"$ref": "#/components/parameters/Limit"},
]
_CURSOR = {"$ref": "#/components/parameters/Cursor"}
_LIMIT = {"$ref": "#/components/parameters/Limit"}
_OPERATOR = "Needs a token of scope `operator`."
_BAD = answer(
    "It cannot be used: `message` says why, `field` where. Of an expression (`bad_expression`) `problems` tells all "
    "that is wrong with it, and where.",
    ref("ExpressionProblem"),
    PROBLEM,
)
_BUSY = answer(
    "`busy`, `full`: nothing was kept, or another preview is being worked out. Come back later.",
    ref("Problem"),
    PROBLEM,
    headers={"Retry-After": {"description": "Seconds to wait.", "required": True, "schema": COUNT}},
)


def paths() -> dict[str, Any]:
    """The paths of this area with their operations."""
    no_audience = _removed(
        "removeAudience",
        "an audience",
        "Its members leave with it.",
        _AUDIENCE,
        "a destination is given it; `message` names it.",
    )
    no_trait = _removed(
        "removeComputedTrait",
        "a computed trait",
        "Not while something names it.",
        _TRAIT,
        "audiences or computed traits name it; `message` says which.",
    )
    return {
        audiences.PATH: {"get": _listed("listAudiences", "audience", "AudiencesPage")},
        audiences.PREVIEW: {"post": _preview()},
        audiences.ONE: {"put": _put(), "get": _read(), "delete": no_audience},
        audiences.MEMBERS: {"get": _members()},
        audiences.HISTORY: {"get": _history()},
        audiences.WHY: {"get": _why()},
        traits.PATH: {"get": _listed("listComputedTraits", "computed trait", "ComputedTraitsPage")},
        traits.ONE: {"put": _put_trait(), "get": _read_trait(), "delete": no_trait},
    }


def _operation(name: str, summary: str, description: str, **more: Any) -> dict[str, Any]:
    return {
        "tags": [TAG],
        "operationId": name,
        "summary": summary,
        "description": description,
        "security": _TOKEN,
        **more,
    }


def _listed(name: str, what: str, shape: str) -> dict[str, Any]:
    return _operation(
        name,
        f"List your {what}s",
        "By name.",
        parameters=_PAGED,
        responses=answers({"200": answer(f"A page of {what}s.", ref(shape))}, _400="BadRequest", **_REFUSALS),
    )


def _saved(
    name: str, what: str, description: str, named: dict[str, Any], shapes: tuple[str, str], refused: str
) -> dict[str, Any]:
    """`shapes`: of what is asked, and of what is answered; `refused`: why it may be a conflict."""
    asked, told = shapes
    return _operation(
        name,
        f"Save {what}",
        f"{_OPERATOR} {description}",
        parameters=[named, *EXPECTED],
        requestBody={"required": True, "content": content(ref(asked))},
        responses=answers(
            {
                "200": answer("It was there, and is so now.", ref(told), headers=OF_VERSION),
                "201": answer("It is new.", ref(told), headers=OF_VERSION),
                "400": _BAD,
                "409": answer(refused, ref("Problem"), PROBLEM),
                "412": OUTDATED,
                "503": _BUSY,
            },
            **_TO_A_BODY,
        ),
    )


def _removed(name: str, what: str, description: str, named: dict[str, Any], in_use: str) -> dict[str, Any]:
    return _operation(
        name,
        f"Remove {what}",
        f"{_OPERATOR} {description}",
        parameters=[named],
        responses=answers(
            {
                "204": {"description": "There is none any more."},
                "409": answer(f"`in_use`: {in_use}", ref("Problem"), PROBLEM),
            },
            _404="NotFound",
            **_REFUSALS,
        ),
    )


def _put() -> dict[str, Any]:
    return _saved(
        "saveAudience",
        "an audience",
        "Another expression or purpose makes another version; the same makes none. Members follow: `filling` tells how "
        "far. What no source ever sent is a doubt, told in `warnings`, and refuses nothing.",
        _AUDIENCE,
        ("AudienceAsked", "AudienceSaved"),
        "`too_many`: remove some first.",
    )


def _read() -> dict[str, Any]:
    return _operation(
        "readAudience",
        "See how an audience is",
        "Its definition, how many are in, and how far it is filled. Whoever may not be read for its purpose is not in.",
        parameters=[_AUDIENCE],
        responses=answers(
            {"200": answer("The audience.", ref("Audience"), headers=OF_VERSION)}, _404="NotFound", **_REFUSALS
        ),
    )


def _members() -> dict[str, Any]:
    return _operation(
        "readMembers",
        "Page through an audience's members",
        f"{_OPERATOR} Each is handed over through the gate for the audience's purpose, with the receipt of it: one for "
        "each customer and day, and one where anything changed that it rests on. A page may be shorter than `limit`, "
        "or empty, and not be the last: go on until `next` is null.",
        parameters=[_AUDIENCE, _CURSOR, _LIMIT],
        responses=answers(
            {"200": answer("A page of members.", ref("MembersPage"))},
            _400="BadRequest",
            _404="NotFound",
            _503="NoPlace",
            **_REFUSALS,
        ),
    )


def _history() -> dict[str, Any]:
    days = {"type": "integer", "minimum": 1, "maximum": audiences.MOST_DAYS, "default": audiences.DEFAULT_DAYS}
    return _operation(
        "readAudienceHistory",
        "See an audience day by day",
        "How many were in at the end of each day (UTC), and how many came and went. Days before it was saved are left "
        "out.",
        parameters=[_AUDIENCE, in_query("days", "How many days, today among them.", days)],
        responses=answers(
            {"200": answer("The days, the oldest first.", ref("AudienceHistory"))},
            _400="BadRequest",
            _404="NotFound",
            **_REFUSALS,
        ),
    )


def _why() -> dict[str, Any]:
    customer = in_query(
        "customer",
        "`type:value` of any identifier, or a `cus_…` handle.",
        shapes.ID,
        required=True,
        example="email:ada@example.com",
    )
    return _operation(
        "explainMembership",
        "Ask why a customer is in or out",
        "Each piece of the expression with what it gives and what it saw, through the gate for the audience's purpose, "
        "with a receipt.",
        parameters=[_AUDIENCE, customer],
        responses=answers(
            {"200": answer("Why.", ref("WhyInAudience"))},
            _400="BadRequest",
            _404="NotFound",
            _409="Ambiguous",
            _503="NoPlace",
            **_REFUSALS,
        ),
    )


def _preview() -> dict[str, Any]:
    return _operation(
        "previewAudience",
        "Try an expression on today's data",
        f"{_OPERATOR} Nothing is saved. Every customer that is looked at is read through the gate, and has a receipt "
        "a day of it. Of many customers a part is looked at (`share`), and numbers are scaled from it.",
        requestBody={"required": True, "content": content(ref("AudiencePreviewed"))},
        responses=answers(
            {
                "200": answer("What it would give.", ref("AudiencePreview")),
                "400": _BAD,
                "503": _BUSY,
            },
            _404="NotFound",
            **_TO_A_BODY,
        ),
    )


def _put_trait() -> dict[str, Any]:
    return _saved(
        "saveComputedTrait",
        "a computed trait",
        "By an expression, or by a model with the event that is a purchase and the property that says for how much. "
        "Another definition makes another version; the same makes none.",
        _TRAIT,
        ("ComputedTraitAsked", "ComputedTraitSaved"),
        "`cycle`: computed traits would rest on each other; `too_many`: remove some first.",
    )


def _read_trait() -> dict[str, Any]:
    return _operation(
        "readComputedTrait",
        "Read a computed trait's definition",
        "Its values are worked out wherever it is used, from what that purpose permits. Of a model it tells what it "
        "learned from.",
        parameters=[_TRAIT],
        responses=answers(
            {"200": answer("The definition.", ref("ComputedTraitLearned"), headers=OF_VERSION)},
            _404="NotFound",
            **_REFUSALS,
        ),
    )

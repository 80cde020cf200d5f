"""Actions: what the company can do for a customer, and in which units both sides count."""

from typing import Any

from rapport.decide.kinds import SILENCE
from rapport.web.api import actions
from rapport.web.api.openapi.answers import OF_VERSION, OUTDATED, PROBLEM, answer, answers, content
from rapport.web.api.openapi.parameters import EXPECTED, in_path, in_query
from rapport.web.api.openapi.schema import TEXT, Schema, ref

TAG = "Actions"

_TOKEN: list[dict[str, list[str]]] = [{"api_token": []}]
_REFUSALS = {"_401": "NoToken", "_403": "WrongScope"}
_TO_A_BODY = {"_413": "TooLarge", "_415": "UnknownEncoding", **_REFUSALS}
_ID: Schema = {"type": "string", "pattern": f"^(?!{SILENCE}$)[A-Za-z_][A-Za-z0-9_-]{{0,62}}$"}
_ACTION = in_path("id", "The action's id.", _ID, example="help_after_refund")
_OPERATOR = "Needs a token of scope `operator`."
_BAD = answer(
    "It cannot be used: `message` says why, `field` where. Of an expression (`bad_expression`) `problems` tells all.",
    ref("ExpressionProblem"),
    PROBLEM,
)


def paths() -> dict[str, Any]:
    """The paths of this area with their operations."""
    return {
        actions.PATH: {"get": _list()},
        actions.ONE: {"put": _put(), "get": _read(), "delete": _delete()},
        actions.PREVIEW: {"post": _preview()},
        actions.SWITCH_ON: {"post": _switch_on()},
        actions.UNITS: {"get": _read_units(), "put": _put_units()},
    }


def _operation(name: str, summary: str, description: str, **more: Any) -> dict[str, Any]:
    head = {"tags": [TAG], "operationId": name, "summary": summary, "description": description}
    return {**head, "security": _TOKEN, **more}


def _list() -> dict[str, Any]:
    return _operation(
        "listActions",
        "List your actions",
        "Those in force, by id.",
        parameters=[
            in_query("cursor", "The `next` of the page before.", {**TEXT, "maxLength": 100}),
            {"$ref": "#/components/parameters/Limit"},
        ],
        responses=answers({"200": answer("A page of actions.", ref("ActionsPage"))}, _400="BadRequest", **_REFUSALS),
    )


def _put() -> dict[str, Any]:
    return _operation(
        "saveAction",
        "Save an action",
        f"{_OPERATOR} Another definition makes another version; the same makes none. What no source ever sent is a "
        "doubt, told in `warnings`, and refuses nothing.",
        parameters=[_ACTION, *EXPECTED],
        requestBody={"required": True, "content": content(ref("ActionAsked"))},
        responses=answers(
            {
                "200": answer("It was there, and is so now.", ref("ActionSaved"), headers=OF_VERSION),
                "201": answer("It is new.", ref("ActionSaved"), headers=OF_VERSION),
                "400": _BAD,
                "409": answer("`too_many`: remove some first.", ref("Problem"), PROBLEM),
                "412": OUTDATED,
            },
            _503="NoPlace",
            **_TO_A_BODY,
        ),
    )


def _read() -> dict[str, Any]:
    return _operation(
        "readAction",
        "Read an action",
        "The version in force, with what it is worth to both sides before anything was learnt.",
        parameters=[_ACTION],
        responses=answers(
            {"200": answer("The action.", ref("Action"), headers=OF_VERSION)}, _404="NotFound", **_REFUSALS
        ),
    )


def _delete() -> dict[str, Any]:
    return _operation(
        "removeAction",
        "Remove an action",
        f"{_OPERATOR} It is chosen no more. Its versions are kept for decisions that name them.",
        parameters=[_ACTION],
        responses=answers({"204": {"description": "There is none any more."}}, _404="NotFound", **_REFUSALS),
    )


def _preview() -> dict[str, Any]:
    return _operation(
        "previewAction",
        "See what an action says to a customer",
        "Through the gate for the action's purpose, with a receipt; nothing is sent. Who must be in some place is "
        "taken to be there. Where nothing can be said, since a placeholder without a fallback rests on what is absent "
        "or withheld, `trouble` tells which.",
        parameters=[_ACTION],
        requestBody={"required": True, "content": content(ref("ActionPreviewed"))},
        responses=answers(
            {"200": answer("What it says.", ref("ActionPreview"))},
            _400="BadRequest",
            _404="NotFound",
            _409="Ambiguous",
            _503="NoPlace",
            **_TO_A_BODY,
        ),
    )


def _switch_on() -> dict[str, Any]:
    return _operation(
        "switchActionOn",
        "Switch an action on again",
        f"{_OPERATOR} One that the guard-rails switched off, since it was shown to harm a side, can be chosen from the "
        "next decision on, and is judged by what is decided from then on.",
        parameters=[_ACTION],
        requestBody={"required": True, "content": content(ref("ActionSwitchedOn"))},
        responses=answers(
            {
                "200": answer("Where it stands now.", ref("GuardRail")),
                "409": answer("`not_switched_off`: it is on.", ref("Problem"), PROBLEM),
            },
            _400="BadRequest",
            _404="NotFound",
            _503="NoPlace",
            **_TO_A_BODY,
        ),
    )


def _read_units() -> dict[str, Any]:
    return _operation(
        "readUnits",
        "Read in which units both sides count",
        "The defaults, with `version` 0, until they are set.",
        responses=answers({"200": answer("The units.", ref("Units"), headers=OF_VERSION)}, **_REFUSALS),
    )


def _put_units() -> dict[str, Any]:
    return _operation(
        "setUnits",
        "Set in which units both sides count",
        f"{_OPERATOR} The currency, what a minute of a customer's time is worth in it, and relationship values of "
        "kinds in place of the defaults. What is left out is set to its default.",
        parameters=EXPECTED,
        requestBody={"required": True, "content": content(ref("UnitsAsked"))},
        responses=answers(
            {
                "200": answer("The units.", ref("Units"), headers=OF_VERSION),
                "409": answer("`other_currency`: an action counts in another.", ref("Problem"), PROBLEM),
                "412": OUTDATED,
            },
            _400="BadRequest",
            _503="NoPlace",
            **_TO_A_BODY,
        ),
    )

"""Destinations: where what happens to customers is sent."""

from typing import Any

from rapport.act import activation
from rapport.kernel.vocabulary import PURPOSES
from rapport.terms.exports import FORMATS
from rapport.web.api import destinations
from rapport.web.api.openapi.answers import PROBLEM, TO_A_BODY, answer, answers, content
from rapport.web.api.openapi.parameters import in_path
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
    thing,
    told,
)

TAG = "Destinations"

_TOKEN: list[dict[str, list[str]]] = [{"api_token": []}]
_REFUSALS = {"_401": "NoToken", "_403": "WrongScope"}
_NAME: Schema = {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_-]{0,62}$"}
_ONE = in_path("name", "The destination's name.", _NAME, example="shop_emails")
_SHORT: Schema = {**TEXT, "minLength": 1, "maxLength": activation.LONGEST_NAME}
_TOO_MANY = answer("`too_many`: remove some first.", ref("Problem"), PROBLEM)


def paths() -> dict[str, Any]:
    """The paths of this area with their operations."""
    return {
        destinations.PATH: {"get": _list()},
        destinations.ONE: {"put": _put(), "get": _read(), "delete": _delete()},
        destinations.FAILURES: {"get": _failures()},
        destinations.REPLAY: {"post": _replay()},
        destinations.TRIAL: {"post": _trial()},
        destinations.FILE: {"post": _file()},
        destinations.PAUSE: {
            "post": _turn("pauseDestination", "Pause a destination", "Deletions are sent all the same.")
        },
        destinations.RESUME: {
            "post": _turn("resumeDestination", "Resume a destination", "What happened meanwhile is sent.")
        },
    }


def _operation(name: str, summary: str, description: str, **more: Any) -> dict[str, Any]:
    return {
        "tags": [TAG],
        "operationId": name,
        "summary": summary,
        "description": f"Needs a token of scope `operator`. {description}",
        "security": _TOKEN,
        **more,
    }


def _list() -> dict[str, Any]:
    return _operation(
        "listDestinations",
        "List your destinations",
        "By name, with how each fares.",
        responses=answers({"200": answer("All of them.", ref("DestinationsList"))}, **_REFUSALS),
    )


def _put() -> dict[str, Any]:
    return _operation(
        "putDestination",
        "Make or change a destination",
        "What is sent is read for the purpose, through the gate, at the moment it leaves, each with a receipt. Another "
        "kind, address or recipient makes another destination of the same name, with a secret of its own. Addresses "
        "inside a network are refused unless a setting of the node allows them.",
        parameters=[_ONE],
        requestBody={"required": True, "content": content(ref("DestinationAsked"))},
        responses=answers(
            {
                "200": answer("It was there, and is so now.", ref("DestinationPlaced")),
                "201": answer("It is new.", ref("DestinationPlaced")),
                "409": _TOO_MANY,
            },
            **TO_A_BODY,
        ),
    )


def _read() -> dict[str, Any]:
    return _operation(
        "readDestination",
        "See how a destination fares",
        "Its secret is never told.",
        parameters=[_ONE],
        responses=answers({"200": answer("The destination.", ref("Destination"))}, _404="NotFound", **_REFUSALS),
    )


def _delete() -> dict[str, Any]:
    return _operation(
        "removeDestination",
        "Remove a destination",
        "Nothing more is sent there, but deletions of those who were handed over and withdraw later.",
        parameters=[_ONE],
        responses=answers({"204": {"description": "There is none any more."}}, _404="NotFound", **_REFUSALS),
    )


def _failures() -> dict[str, Any]:
    return _operation(
        "listFailures",
        "List what was given up",
        "The newest first; never who it is about, nor what it says. It is kept for 30 days.",
        parameters=[
            _ONE,
            {"$ref": "#/components/parameters/Cursor"},
            {"$ref": "#/components/parameters/Limit"},
        ],
        responses=answers(
            {"200": answer("A page of them.", ref("FailuresPage"))}, _400="BadRequest", _404="NotFound", **_REFUSALS
        ),
    )


def _replay() -> dict[str, Any]:
    return _operation(
        "replayFailures",
        "Try again what was given up",
        "One, or all. Values are read anew; the id stays the same.",
        parameters=[_ONE],
        requestBody={"required": False, "content": content(ref("ReplayAsked"))},
        responses=answers({"200": answer("How many.", ref("Replayed"))}, _404="NotFound", **TO_A_BODY),
    )


def _trial() -> dict[str, Any]:
    return _operation(
        "tryDestination",
        "Try a destination",
        "A message of nobody (type `test`, signed as any other) is sent at once, and once; what was answered is told.",
        parameters=[_ONE],
        responses=answers(
            {
                "200": answer("What came of it.", ref("DestinationTried")),
                "409": answer("`no_address`: a file is not sent.", ref("Problem"), PROBLEM),
            },
            _404="NotFound",
            _503="NoPlace",
            **_REFUSALS,
        ),
    )


def _file() -> dict[str, Any]:
    located = {"Location": {"description": "Where to look how it is.", "required": True, "schema": TEXT}}
    return _operation(
        "makeDestinationFile",
        "Make a destination's file now",
        "Of the kind `file`; it is an export. The newest five of a destination are kept.",
        parameters=[_ONE],
        responses=answers(
            {
                "202": answer("It waits to be made.", ref("ExportWaits"), headers=located),
                "409": answer("`no_file`, `too_many_exports`.", ref("Problem"), PROBLEM),
            },
            _404="NotFound",
            _503="NoPlace",
            **_REFUSALS,
        ),
    )


def _turn(name: str, summary: str, description: str) -> dict[str, Any]:
    return _operation(
        name,
        summary,
        description,
        parameters=[_ONE],
        responses=answers({"200": answer("As it is now.", ref("Destination"))}, _404="NotFound", **_REFUSALS),
    )


_PURPOSE = one_of(*PURPOSES)
_KIND = one_of(*activation.FORMS)
_FIELDS = map_of(TEXT, "Name → expression, such as `traits.email`. What is unknown or withheld is sent as null.")

_HEALTH = thing(
    "How it fares.",
    {
        "waiting": told(COUNT, "What waits to be sent."),
        "oldest_at": told(maybe(TIME), "Since when the oldest of it waits."),
        "failed": told(COUNT, "What was given up, and can be replayed."),
        "sent": told(COUNT, "What arrived."),
        "withheld": told(COUNT, "What was not sent, since it may not be told or is gone."),
        "sent_at": maybe(TIME),
        "error": told(maybe(TEXT), "What was wrong with the last that did not arrive."),
        "error_at": maybe(TIME),
    },
)
_MEMBERS: dict[str, Schema] = {
    "name": _NAME,
    "kind": _KIND,
    "url": maybe(TEXT),
    "purpose": TEXT,
    "audience": told(maybe(TEXT), "Who enters and leaves it is told."),
    "events": told(list_of(TEXT), "Events of these names are told."),
    "fields": map_of(TEXT, "Name → expression."),
    "recipient": told(maybe(TEXT), "Who beyond your organization has what is sent."),
    "per_second": told(maybe(COUNT), "At most so many a second."),
    "at_once": told(COUNT, "So many may be on their way at a time."),
    "format": told(maybe(TEXT), "Of a file."),
    "every_hours": told(maybe(COUNT), "How often a file is made."),
    "has_secret": told(FLAG, "Whether a secret is kept for it."),
    "paused": FLAG,
    "why": told(maybe(TEXT), "Why the node paused it."),
    "made_at": TIME,
    "health": _HEALTH,
}

SHAPES: dict[str, Schema] = {
    "DestinationAsked": {
        **thing(
            "Where to send what, for what. Either `audience` or `events`.",
            {"kind": _KIND, "purpose": _PURPOSE},
            {
                "url": told({**TEXT, "format": "uri"}, "Where it is sent; a file is fetched, and has none."),
                "format": told(maybe(one_of(*FORMATS)), "Of a file."),
                "every_hours": told(
                    maybe({"type": "integer", "minimum": 1, "maximum": activation.MOST_HOURS}),
                    "How often a file is made; else when it is asked for.",
                ),
                "secret": told(
                    maybe({**TEXT, "maxLength": activation.LONGEST_SECRET}),
                    "webhook: `whsec_` and base64, one is made if there is none; segment: the write key; cloudevents: "
                    "a bearer token. Kept sealed, and never told again.",
                ),
                "audience": maybe(_NAME),
                "events": list_of(_SHORT, maxItems=activation.MOST_EVENTS),
                "fields": told(_FIELDS, _FIELDS["description"], maxProperties=activation.MOST_FIELDS),
                "recipient": {**TEXT, "maxLength": activation.LONGEST_NAME},
                "per_second": maybe({"type": "integer", "minimum": 1, "maximum": activation.MOST_PER_SECOND}),
                "at_once": {"type": "integer", "minimum": 1, "maximum": activation.MOST_AT_ONCE},
            },
        ),
        "additionalProperties": False,
    },
    "Destination": thing("A destination.", _MEMBERS),
    "DestinationPlaced": thing(
        "A destination as it is now.",
        {**_MEMBERS, "warnings": told(list_of(TEXT), "Why nothing may come of it.")},
        {"secret": told(TEXT, "The secret that was made for it; told this once.")},
    ),
    "DestinationsList": thing("All destinations.", {"destinations": list_of(ref("Destination"))}),
    "DestinationTried": thing(
        "What came of a message of nobody.",
        {
            "delivered": FLAG,
            "status": told(maybe(COUNT), "What was answered; null where nothing was."),
            "took_ms": COUNT,
            "error": told(maybe(TEXT), "Why it was not taken."),
        },
    ),
    "Failure": thing(
        "A delivery that was given up.",
        {
            "id": told(named("msg"), "The same for each try."),
            "what": one_of("entered", "left", "event", "deleted"),
            "happened_at": TIME,
            "tries": COUNT,
            "state": one_of("waiting", "failed"),
            "next_at": maybe(TIME),
            "error": told(maybe(TEXT), "What was wrong last."),
        },
    ),
    "FailuresPage": thing(
        "A page of deliveries that were given up.",
        {
            "failures": list_of(ref("Failure")),
            "next": told(maybe(TEXT), "The `cursor` of the next page; null at the end."),
        },
    ),
    "ReplayAsked": {
        **thing("Which to try again.", {}, {"id": told(maybe(TEXT), "One delivery; else all.")}),
        "additionalProperties": False,
    },
    "Replayed": thing("What is tried again.", {"replayed": COUNT}),
}

"""The answers that many operations share, and how an operation lists its own."""

from typing import Any

from rapport.web.api.openapi.schema import COUNT, TEXT, Schema, ref, told

Answer = dict[str, Any]

JSON = "application/json"
PROBLEM = "application/problem+json"

_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "required": True, "schema": COUNT}}
_CHALLENGE = {"WWW-Authenticate": {"description": "How to sign in.", "required": True, "schema": TEXT}}


def content(schema: Schema, media: str = JSON) -> dict[str, Any]:
    return {media: {"schema": schema}}


def answer(description: str, schema: Schema, media: str = JSON, **more: Any) -> Answer:
    return {"description": description, "content": content(schema, media), **more}


def _problem(description: str, **more: Any) -> Answer:
    return answer(description, ref("Problem"), PROBLEM, **more)


SHARED: dict[str, Answer] = {
    "BadRequest": _problem("It cannot be used; `message` says why, `field` where."),
    "NoToken": _problem("`unauthorized`: no API token, or none that is valid.", headers=_CHALLENGE),
    "WrongScope": _problem("`forbidden`: this token is good, but not for this."),
    "NotFound": _problem("`not_found`: absent, or refused. The two are the same answer, byte for byte."),
    "Ambiguous": _problem("`ambiguous`: the identifier is on several customers. Ask by another, or by a handle."),
    "Conflict": _problem(
        "`ambiguous`: an end is on several customers; `own_key`: a record's own key cannot be taken back; `retracted`: "
        "this was taken back before, for good."
    ),
    "TooLarge": _problem("`too_large`: over a limit, which `message` names."),
    "UnknownEncoding": _problem("`bad_encoding`: packed in a way that is not taken here, or damaged."),
    "NoPlace": _problem("`busy` or `full`: nothing was kept. Come back later.", headers=_RETRY_AFTER),
    "NotReady": _problem("`not_ready`: `message` says what is missing. Come back later.", headers=_RETRY_AFTER),
    "NoKey": _problem("`missing_key` or `unknown_key`: a source's write key is needed."),
    "NothingTaken": _problem("None of the events was taken; `rejected` says why, event by event."),
}


TO_A_BODY = {
    "_400": "BadRequest",
    "_401": "NoToken",
    "_403": "WrongScope",
    "_413": "TooLarge",
    "_415": "UnknownEncoding",
    "_503": "NoPlace",
}
"""What may be answered to whoever sends a body with a token, as `answers` takes it."""


def answers(first: dict[str, Answer], **shared: str) -> dict[str, Answer]:
    """An operation's answers by status: its own, and shared ones, such as `_404="NotFound"`."""
    known = {status.removeprefix("_"): {"$ref": f"#/components/responses/{name}"} for status, name in shared.items()}
    return dict(sorted({**first, **known}.items()))


OF_VERSION = {"ETag": {"description": "Of this version.", "required": True, "schema": TEXT}}
OUTDATED = answer("`outdated`: another version is in force, or one at all.", ref("Problem"), PROBLEM)
"""To who expects another."""


def plain(description: str, media: str, what: str) -> Answer:
    """An answer that is text."""
    return answer(description, told(TEXT, what), media)

"""The Data Rights Protocol, in the description of the API."""

from typing import Any

from rapport.terms.data_rights import ACTIONS, MAX_MESSAGE
from rapport.web.api import data_rights
from rapport.web.api.data_rights import ZIP
from rapport.web.api.openapi.answers import answer, answers, content
from rapport.web.api.openapi.schema import COUNT, FLAG, TEXT, TIME, Schema, one_of, ref, thing, told

TAG = "Data rights"
SECURITY: dict[str, Any] = {
    "agent_token": {
        "type": "http",
        "scheme": "bearer",
        "description": "An authorised agent's token for one organization, from the pair-wise key setup.",
    }
}

_ORG = {
    "name": "org",
    "in": "path",
    "required": True,
    "description": "The organization.",
    "schema": {**TEXT, "pattern": "^[a-z0-9][a-z0-9-]{0,62}$"},
}


def _in_path(name: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {**TEXT, "minLength": 1},
    }


def _signed(what: str) -> dict[str, Any]:
    """A body that is signed: what is in it, no schema can tell."""
    about = (
        f"{what}, as JSON, signed: 64 bytes of an Ed25519 signature and the JSON behind it, in base64; at most "
        f"{MAX_MESSAGE:,} bytes."
    )
    return {"required": True, "description": about, "content": content(TEXT, "text/plain")}


def _refused(description: str, **more: Any) -> dict[str, Any]:
    return answer(description, ref("DataRightsError"), **more)


_CHALLENGE = {"WWW-Authenticate": {"description": "How to sign in.", "required": True, "schema": TEXT}}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "required": True, "schema": COUNT}}
_COMMON = {
    "401": _refused("No token, or none that is valid here.", headers=_CHALLENGE),
    "403": _refused("Signed by another, meant for another business, or another agent's request, or none at all."),
    "503": _refused("Nothing was kept. Come back later.", headers=_RETRY_AFTER),
}
_BODY = {
    "400": _refused("It cannot be used; `message` says why, `field` where."),
    "413": _refused("It is too large."),
    "415": _refused("It is packed in a way that is not taken here."),
}
_LATE = {"409": _refused("It contradicts what is there: it is too late, or the agent's name of it is another's.")}
_MANY = {"429": _refused("So many requests of one agent are not taken within an hour.", headers=_RETRY_AFTER)}
_STATUS = answer("How the request is now.", ref("DataRightsStatus"))
_SECURED: list[dict[str, list[str]]] = [{"agent_token": []}]


def paths() -> dict[str, Any]:
    exercise = {
        "tags": [TAG],
        "summary": "Exercise a right",
        "description": (
            f"Section 2.01 of the protocol: {', '.join(f'`{one}`' for one in ACTIONS)}. It is on the disk before it is "
            "answered; the same message again is the same request. Whether anybody is known shows only later."
        ),
        "security": _SECURED,
        "parameters": [_ORG],
        "requestBody": _signed("Who asks for whom and for what"),
        "responses": answers({"200": _STATUS, **_BODY, **_COMMON, **_LATE, **_MANY}),
    }
    one = [_ORG, _in_path("request_id", "The request.")]
    agent = [_ORG, _in_path("agent_id", "The agent's id.")]
    return {
        data_rights.EXERCISE: {"post": {"operationId": "exerciseRight", **exercise}},
        f"{data_rights.EXERCISE}/": {"post": {"operationId": "exerciseRightSlash", **exercise}},
        data_rights.ONE: {
            "get": {
                "tags": [TAG],
                "operationId": "readRequest",
                "summary": "How a request is",
                "description": "Section 2.02 of the protocol.",
                "security": _SECURED,
                "parameters": one,
                "responses": answers({"200": _STATUS, **_COMMON}),
            },
            "delete": {
                "tags": [TAG],
                "operationId": "revokeRequest",
                "summary": "Take a request back",
                "description": "Section 2.04 of the protocol: as long as its time has not come.",
                "security": _SECURED,
                "parameters": one,
                "requestBody": _signed("Why"),
                "responses": answers({"200": _STATUS, **_BODY, **_COMMON, **_LATE}),
            },
        },
        data_rights.AGENT: {
            "get": {
                "tags": [TAG],
                "operationId": "checkAgentToken",
                "summary": "Whether a token is good",
                "description": "Section 2.06 of the protocol.",
                "security": _SECURED,
                "parameters": agent,
                "responses": answers({"200": answer("It is.", thing("Nothing.", {})), **_COMMON}),
            },
            "post": {
                "tags": [TAG],
                "operationId": "setUpAgentToken",
                "summary": "Set a token up",
                "description": "Section 2.05 of the protocol: a fresh token in place of the one before. A message is "
                "good once.",
                "parameters": agent,
                "requestBody": _signed("Who, for which business, from when to when"),
                "responses": answers(
                    {
                        "200": answer("The token.", ref("AgentToken")),
                        "400": _refused("The body broke off."),
                        "403": {"description": "No such agent is trusted here, or the message is not good."},
                        "413": _BODY["413"],
                        "415": _BODY["415"],
                        "503": _COMMON["503"],
                    }
                ),
            },
        },
        data_rights.RESULTS: {
            "get": {
                "tags": [TAG],
                "operationId": "fetchResults",
                "summary": "Fetch the results of an access",
                "description": "By the `results_url` of a status: once, within its time. `HEAD` takes nothing.",
                "parameters": [_ORG, _in_path("secret", "What opens them.")],
                "responses": answers(
                    {
                        "200": answer(
                            "Files of JSON.", told({**TEXT, "contentEncoding": "binary"}, "A ZIP archive."), ZIP
                        ),
                        "403": _refused("No such link, one that was used, or whose time is over."),
                        "503": _COMMON["503"],
                    }
                ),
            }
        },
    }


SHAPES: dict[str, Schema] = {
    "DataRightsStatus": thing(
        "A request, in the words of section 3.03 of the protocol.",
        {
            "request_id": TEXT,
            "received_at": TIME,
            "expected_by": TIME,
            "status": one_of("in_progress", "fulfilled", "denied", "revoked"),
        },
        {
            "agent_request_id": told(TEXT, "What the agent calls it."),
            "reason": one_of("insuf_verification", "no_match", "other"),
            "processing_details": TEXT,
            "results_url": told(TEXT, "Where the results of an access can be fetched, once."),
            "expires_at": told(TIME, "Until when."),
        },
    ),
    "DataRightsError": thing(
        "An error, as in section 3.06 of the protocol.",
        {"code": told(TEXT, "The HTTP status."), "message": TEXT, "error": told(TEXT, "What it is, for machines.")},
        {"field": TEXT, "fatal": told(FLAG, "Whether sending the same again is of no use.")},
    ),
    "AgentToken": thing("A token.", {"agent-id": TEXT, "token": TEXT}),
}

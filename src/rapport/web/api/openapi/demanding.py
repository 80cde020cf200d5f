"""Deletion demands: what recipients of exports answer."""

from typing import Any

from rapport.web.api import demands
from rapport.web.api.declaration import SIGNATURE
from rapport.web.api.openapi.answers import answer, answers, content
from rapport.web.api.openapi.parameters import in_header, in_path
from rapport.web.api.openapi.schema import FLAG, TEXT, TIME, Schema, named, ref, thing, told

TAG = "Deletion demands"
_ID = named("dem")


def paths() -> dict[str, Any]:
    """The paths of this area with their operations."""
    return {demands.PATH: {"post": _acknowledge()}}


def _acknowledge() -> dict[str, Any]:
    return {
        "tags": [TAG],
        "operationId": "acknowledgeDemand",
        "summary": "Acknowledge a deletion demand",
        "description": (
            "For who was sent a demand: its token, which opens nothing else, is the credential. An unknown demand, a "
            "forged token and a false signature are answered alike, by 404. May be repeated, and changes nothing then. "
            f"At most {demands.MAX_BODY:,} bytes."
        ),
        "parameters": [
            in_path("id", "The demand's own id.", _ID),
            in_header(
                SIGNATURE,
                "Ed25519 over the exact bytes of the body, in base64url, by the key that was registered for the "
                "recipient; where none was, it is ignored.",
            ),
        ],
        "requestBody": {"required": True, "content": content(ref("Acknowledgement"))},
        "responses": answers(
            {"200": answer("It is on record.", ref("Acknowledged"))},
            _400="BadRequest",
            _404="NotFound",
            _413="TooLarge",
            _415="UnknownEncoding",
            _503="NoPlace",
        ),
    }


SHAPES: dict[str, Schema] = {
    "Acknowledgement": thing(
        "That the customers named in the demand are deleted.",
        {"acknowledged": {"const": True}, "token": told(TEXT, "The demand's own.")},
        {"id": told(TEXT, "The demand's id; it must be that in the path.")},
    ),
    "Acknowledged": thing(
        "The demand as it is on record.",
        {
            "id": _ID,
            "state": {"const": "acknowledged"},
            "acknowledged_at": told(TIME, "When it was acknowledged first."),
            "signed": told(FLAG, "Whether by the recipient's registered key."),
        },
    ),
}

"""Links for claims, in the description of the API."""

from typing import Any

from rapport.web.api import claim_links
from rapport.web.api.customers import MAX_BODY
from rapport.web.api.openapi.answers import TO_A_BODY, answer, answers, content
from rapport.web.api.openapi.schema import TEXT, TIME, Schema, ref, thing, told

TAG = "Claims"


def paths() -> dict[str, Any]:
    """The paths of this area with their operations."""
    return {claim_links.PATH: {"post": _mint()}}


def _mint() -> dict[str, Any]:
    return {
        "tags": [TAG],
        "operationId": "mintClaimLink",
        "summary": "Make a link by which a customer claims what you know of them",
        "description": (
            "For whoever you have signed in as this customer, and for nobody else: whoever opens it, signed in to "
            "their own page, sees what is known by this identifier, and their terms decide about it from then on. It "
            f"works once, for ten minutes. Scope `operator`. At most {MAX_BODY:,} bytes."
        ),
        "security": [{"api_token": []}],
        "requestBody": {"required": True, "content": content(ref("ClaimLinkWanted"))},
        "responses": answers({"201": answer("The link.", ref("ClaimLink"))}, **TO_A_BODY),
    }


SHAPES: dict[str, Schema] = {
    "ClaimLinkWanted": {
        **thing(
            "Whose link it is to be.", {"customer": told(TEXT, "An identifier of theirs.", examples=["user_id:42"])}
        ),
        "additionalProperties": False,
    },
    "ClaimLink": thing("A link.", {"url": told(TEXT, "To the person's own page."), "expires_at": TIME}),
}

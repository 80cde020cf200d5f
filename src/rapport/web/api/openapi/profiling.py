"""Customers in the shape of Segment's Profile API."""

from typing import Any

from rapport.profile.paging import MAX_LIMIT
from rapport.web.api.openapi import shapes
from rapport.web.api.openapi.answers import answer, answers
from rapport.web.api.openapi.parameters import in_path, in_query
from rapport.web.api.openapi.schema import ANY_OBJECT, COUNT, FLAG, TEXT, TIME, list_of, map_of, maybe, ref, thing, told
from rapport.web.api.profiles import DEFAULT_LIMIT

TAG = "Customers: Segment's Profile API"

_SECURITY: list[dict[str, list[str]]] = [{"api_token_basic": []}]
_REFUSALS = {"_400": "BadRequest", "_401": "NoToken", "_403": "WrongScope", "_404": "NotFound", "_409": "Ambiguous"}

_PARTS = {
    "traits": ("Traits", "The values of traits, by name."),
    "external_ids": ("ExternalIds", "All that the customer goes by."),
    "events": ("Events", "The timeline, newest first."),
    "metadata": ("Metadata", "When the customer was first and last heard of."),
    "links": ("Links", "The accounts (groups) that the customer belongs to."),
}
_TAIL = {"cursor": ref("ProfileCursor"), "customer": TEXT, "receipt": TEXT}
_ID = {"id": TEXT, "type": TEXT, "source_id": maybe(TEXT), "collection": TEXT, "encoding": TEXT}

SHAPES: dict[str, Any] = {
    "ProfileCursor": thing(
        "Where the next page is: ask again with `next`, while `has_more`.",
        {"url": TEXT, "has_more": FLAG, "next": TEXT, "limit": COUNT},
    ),
    "ProfileTraits": thing(
        "Traits; each its value, or with `verbose=true` an object of `value`, `source_id` and `updated_at`.",
        {"traits": map_of({}, "By the trait's name."), **_TAIL},
    ),
    "ProfileExternalIds": thing("Identifiers.", {"data": list_of(thing("An identifier.", _ID)), **_TAIL}),
    "ProfileEvents": thing("Events.", {"data": list_of(ANY_OBJECT), **_TAIL}),
    "ProfileMetadata": thing(
        "About the profile as a whole.",
        {
            "metadata": thing(
                "By the times of its events.",
                {
                    "created_at": maybe(TIME),
                    "updated_at": maybe(TIME),
                    "expires_at": {"type": "null"},
                    "first_source_id": maybe(TEXT),
                    "last_source_id": maybe(TEXT),
                },
            ),
            **_TAIL,
        },
    ),
    "ProfileLinks": thing(
        "Accounts.",
        {
            "data": list_of(
                thing("An account.", {"to_collection": TEXT, "external_ids": list_of(thing("Its id.", _ID))}),
            ),
            **_TAIL,
        },
    ),
}


def paths() -> dict[str, Any]:
    """The paths of this area with their operations."""
    return {f"/v1/spaces/{{org}}/collections/users/profiles/{{id}}/{part}": {"get": _part(part)} for part in _PARTS}


def _part(part: str) -> dict[str, Any]:
    name, description = _PARTS[part]
    include = told(TEXT, "Names, separated by commas: of traits or events, or types of identifiers.")
    limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
    more = {
        "traits": [in_query("include", "Only these.", include), in_query("verbose", "`true`: with provenance.", TEXT)],
        "external_ids": [in_query("include", "Only these.", include)],
        "events": [in_query("include", "Only these.", include)],
    }
    paged = [in_query("next", "The `next` of the page before.", TEXT), in_query("limit", "How many at most.", limit)]
    return {
        "tags": [TAG],
        "operationId": f"readProfile{name}",
        "summary": f"Read a profile's {part}",
        "description": f"{description} A purpose is needed: here, or as the password of the credentials.",
        "security": _SECURITY,
        "parameters": [
            in_path("org", "The organization, which is that of the token.", TEXT),
            in_path("id", "`type:value` of any identifier, or a `cus_…` handle, percent-encoded.", shapes.ID),
            in_query("purpose", "Why the data is read.", ref("Purpose"), example="service"),
            *([] if part == "metadata" else paged),
            *more.get(part, []),
        ],
        "responses": answers({"200": answer("A page.", ref(f"Profile{name}"))}, **_REFUSALS, _503="NoPlace"),
    }

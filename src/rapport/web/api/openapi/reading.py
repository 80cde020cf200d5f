"""The view and its parts."""

from typing import Any

from rapport.profile.paging import MAX_LIMIT
from rapport.web.api.customers import DEFAULT_LIMIT, MAX_BODY, MAX_PATH, VIEW
from rapport.web.api.openapi import shapes
from rapport.web.api.openapi.answers import TO_A_BODY, answer, answers, content
from rapport.web.api.openapi.parameters import in_path, in_query
from rapport.web.api.openapi.schema import TEXT, ref, told

TAG = "Customers"

PARAMETERS: dict[str, Any] = {
    "Customer": in_path(
        "id",
        "`type:value` of any identifier, or a `cus_…` handle. Percent-encode what a path cannot hold: `/` and `:` in a "
        f"value work, as `%2F` and `%3A`. For a path over {MAX_PATH:,} bytes ask with POST.",
        shapes.ID,
        examples={
            "email": {"value": "email:ada@example.com"},
            "user": {"value": "user_id:ada"},
            "handle": {"value": "cus_qzf4n2850cz2sp3wrf7f9zyycc"},
        },
    ),
    "Purpose": in_query(
        "purpose",
        "Why the data is read. What your declaration and the customer's terms do not open for it is not in the answer; "
        "where nothing is open, it is 404.",
        ref("Purpose"),
        required=True,
        example="service",
    ),
    "Cursor": in_query("cursor", "The `next` of the page before.", TEXT),
    "Limit": in_query(
        "limit",
        "How many at most.",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    ),
}

_SECURITY: list[dict[str, list[str]]] = [{"api_token": []}]
_REFUSALS = {"_400": "BadRequest", "_401": "NoToken", "_403": "WrongScope", "_404": "NotFound", "_409": "Ambiguous"}

_PARTS = {
    "traits": ("Traits", "The customer's traits, by name."),
    "identifiers": ("Identifiers", "All that the customer goes by."),
    "events": ("Events", "The timeline, newest first by the time of the event; those of unknown time last."),
    "evidence": ("Evidence", "All evidence of the customer's records: why they are together, and why not with others."),
}


def paths() -> dict[str, Any]:
    """The paths of this area with their operations."""
    return {
        VIEW: {"post": _asked()},
        "/v1/customers/{id}/view": {"get": _read()},
        **{f"/v1/customers/{{id}}/{part}": {"get": _part(part)} for part in _PARTS},
        "/v1/customers/{id}/audiences": {"get": _audiences()},
    }


def _parameters(*names: str) -> list[dict[str, str]]:
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _asked() -> dict[str, Any]:
    return {
        "tags": [TAG],
        "operationId": "askForView",
        "summary": "Read a customer's view, asked for in the body",
        "description": f"As the path below, but nothing personal lands in an address. At most {MAX_BODY:,} bytes.",
        "security": _SECURITY,
        "requestBody": {"required": True, "content": content(ref("Ask"))},
        "responses": answers(
            {"200": answer("The view.", ref("View"), links=_links())},
            **{**TO_A_BODY, **_REFUSALS},
        ),
    }


def _links() -> dict[str, Any]:
    """From the view to its parts, by the customer's handle."""
    about = {"id": "$response.body#/customer", "purpose": "$request.body#/purpose"}
    return {part: {"operationId": f"read{name}", "parameters": about} for part, (name, _) in _PARTS.items()}


def _read() -> dict[str, Any]:
    return {
        "tags": [TAG],
        "operationId": "readView",
        "summary": "Read a customer's view",
        "description": "Identifiers, traits with provenance, exact counts of events, records, groups, consent.",
        "security": _SECURITY,
        "parameters": _parameters("Customer", "Purpose"),
        "responses": answers({"200": answer("The view.", ref("View"))}, **_REFUSALS, _503="NoPlace"),
    }


def _audiences() -> dict[str, Any]:
    return {
        "tags": [TAG],
        "operationId": "readAudiencesOfCustomer",
        "summary": "List the audiences that a customer is in",
        "description": "Of those that are for this purpose, as they were committed last; by name.",
        "security": _SECURITY,
        "parameters": _parameters("Customer", "Purpose", "Cursor", "Limit"),
        "responses": answers(
            {"200": answer("A page.", told(ref("AudiencesOfCustomer"), "A page of names."))},
            **_REFUSALS,
            _503="NoPlace",
        ),
    }


def _part(part: str) -> dict[str, Any]:
    name, description = _PARTS[part]
    page = answer("A page.", told(ref(f"{name}Page"), f"A page of {part}."))
    return {
        "tags": [TAG],
        "operationId": f"read{name}",
        "summary": f"Page through a customer's {part}",
        "description": description,
        "security": _SECURITY,
        "parameters": _parameters("Customer", "Purpose", "Cursor", "Limit"),
        "responses": answers({"200": page}, **_REFUSALS, _503="NoPlace"),
    }

"""The description of the HTTP API as an OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1), and its route.

It is written beside the code and takes limits, purposes and codes from it, so that the two cannot drift apart; that it
names every route, and none that is not there, is a test. `schema` builds schemas, `shapes` names those of the API,
`answers` the answers that many operations share; each of the others describes the paths of its area.
"""

import hashlib
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport import __version__
from rapport.web.api import cors
from rapport.web.api.openapi import (
    activating,
    answers,
    benefiting,
    cataloguing,
    cataloguing_shapes,
    channeling,
    choosing,
    claiming,
    collecting,
    deciding,
    deciding_shapes,
    declaring,
    demanding,
    exercising,
    exporting,
    mirroring,
    operating,
    presenting,
    profiling,
    reading,
    reviewing,
    shapes,
    watching,
)
from rapport.web.api.openapi.answers import JSON

_ABOUT = """
What systems know of customers goes in with a source's *write key*; a customer's view comes out with an organization's
*API token*. Every read names a *purpose* and leaves a *receipt* that is on the disk before the answer leaves. A
customer whom an organization may not see looks exactly like one who is not known.

* Bodies are JSON in UTF-8, whatever `Content-Type` says. Times are RFC 3339 in UTC; a time that is not known is `null`.
* Errors are problem details (RFC 9457) that also carry `code`, stable and for machines, and `message`, for people.
* Lists page by cursor: ask again with `next` as `cursor`, until it is `null`.
* Fields may be added to answers, and are never renamed: ignore those that you do not know.
* `HEAD` is answered wherever `GET` is. Browsers' preflight requests (`OPTIONS`) are answered wherever events are taken.
  Other methods are answered 405, with `Allow`.
* What is no HTTP request at all (a path over 64 KB, a byte that no header may hold) is answered 400 in plain text.
* The pages under `/console` and `/me` are for people and are no part of this.
"""

_TAGS = [
    {"name": collecting.TAG, "description": "Events in, acknowledged once they are on the disk."},
    {"name": collecting.SPELLINGS, "description": "The same under the paths that published client libraries use."},
    {"name": reading.TAG, "description": "Views out: a customer as all systems together know them, through the gate."},
    {"name": profiling.TAG, "description": "The same, in the shape of Segment's Profile API."},
    {"name": demanding.TAG, "description": "What recipients of exports answer to deletion demands."},
    {"name": claiming.TAG, "description": "Links by which customers claim on their own page what is known of them."},
    {"name": benefiting.TAG, "description": "What uses gave, to both sides, with the event that shows it."},
    {"name": declaring.TAG, "description": "What an organization promises: signed, versioned, and public."},
    {"name": deciding.TAG, "description": "Who is meant, by expressions; who is in; and what is worked out of traits."},
    {"name": cataloguing.TAG, "description": "What you can do for a customer, and what it is worth to both sides."},
    {"name": choosing.TAG, "description": "What to do for a customer now, or silence; and what came of it."},
    {"name": channeling.TAG, "description": "From whom your mails are, and where your machine takes messages."},
    {"name": activating.TAG, "description": "Where what happens to customers is sent, each by the gate as it leaves."},
    {"name": exporting.TAG, "description": "Customers as a file, for a purpose, with a receipt for each."},
    {"name": exercising.TAG, "description": "People's rights, exercised by authorised agents (Data Rights Protocol)."},
    {"name": presenting.TAG, "description": "Bound devices, and tills: who is there, as far as their terms show it."},
    {"name": watching.TAG, "description": "The log of receipts, for whoever watches that the node keeps its word."},
    {
        "name": operating.EVIDENCE,
        "description": "What an operator says of records: together, apart, or wrongly joined.",
    },
    {"name": operating.OPERATIONS, "description": "For whoever runs the node. No credential is needed."},
]

_SECURITY = {
    "write_key": {
        "type": "http",
        "scheme": "basic",
        "description": "A source's write key as the user name, with any password or none. It can send, nothing else.",
    },
    "write_key_bearer": {"type": "http", "scheme": "bearer", "description": "A source's write key, `wk_…`."},
    "api_token": {
        "type": "http",
        "scheme": "bearer",
        "description": "An organization's API token, `rap_…`, of scope `read` or `operator`. It expires.",
    },
    "api_token_basic": {
        "type": "http",
        "scheme": "basic",
        "description": "An organization's API token as the user name, and the purpose as the password, or none.",
    },
    **exercising.SECURITY,
    **presenting.SECURITY,
}


def document(origin: str) -> dict[str, Any]:
    """The whole document. `origin` is the node's own, such as `http://localhost:8080`."""
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Rapport",
            "version": __version__,
            "summary": "A real-time customer data platform that the customer co-owns.",
            "description": _ABOUT.strip(),
        },
        "servers": [{"url": origin}],
        "tags": _TAGS,
        "paths": {
            **reading.paths(),
            **profiling.paths(),
            **collecting.paths(),
            **benefiting.paths(),
            **claiming.paths(),
            **mirroring.paths(),
            **demanding.paths(),
            **declaring.paths(),
            **deciding.paths(),
            **cataloguing.paths(),
            **channeling.paths(),
            **choosing.paths(),
            **reviewing.paths(),
            **activating.paths(),
            **exporting.paths(),
            **exercising.paths(),
            **presenting.paths(),
            **watching.paths(),
            **operating.paths(),
        },
        "components": {
            "schemas": {
                **shapes.SHAPES,
                **activating.SHAPES,
                **benefiting.SHAPES,
                **cataloguing_shapes.SHAPES,
                **channeling.SHAPES,
                **choosing.SHAPES,
                **claiming.SHAPES,
                **demanding.SHAPES,
                **declaring.SHAPES,
                **deciding_shapes.SHAPES,
                **exercising.SHAPES,
                **exporting.SHAPES,
                **mirroring.SHAPES,
                **presenting.SHAPES,
                **profiling.SHAPES,
                **reviewing.SHAPES,
            },
            "responses": answers.SHARED,
            "requestBodies": collecting.BODIES,
            "parameters": reading.PARAMETERS,
            "securitySchemes": _SECURITY,
        },
    }


def openapi_routes(origin: str) -> list[Route]:
    """`/openapi.json`: for anyone, of any origin, kept as long as its content stays the same."""
    content = msgspec.json.encode(document(origin))
    tag = f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'

    async def openapi(request: Request) -> Response:
        known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
        response = Response(status_code=304) if {tag, "*"} & {*known} else Response(content, media_type=JSON)
        response.headers.update({"ETag": tag, "Cache-Control": "public, max-age=300"})
        response.raw_headers.append(cors.ALLOW_ORIGIN)
        return response

    return [Route("/openapi.json", openapi)]

"""Links for customers of an organization who want to see on their own page what it knows of them."""

from typing import Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.kernel.errors import BadInput
from rapport.web.api.customers import Tokens, body_of, caller_of, noted, shaped
from rapport.web.api.problems import json_answer

PATH = "/v1/claim-links"
_SHOULD = '{"customer": "user_id:42"}'
_MOST = 1_100


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    customer: str
    """An identifier: `user_id:42`."""


class ClaimLinks(Protocol):
    async def mint(self, org: str, kind: str, value: str) -> tuple[str, str]:
        """A link that claims this identifier of the organization's once, and when it ends. Raises BadInput."""


def claim_link_routes(links: ClaimLinks, tokens: Tokens) -> list[Route]:
    async def post(request: Request) -> Response:
        """A link for whoever the organization has signed in as this customer → 201 with it."""
        caller = caller_of(request, tokens, "operator")
        wanted = shaped(await body_of(request), Wanted, _SHOULD)
        kind, said, value = wanted.customer.partition(":")
        if not said or len(wanted.customer) > _MOST:
            raise BadInput(
                "say which customer by an identifier, such as user_id:42", code="bad_claim", field="customer"
            )
        with noted(tokens, caller, "made a claim link"):
            url, until = await links.mint(caller.org, kind, value)
        response = json_answer({"url": url, "expires_at": until}, 201)
        response.headers["Cache-Control"] = "no-store"
        return response

    return [Route(PATH, post, methods=["POST"])]

"""`/v1/audiences`: who is meant, by an expression for a purpose; and who is in, through the gate."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.decide import Audience
from rapport.kernel.errors import BadInput
from rapport.web.api.customers import Caller, Tokens, body_of, caller_of, limit_of, shaped
from rapport.web.api.definitions import MAX_BODY, listed, saved, tagged
from rapport.web.api.problems import json_answer, not_allowed
from rapport.web.audiences import Audiences, Saved, told_audience, told_day, told_member, told_preview

PATH = "/v1/audiences"
PREVIEW = "/v1/audiences/preview"
ONE = "/v1/audiences/{name}"
MEMBERS = "/v1/audiences/{name}/members"
HISTORY = "/v1/audiences/{name}/history"
WHY = "/v1/audiences/{name}/why"
RESERVED = "preview"
"""The name that no audience can have: its path is taken."""
MOST_DAYS, DEFAULT_DAYS = 400, 30
CALLER = "api token"
_SHOULD = '{"expression": "…", "purpose": "…"}'
_SHOULD_PREVIEW = '{"expression": "…", "purpose": "…", "name"?: "…"}'


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    expression: str
    purpose: str


class _Previewed(msgspec.Struct, forbid_unknown_fields=True):
    expression: str
    purpose: str
    name: str | None = None


class AudiencesApi:
    def __init__(self, audiences: Audiences, tokens: Tokens) -> None:
        self._audiences = audiences
        self._tokens = tokens

    async def all(self, request: Request) -> Response:
        """`{"audiences": […], "next"}`, by name."""
        return await listed(request, self._tokens, self._audiences.page, told_audience, "audiences")

    async def one(self, request: Request) -> Response:
        """`PUT` saves a definition, `GET` says how it is, `DELETE` lets it go."""
        name = request.path_params["name"]
        if name == RESERVED:
            return not_allowed("POST")
        if request.method == "PUT":

            async def put(caller: Caller, name: str, asked: _Asked, expected: int | None) -> Saved[Audience]:
                who = caller.token
                return await self._audiences.put(caller.org, name, asked.expression, asked.purpose, who, expected)

            return await saved(request, self._tokens, _Asked, _SHOULD, put)
        if request.method == "DELETE":
            caller = caller_of(request, self._tokens, "operator")
            await self._audiences.delete(caller.org, name, caller.token)
            return Response(status_code=204)
        standing = await self._audiences.named(caller_of(request, self._tokens).org, name)
        return tagged(json_answer(told_audience(standing)), standing.audience.version)

    async def members(self, request: Request) -> Response:
        """`{"members": [{"customer", "since", "receipt"}], "next"}`, who came first first."""
        org = caller_of(request, self._tokens, "operator").org
        query = request.query_params
        limit = limit_of(query.get("limit"))
        name = request.path_params["name"]
        members, following = await self._audiences.members(org, name, CALLER, query.get("cursor"), limit)
        return json_answer({"members": [told_member(one) for one in members], "next": following})

    async def history(self, request: Request) -> Response:
        """`{"days": [{"day", "inside", "entered", "left"}]}`, the oldest first."""
        org = caller_of(request, self._tokens).org
        days = days_of(request.query_params.get("days"))
        told = await self._audiences.history(org, request.path_params["name"], days)
        return json_answer({"days": [told_day(one) for one in told]})

    async def why(self, request: Request) -> Response:
        """Why one customer is in or out, piece by piece."""
        org = caller_of(request, self._tokens).org
        customer = request.query_params.get("customer")
        if customer is None:
            message = "say which customer: ?customer=email:ada@example.com"
            raise BadInput(message, code="missing_customer", field="customer")
        return json_answer(await self._audiences.why(org, request.path_params["name"], customer, CALLER))

    async def preview(self, request: Request) -> Response:
        """What an expression would give today; nothing is saved."""
        caller = caller_of(request, self._tokens, "operator")
        asked = shaped(await body_of(request, MAX_BODY), _Previewed, _SHOULD_PREVIEW)
        told = await self._audiences.preview(caller.org, asked.expression, asked.purpose, asked.name, CALLER)
        return json_answer(told_preview(told))


def days_of(text: str | None) -> int:
    """How many days are asked for. Raises BadInput."""
    if text is None:
        return DEFAULT_DAYS
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MOST_DAYS):
        raise BadInput(f"days must be a number from 1 to {MOST_DAYS}", code="bad_limit", field="days")
    return int(text)


def audience_routes(audiences: Audiences, tokens: Tokens) -> list[Route]:
    api = AudiencesApi(audiences, tokens)
    return [
        Route(PATH, api.all, methods=["GET"]),
        Route(PREVIEW, api.preview, methods=["POST"]),
        Route(ONE, api.one, methods=["GET", "PUT", "DELETE"]),
        Route(MEMBERS, api.members, methods=["GET"]),
        Route(HISTORY, api.history, methods=["GET"]),
        Route(WHY, api.why, methods=["GET"]),
    ]

"""`/v1/audiences`: who is meant, by an expression for a purpose; and who is in, through the gate."""

import contextlib
from collections.abc import Iterator

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.kernel.errors import BadInput, Conflict
from rapport.web.api.customers import Tokens, body_of, caller_of, limit_of, shaped
from rapport.web.api.declaration import Outdated
from rapport.web.api.problems import json_answer, not_allowed
from rapport.web.audiences import (
    Audiences,
    told_audience,
    told_day,
    told_member,
    told_preview,
    told_saved,
)

PATH = "/v1/audiences"
PREVIEW = "/v1/audiences/preview"
ONE = "/v1/audiences/{name}"
MEMBERS = "/v1/audiences/{name}/members"
HISTORY = "/v1/audiences/{name}/history"
WHY = "/v1/audiences/{name}/why"
RESERVED = "preview"
"""The name that no audience can have: its path is taken."""
MAX_BODY = 65_536
"""An expression of 4,000 characters, however they are escaped."""
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
        org = caller_of(request, self._tokens).org
        limit = limit_of(request.query_params.get("limit"))
        found = await self._audiences.page(org, after_of(request), limit + 1)
        following = found[limit - 1].audience.name if len(found) > limit else None
        return json_answer({"audiences": [told_audience(one) for one in found[:limit]], "next": following})

    async def one(self, request: Request) -> Response:
        """`PUT` saves a definition, `GET` says how it is, `DELETE` lets it go."""
        name = request.path_params["name"]
        if name == RESERVED:
            return not_allowed("POST")
        if request.method == "PUT":
            caller = caller_of(request, self._tokens, "operator")
            asked = shaped(await body_of(request, MAX_BODY), _Asked, _SHOULD)
            expected = expected_of(request)
            with outdated():
                saved = await self._audiences.put(
                    caller.org, name, asked.expression, asked.purpose, caller.token, expected
                )
            return tagged(json_answer(told_saved(saved), 201 if saved.fresh else 200), saved.definition.version)
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


def expected_of(request: Request) -> int | None:
    """The version that a request is to replace, where it says so (RFC 9110 §13.1); 0: none."""
    if request.headers.get("if-none-match", "").strip() == "*":
        return 0
    wanted = request.headers.get("if-match", "*").strip()
    if wanted == "*":
        return None
    number = wanted.removeprefix("W/").strip('"')
    return int(number) if number.isascii() and number.isdigit() and 0 < len(number) < 10 else -1


@contextlib.contextmanager
def outdated() -> Iterator[None]:
    """A conflict of versions, as HTTP has it."""
    try:
        yield
    except Conflict as conflict:
        if conflict.code == Outdated.code:
            raise Outdated(conflict.message) from None
        raise


def tagged(response: Response, version: int) -> Response:
    response.headers["ETag"] = f'"{version}"'
    return response


def after_of(request: Request) -> str:
    """The name behind a cursor; whatever text it is, a page begins behind it. Raises BadInput."""
    cursor = request.query_params.get("cursor", "")
    if len(cursor) > 100 or "\x00" in cursor:
        raise BadInput("the cursor is not one that this list gave out", code="bad_cursor", field="cursor")
    return cursor


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

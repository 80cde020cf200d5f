"""The view and its parts, over HTTP. Values in paths are percent-encoded and routed on the raw path, so `/` and `:`
work."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from rapport.kernel.errors import BadInput, Forbidden, NotFound, RapportError, TooLarge, Unauthorized
from rapport.profile.paging import MAX_LIMIT
from rapport.terms import Gate
from rapport.terms import Request as Wish
from rapport.web.api.problems import answer, json_answer

PREFIX = b"/v1/customers/"
MAX_BODY = 16_384
MAX_PATH = 4_096
DEFAULT_LIMIT = 50


class Caller(msgspec.Struct, frozen=True):
    """Who holds a token: the organization, and what the token is for."""

    org: str
    scopes: frozenset[str]


class Tokens(Protocol):
    def caller(self, token: str) -> Caller | None:
        """The caller behind a token that has not expired."""


def caller_of(request: Request, tokens: Tokens, scope: str = "read") -> Caller:
    """The caller of a request, by its bearer token. Raises Unauthorized or Forbidden."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    caller = tokens.caller(token.strip()) if scheme.lower() == "bearer" and token.strip() else None
    if caller is None:
        raise Unauthorized("a valid organization token is needed: Authorization: Bearer rap_…")
    if scope not in caller.scopes:
        raise Forbidden(f"this token has no scope {scope!r}")
    return caller


async def body_of(request: Request) -> bytes:
    """A small body. Raises TooLarge."""
    chunks = b""
    async for chunk in request.stream():
        chunks += chunk
        if len(chunks) > MAX_BODY:
            raise TooLarge(f"the body is larger than {MAX_BODY:,} bytes")
    return chunks


class _Ask(msgspec.Struct):
    id: str
    purpose: str


class _Kept(msgspec.Struct, frozen=True):
    """What a part of a customer's path asks for."""

    id: str
    part: str


Page = Callable[[Wish, str | None, int], Awaitable[dict[str, Any]]]


class CustomersApi:
    """Handlers over the gate. `view` answers GET and POST; the parts are paged by cursor."""

    def __init__(self, gate: Gate, tokens: Tokens) -> None:
        self._gate = gate
        self._tokens = tokens
        self._parts: dict[str, Page] = {
            "traits": gate.traits,
            "events": gate.events,
            "identifiers": gate.identifiers,
            "evidence": gate.evidence,
        }

    async def post_view(self, request: Request) -> Response:
        """`{"id": "email:ada@example.com", "purpose": "service"}` → the view."""
        caller = caller_of(request, self._tokens)
        try:
            ask = msgspec.json.decode(await body_of(request), type=_Ask)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            message = f'the body must be {{"id": "type:value", "purpose": "service"}}: {error}'
            raise BadInput(message, code="bad_json") from None
        return json_answer(await self._gate.view(_wish(caller, ask.id, ask.purpose, "view")))

    async def get(self, request: Request) -> Response:
        """`/v1/customers/{type}:{value}/{view,traits,events,identifiers,evidence}?purpose=`."""
        caller = caller_of(request, self._tokens)
        kept = _split(request.scope)
        query = request.query_params
        if "purpose" not in query:
            raise BadInput("every read names a purpose: add ?purpose=service", code="missing_purpose", field="purpose")
        wish = _wish(caller, kept.id, query["purpose"], kept.part)
        if kept.part == "view":
            return json_answer(await self._gate.view(wish))
        page = self._parts.get(kept.part)
        if page is None:
            raise NotFound("there is no such part of a customer")
        return json_answer(await page(wish, query.get("cursor"), _limit(query.get("limit"))))


def _wish(caller: Caller, customer: str, purpose: str, action: str) -> Wish:
    return Wish(caller.org, customer, purpose, "api token", action)


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= MAX_LIMIT):
        raise BadInput(f"limit must be a number from 1 to {MAX_LIMIT}", code="bad_limit", field="limit")
    return int(text)


def _split(scope: Scope) -> _Kept:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    if len(raw) > MAX_PATH:
        raise BadInput(f"the path is longer than {MAX_PATH:,} bytes: ask with POST /v1/customers/view", code="too_long")
    customer, _, part = raw.removeprefix(PREFIX).rpartition(b"/")
    try:
        return _Kept(unquote_to_bytes(customer).decode(), part.decode())
    except UnicodeDecodeError:
        raise BadInput("the id in the path is not UTF-8", code="bad_id", field="id") from None


class RawCustomerPaths:
    """An ASGI endpoint below `/v1/customers/` that sees the path as it was sent, before percent-decoding."""

    def __init__(self, api: CustomersApi) -> None:
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            if scope["method"] not in ("GET", "HEAD"):
                response = answer(_not_allowed())
            else:
                response = await self._api.get(request)
        except RapportError as error:
            response = answer(error)
        await response(scope, receive, send)


class _MethodNotAllowed(RapportError):
    code = "method_not_allowed"
    status = 405


def _not_allowed() -> RapportError:
    return _MethodNotAllowed("only GET is answered here")


def customer_routes(gate: Gate, tokens: Tokens) -> list[Route]:
    api = CustomersApi(gate, tokens)
    return [
        Route("/v1/customers/view", api.post_view, methods=["POST"]),
        Route("/v1/customers/{rest:path}", RawCustomerPaths(api)),
    ]

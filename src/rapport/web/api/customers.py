"""The view and its parts, over HTTP. Values in paths are percent-encoded and routed on the raw path, so `/` and `:`
work."""

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Protocol, TypeVar
from urllib.parse import unquote_to_bytes

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from rapport.kernel.errors import BadInput, Forbidden, NotFound, RapportError, TooLarge, Unauthorized
from rapport.profile.paging import MAX_LIMIT
from rapport.terms import Gate
from rapport.terms import Request as Wish
from rapport.web.api.problems import UnknownEncoding, answer, json_answer, not_allowed

PREFIX = b"/v1/customers/"
VIEW = "/v1/customers/view"
MAX_BODY = 16_384
DRAINED = 64 * 1024 * 1024
"""Bytes of an oversized body that are read and dropped, so that its sender gets to read why it was refused."""
MAX_PATH = 4_096
DEFAULT_LIMIT = 50


class Caller(msgspec.Struct, frozen=True):
    """Who holds a token: the organization, what the token is for, and the handle that names it."""

    org: str
    scopes: frozenset[str]
    token: str = ""


class Tokens(Protocol):
    def caller(self, token: str) -> Caller | None:
        """The caller behind a token that has not expired."""

    def note(self, caller: Caller, what: str, about: str = "", failed: str = "") -> None:
        """Add a line to the audit log; it is synced when this returns."""


def caller_of(request: Request, tokens: Tokens, scope: str = "read") -> Caller:
    """The caller of a request, by its bearer token. Raises Unauthorized or Forbidden."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    caller = tokens.caller(token.strip()) if scheme.lower() == "bearer" and token.strip() else None
    if caller is None:
        raise Unauthorized("a valid organization token is needed: Authorization: Bearer rap_…")
    if scope not in caller.scopes:
        raise Forbidden(f"this token has no scope {scope!r}")
    return caller


@contextlib.contextmanager
def noted(tokens: Tokens, caller: Caller, what: str, about: str = "") -> Iterator[None]:
    """A line in the audit log before it is done, so that nothing is done without one; and another where it was not."""
    tokens.note(caller, what, about)
    try:
        yield
    except RapportError as error:
        tokens.note(caller, what, about, error.code)
        raise


async def body_of(request: Request, limit: int = MAX_BODY) -> bytes:
    """A small body. Raises TooLarge, UnknownEncoding, or BadInput where it breaks off."""
    body = bytearray()
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size <= limit:
                body += chunk
            elif size > DRAINED:
                break
    except ClientDisconnect:
        raise BadInput("the body broke off", code="broken_off") from None
    if size > limit:
        raise TooLarge(f"the body is larger than {limit:,} bytes")
    if request.headers.get("content-encoding", "").strip().lower() not in {"", "identity"}:
        raise UnknownEncoding("the body must not be compressed here")
    return bytes(body)


Shape = TypeVar("Shape")


def shaped(body: bytes, shape: type[Shape], should: str) -> Shape:
    """A body of this shape. Raises BadInput, saying how it `should` be: `bad_json`, or `bad_type` where it is JSON."""
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise BadInput(f"the body must be {should}: {error}", code="bad_type") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"the body must be {should}: {error}", code="bad_json") from None


class _Ask(msgspec.Struct):
    id: str
    purpose: str | None = None


class _Kept(msgspec.Struct, frozen=True):
    """What a part of a customer's path asks for."""

    id: str
    part: str


Page = Callable[[Wish, str | None, int], Awaitable[dict[str, Any]]]


class CustomersApi:
    """Handlers over the gate. `view` answers GET and POST; the parts are paged by cursor, `more` of them, too."""

    def __init__(self, gate: Gate, tokens: Tokens, more: Mapping[str, Page]) -> None:
        self._gate = gate
        self._tokens = tokens
        self._parts: dict[str, Page] = {
            "traits": gate.traits,
            "events": gate.events,
            "identifiers": gate.identifiers,
            "evidence": gate.evidence,
            **more,
        }

    async def post_view(self, request: Request) -> Response:
        """`{"id": "email:ada@example.com", "purpose": "service"}` → the view."""
        caller = caller_of(request, self._tokens)
        ask = shaped(await body_of(request), _Ask, '{"id": "type:value", "purpose": "service"}')
        return json_answer(await self._gate.view(_wish(caller, ask.id, ask.purpose, "view")))

    async def get(self, request: Request) -> Response:
        """`/v1/customers/{type}:{value}/{view,traits,events,identifiers,evidence,audiences}?purpose=`."""
        caller = caller_of(request, self._tokens)
        kept = _split(request.scope)
        page = self._parts.get(kept.part)
        if page is None and kept.part != "view":
            raise NotFound("there is no such part of a customer")
        query = request.query_params
        wish = _wish(caller, kept.id, query.get("purpose"), kept.part)
        if page is None:
            return json_answer(await self._gate.view(wish))
        return json_answer(await page(wish, query.get("cursor"), limit_of(query.get("limit"))))


def _wish(caller: Caller, customer: str, purpose: str | None, action: str) -> Wish:
    if purpose is None:
        raise BadInput("every read names a purpose, such as service", code="missing_purpose", field="purpose")
    return Wish(caller.org, customer, purpose, "api token", action)


def limit_of(text: str | None) -> int:
    """How many are asked for on a page. Raises BadInput."""
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
            if scope["path"] == VIEW:
                response = not_allowed("POST")
            elif scope["method"] not in {"GET", "HEAD"}:
                response = not_allowed("GET, HEAD")
            else:
                response = await self._api.get(request)
        except RapportError as error:
            response = answer(error)
        await response(scope, receive, send)


def customer_routes(gate: Gate, tokens: Tokens, more: Mapping[str, Page] | None = None) -> list[Route]:
    """`more`: parts of a customer that are answered by others, each through the gate."""
    api = CustomersApi(gate, tokens, more or {})
    return [
        Route(VIEW, api.post_view, methods=["POST"]),
        Route("/v1/customers/{rest:path}", RawCustomerPaths(api)),
    ]

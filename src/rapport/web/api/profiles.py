"""Customers in the shape of Segment's Profile API, so that what was written for it reads here by changing its host:

    GET /v1/spaces/{org}/collections/users/profiles/{type:value}/{traits,external_ids,events,metadata,links}

A token is the user name of Basic credentials, as there. What that API does not know is why data is read: the purpose is
the query's `purpose`, or else the password of the credentials, which is empty at Segment.
https://www.twilio.com/docs/segment/unify/profile-api
"""

import base64
import binascii
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from rapport.kernel.errors import BadInput, Forbidden, NotFound, RapportError, Unauthorized
from rapport.terms import Gate
from rapport.terms import Request as Wish
from rapport.web.api.customers import MAX_PATH, Caller, Tokens, limit_of
from rapport.web.api.problems import answer, json_answer, not_allowed

PREFIX = b"/v1/spaces/"
_BELOW = b"/collections/users/profiles/"
PARTS = {
    "traits": "traits",
    "external_ids": "identifiers",
    "events": "events",
    "metadata": "events",
    "links": "groups",
}
"""Each part, and what a receipt calls it."""
DEFAULT_LIMIT = 10
_UNKNOWN = ("class", "start", "end", "sort", "exclude")
"""Parameters of Segment's that would change what is answered, and are not known here."""


class _Asked(msgspec.Struct, frozen=True):
    wish: Wish
    part: str
    query: dict[str, str]

    @property
    def limit(self) -> int:
        return limit_of(self.query["limit"]) if "limit" in self.query else DEFAULT_LIMIT

    @property
    def only(self) -> frozenset[str] | None:
        """The names that are asked for; None for all."""
        named = self.query.get("include", "")
        return frozenset(filter(None, map(str.strip, named.split(",")))) if named else None


class ProfilesApi:
    """Handlers over the gate."""

    def __init__(self, gate: Gate, tokens: Tokens) -> None:
        self._gate = gate
        self._tokens = tokens

    async def get(self, request: Request) -> Response:
        """One part of one customer."""
        caller, password = self._caller(request)
        space, customer, part = _split(request.scope)
        query = dict(request.query_params)
        purpose = query.get("purpose") or password
        if not purpose:
            message = (
                "every read names a purpose: ?purpose=service, or service as the password of the credentials whose "
                "user name is the token"
            )
            raise BadInput(message, code="missing_purpose", field="purpose")
        for name in _UNKNOWN:
            if name in query:
                raise BadInput(f"{name} is not known here", code="bad_parameter", field=name)
        if space != caller.org or part not in PARTS:
            raise NotFound("there is no such profile")
        wish = Wish(caller.org, customer, purpose, "api token", PARTS[part])
        asked = _Asked(wish, part, query)
        return json_answer(await getattr(self, f"_{part}")(asked))

    def _caller(self, request: Request) -> tuple[Caller, str]:
        token, password = _credentials(request.headers.get("authorization", ""))
        caller = self._tokens.caller(token) if token else None
        if caller is None:
            raise Unauthorized("a valid organization token is needed, as the user name of Basic credentials")
        if "read" not in caller.scopes:
            raise Forbidden("this token has no scope 'read'")
        return caller, password

    async def _traits(self, asked: _Asked) -> dict[str, Any]:
        page = await self._gate.traits(asked.wish, asked.query.get("next"), asked.limit, asked.only)
        verbose = asked.query.get("verbose") == "true"
        return {
            "traits": {name: _trait(trait, verbose) for name, trait in page["traits"].items()},
            **_tail(asked, page),
        }

    async def _external_ids(self, asked: _Asked) -> dict[str, Any]:
        page = await self._gate.identifiers(asked.wish, asked.query.get("next"), asked.limit)
        listed = [_external_id(one) for one in page["identifiers"] if not asked.only or one["type"] in asked.only]
        return {"data": listed, **_tail(asked, page)}

    async def _events(self, asked: _Asked) -> dict[str, Any]:
        page = await self._gate.events(asked.wish, asked.query.get("next"), asked.limit, asked.only)
        return {"data": [_event(event) for event in page["events"]], **_tail(asked, page)}

    async def _metadata(self, asked: _Asked) -> dict[str, Any]:
        page = await self._gate.span(asked.wish)
        metadata = {
            "created_at": page["first_at"],
            "updated_at": page["last_at"],
            "expires_at": None,
            "first_source_id": page["first_source"],
            "last_source_id": page["last_source"],
        }
        return {"metadata": metadata, **_tail(asked, {**page, "next": None})}

    async def _links(self, asked: _Asked) -> dict[str, Any]:
        page = await self._gate.groups(asked.wish, asked.query.get("next"), asked.limit)
        return {"data": [_link(group) for group in page["groups"]], **_tail(asked, page)}


def _trait(trait: dict[str, Any], verbose: bool) -> Any:
    if not verbose:
        return trait["value"]
    return {"value": trait["value"], "source_id": trait["source"], "updated_at": trait["observed_at"]}


def _external_id(one: dict[str, Any]) -> dict[str, Any]:
    source = one["sources"][0] if one["sources"] else None
    return {"id": one["value"], "type": one["type"], "source_id": source, "collection": "users", "encoding": "none"}


def _event(event: dict[str, Any]) -> dict[str, Any]:
    told = {
        "type": event["type"],
        "event": event["name"],
        "message_id": event["event"],
        "source_id": event["source"],
        "timestamp": event["time"],
        "properties": event.get("properties") or {},
        "context": event.get("context") or {},
    }
    return {**told, "traits": event["traits"]} if event.get("traits") else told


def _link(group: dict[str, Any]) -> dict[str, Any]:
    source = group["sources"][0] if group["sources"] else None
    as_id = {"id": group["id"], "type": "group_id", "source_id": source, "collection": "accounts", "encoding": "none"}
    return {"to_collection": "accounts", "external_ids": [as_id]}


def _tail(asked: _Asked, page: dict[str, Any]) -> dict[str, Any]:
    """Where the next page is, and what Rapport adds to every answer: the receipt of it."""
    following: str | None = page["next"]
    query = urlencode({**asked.query, **({"next": following} if following else {})})
    # By the handle: an identifier that was asked by is not repeated.
    base = f"/v1/spaces/{quote(asked.wish.org)}/collections/users/profiles/{page['customer']}/{asked.part}"
    url = f"{base}?{query}" if query else base
    cursor = {"url": url, "has_more": following is not None, "next": following or "", "limit": asked.limit}
    return {"cursor": cursor, "customer": page["customer"], "receipt": page["receipt"]}


def _credentials(header: str) -> tuple[str, str]:
    """The token, and the password that stands beside it; of a Bearer token none."""
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip(), ""
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return "", ""
    return user.strip(), password.strip()


def _split(scope: Scope) -> tuple[str, str, str]:
    """Space, customer and part."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    if len(raw) > MAX_PATH:
        raise BadInput(f"the path is longer than {MAX_PATH:,} bytes", code="too_long")
    space, found, rest = raw.removeprefix(PREFIX).partition(_BELOW)
    customer, _, part = rest.rpartition(b"/")
    if not found or not customer:
        raise NotFound("there is nothing at this address")
    try:
        return unquote_to_bytes(space).decode(), unquote_to_bytes(customer).decode(), part.decode()
    except UnicodeDecodeError:
        raise BadInput("the id in the path is not UTF-8", code="bad_id", field="id") from None


class RawProfilePaths:
    """An ASGI endpoint below `/v1/spaces/` that sees the path as it was sent, before percent-decoding."""

    def __init__(self, get: Callable[[Request], Any]) -> None:
        self._get = get

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["method"] not in {"GET", "HEAD"}:
                response = not_allowed("GET, HEAD")
            else:
                response = await self._get(Request(scope, receive))
        except RapportError as error:
            response = answer(error)
            if error.status == 401:
                response.headers["WWW-Authenticate"] = 'Basic realm="Rapport"'
        await response(scope, receive, send)


def profile_routes(gate: Gate, tokens: Tokens) -> list[Route]:
    return [
        Route("/v1/spaces/{org}/collections/users/profiles/{rest:path}", RawProfilePaths(ProfilesApi(gate, tokens).get))
    ]

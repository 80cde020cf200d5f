"""Presence over HTTP: what bound devices ask, each request signed by the device's own key (`DPoP: …`), and what tills
and doors ask with their organization's token.

A proof covers method, address, body, time and a number that is used once. No query is covered, so none is taken.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.kernel.errors import BadInput, Unauthorized
from rapport.signin.challenges import UNPROVED
from rapport.signin.devices import MAX_PROOF
from rapport.web.api.customers import Caller, Tokens, body_of, caller_of, shaped
from rapport.web.api.problems import answer, json_answer
from rapport.web.asker import client_of

MAX_BODY = 4_096
Place = Literal["", "home", "shop", "work", "way", "other"]
_MOST_NAME = 63


class Signed(msgspec.Struct, frozen=True):
    """A request as its device signed it; `client` is where it came from, to be slowed down."""

    proof: str
    method: str
    path: str
    body: bytes
    client: str


class New(msgspec.Struct, forbid_unknown_fields=True):
    """A device that asks to be bound."""

    kind: str
    name: str


class Here(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody is there. `near`: what a geofence says, which may lower trust and never raises it."""

    organization: str
    place: Place = ""
    near: bool | None = None


class Tap(msgspec.Struct, forbid_unknown_fields=True):
    tap: str


class PresenceDesk(Protocol):
    """What the node does for devices and tills. All that devices ask raises Unauthorized, alike for an unknown key, a
    bad signature and a replay, and TooMany."""

    def nonce(self) -> str:
        """What a device signs over to show that it signed since this node was started."""

    async def pair(self, signed: Signed, kind: str, name: str) -> dict[str, Any]:
        """Raises BadInput, Conflict for a key that is bound."""

    async def poll(self, signed: Signed) -> dict[str, Any]: ...

    async def here(self, signed: Signed, here: Here) -> dict[str, Any]: ...

    async def tap(self, signed: Signed, tap: str) -> dict[str, Any]: ...

    async def stays(self, signed: Signed) -> dict[str, Any]: ...

    async def stop(self, signed: Signed) -> dict[str, Any]:
        """Raises NotFound where nobody is recovering the account of the device's person."""

    def new_tap(self, org: str) -> dict[str, Any]: ...

    async def who_tapped(self, org: str, tap: str) -> dict[str, Any]:
        """Raises NotFound, alike for nobody, no customer and a refusal."""


Handler = Callable[[Request], Awaitable[Response]]


def _signs(desk: PresenceDesk, handler: Handler) -> Handler:
    """A handler that devices ask: who is refused is told what would be taken, and whoever it is a nonce to sign
    over."""

    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except Unauthorized as error:
            response = answer(error)
            response.headers["WWW-Authenticate"] = 'DPoP algs="ES256"'
            response.headers["DPoP-Nonce"] = desk.nonce()
            response.headers["Cache-Control"] = "no-store"
            return response

    return answered


class PresenceApi:
    def __init__(self, desk: PresenceDesk, tokens: Tokens) -> None:
        self._desk = desk
        self._tokens = tokens

    async def pair(self, request: Request) -> Response:
        """`{"kind": "watch", "name": "…"}`, signed by the key to be bound → the code to show."""
        signed = await _signed(request)
        asked = shaped(signed.body, New, '{"kind": "watch", "name": "…"}')
        return _kept_by_nobody(json_answer(await self._desk.pair(signed, asked.kind, asked.name)))

    async def poll(self, request: Request) -> Response:
        """How the pairing is: `waiting`, `confirm` with the number to show, `paired`."""
        return _kept_by_nobody(json_answer(await self._desk.poll(await _signed(request))))

    async def here(self, request: Request) -> Response:
        """`{"organization": "shop", "place": "home"}` → whether it was told, and the session that goes on."""
        signed = await _signed(request)
        here = shaped(signed.body, Here, '{"organization": "…"}')
        if not 0 < len(here.organization) <= _MOST_NAME:
            raise BadInput("an organization has a name of at most 63 characters", code="bad_id", field="organization")
        return _kept_by_nobody(json_answer(await self._desk.here(signed, here)))

    async def tap(self, request: Request) -> Response:
        """`{"tap": "…"}`: a bound device answers what a till shows."""
        signed = await _signed(request)
        asked = shaped(signed.body, Tap, '{"tap": "…"}')
        return _kept_by_nobody(json_answer(await self._desk.tap(signed, asked.tap)))

    async def stays(self, request: Request) -> Response:
        """The sessions that the device's person is in."""
        return _kept_by_nobody(json_answer(await self._desk.stays(await _signed(request))))

    async def stop(self, request: Request) -> Response:
        """Stop the recovery of the account that the device stands for."""
        return _kept_by_nobody(json_answer(await self._desk.stop(await _signed(request))))

    async def new_tap(self, request: Request) -> Response:
        """What a till or door shows, for thirty seconds."""
        caller = self._caller(request)
        shaped(await body_of(request, MAX_BODY) or b"{}", dict, "empty or {}")
        return _kept_by_nobody(json_answer(self._desk.new_tap(caller.org), 201))

    async def who_tapped(self, request: Request) -> Response:
        """`{"tap": "…"}` → which customer answered it."""
        caller = self._caller(request)
        asked = shaped(await body_of(request, MAX_BODY), Tap, '{"tap": "…"}')
        return _kept_by_nobody(json_answer(await self._desk.who_tapped(caller.org, asked.tap)))

    def _caller(self, request: Request) -> Caller:
        return caller_of(request, self._tokens)


async def _signed(request: Request) -> Signed:
    """A request with its proof. Raises Unauthorized where it has none, or a query, which no proof covers."""
    body = await body_of(request, MAX_BODY)
    proofs = request.headers.getlist("dpop")
    if len(proofs) != 1 or len(proofs[0]) > MAX_PROOF or request.url.query:
        raise Unauthorized(UNPROVED, code="unproved")
    return Signed(proofs[0], request.method, request.scope["path"], body, client_of(request))


def _kept_by_nobody(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


def presence_routes(desk: PresenceDesk, tokens: Tokens) -> list[Route]:
    api = PresenceApi(desk, tokens)
    return [
        Route("/presence/pair", _signs(desk, api.pair), methods=["POST"]),
        Route("/presence/pair/poll", _signs(desk, api.poll), methods=["POST"]),
        Route("/presence/here", _signs(desk, api.here), methods=["POST"]),
        Route("/presence/tap", _signs(desk, api.tap), methods=["POST"]),
        Route("/presence/session", _signs(desk, api.stays), methods=["GET"]),
        Route("/presence/recovery/stop", _signs(desk, api.stop), methods=["POST"]),
        Route("/presence/taps", api.new_tap, methods=["POST"]),
        Route("/presence/taps/result", api.who_tapped, methods=["POST"]),
    ]

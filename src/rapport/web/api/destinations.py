"""`/v1/destinations`: where what happens to customers is sent, how each fares, and what could not be delivered."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.act.activation import Wish, told, told_delivery, told_trial
from rapport.kernel.errors import BadInput
from rapport.web.api.customers import Tokens, body_of, caller_of, limit_of, noted, shaped
from rapport.web.api.exports import PATH as EXPORTS
from rapport.web.api.problems import json_answer
from rapport.web.destinations import Destinations, Placed

PATH = "/v1/destinations"
ONE = "/v1/destinations/{name}"
FAILURES = "/v1/destinations/{name}/failures"
REPLAY = "/v1/destinations/{name}/replay"
TRIAL = "/v1/destinations/{name}/test"
FILE = "/v1/destinations/{name}/file"
PAUSE = "/v1/destinations/{name}/pause"
RESUME = "/v1/destinations/{name}/resume"
MAX_BODY = 262_144
"""Fifty expressions of 4,000 characters, and what belongs to them."""
SCOPE = "operator"
_SHOULD = '{"kind": "…", "url"?: "https://…", "purpose": "…", "audience": "…" or "events": ["…"], "secret"?, "fields"?}'
_SHOULD_REPLAY = '{"id"?: "msg_…"}'


class _Replayed(msgspec.Struct, forbid_unknown_fields=True):
    id: str | None = None


class DestinationsApi:
    def __init__(self, destinations: Destinations, tokens: Tokens) -> None:
        self._destinations = destinations
        self._tokens = tokens

    async def all(self, request: Request) -> Response:
        """`{"destinations": […]}`, by name."""
        org = caller_of(request, self._tokens, SCOPE).org
        found = await self._destinations.listed(org)
        return json_answer({"destinations": [told(one, health) for one, health in found]})

    async def one(self, request: Request) -> Response:
        """`PUT` makes or changes it, `GET` says how it fares, `DELETE` sends it no more."""
        caller, name = caller_of(request, self._tokens, SCOPE), request.path_params["name"]
        if request.method == "PUT":
            wish = shaped(await body_of(request, MAX_BODY), Wish, _SHOULD)
            with noted(self._tokens, caller, "put a destination", name[:63]):
                placed = await self._destinations.put(caller.org, name, wish)
            return json_answer(_placed(placed), 201 if placed.fresh else 200)
        if request.method == "DELETE":
            with noted(self._tokens, caller, "removed a destination", name[:63]):
                await self._destinations.remove(caller.org, name)
            return Response(status_code=204)
        return json_answer(told(*await self._destinations.named(caller.org, name)))

    async def failures(self, request: Request) -> Response:
        """`{"failures": […], "next"}`: what was given up, the newest first; never who it is about."""
        caller, name = caller_of(request, self._tokens, SCOPE), request.path_params["name"]
        limit = limit_of(request.query_params.get("limit"))
        cursor = request.query_params.get("cursor")
        found, following = await self._destinations.failures(caller.org, name, cursor, limit)
        return json_answer({"failures": [told_delivery(one) for one in found], "next": following})

    async def replay(self, request: Request) -> Response:
        """`{"id": "msg_…"}`, or `{}` for all → `{"replayed": n}`."""
        caller, name = caller_of(request, self._tokens, SCOPE), request.path_params["name"]
        asked = shaped(await body_of(request) or b"{}", _Replayed, _SHOULD_REPLAY)
        if asked.id is not None and len(asked.id) > 100:
            raise BadInput("this is the id of no delivery", code="bad_id", field="id")
        with noted(self._tokens, caller, "replayed to a destination", name[:63]):
            count = await self._destinations.replay(caller.org, name, asked.id)
        return json_answer({"replayed": count})

    async def trial(self, request: Request) -> Response:
        """A message of nobody is sent now → `{"delivered", "status", "took_ms", "error"}`."""
        caller, name = caller_of(request, self._tokens, SCOPE), request.path_params["name"]
        with noted(self._tokens, caller, "tried a destination", name[:63]):
            came = await self._destinations.trial(caller.org, name)
        return json_answer(told_trial(came))

    async def file(self, request: Request) -> Response:
        """A file is made → 202 `{"export", "status"}`, with where to look for it."""
        caller, name = caller_of(request, self._tokens, SCOPE), request.path_params["name"]
        with noted(self._tokens, caller, "asked for a destination's file", name[:63]):
            asked = await self._destinations.make(caller.org, name)
        told = json_answer({"export": asked.id, "status": asked.status}, 202)
        told.headers["Location"] = f"{EXPORTS}/{asked.id}"
        return told

    async def pause(self, request: Request) -> Response:
        """Send nothing more until it is resumed, but deletions; what happens meanwhile waits."""
        caller, name = caller_of(request, self._tokens, SCOPE), request.path_params["name"]
        with noted(self._tokens, caller, "paused a destination", name[:63]):
            await self._destinations.pause(caller.org, name)
        return json_answer(told(*await self._destinations.named(caller.org, name)))

    async def resume(self, request: Request) -> Response:
        caller, name = caller_of(request, self._tokens, SCOPE), request.path_params["name"]
        with noted(self._tokens, caller, "resumed a destination", name[:63]):
            await self._destinations.resume(caller.org, name)
        return json_answer(told(*await self._destinations.named(caller.org, name)))


def _placed(placed: Placed) -> dict[str, Any]:
    """A destination with the secret that was made for it: told this once."""
    shown = {**told(placed.destination, placed.health), "warnings": list(placed.warnings)}
    return shown if placed.secret is None else {**shown, "secret": placed.secret}


def destination_routes(destinations: Destinations, tokens: Tokens) -> list[Route]:
    api = DestinationsApi(destinations, tokens)
    return [
        Route(PATH, api.all, methods=["GET"]),
        Route(ONE, api.one, methods=["GET", "PUT", "DELETE"]),
        Route(FAILURES, api.failures, methods=["GET"]),
        Route(REPLAY, api.replay, methods=["POST"]),
        Route(TRIAL, api.trial, methods=["POST"]),
        Route(FILE, api.file, methods=["POST"]),
        Route(PAUSE, api.pause, methods=["POST"]),
        Route(RESUME, api.resume, methods=["POST"]),
    ]

"""`/v1/actions`: what the company can do for a customer, and in which units both sides count."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.decide.kinds import Units, Worth
from rapport.decide.wishes import wish_of
from rapport.web.actions import Actions, told, told_page, told_rail, told_saved, told_units
from rapport.web.api.customers import Tokens, body_of, caller_of, limit_of, shaped
from rapport.web.api.definitions import after_of, expected_of, outdated, tagged
from rapport.web.api.problems import json_answer

PATH = "/v1/actions"
ONE = "/v1/actions/{id}"
PREVIEW = "/v1/actions/{id}/preview"
SWITCH_ON = "/v1/actions/{id}/on"
UNITS = "/v1/units"
MAX_BODY = 2_000_000
"""All the content that an action may have, however it is escaped."""
CALLER = "api token"
_SHOULD = '{"kind": "…", "purpose": "…", "content": {channel: {language: "…"}}, …}'
_SHOULD_PREVIEW = '{"customer": "type:value", "channel": "…", "language"?: "…"}'
_SHOULD_SWITCH_ON = '{"reason": "…"}'
_SHOULD_UNITS = '{"currency": "GBP", "minute": 0.2, "kinds"?: {kind: {"customer": 1.0, "company": 0.5}}}'


class _Previewed(msgspec.Struct, forbid_unknown_fields=True):
    customer: str
    channel: str
    language: str | None = None


class _SwitchedOn(msgspec.Struct, forbid_unknown_fields=True):
    reason: str


class _Units(msgspec.Struct, forbid_unknown_fields=True):
    currency: str | None = None
    minute: float = Units().minute
    kinds: dict[str, Worth] = {}


class ActionsApi:
    def __init__(self, actions: Actions, tokens: Tokens) -> None:
        self._actions = actions
        self._tokens = tokens

    async def all(self, request: Request) -> Response:
        """`{"actions": […], "next"}`, by id."""
        org = caller_of(request, self._tokens).org
        limit = limit_of(request.query_params.get("limit"))
        found, units = await self._actions.page(org, after_of(request), limit + 1)
        following = found[limit - 1].id if len(found) > limit else None
        rails = await self._actions.rails(org)
        return json_answer({"actions": told_page(found[:limit], units, rails), "next": following})

    async def one(self, request: Request) -> Response:
        """`PUT` saves an action, `GET` tells it, `DELETE` lets it go."""
        name = request.path_params["id"]
        if request.method == "PUT":
            caller = caller_of(request, self._tokens, "operator")
            wish = wish_of(shaped(await body_of(request, MAX_BODY), dict[str, Any], _SHOULD))
            expected = expected_of(request)
            with outdated():
                saved = await self._actions.put(caller.org, name, wish, caller.token, expected)
            rails = await self._actions.rails(caller.org)
            answer = json_answer(told_saved(saved, rails.get(name)), 201 if saved.fresh else 200)
            return tagged(answer, saved.action.version)
        if request.method == "DELETE":
            caller = caller_of(request, self._tokens, "operator")
            await self._actions.delete(caller.org, name, caller.token)
            return Response(status_code=204)
        org = caller_of(request, self._tokens).org
        found, units = await self._actions.named(org, name)
        rails = await self._actions.rails(org)
        return tagged(json_answer(told(found, units, rails.get(name))), found.version)

    async def switch_on(self, request: Request) -> Response:
        """Let an action that was switched off be chosen again."""
        caller = caller_of(request, self._tokens, "operator")
        asked = shaped(await body_of(request), _SwitchedOn, _SHOULD_SWITCH_ON)
        rail = await self._actions.switch_on(caller.org, request.path_params["id"], caller.token, asked.reason)
        return json_answer(told_rail(rail))

    async def preview(self, request: Request) -> Response:
        """What an action says to one customer; nothing is sent."""
        org = caller_of(request, self._tokens).org
        asked = shaped(await body_of(request), _Previewed, _SHOULD_PREVIEW)
        name = request.path_params["id"]
        answer = await self._actions.preview(org, name, asked.customer, asked.channel, asked.language, CALLER)
        return json_answer(answer)

    async def units(self, request: Request) -> Response:
        """`PUT` sets in which units both sides count, `GET` tells them."""
        if request.method == "PUT":
            caller = caller_of(request, self._tokens, "operator")
            asked = shaped(await body_of(request), _Units, _SHOULD_UNITS)
            expected = expected_of(request)
            with outdated():
                units = await self._actions.put_units(
                    caller.org, Units(asked.currency or "", asked.minute, asked.kinds), caller.token, expected
                )
        else:
            units = await self._actions.units(caller_of(request, self._tokens).org)
        return tagged(json_answer(told_units(units)), units.version)


def action_routes(actions: Actions, tokens: Tokens) -> list[Route]:
    api = ActionsApi(actions, tokens)
    return [
        Route(PATH, api.all, methods=["GET"]),
        Route(ONE, api.one, methods=["GET", "PUT", "DELETE"]),
        Route(PREVIEW, api.preview, methods=["POST"]),
        Route(SWITCH_ON, api.switch_on, methods=["POST"]),
        Route(UNITS, api.units, methods=["GET", "PUT"]),
    ]

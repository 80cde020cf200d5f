"""`/v1/traits`: computed traits, each by an expression or by a model that ships with Rapport."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.web.api.audiences import MAX_BODY, after_of, expected_of, outdated, tagged
from rapport.web.api.customers import Tokens, body_of, caller_of, limit_of, shaped
from rapport.web.api.problems import json_answer
from rapport.web.audiences import Traits, TraitWish, told_definition, told_saved, told_trait

PATH = "/v1/traits"
ONE = "/v1/traits/{name}"
_SHOULD = '{"expression": "…", "purpose": "…"} or {"model": "…", "event": "…", "value"?: "…", "purpose": "…"}'


class TraitsApi:
    def __init__(self, traits: Traits, tokens: Tokens) -> None:
        self._traits = traits
        self._tokens = tokens

    async def all(self, request: Request) -> Response:
        """`{"traits": […], "next"}`, by name."""
        org = caller_of(request, self._tokens).org
        limit = limit_of(request.query_params.get("limit"))
        found = await self._traits.page(org, after_of(request), limit + 1)
        following = found[limit - 1].name if len(found) > limit else None
        return json_answer({"traits": [told_definition(one) for one in found[:limit]], "next": following})

    async def one(self, request: Request) -> Response:
        """`PUT` saves a definition, `GET` tells it, `DELETE` lets it go."""
        name = request.path_params["name"]
        if request.method == "PUT":
            caller = caller_of(request, self._tokens, "operator")
            wish = shaped(await body_of(request, MAX_BODY), TraitWish, _SHOULD)
            expected = expected_of(request)
            with outdated():
                saved = await self._traits.put(caller.org, name, wish, caller.token, expected)
            return tagged(json_answer(told_saved(saved), 201 if saved.fresh else 200), saved.definition.version)
        if request.method == "DELETE":
            caller = caller_of(request, self._tokens, "operator")
            await self._traits.delete(caller.org, name, caller.token)
            return Response(status_code=204)
        found, learned = await self._traits.named(caller_of(request, self._tokens).org, name)
        return tagged(json_answer(told_trait(found, learned)), found.version)


def trait_routes(traits: Traits, tokens: Tokens) -> list[Route]:
    api = TraitsApi(traits, tokens)
    return [
        Route(PATH, api.all, methods=["GET"]),
        Route(ONE, api.one, methods=["GET", "PUT", "DELETE"]),
    ]

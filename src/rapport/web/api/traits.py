"""`/v1/traits`: computed traits, each by an expression or by a model that ships with Rapport."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.decide import ComputedTrait
from rapport.web.api.customers import Caller, Tokens, caller_of
from rapport.web.api.definitions import listed, saved, tagged
from rapport.web.api.problems import json_answer
from rapport.web.audiences import Saved, Traits, TraitWish, told_definition, told_trait

PATH = "/v1/traits"
ONE = "/v1/traits/{name}"
_SHOULD = '{"expression": "…", "purpose": "…"} or {"model": "…", "event": "…", "value"?: "…", "purpose": "…"}'


class TraitsApi:
    def __init__(self, traits: Traits, tokens: Tokens) -> None:
        self._traits = traits
        self._tokens = tokens

    async def all(self, request: Request) -> Response:
        """`{"traits": […], "next"}`, by name."""
        return await listed(request, self._tokens, self._traits.page, told_definition, "traits")

    async def one(self, request: Request) -> Response:
        """`PUT` saves a definition, `GET` tells it, `DELETE` lets it go."""
        name = request.path_params["name"]
        if request.method == "PUT":

            async def put(caller: Caller, name: str, wish: TraitWish, expected: int | None) -> Saved[ComputedTrait]:
                return await self._traits.put(caller.org, name, wish, caller.token, expected)

            return await saved(request, self._tokens, TraitWish, _SHOULD, put)
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

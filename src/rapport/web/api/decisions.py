"""`/v1/decisions`: what to do for a customer now, or silence; and how the organization decides."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.decide.contact import Policy
from rapport.decide.decision import HOLDOUT, Manner
from rapport.web.api.audiences import expected_of, outdated, tagged
from rapport.web.api.customers import Tokens, body_of, caller_of, shaped
from rapport.web.api.problems import json_answer
from rapport.web.decisions import Decisions, DecisionWish, told_manner

PATH = "/v1/decisions"
MANNER = "/v1/deciding"
CALLER = "api token"
_SHOULD = '{"customer": "type:value", "purpose": "…", "channel": "…", "context"?: {…}, "deliver"?: false}'
_SHOULD_MANNER = '{"weight"?: 0.5, "holdout"?: 0.05, "policy"?: {…}}'


class _Manner(msgspec.Struct, forbid_unknown_fields=True):
    weight: float = 0.5
    holdout: float = HOLDOUT
    policy: Policy = Policy()


class DecisionsApi:
    def __init__(self, decisions: Decisions, tokens: Tokens) -> None:
        self._decisions = decisions
        self._tokens = tokens

    async def decide(self, request: Request) -> Response:
        """Decide for one customer."""
        org = caller_of(request, self._tokens).org
        wish = shaped(await body_of(request), DecisionWish, _SHOULD)
        return json_answer(await self._decisions.decide(org, wish, CALLER))

    async def manner(self, request: Request) -> Response:
        """`PUT` says how the organization decides, `GET` tells it."""
        if request.method == "PUT":
            caller = caller_of(request, self._tokens, "operator")
            asked = shaped(await body_of(request), _Manner, _SHOULD_MANNER)
            expected = expected_of(request)
            with outdated():
                manner = await self._decisions.put_manner(
                    caller.org, Manner(asked.weight, asked.holdout, asked.policy), caller.token, expected
                )
        else:
            manner = await self._decisions.manner(caller_of(request, self._tokens).org)
        return tagged(json_answer(told_manner(manner)), manner.version)


def decision_routes(decisions: Decisions, tokens: Tokens) -> list[Route]:
    api = DecisionsApi(decisions, tokens)
    return [
        Route(PATH, api.decide, methods=["POST"]),
        Route(MANNER, api.manner, methods=["GET", "PUT"]),
    ]

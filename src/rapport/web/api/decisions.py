"""`/v1/decisions`: what to do for a customer now, or silence; how the organization decides; and what came of it."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.decide.contact import Policy
from rapport.decide.decision import Manner
from rapport.decide.holdout import USUAL
from rapport.learn.rules import rules_of, told_rules
from rapport.web.api.customers import Tokens, body_of, caller_of, shaped
from rapport.web.api.definitions import expected_of, outdated, tagged
from rapport.web.api.problems import json_answer
from rapport.web.decisions import Decisions, DecisionWish, Outcomes, told_manner

PATH = "/v1/decisions"
MANNER = "/v1/deciding"
OUTCOMES = "/v1/outcomes"
RULES = "/v1/outcomes/rules"
CALLER = "api token"
_SHOULD = '{"customer": "type:value", "purpose": "…", "channel": "…", "context"?: {…}, "deliver"?: false}'
_SHOULD_MANNER = '{"weight"?: 0.5, "holdout"?: 0.05, "policy"?: {…}, "days"?: 7, "guard_rails"?: true}'
_SHOULD_OUTCOME = '{"decision": "dec_…", "kind": "…", "customer_benefit"?: 0.0, "company_value"?: 0.0}'

_SHOULD_RULES = '{"rules": [{"event": "…", "days": 7, "customer"?: {…}, "company"?: {…}, "attribution"?: "last"}]}'


class _Manner(msgspec.Struct, forbid_unknown_fields=True):
    weight: float = 0.5
    holdout: float = USUAL
    policy: Policy = Policy()
    days: int = Manner().days
    guard_rails: bool = True


class DecisionsApi:
    def __init__(self, decisions: Decisions, outcomes: Outcomes, tokens: Tokens) -> None:
        self._decisions = decisions
        self._outcomes = outcomes
        self._tokens = tokens

    async def decide(self, request: Request) -> Response:
        """Decide for one customer."""
        org = caller_of(request, self._tokens).org
        wish = shaped(await body_of(request), DecisionWish, _SHOULD)
        return json_answer(await self._decisions.decide(org, wish, CALLER))

    async def report(self, request: Request) -> Response:
        """What came of a decision; the same report again is answered likewise, and counts once."""
        org = caller_of(request, self._tokens).org
        raw = shaped(await body_of(request), dict[str, Any], _SHOULD_OUTCOME)
        return json_answer(await self._outcomes.report(org, raw), 201)

    async def manner(self, request: Request) -> Response:
        """`PUT` says how the organization decides, `GET` tells it."""
        if request.method == "PUT":
            caller = caller_of(request, self._tokens, "operator")
            asked = shaped(await body_of(request), _Manner, _SHOULD_MANNER)
            expected = expected_of(request)
            with outdated():
                manner = await self._decisions.put_manner(
                    caller.org,
                    Manner(asked.weight, asked.holdout, asked.policy, asked.days, guard_rails=asked.guard_rails),
                    caller.token,
                    expected,
                )
        else:
            manner = await self._decisions.manner(caller_of(request, self._tokens).org)
        return tagged(json_answer(told_manner(manner)), manner.version)

    async def rules(self, request: Request) -> Response:
        """`PUT` says by which rules events settle outcomes, `GET` tells them."""
        if request.method == "PUT":
            caller = caller_of(request, self._tokens, "operator")
            rules = rules_of(shaped(await body_of(request), dict[str, Any], _SHOULD_RULES))
            expected = expected_of(request)
            with outdated():
                kept = await self._outcomes.put_rules(caller.org, rules, caller.token, expected)
        else:
            kept = await self._outcomes.rules(caller_of(request, self._tokens).org)
        return tagged(json_answer(told_rules(kept)), kept.version)


def decision_routes(decisions: Decisions, outcomes: Outcomes, tokens: Tokens) -> list[Route]:
    api = DecisionsApi(decisions, outcomes, tokens)
    return [
        Route(PATH, api.decide, methods=["POST"]),
        Route(OUTCOMES, api.report, methods=["POST"]),
        Route(RULES, api.rules, methods=["GET", "PUT"]),
        Route(MANNER, api.manner, methods=["GET", "PUT"]),
    ]

"""What a use gave, as an organization reports it."""

from collections.abc import Sequence
from typing import Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.terms.benefits import Estimate, Wish
from rapport.terms.estimates import Guess, today
from rapport.terms.settling import Kept
from rapport.web.api.customers import Tokens, body_of, caller_of, shaped
from rapport.web.api.problems import json_answer

PATH = "/v1/benefits"
ESTIMATES = "/v1/benefits/estimates"
_SHOULD = '{"customer": id, "side": "customer" or "company", "kind": "…", "amount": "…", "unit": "…", "evidence": "…"}'
_GUESS = (
    '{"side": "customer" or "company", "group": "…", "effect": "…", "low": "…", "high": "…", "unit": "…", "n": 20 or '
    'more, "method": "holdout", "date": "2026-11-22"}'
)


class Reports(Protocol):
    async def report(self, org: str, wish: Wish, caller: str) -> tuple[Kept, str]:
        """The benefit in the book, and the receipt of looking for its evidence. Raises BadInput, NotFound, Conflict."""


class Estimates(Protocol):
    async def estimate(self, org: str, estimates: Sequence[Estimate]) -> None:
        """Keep them, all or none."""


class BenefitsApi:
    def __init__(self, reports: Reports, book: Estimates, tokens: Tokens) -> None:
        self._reports = reports
        self._book = book
        self._tokens = tokens

    async def post(self, request: Request) -> Response:
        """A benefit with its evidence → 201 with its id; one that was reported before is answered likewise."""
        caller = caller_of(request, self._tokens)
        wish = shaped(await body_of(request), Wish, _SHOULD)
        kept, receipt = await self._reports.report(caller.org, wish, "api token")
        return json_answer({"benefit": kept.id, "status": "accepted", "receipt": receipt}, 201)

    async def estimate(self, request: Request) -> Response:
        """A group's benefit, estimated → 201 with what is kept of it."""
        caller = caller_of(request, self._tokens, "operator")
        estimate = shaped(await body_of(request), Guess, _GUESS).checked(today())
        await self._book.estimate(caller.org, [estimate])
        return json_answer({"status": "accepted", "estimate": msgspec.to_builtins(estimate)}, 201)


def benefit_routes(reports: Reports, book: Estimates, tokens: Tokens) -> list[Route]:
    api = BenefitsApi(reports, book, tokens)
    return [Route(PATH, api.post, methods=["POST"]), Route(ESTIMATES, api.estimate, methods=["POST"])]

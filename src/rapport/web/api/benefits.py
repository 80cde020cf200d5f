"""What a use gave, as an organization reports it."""

from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.terms.benefits import Wish
from rapport.terms.settling import Kept
from rapport.web.api.customers import Tokens, body_of, caller_of, shaped
from rapport.web.api.problems import json_answer

PATH = "/v1/benefits"
_SHOULD = '{"customer": id, "side": "customer" or "company", "kind": "…", "amount": "…", "unit": "…", "evidence": "…"}'


class Reports(Protocol):
    async def report(self, org: str, wish: Wish, caller: str) -> tuple[Kept, str]:
        """The benefit in the book, and the receipt of looking for its evidence. Raises BadInput, NotFound, Conflict."""


class BenefitsApi:
    def __init__(self, reports: Reports, tokens: Tokens) -> None:
        self._reports = reports
        self._tokens = tokens

    async def post(self, request: Request) -> Response:
        """A benefit with its evidence → 201 with its id; one that was reported before is answered likewise."""
        caller = caller_of(request, self._tokens)
        wish = shaped(await body_of(request), Wish, _SHOULD)
        kept, receipt = await self._reports.report(caller.org, wish, "api token")
        return json_answer({"benefit": kept.id, "status": "accepted", "receipt": receipt}, 201)


def benefit_routes(reports: Reports, tokens: Tokens) -> list[Route]:
    return [Route(PATH, BenefitsApi(reports, tokens).post, methods=["POST"])]

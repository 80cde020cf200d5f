"""`/v1/outcomes/summary`: what decisions gave both sides, against silence, with intervals."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.learn.reviewed import Review
from rapport.web.api.customers import Tokens, caller_of
from rapport.web.api.problems import json_answer
from rapport.web.retrospects import Progress, Retrospects, told_review

PATH = "/v1/outcomes/summary"
AGAIN_S = 2


def retrospect_routes(retrospects: Retrospects, tokens: Tokens) -> list[Route]:
    async def summary(request: Request) -> Response:
        """What is known; while a first look is under way, how far it is."""
        looked = await retrospects.look(caller_of(request, tokens).org)
        if isinstance(looked.found, Review):
            return json_answer(told_review(looked.found))
        progress = looked.progress or Progress(0, 0, waiting=True)
        response = json_answer({"read": progress.read, "of": progress.of, "waiting": progress.waiting}, 202)
        response.headers["Retry-After"] = str(AGAIN_S)
        return response

    return [Route(PATH, summary, methods=["GET"])]

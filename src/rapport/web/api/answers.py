"""`/v1/channels/email/answers`: mail that came back, handed in by whoever's mailbox it came to."""

from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.act.answers import MOST_BYTES
from rapport.web.api.customers import Tokens, body_of, caller_of
from rapport.web.api.problems import json_answer

PATH = "/v1/channels/email/answers"


class Answers(Protocol):
    async def take(self, org: str, mail: bytes) -> dict[str, Any]:
        """What it is, and which decision's message it answers. Raises BadInput (`bad_mail`), NotFound, Busy, Full."""


def answer_routes(answers: Answers, tokens: Tokens) -> list[Route]:
    async def take(request: Request) -> Response:
        org = caller_of(request, tokens).org
        return json_answer(await answers.take(org, await body_of(request, MOST_BYTES)))

    return [Route(PATH, take, methods=["POST"])]

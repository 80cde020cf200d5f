"""`GET /v1/statement`: the company's mirror of its customers' statements."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.web import months
from rapport.web.api.customers import Tokens, caller_of
from rapport.web.api.problems import json_answer

PATH = "/v1/statement"

Mirror = Callable[[str, str | None], Awaitable[dict[str, Any]]]
"""An organization's month (None: the present one), in the shape of `terms/mirror`. Raises BadInput for what is none."""


def statement_routes(mirror: Mirror, tokens: Tokens) -> list[Route]:
    async def statement(request: Request) -> Response:
        caller = caller_of(request, tokens, "operator")
        return json_answer(await mirror(caller.org, months.asked(request.query_params)))

    return [Route(PATH, statement)]

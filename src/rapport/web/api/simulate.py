"""`POST /v1/declaration/simulate`: what a declaration would change, told in aggregates."""

import asyncio
from typing import Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.terms import promises
from rapport.terms.simulator import Simulation
from rapport.web.api.customers import Tokens, body_of, caller_of
from rapport.web.api.problems import json_answer

PATH = "/v1/declaration/simulate"


class Simulates(Protocol):
    def simulate(self, org: str, body: bytes, form: promises.Format) -> Simulation:
        """Blocks while it is worked out. Raises BadInput, Busy."""


def simulate_routes(simulator: Simulates, tokens: Tokens) -> list[Route]:
    async def simulate(request: Request) -> Response:
        """The candidate as in `PUT /v1/declaration`; nothing is put."""
        caller = caller_of(request, tokens, "operator")
        body = await body_of(request, promises.MAX_BYTES)
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        form: promises.Format = "toml" if media == "application/toml" else "json"
        answer = await asyncio.to_thread(simulator.simulate, caller.org, body, form)
        return json_answer(msgspec.to_builtins(answer))

    return [Route(PATH, simulate, methods=["POST"])]

"""What recipients of exports say of deletion demands: with the token that the demand gave them, and nothing else."""

from typing import Literal, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rapport.kernel.errors import BadInput
from rapport.kernel.times import rfc3339
from rapport.web.api.customers import body_of, shaped
from rapport.web.api.declaration import SIGNATURE
from rapport.web.api.problems import json_answer

PATH = "/v1/demands/{id}/acknowledge"
MAX_BODY = 64 * 1024
_SHOULD = '{"acknowledged": true, "token": "ack_…"}'


class Acknowledgements(Protocol):
    async def acknowledge(self, demand: str, token: str, body: bytes, signature: str) -> tuple[int, bool]:
        """When the demand was acknowledged first (µs), and whether signed. Raises NotFound, alike for an unknown
        demand, a forged token and a false signature."""


class Acknowledged(msgspec.Struct):
    """`id`, where it is there, must be the demand's."""

    acknowledged: Literal[True]
    token: str
    id: str | None = None


class DemandsApi:
    def __init__(self, book: Acknowledgements) -> None:
        self._book = book

    async def acknowledge(self, request: Request) -> Response:
        """That the customers of a demand are deleted → the demand as it is on record. May be repeated."""
        demand = request.path_params["id"]
        body = await body_of(request, MAX_BODY)
        said = shaped(body, Acknowledged, _SHOULD)
        if said.id not in {None, demand}:
            raise BadInput("this names another demand than its address", code="bad_id", field="id")
        at, signed = await self._book.acknowledge(demand, said.token, body, request.headers.get(SIGNATURE, ""))
        return json_answer({"id": demand, "state": "acknowledged", "acknowledged_at": rfc3339(at), "signed": signed})


def demand_routes(book: Acknowledgements) -> list[Route]:
    return [Route(PATH, DemandsApi(book).acknowledge, methods=["POST"])]

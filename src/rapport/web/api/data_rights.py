"""The Data Rights Protocol over HTTP: authorised agents exercise people's rights at one organization of the node.

Each organization has its addresses under `/drp/ORG`, which is the `api_base` that service directories ask for. Errors
are in the protocol's form (section 3.06), with Rapport's stable code beside it.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from rapport.kernel.errors import BadInput, Busy, Conflict, Forbidden, RapportError, Unauthorized
from rapport.terms.data_rights import MAX_MESSAGE, Told
from rapport.web.api.customers import body_of
from rapport.web.api.problems import json_answer

BASE = "/drp/{org}"
EXERCISE = f"{BASE}/v1/data-rights-request"
ONE = f"{EXERCISE}/{{request_id}}"
AGENT = f"{BASE}/v1/agent/{{agent_id}}"
RESULTS = f"{BASE}/results/{{secret}}"
ZIP = "application/zip"
_RETRYABLE = frozenset({"issued_later", "broken_off"})


class Results(Protocol):
    """What an access came to. `done` must be called in the end, saying whether all of it was sent."""

    size: int
    pieces: Iterator[bytes]

    async def done(self, *, whole: bool) -> None: ...


class Desk(Protocol):
    """What the node does for agents, each for one organization. All raise Unauthorized or Forbidden, alike for what is
    not there and what is another's."""

    async def set_up(self, org: str, name: str, body: bytes) -> str:
        """A token, for a message that the agent signed; only once for each."""

    async def information(self, org: str, name: str, token: str) -> None:
        """That a token is good for an agent."""

    async def exercise(self, org: str, token: str, body: bytes) -> Told:
        """A request, taken in durably. Raises BadInput, Conflict, TooMany."""

    async def status(self, org: str, token: str, request: str) -> Told: ...

    async def revoke(self, org: str, token: str, request: str, body: bytes) -> Told:
        """Raises BadInput, Conflict where it is too late."""

    async def size_of(self, org: str, secret: str) -> int:
        """How large results are."""

    async def results(self, org: str, secret: str) -> Results:
        """Results, for one reader at a time."""


Handler = Callable[[Any, Request], Awaitable[Response]]


def _answered(handler: Handler) -> Handler:
    """Errors as the protocol has them."""

    @functools.wraps(handler)
    async def answered(api: Any, request: Request) -> Response:
        try:
            return await handler(api, request)
        except RapportError as error:
            return refusal(error)

    return answered


def refusal(error: RapportError) -> Response:
    """An error in the form of section 3.06. `fatal`: sending the same again is of no use."""
    told: dict[str, Any] = {"code": str(error.status), "message": error.message, "error": error.code}
    told |= {"field": error.field} if error.field else {}
    if isinstance(error, BadInput | Forbidden | Conflict) and error.code not in _RETRYABLE:
        told["fatal"] = True
    response = json_answer(told, error.status)
    if isinstance(error, Busy):
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unauthorized):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


class DataRightsApi:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @_answered
    async def exercise(self, request: Request) -> Response:
        """A signed request → its status."""
        body = await body_of(request, MAX_MESSAGE)
        return _status(await self._desk.exercise(request.path_params["org"], _token(request), body))

    @_answered
    async def one(self, request: Request) -> Response:
        """`GET` says how a request is; `DELETE` takes it back."""
        org, handle, token = request.path_params["org"], request.path_params["request_id"], _token(request)
        if request.method == "DELETE":
            body = await body_of(request, MAX_MESSAGE)
            return _status(await self._desk.revoke(org, token, handle, body))
        return _status(await self._desk.status(org, token, handle))

    @_answered
    async def agent(self, request: Request) -> Response:
        """`POST` sets a token up; `GET` says whether it is good."""
        org, name = request.path_params["org"], request.path_params["agent_id"]
        if request.method != "POST":
            await self._desk.information(org, name, _token(request))
            return json_answer({})
        body = await body_of(request, MAX_MESSAGE)
        try:
            token = await self._desk.set_up(org, name, body)
        except Forbidden:
            return Response(status_code=403)  # with no body: section 2.05.1
        return _kept_by_nobody(json_answer({"agent-id": name, "token": token}))

    @_answered
    async def results(self, request: Request) -> Response:
        """The archive, to whoever has its link, once."""
        org, secret = request.path_params["org"], request.path_params["secret"]
        if request.method == "HEAD":
            size = await self._desk.size_of(org, secret)
            return _kept_by_nobody(Response(headers=_file_headers(org, size), media_type=ZIP))
        return Once(await self._desk.results(org, secret), org, request)


class Once(Response):
    """Results that are gone when all of them were sent; where the reader leaves before, they wait again."""

    def __init__(self, results: Results, org: str, request: Request) -> None:
        super().__init__(headers=_file_headers(org, results.size), media_type=ZIP)
        _kept_by_nobody(self)
        self._results = results
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        whole = False
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            while piece := await asyncio.to_thread(next, self._results.pieces, b""):
                if await self._request.is_disconnected():
                    return
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            # Whoever has read it all may be gone by now.
            whole = True
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await self._results.done(whole=whole)


def _status(told: Told) -> Response:
    return _kept_by_nobody(json_answer(told.json()))


def _kept_by_nobody(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


def _file_headers(org: str, size: int) -> dict[str, str]:
    name = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in org)
    disposition = f'attachment; filename="{name}-my-data.zip"'
    return {"Content-Disposition": disposition, "Content-Length": str(size)}


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def data_rights_routes(desk: Desk) -> list[Route]:
    api = DataRightsApi(desk)
    return [
        Route(EXERCISE, api.exercise, methods=["POST"]),
        Route(f"{EXERCISE}/", api.exercise, methods=["POST"]),
        Route(ONE, api.one, methods=["GET", "DELETE"]),
        Route(AGENT, api.agent, methods=["GET", "POST"]),
        Route(RESULTS, api.results, methods=["GET"]),
    ]

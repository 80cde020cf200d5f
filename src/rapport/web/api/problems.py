"""Errors as answers: RFC 9457 problem details, with Rapport's stable `code` and a `message` for the reader."""

import http
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from rapport.kernel.errors import Busy, NotFound, RapportError

CONTENT_TYPE = "application/problem+json"


def problem(status: int, code: str, message: str, **more: Any) -> Response:
    """A problem answer; `more` are further members."""
    body = {
        "type": "about:blank",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "detail": message,
        "code": code,
        "message": message,
        **more,
    }
    return Response(msgspec.json.encode(body), status, media_type=CONTENT_TYPE)


def answer(error: RapportError) -> Response:
    """The answer to an error of ours. An absent customer's says nothing of what was asked."""
    if isinstance(error, NotFound):
        return problem(404, "not_found", error.message)
    more = {"field": error.field} if error.field else {}
    response = problem(error.status, error.code, error.message, **more)
    if isinstance(error, Busy):
        response.headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


async def on_error(_: Request, error: Exception) -> Response:
    """Starlette's handler for RapportError."""
    assert isinstance(error, RapportError)  # noqa: S101 (registered for this type alone)
    return answer(error)


def json_answer(content: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")

"""Errors as answers: RFC 9457 problem details, with Rapport's stable `code` and a `message` for the reader."""

import http
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from rapport.kernel.errors import BadInput, Busy, NotFound, RapportError
from rapport.kernel.expressions import ExpressionError

CONTENT_TYPE = "application/problem+json"


class UnknownEncoding(BadInput):
    """A body that is packed in a way that is not taken here."""

    code = "bad_encoding"
    status = 415


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
    more: dict[str, Any] = {"field": error.field} if error.field else {}
    if isinstance(error, ExpressionError):
        more["problems"] = [one.told() for one in error.problems]
    response = problem(error.status, error.code, error.message, **more)
    if isinstance(error, Busy):
        response.headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def not_allowed(methods: str) -> Response:
    """The answer to a method that an address does not take; `methods` are those that it does."""
    response = problem(405, "method_not_allowed", f"this address takes {methods}")
    response.headers["Allow"] = methods
    return response


async def on_error(_: Request, error: Exception) -> Response:
    """Starlette's handler for RapportError."""
    assert isinstance(error, RapportError)  # noqa: S101 (registered for this type alone)
    return answer(error)


async def on_http_error(_: Request, error: Exception) -> Response:
    """Starlette's handler for what it refuses by itself: addresses and methods that are not there."""
    assert isinstance(error, HTTPException)  # noqa: S101 (registered for this type alone)
    if error.status_code == 405:
        return not_allowed(", ".join(sorted((error.headers or {}).get("Allow", "").split(", "))))
    if error.status_code == 404:
        return problem(404, "not_found", "there is nothing at this address")
    return problem(error.status_code, "error", str(error.detail))


def json_answer(content: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")

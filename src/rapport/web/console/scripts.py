"""What the pages' scripts bring and take, in JSON."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from rapport.kernel.errors import BadInput
from rapport.web.console.visit import Console
from rapport.web.door import CODE_LENGTH


def told(content: object) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")


def client_of(request: Request) -> str:
    return request.client.host if request.client is not None else ""


def browser_of(request: Request) -> str:
    return request.headers.get("user-agent", "")[:300]


def object_of(body: bytes) -> dict[str, Any]:
    """Raises BadInput."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadInput("This address takes a JSON object.", code="bad_json")
    return found


def code_of(body: bytes) -> str:
    code = object_of(body).get("code")
    return code if isinstance(code, str) and len(code) <= CODE_LENGTH else ""


def keeping(console: Console, response: Response, token: str) -> Response:
    """An answer with a session, which the browser keeps until it is closed."""
    response.set_cookie(console.cookie, token, None, path="/", secure=console.secure, httponly=True, samesite="strict")
    return response

"""What pages' scripts send in JSON, and who sends it: alike in every area of pages."""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from rapport.kernel.errors import BadInput, RapportError
from rapport.web.api.problems import json_answer, on_error
from rapport.web.door import CODE_LENGTH
from rapport.web.language import chosen, speaking
from rapport.web.retelling import retold

_LONGEST_NAME = 300


async def refused(request: Request, error: RapportError, languages: Sequence[str]) -> Response:
    """An error, as JSON has it; its message in the language of the page, whose script shows it."""
    with speaking(chosen(request, languages)):
        error.message = retold(error.message)
    return await on_error(request, error)


told = json_answer


def browser_of(request: Request) -> str:
    """What a browser says it is, to be known by later."""
    return request.headers.get("user-agent", "")[:_LONGEST_NAME]


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
    """The code in a body; "" where it holds none of a length that makes sense."""
    code = object_of(body).get("code")
    return code if isinstance(code, str) and len(code) <= CODE_LENGTH else ""

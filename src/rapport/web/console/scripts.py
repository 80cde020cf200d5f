"""What the answers to the console's scripts keep in the browser."""

from typing import Any

from starlette.responses import Response

from rapport.web.cookies import keep
from rapport.web.visit import Area


def keeping(console: Area[Any], response: Response, token: str) -> Response:
    """An answer with a session, which the browser keeps until it is closed."""
    keep(response, console.origin, console.cookie, token, None)
    return response

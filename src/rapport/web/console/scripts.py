"""What the answers to the console's scripts keep in the browser."""

from starlette.responses import Response

from rapport.web.console.visit import Console
from rapport.web.cookies import keep


def keeping(console: Console, response: Response, token: str) -> Response:
    """An answer with a session, which the browser keeps until it is closed."""
    keep(response, console.origin, console.cookie, token, None)
    return response

"""What the answers to the console's scripts keep in the browser."""

from starlette.responses import Response

from rapport.web.console.visit import Console


def keeping(console: Console, response: Response, token: str) -> Response:
    """An answer with a session, which the browser keeps until it is closed."""
    response.set_cookie(console.cookie, token, None, path="/", secure=console.secure, httponly=True, samesite="strict")
    return response

"""Cookies: one way to name them and to set them, for all areas of pages.

What opens anything is `HttpOnly`, goes out with requests of this node's own pages alone (`SameSite=Strict`), and where
the origin is https has the prefix `__Host-`: no other host and no plain connection can have set it (RFC 6265bis,
4.1.3.2). Cookies know no ports, so without https the name tells a machine's nodes apart.
"""

from typing import Final
from urllib.parse import urlsplit

from starlette.responses import Response

from rapport.kernel.times import SECOND
from rapport.signin.sessions import LIFE

SESSION_SECONDS: Final = LIFE // SECOND
YEAR_SECONDS: Final = 365 * 24 * 3600


def secure(origin: str) -> bool:
    return origin.startswith("https://")


def named(name: str, origin: str) -> str:
    """The name of a cookie that opens something, at a node of this origin (`http://localhost:8080`)."""
    return f"__Host-rapport-{name}" if secure(origin) else f"rapport_{name}_{urlsplit(origin).port or 80}"


def keep(response: Response, origin: str, name: str, value: str, seconds: int | None) -> None:
    """Let the browser keep what opens something; `seconds` None: until it is closed, 0: no longer."""
    response.set_cookie(name, value, seconds, path="/", secure=secure(origin), httponly=True, samesite="strict")


def prefer(response: Response, origin: str, name: str, value: str, *, seen_by_scripts: bool = False) -> None:
    """Let the browser keep a preference, which opens nothing: it comes along where a link of another site leads here,
    so that the first page is as its reader likes it."""
    response.set_cookie(
        name, value, YEAR_SECONDS, path="/", secure=secure(origin), httponly=not seen_by_scripts, samesite="lax"
    )

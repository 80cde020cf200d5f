"""A visit: one request of a signed-in browser, with all that its page needs.

A request that changes something must come from one of this session's own pages. Two checks stand for that: the
browser's word about where the form was (`Origin`, or `Sec-Fetch-Site` where there is none), and a token on the page
that follows from the session's. Either would do; the cookie is `SameSite=Strict` besides.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from rapport.kernel.errors import Busy, Forbidden, NotFound, RapportError
from rapport.web import pages
from rapport.web.console.desk import Desk, Session

THEME_COOKIE: Final = "rapport_theme"
THEMES: Final = ("auto", "light", "dark")
SAFE_METHODS: Final = frozenset({"GET", "HEAD"})


class Console(msgspec.Struct, frozen=True):
    """What all pages of one node share. `origin` is the node's own, such as `http://localhost:8080`."""

    desk: Desk
    templates: Environment
    origin: str

    @property
    def secure(self) -> bool:
        return self.origin.startswith("https://")

    @property
    def cookie(self) -> str:
        """The session cookie's name. Cookies know no ports, so without https the name tells a machine's nodes apart."""
        return "__Host-rapport-console" if self.secure else f"rapport_console_{urlsplit(self.origin).port or 80}"

    def page(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        """A page that needs no session."""
        theme = request.cookies.get(THEME_COOKIE)
        shared = {
            "theme": theme if theme in THEMES else "auto",
            "origin": self.origin,
            "session": None,
            "csrf": "",
            "here": request.url.path,
            "section": "",
        }
        return pages.page(self.templates, template, {**shared, **values}, status)

    def problem(self, request: Request, error: RapportError, **values: Any) -> Response:
        """An error that was raised on purpose, as a page."""
        response = self.page(request, "problem.html", error.status, message=error.message, **values)
        if isinstance(error, Busy):
            response.headers["Retry-After"] = str(error.retry_after)
        return response


class Visit(msgspec.Struct, frozen=True):
    console: Console
    request: Request
    session: Session
    token: str
    form: dict[str, str]
    """What was submitted; empty for GET."""

    @property
    def desk(self) -> Desk:
        return self.console.desk

    def asked(self, name: str, most: int = 2048) -> str:
        """A query parameter, "" where it is absent or longer than anything that makes sense."""
        text = self.request.query_params.get(name, "")
        return text.strip() if len(text) <= most else ""

    @property
    def own(self) -> dict[str, Any]:
        return {"session": self.session, "csrf": csrf_token(self.token)}

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        return self.console.page(self.request, template, status, **self.own, **values)

    def absent(self) -> Response:
        """The one page for what is not there and for what may not be seen: nothing of what was asked is in it."""
        return self.page("absent.html", 404, here="/console/customers", section="customers")


Handler = Callable[[Visit], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def guarded(console: Console, handler: Handler) -> Endpoint:
    """Let only signed-in browsers through, and changes only from the session's own pages."""

    async def endpoint(request: Request) -> Response:
        token = request.cookies.get(console.cookie, "")
        session = await console.desk.session(token) if token else None
        if session is None:
            return go("/console/start")
        fields = {} if request.method in SAFE_METHODS else await own_form(console, request, token)
        visit = Visit(console, request, session, token, fields)
        try:
            return await handler(visit)
        except NotFound:
            return visit.absent()
        except RapportError as error:
            return console.problem(request, error, **visit.own)

    return endpoint


async def own_form(console: Console, request: Request, token: str) -> dict[str, str]:
    """What was submitted, by one of this session's own pages; raises Forbidden where it was not."""
    check_origin(request, console.origin)
    fields = await pages.form(request)
    if not hmac.compare_digest(fields.get("csrf", "").encode(), csrf_token(token).encode()):
        raise Forbidden("This form is from an older session. Open the page again and repeat it.", code="stale_form")
    return fields


def check_origin(request: Request, origin: str) -> None:
    """Raises Forbidden unless the browser says that the request came from the node's own pages."""
    said = request.headers.get("origin")
    own = request.headers.get("sec-fetch-site") == "same-origin" if said is None else said == origin
    if not own:
        message = f"This form did not come from the console at {origin}. Open that address, and repeat it there."
        raise Forbidden(message, code="foreign_origin")


def csrf_token(token: str) -> str:
    """What a session's forms carry: follows from its token, and tells nothing of it."""
    return hashlib.blake2b(b"console form", key=token.encode()[:64], digest_size=16).hexdigest()


def go(path: str) -> Response:
    """On to another page of this node, by GET."""
    return RedirectResponse(path, 303)


def own_path(path: str) -> str:
    """A path to go back to, if it is one of the console's; else its first page."""
    plain = path.isascii() and path.isprintable() and "\\" not in path and " " not in path
    return path if plain and len(path) < 500 and path.startswith("/console/") and "//" not in path else "/console/live"

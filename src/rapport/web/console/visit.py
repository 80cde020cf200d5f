"""A visit: one request of a signed-in browser, with all that its page needs.

A request that changes something must come from one of this session's own pages (`rapport.web.forms`).
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import Response

from rapport.kernel.errors import Busy, NotFound, RapportError
from rapport.web import pages
from rapport.web.console.desk import Desk, Session
from rapport.web.forms import csrf_token, go, inner_path, own_form

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
        fields = {} if request.method in SAFE_METHODS else await own_form(request, console.origin, token)
        visit = Visit(console, request, session, token, fields)
        try:
            return await handler(visit)
        except NotFound:
            return visit.absent()
        except RapportError as error:
            return console.problem(request, error, **visit.own)

    return endpoint


def own_path(path: str) -> str:
    """A path to go back to, if it is one of the console's; else its first page."""
    return inner_path(path, "/console/") or "/console/live"

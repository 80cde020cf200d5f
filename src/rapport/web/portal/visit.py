"""A visit: one request of a browser in which somebody opened their own page, with all that its page needs."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import Response

from rapport.kernel.errors import Busy, NotFound, RapportError
from rapport.web import pages
from rapport.web.console.visit import SAFE_METHODS, THEME_COOKIE, THEMES
from rapport.web.forms import csrf_token, go, own_form
from rapport.web.portal.desk import Desk, Session

AREA = "/me"


class Portal(msgspec.Struct, frozen=True):
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
        return "__Host-rapport-me" if self.secure else f"rapport_me_{urlsplit(self.origin).port or 80}"

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
    portal: Portal
    request: Request
    session: Session
    token: str
    form: dict[str, str]
    """What was submitted; empty for GET."""

    @property
    def desk(self) -> Desk:
        return self.portal.desk

    def asked(self, name: str, most: int = 2048) -> str:
        """A query parameter, "" where it is absent or longer than anything that makes sense."""
        text = self.request.query_params.get(name, "")
        return text.strip() if len(text) <= most else ""

    @property
    def own(self) -> dict[str, Any]:
        return {"session": self.session, "csrf": csrf_token(self.token)}

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        return self.portal.page(self.request, template, status, **self.own, **values)

    def answer(self, template: str, content: msgspec.Struct, **values: Any) -> Response:
        """The content as a page, or, for who asks for it (`Accept: application/json`), as it is."""
        if "application/json" in self.request.headers.get("accept", ""):
            response = Response(msgspec.json.encode(content), media_type="application/json")
        else:
            response = self.page(template, content=content, **values)
        response.headers["Vary"] = "Accept"
        return response

    def absent(self) -> Response:
        return self.page("problem.html", 404, message="There is nothing of yours at this address.")


Handler = Callable[[Visit], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


def guarded(portal: Portal, handler: Handler) -> Endpoint:
    """Let only those in who opened their page, and changes only from the session's own pages."""

    async def endpoint(request: Request) -> Response:
        token = request.cookies.get(portal.cookie, "")
        session = await portal.desk.session(token) if token else None
        if session is None:
            return go(f"{AREA}/open")
        fields = {} if request.method in SAFE_METHODS else await own_form(request, portal.origin, token)
        visit = Visit(portal, request, session, token, fields)
        try:
            return await handler(visit)
        except NotFound:
            return visit.absent()
        except RapportError as error:
            return portal.problem(request, error, **visit.own)

    return endpoint

"""A visit: one request of a browser with a session, with all that its page needs.

The company's pages (`console`) and a person's own (`portal`) are two areas of one make. An area has a door, where a
link is spent for a session (`rapport.web.door`), a cookie that keeps the session, and pages that are there for who has
one; what is an area's own is in its own `visit.py`. A request that changes something must come from one of this
session's own pages (`rapport.web.forms`).
"""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

import msgspec
from jinja2 import Environment
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from rapport.kernel.errors import Busy, NotFound, RapportError, Unauthorized
from rapport.web import cookies, language, pages
from rapport.web.forms import check_origin, csrf_token, go, inner_path, own_form, silence

THEME_COOKIE: Final = "rapport_theme"
THEMES: Final = ("auto", "light", "dark")
SAFE_METHODS: Final = frozenset({"GET", "HEAD"})


class KnowsSessions(Protocol):
    async def session(self, token: str) -> Any:
        """The live session of this token; None where there is none."""


Desk = TypeVar("Desk", bound=KnowsSessions)
Session = TypeVar("Session")


class Area(msgspec.Struct, Generic[Desk], frozen=True):
    """What all pages of one area share. `origin` is the node's own, such as `http://localhost:8080`."""

    name: ClassVar[str]
    """Tells the areas' session cookies apart."""
    path: ClassVar[str]
    """Everything that needs a session is under it."""
    start: ClassVar[str]
    """The page to begin with."""
    door: ClassVar[str]
    """The page for who has no session."""

    desk: Desk
    templates: Environment
    origin: str

    languages: tuple[str, ...] = (language.ENGLISH,)
    """Those that its pages speak."""
    speak: str = ""
    """Where another of them is chosen."""

    @property
    def secure(self) -> bool:
        return cookies.secure(self.origin)

    @property
    def cookie(self) -> str:
        """The session cookie's name."""
        return cookies.named(self.name, self.origin)

    def language_of(self, request: Request) -> str:
        """What the pages that answer a request speak."""
        return language.chosen(request, self.languages)

    def page(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        """A page that needs no session."""
        theme = request.cookies.get(THEME_COOKIE)
        shared = {
            "theme": theme if theme in THEMES else "auto",
            "origin": self.origin,
            "session": None,
            "csrf": "",
            "here": _again(request),
            "section": "",
            "language": self.language_of(request),
            "languages": self.languages,
            "speak": self.speak,
        }
        response = pages.page(self.templates, template, {**shared, **values}, status)
        if "code" in request.query_params:
            silence(response, self.origin)
        if len(self.languages) > 1:
            response.headers["Vary"] = "Accept-Language, Cookie"
        return response

    def problem(self, request: Request, error: RapportError, **values: Any) -> Response:
        """An error that was raised on purpose, as a page."""
        response = self.page(request, "problem.html", error.status, message=error.message, **values)
        if isinstance(error, Busy):
            response.headers["Retry-After"] = str(error.retry_after)
        return response

    def sent_away(self, request: Request) -> Response:
        """To the door, for who has no session."""
        del request
        return go(self.door)

    def way_back(self, path: str) -> str:
        """A path to go back to, if it is one of this area's; else its first page."""
        return inner_path(path, f"{self.path}/") or self.start


class Visit(msgspec.Struct, Generic[Desk, Session], frozen=True):
    area: Area[Desk]
    request: Request
    session: Session
    token: str
    form: dict[str, str]
    """What was submitted; empty for GET."""

    @property
    def desk(self) -> Desk:
        return self.area.desk

    def asked(self, name: str, most: int = 2048) -> str:
        """A query parameter, "" where it is absent or longer than anything that makes sense."""
        text = self.request.query_params.get(name, "")
        return text.strip() if len(text) <= most else ""

    @property
    def own(self) -> dict[str, Any]:
        return {"session": self.session, "csrf": csrf_token(self.token)}

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        return self.area.page(self.request, template, status, **self.own, **values)

    def absent(self) -> Response:
        """The one page for what is not there and for what may not be seen: nothing of what was asked is in it."""
        raise NotImplementedError


def _again(request: Request) -> str:
    """Where one comes back to this page; from what a form led to, the page above it, which is there for a visit."""
    path = request.url.path
    return path if request.method in SAFE_METHODS else path.rpartition("/")[0]


Visiting = TypeVar("Visiting", bound=Visit[Any, Any])
Endpoint = Callable[[Request], Awaitable[Response]]


def guarded(area: Area[Any], visiting: type[Visiting], handler: Callable[[Visiting], Awaitable[Response]]) -> Endpoint:
    """Let only those with a session through, and changes only from the session's own pages."""

    async def endpoint(request: Request) -> Response:
        token = request.cookies.get(area.cookie, "")
        session = await area.desk.session(token) if token else None
        if session is None:
            return area.sent_away(request)
        fields = {} if request.method in SAFE_METHODS else await own_form(request, area.origin, token)
        visit = visiting(area, request, session, token, fields)
        try:
            with language.speaking(area.language_of(request)):
                return await handler(visit)
        except NotFound:
            return visit.absent()
        except RapportError as error:
            return area.problem(request, error, **visit.own)

    return endpoint


def asked_by_script(
    area: Area[Any],
    visiting: type[Visiting],
    handler: Callable[[Visiting], Awaitable[Response]],
    told: Callable[[Request, RapportError], Awaitable[Response]],
) -> Endpoint:
    """For what a page's script asks: who has no session is told so, and so is every error, as `told` says it."""

    async def endpoint(request: Request) -> Response:
        try:
            check_origin(request, area.origin)
            token = request.cookies.get(area.cookie, "")
            session = await area.desk.session(token) if token else None
            if session is None:
                raise Unauthorized("Sign in first.")
            return await handler(visiting(area, request, session, token, {}))
        except RapportError as error:
            return await told(request, error)

    return endpoint


def error_pages(area: Area[Any]) -> Mapping[Any, Callable[..., Awaitable[Response]]]:
    """A page for every error that is raised on purpose; what is not stays the server's to report."""

    async def refused(request: Request, error: RapportError) -> Response:
        return area.problem(request, error)

    async def misdirected(request: Request, error: HTTPException) -> Response:
        said = {404: "There is no page at this address.", 405: "This address is there for a form, not for a visit."}
        message = said.get(error.status_code, HTTPStatus(error.status_code).phrase)
        response = area.page(request, "problem.html", error.status_code, message=message)
        response.headers.update(error.headers or {})
        return response

    return {RapportError: refused, HTTPException: misdirected}

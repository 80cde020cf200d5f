"""The page that a mail's *unsubscribe* leads to, and the address that mail programs post to (RFC 8058).

Looking at the page changes nothing, since mail programs open links ahead of people: its one button does. The token in
the address is all that is asked for, so a post may come from anywhere; it says nothing of whom it is about, and a wrong
one tells no more than that it is wrong.
"""

from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import parse_qsl

from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from rapport.kernel.errors import NotFound
from rapport.web import language, pages, visit, words
from rapport.web.api.customers import body_of
from rapport.web.door import Door, spoken
from rapport.web.forms import silence
from rapport.web.visit import error_pages

HERE = Path(__file__).parent
AREA = "/u"
MAX_BODY = 4_096
AGAIN = "again"


class State(NamedTuple):
    """Whose mails a token is about, and whether they were stopped."""

    company: str
    stopped: bool


class Unsubscribing(Protocol):
    """What the node does about it. Each raises NotFound for what is no token of its own."""

    async def state(self, token: str) -> State: ...

    async def stop(self, token: str) -> State:
        """No more mails of this organization's to the address that the token was sent to; at once."""

    async def again(self, token: str) -> State:
        """Take that back."""

    async def session(self, token: str) -> None:
        """Nobody has a session here."""


class Letters(visit.Area[Unsubscribing], frozen=True):
    name = "letters"
    path = AREA
    start = "/me"
    door = "/signin"


def unsubscribe_routes(desk: Unsubscribing, origin: str) -> list[BaseRoute]:
    """Everything under `/u`. `origin` is the node's own."""
    shared = pages.Assets(f"{AREA}/paper", pages.SHARED / "static")
    own = pages.Assets(f"{AREA}/static", HERE.parent / "portal" / "static")
    templates = pages.environment(HERE / "templates", asset=shared.url, own_asset=own.url, LONG=words.LONG)
    templates.filters.update(words.FILTERS)
    area = Letters(desk, templates, origin.rstrip("/"), tuple(language.NAMES), f"{AREA}/language")
    pages_ = _Pages(area)
    inside: list[BaseRoute] = [
        shared.route("/paper"),
        own.route("/static"),
        Route("/theme", Door(area, "unsubscribe.html", _nothing).theme, methods=["POST"]),
        Route("/language", pages_.speak, methods=["POST"]),
        Route("/{token}", pages_.look, methods=["GET"]),
        Route("/{token}", pages_.stop, methods=["POST"]),
    ]
    around = [Middleware(pages.SecurityHeaders), Middleware(ExceptionMiddleware, handlers=error_pages(area))]
    return [Mount(AREA, pages.inner(inside), middleware=around)]


async def _nothing(_: str) -> None:
    """Nothing is spent here."""


class _Pages:
    def __init__(self, area: Letters) -> None:
        self._area = area
        self._desk = area.desk

    async def look(self, request: Request) -> Response:
        return self._page(request, await self._desk.state(request.path_params["token"]))

    async def stop(self, request: Request) -> Response:
        """One click; the page's other button takes it back."""
        token = request.path_params["token"]
        step = self._desk.again if await _wants_again(request) else self._desk.stop
        return self._page(request, await step(token))

    async def speak(self, request: Request) -> Response:
        return (await spoken(self._area, request, f"{AREA}/", "/me"))[0]

    def _page(self, request: Request, state: State) -> Response:
        path = request.url.path
        response = self._area.page(request, "unsubscribe.html", state=state, address=path, here=path)
        silence(response, self._area.origin)
        return response


async def _wants_again(request: Request) -> bool:
    """Whether a form says so; any other post, whatever a mail program puts in it, is one click to unsubscribe."""
    said = await body_of(request, MAX_BODY)
    try:
        fields = parse_qsl(said.decode("ascii"), max_num_fields=20)
    except ValueError:
        return False
    return ("step", AGAIN) in fields


def absent() -> NotFound:
    """What a wrong token is told."""
    return NotFound("This link is not one of ours, or was cut off: open it from the mail itself.")

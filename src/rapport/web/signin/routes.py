"""The pages for signing in: one button for who has a passkey, one for who is invited to make one.

Looking at a page changes nothing: challenges are asked for and answered by the page's script, in JSON, from this node's
own pages alone.
"""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from rapport.kernel.errors import RapportError
from rapport.signin.passkeys import MAX_RESPONSE
from rapport.web import language, pages, words
from rapport.web.api.customers import body_of
from rapport.web.asker import client_of
from rapport.web.cookies import SESSION_SECONDS, keep
from rapport.web.door import CODE_LENGTH, spoken
from rapport.web.forms import check_origin, go
from rapport.web.portal.intents import Intents, Onward
from rapport.web.portal.visit import AREA, Portal
from rapport.web.scripted import browser_of, code_of, object_of, refused, told
from rapport.web.signin.desk import SigninDesk
from rapport.web.signin.recover import RecoverPages
from rapport.web.signin.recover_desk import RecoverDesk
from rapport.web.visit import error_pages

HERE = Path(__file__).parent
SIGNIN = "/signin"
_SMALL = 4096


def signin_routes(
    desk: SigninDesk, origin: str, recovery: RecoverDesk | None = None, intents: Intents | None = None
) -> list[BaseRoute]:
    """Everything under `/signin`. `origin` is the node's own (`http://localhost:8080`); `intents`: what strangers came
    for, shared with the person's pages."""
    shared = pages.Assets(f"{SIGNIN}/paper", pages.SHARED / "static")
    own = pages.Assets(f"{SIGNIN}/static", HERE / "static", HERE.parent / "portal" / "static")
    templates = pages.environment(HERE / "templates", asset=shared.url, own_asset=own.url, LONG=words.LONG)
    templates.filters.update(words.FILTERS)
    area = Portal(desk, templates, origin.rstrip("/"), tuple(language.NAMES), f"{SIGNIN}/language")  # type: ignore[arg-type]  # its sessions are asked for here
    pages_ = _Pages(desk, area, Onward(origin, intents))
    inside: list[BaseRoute] = [
        Route("/", pages_.start),
        Route("/language", pages_.speak, methods=["POST"]),
        Route("/ask", pages_.ask, methods=["POST"]),
        Route("/prove", pages_.prove, methods=["POST"]),
        Route("/invite", pages_.invite),
        Route("/invite/ask", pages_.enrolling, methods=["POST"]),
        Route("/invite/make", pages_.enrol, methods=["POST"]),
        *(RecoverPages(recovery, area).routes() if recovery is not None else ()),
        shared.route("/paper"),
        own.route("/static"),
    ]
    fence = Middleware(pages.SecurityHeaders)
    told = Middleware(ExceptionMiddleware, handlers=error_pages(area))
    return [
        Route(SIGNIN, pages_.start, middleware=[fence, told]),
        Mount(SIGNIN, pages.inner(inside), middleware=[fence, told]),
    ]


class _Pages:
    def __init__(self, desk: SigninDesk, area: Portal, onward: Onward) -> None:
        self._desk = desk
        self._area = area
        self._onward = onward

    async def start(self, request: Request) -> Response:
        if await self._is_in(request):
            response = go(self._onward.on(request) or AREA)
            self._onward.forget(request, response)
            return response
        return self._area.page(request, "signin.html")

    async def invite(self, request: Request) -> Response:
        code = request.query_params.get("code", "")
        invited = 0 < len(code) <= CODE_LENGTH and await self._desk.invited(code)
        # Choosing a language would lead to an address without the code: here the browser's wish alone counts.
        shown = {"code": code if invited else "", "languages": ()}
        return self._area.page(request, "invite.html", 200 if invited else 404, **shown)

    async def speak(self, request: Request) -> Response:
        return (await spoken(self._area, request, f"{SIGNIN}/", SIGNIN))[0]

    async def _is_in(self, request: Request) -> bool:
        token = request.cookies.get(self._area.cookie, "")
        return bool(token) and await self._desk.live(token)

    async def ask(self, request: Request) -> Response:
        async def ask(_: bytes) -> Mapping[str, Any]:
            # A link in a letter comes without the session's cookie, which this page's own request has again.
            if self._onward.waits(request) and await self._is_in(request):
                return {"next": self._onward.on(request) or AREA}
            return await self._desk.ask(client_of(request))

        return await self._json(request, ask)

    async def prove(self, request: Request) -> Response:
        async def prove(body: bytes) -> str:
            return await self._desk.prove(body, client_of(request), browser_of(request), self._had(request))

        return await self._opening(request, prove)

    async def enrolling(self, request: Request) -> Response:
        return await self._json(request, lambda body: self._desk.enrolling(code_of(body), client_of(request)))

    async def enrol(self, request: Request) -> Response:
        async def enrol(body: bytes) -> str:
            said = object_of(body)
            answer = msgspec.json.encode(said.get("passkey"))
            who = client_of(request), browser_of(request), self._had(request)
            return await self._desk.enrol(code_of(body), answer, *who)

        return await self._opening(request, enrol)

    def _had(self, request: Request) -> str:
        """The session that this browser comes with, which ends where another begins."""
        return request.cookies.get(self._area.cookie, "")

    async def _json(self, request: Request, answer: Callable[[bytes], Awaitable[Mapping[str, Any]]]) -> Response:
        try:
            check_origin(request, self._area.origin)
            return told(await answer(await body_of(request, _SMALL)))
        except RapportError as error:
            return await refused(request, error, self._area.languages)

    async def _opening(self, request: Request, opened: Callable[[bytes], Awaitable[str]]) -> Response:
        """Answer with a session, which is new at every sign-in."""
        try:
            check_origin(request, self._area.origin)
            token = await opened(await body_of(request, MAX_RESPONSE))
        except RapportError as error:
            return await refused(request, error, self._area.languages)
        accepted = await self._desk.accepted(token)
        response = told({"next": self._onward.on(request) or AREA, "accepted": accepted})
        self._onward.forget(request, response)
        keep(response, self._area.origin, self._area.cookie, token, SESSION_SECONDS)
        return response
